"""What portraits need of a whole shop, looked through in parts: each holds some customers with all that is theirs.

However customers are spread over parts, the same `Shop` comes of them: what is added up are whole numbers, and medians
are those of all values.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import numpy.typing as npt
import pandas as pd

from contracts.counted import counted_medians
from contracts.executor import ALONE, Crew
from portraits.common_goods import CommonGoods, Spoken, rows_to_fit, spoken_of, together
from portraits.facts import met_before
from portraits.goods import category_spend, priced_lines
from portraits.habits import known_channels
from portraits.headroom import peers_of
from portraits.interactions import is_watched
from portraits.look import Source, Terms
from portraits.matching import RepeatModel, drawn_rows, fitted, is_enough
from portraits.shop import Shop
from portraits.spend import value_edges, value_tier

Ints = npt.NDArray[np.int64]
OWN = ["usual_gap_days", "spend", "spend_per_visit", "lines_per_visit", "tier"]


@dataclass(frozen=True)
class Survey:
    """What the part with this number says of the shop.

    `own` one row a customer: OWN. `spent` one row a customer (its place in `own`) and category with its `amount`,
    `prices` one row a category and list price with its `n`, both of the half-year and of goods that may be named.
    """

    number: int
    own: pd.DataFrame
    spent: pd.DataFrame
    prices: pd.DataFrame
    channels: frozenset[str]
    is_watched: bool
    goods: Spoken


def whole_shop(source: Source, n_parts: int, terms: Terms, crew: Crew = ALONE) -> Shop:
    """The shop of all parts; the crew shares them."""
    surveys = [one for one in crew.map(partial(survey, source), range(n_parts)) if one is not None]
    shop = _shop(surveys, terms)
    if shop.goods is None:
        return shop
    model = _model(source, surveys, shop.goods, crew)
    return replace(shop, goods=replace(shop.goods, model=model))


def survey(source: Source, number: int) -> Survey | None:
    """What a part says of the shop; None without a purchase before the cutoff."""
    look = source(number)
    if look.lines.empty:
        return None
    terms, own, spent = look.terms, look.own[OWN], category_spend(look.named)
    prices = priced_lines(look.named).groupby(["category", "price"], observed=True).size().rename("n").reset_index()
    return Survey(
        number=number,
        own=own.astype({"tier": "category"}).reset_index(drop=True),
        spent=spent.assign(customer_id=own.index.get_indexer(pd.Index(spent["customer_id"]))),
        prices=prices,
        channels=known_channels(look.recent),
        is_watched=is_watched(met_before(look.known, terms.cutoff, terms.store.time_zone)),
        goods=spoken_of(look.told, terms.is_recent(look.told), terms.cutoff, terms.words),
    )


def _shop(surveys: Sequence[Survey], terms: Terms) -> Shop:
    own = pd.concat([one.own.astype({"tier": "str"}) for one in surveys], ignore_index=True)
    begins = np.cumsum([0, *(len(one.own) for one in surveys)])
    spent = pd.concat(
        [one.spent.assign(customer_id=one.spent["customer_id"] + at) for one, at in zip(surveys, begins, strict=False)],
        ignore_index=True,
    )
    edges = value_edges(own["spend"], terms.limits)
    prices = pd.concat([one.prices for one in surveys], ignore_index=True).astype({"category": "str"})
    return Shop(
        usual_gap_days=own["usual_gap_days"].median(),
        value_edges=edges,
        spend=own["spend"].where(own["spend"] > 0).median(),
        spend_per_visit=own["spend_per_visit"].median(),
        lines_per_visit=own["lines_per_visit"].median(),
        n_channels=float(len(frozenset().union(*(one.channels for one in surveys)))),
        is_watched=any(one.is_watched for one in surveys),
        usual_prices=counted_medians(prices, ["category"], "price"),
        peers=peers_of(spent, own.assign(value_tier=value_tier(own["spend"], terms.limits, edges))),
        goods=together([one.goods for one in surveys], terms.words),
    )


def _model(source: Source, surveys: Sequence[Survey], common: CommonGoods, crew: Crew) -> RepeatModel | None:
    """Fitted on rows of all parts in order of customer id, so that the same are drawn whatever the parts are."""
    n_rows, n_happened = (sum(int(n) for n in counts) for counts in zip(*map(_counts, surveys), strict=True))
    if not is_enough(n_rows, n_happened):
        return None
    drawn = [one for one in _drawn(surveys) if len(one.places)]
    rows = list(crew.map(partial(_rows, source, common), drawn))
    order = np.argsort(np.concatenate([one.places for one in drawn]))
    return fitted(np.concatenate([own for own, _ in rows])[order], np.concatenate([own for _, own in rows])[order])


def _counts(part: Survey) -> tuple[int, int]:
    return int(part.goods.n_rows.sum()), part.goods.n_happened


@dataclass(frozen=True)
class _Drawn:
    """What a part gives to the fit: of the rows of these `customers`, those at `rows`, for these places in the fit."""

    part: int
    customers: pd.Index
    rows: Ints
    places: Ints


def _drawn(surveys: Sequence[Survey]) -> list[_Drawn]:
    """The drawn rows by part; each part's customers are in order of id, and so are all, wherever they are."""
    n_rows = [one.goods.n_rows for one in surveys]
    part = np.repeat(np.arange(len(n_rows)), [len(own) for own in n_rows])
    ids = pd.Index(np.concatenate([own.index.to_numpy(dtype=object) for own in n_rows]), dtype="str")
    n = np.concatenate([own.to_numpy(dtype=np.int64) for own in n_rows])
    order = np.asarray(ids.argsort())
    begin = np.zeros(len(n), dtype=np.int64)
    begin[order] = np.cumsum(n[order]) - n[order]
    drawn = drawn_rows(int(n.sum()))
    whose = order[np.searchsorted(begin[order], drawn, side="right") - 1]
    found = []
    for at, one in enumerate(surveys):
        places = np.flatnonzero(part[whose] == at)
        owner, place = np.unique(whose[places], return_inverse=True)
        own_begin = np.cumsum(n[owner]) - n[owner]
        found.append(_Drawn(one.number, ids[owner], own_begin[place] + drawn[places] - begin[whose[places]], places))
    return found


def _rows(source: Source, common: CommonGoods, drawn: _Drawn) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    look = source(drawn.part)
    measures, happened = rows_to_fit(look.told_by(drawn.customers), look.terms.cutoff, look.terms.words, common)
    return measures[drawn.rows], happened[drawn.rows]
