"""What portraits need of a whole shop, looked through in parts: each holds some customers with all that is theirs.

However customers are spread over parts, the same `Shop` comes of them: what is added up are whole numbers, and medians
are those of all values.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial, reduce
from operator import add

import numpy as np
import numpy.typing as npt
import pandas as pd

from contracts.counted import added_up, counted_medians, counted_together
from contracts.errors import ContractError
from contracts.executor import ALONE, Crew
from contracts.tables import TIERS
from portraits.common_goods import CommonGoods, Spoken, rows_then, rows_to_fit, spoken_of, together
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
OWN = ["usual_gap_days", "spend", "spend_per_visit", "lines_per_visit"]


@dataclass(frozen=True)
class Theirs:
    """One part's customers, by its number.

    `own` one row a customer: OWN and `tier`. `spent` one row a customer (its place in `own`) and category with its
    `amount`, of the half-year and of goods that may be named. `n_rows` by customer id: `common_goods.rows_then`.
    """

    number: int
    own: pd.DataFrame
    spent: pd.DataFrame
    n_rows: pd.Series


@dataclass(frozen=True)
class Survey:
    """What some parts say of the shop: their customers one by one, all else added up.

    `prices` one row a category and list price with its `n`, of the half-year and of goods that may be named.
    `n_happened`: of all `n_rows`, how many goods were bought since.
    """

    parts: tuple[Theirs, ...]
    prices: pd.DataFrame
    channels: frozenset[str]
    is_watched: bool
    goods: Spoken
    n_happened: int

    def __add__(self, other: Survey) -> Survey:
        """The same of both; none of their parts is in both."""
        return Survey(
            parts=(*self.parts, *other.parts),
            prices=counted_together([self.prices, other.prices]),
            channels=self.channels | other.channels,
            is_watched=self.is_watched or other.is_watched,
            goods=self.goods + other.goods,
            n_happened=self.n_happened + other.n_happened,
        )


def whole_shop(source: Source, n_parts: int, terms: Terms, crew: Crew = ALONE) -> Shop:
    """The shop of all parts; the crew shares them.

    Raises:
        ContractError: nobody bought before the cutoff.
    """
    surveyed = added_up(one for one in crew.map(partial(survey, source), range(n_parts)) if one is not None)
    if surveyed is None:
        raise ContractError(f"expected a purchase before {terms.cutoff}, found none; bring older purchases")
    shop = _shop(surveyed, terms)
    if shop.goods is None:
        return shop
    model = _model(source, surveyed, shop.goods, crew)
    return replace(shop, goods=replace(shop.goods, model=model))


def survey(source: Source, number: int) -> Survey | None:
    """What a part says of the shop; None without a purchase before the cutoff."""
    look = source(number)
    if look.lines.empty:
        return None
    terms, own, spent = look.terms, look.own[[*OWN, "tier"]], category_spend(look.named)
    place = own.index.get_indexer(pd.Index(spent["customer_id"])).astype(np.int32)  # narrow: all parts' stand in memory
    prices = priced_lines(look.named).groupby(["category", "price"], observed=True).size().rename("n").reset_index()
    n_rows, n_happened = rows_then(look.told, terms.cutoff, terms.words)
    own = own.astype({"tier": pd.CategoricalDtype(list(TIERS))}).reset_index(drop=True)
    return Survey(
        parts=(Theirs(number, own, spent.assign(customer_id=place), n_rows),),
        prices=prices.astype({"category": "str"}),
        channels=known_channels(look.recent),
        is_watched=is_watched(met_before(look.known, terms.cutoff, terms.store.time_zone)),
        goods=spoken_of(look.told, terms.is_recent(look.told), terms.cutoff, terms.words),
        n_happened=n_happened,
    )


def _shop(all_parts: Survey, terms: Terms) -> Shop:
    own = pd.concat([one.own[OWN] for one in all_parts.parts], ignore_index=True)
    edges = value_edges(own["spend"], terms.limits)
    tiers = (value_tier(one.own["spend"], terms.limits, edges) for one in all_parts.parts)
    facts = (one.own.assign(value_tier=tier) for one, tier in zip(all_parts.parts, tiers, strict=True))
    return Shop(
        usual_gap_days=own["usual_gap_days"].median(),
        value_edges=edges,
        spend=own["spend"].where(own["spend"] > 0).median(),
        spend_per_visit=own["spend_per_visit"].median(),
        lines_per_visit=own["lines_per_visit"].median(),
        n_channels=float(len(all_parts.channels)),
        is_watched=all_parts.is_watched,
        usual_prices=counted_medians(all_parts.prices, ["category"], "price"),
        peers=reduce(add, (peers_of(one.spent, kind) for one, kind in zip(all_parts.parts, facts, strict=True))),
        goods=together(all_parts.goods, terms.words),
    )


def _model(source: Source, all_parts: Survey, common: CommonGoods, crew: Crew) -> RepeatModel | None:
    """Fitted on rows of all parts in order of customer id, so that the same are drawn whatever the parts are."""
    if not is_enough(sum(int(one.n_rows.sum()) for one in all_parts.parts), all_parts.n_happened):
        return None
    drawn = [one for one in _drawn(all_parts.parts) if len(one.places)]
    rows = list(crew.map(partial(_rows, source, common), drawn))
    order = np.argsort(np.concatenate([one.places for one in drawn]))
    return fitted(np.concatenate([own for own, _ in rows])[order], np.concatenate([own for _, own in rows])[order])


@dataclass(frozen=True)
class _Drawn:
    """What a part gives to the fit: of the rows of these `customers`, those at `rows`, for these places in the fit."""

    part: int
    customers: pd.Index
    rows: Ints
    places: Ints


def _drawn(parts: Sequence[Theirs]) -> list[_Drawn]:
    """The drawn rows by part; each part's customers are in order of id, and so are all, wherever they are."""
    n_rows = [one.n_rows for one in parts]
    part = np.repeat(np.arange(len(n_rows)), [len(own) for own in n_rows])
    ids = pd.Index(np.concatenate([own.index.to_numpy(dtype=object) for own in n_rows]), dtype="str")
    n = np.concatenate([own.to_numpy(dtype=np.int64) for own in n_rows])
    order = np.asarray(ids.argsort())
    begin = np.zeros(len(n), dtype=np.int64)
    begin[order] = np.cumsum(n[order]) - n[order]
    drawn = drawn_rows(int(n.sum()))
    whose = order[np.searchsorted(begin[order], drawn, side="right") - 1]
    found = []
    for at, one in enumerate(parts):
        places = np.flatnonzero(part[whose] == at)
        owner, place = np.unique(whose[places], return_inverse=True)
        own_begin = np.cumsum(n[owner]) - n[owner]
        found.append(_Drawn(one.number, ids[owner], own_begin[place] + drawn[places] - begin[whose[places]], places))
    return found


def _rows(source: Source, common: CommonGoods, drawn: _Drawn) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    look = source(drawn.part)
    measures, happened = rows_to_fit(look.told_by(drawn.customers), look.terms.cutoff, look.terms.words, common)
    return measures[drawn.rows], happened[drawn.rows]
