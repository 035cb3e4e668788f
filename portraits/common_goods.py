"""What the goods that a message may name have in common over a whole shop, in sums over its customers.

A shop is looked through in parts, each with whole customers; `Spoken` of two parts are put together by adding and
listing, so that nothing hangs on how many parts there are.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt
import pandas as pd

from contracts.counted import counted_medians, counted_together
from contracts.windows import day_number, trailing
from contracts.words import Words
from portraits.matching import (
    HALF_YEAR_DAYS,
    HORIZON_DAYS,
    Goods,
    Met,
    RepeatModel,
    bought_after,
    goods_of,
    measures_of,
    met,
    name_counts,
    repeats,
    usual_names,
)

Ints = npt.NDArray[np.int64]
SOLD = ["category", "good"]


@dataclass(frozen=True)
class CommonGoods:
    """What the whole shop says of goods, which are coded by their place in `usual`: the usual name by wording.

    `now` is what was bought together before the cutoff, `earlier` 28 days before. `home` gives each good's category
    (one row a good), `offered` one row a category and good with its median `unit_price` and `n_buyers`.
    """

    usual: dict[str, str]
    now: Met
    earlier: Met
    home: pd.DataFrame
    offered: pd.DataFrame
    model: RepeatModel | None = None


@dataclass(frozen=True)
class Spoken:
    """Some parts' goods that can be spoken of, coded by their place among all wordings (`vocabulary`).

    `names` one row a wording and name; `sold` one row a category, good and unit price; `buyers` one row a category and
    good, each with its `n`.
    """

    names: pd.DataFrame
    now: Met
    earlier: Met
    sold: pd.DataFrame
    buyers: pd.DataFrame

    def __add__(self, other: Spoken) -> Spoken:
        """The same of both parts' customers, of whom none is in both."""
        names, sold, buyers = (
            counted_together([getattr(self, name), getattr(other, name)]) for name in ("names", "sold", "buyers")
        )
        return Spoken(names, self.now + other.now, self.earlier + other.earlier, sold, buyers)


def vocabulary(words: Words) -> dict[str, str]:
    """Every wording, in order, as its own name."""
    return {word: word for word in sorted({words.plain(name) for name in words.names} - {""})}


def spoken_of(told: pd.DataFrame, is_recent: npt.NDArray[np.bool_], cutoff: date, words: Words) -> Spoken:
    """One part's `Spoken`: of its lines that can be spoken of (`tastes.spoken`); `is_recent`: of the half-year."""
    goods = goods_of(told, words, vocabulary(words))
    past, earlier = before(goods, cutoff)
    sold = sold_lines(told[is_recent], words, vocabulary(words))
    who = sold[["customer", *SOLD]].drop_duplicates()
    return Spoken(
        names=name_counts(told["product"], words.column(told["product"])),
        now=met(goods, cutoff),
        earlier=met(past, earlier),
        sold=sold.groupby([*SOLD, "unit_price"]).size().rename("n").reset_index(),
        buyers=who.groupby(SOLD).size().rename("n").reset_index(),
    )


def before(goods: Goods, cutoff: date) -> tuple[Goods, date]:
    """The goods as they were known 28 days before the cutoff, and that day."""
    earlier = cutoff - timedelta(days=HORIZON_DAYS)
    return goods.before(day_number(earlier)), earlier


def rows_then(told: pd.DataFrame, cutoff: date, words: Words) -> tuple[pd.Series, int]:
    """What a model may be fitted on: by customer id, how many goods of the half-year were known 28 days earlier.

    Also how many of them were bought since.
    """
    goods = goods_of(told, words, vocabulary(words))
    past, earlier = before(goods, cutoff)
    n = len(goods.names)
    recent = trailing(past.day, earlier, HALF_YEAR_DAYS)
    pairs = np.unique(past.customer[recent] * n + past.good[recent])
    customer, n_goods = np.unique(pairs // n, return_counts=True)
    n_rows = pd.Series(n_goods, index=goods.customers[customer].astype("str"), dtype="int64")
    table = pd.DataFrame({"customer": pairs // n, "good": pairs % n})
    return n_rows, int(bought_after(goods, table, earlier).sum())


def sold_lines(recent: pd.DataFrame, words: Words, usual: dict[str, str]) -> pd.DataFrame:
    """`customer` (code), `category`, `good` (code) and `unit_price` of the lines that say how much was bought."""
    is_told = (recent["quantity"] > 0).to_numpy(dtype=bool, na_value=False) if "quantity" in recent.columns else False
    sold = recent[np.broadcast_to(is_told, len(recent))].assign(quantity=lambda lines: lines.get("quantity", 1.0))
    code = {word: place for place, word in enumerate(usual)}
    return pd.DataFrame(
        {
            "customer": sold["customer_id"].cat.codes.to_numpy(),
            "category": sold["category"].astype("str").to_numpy(),
            "good": words.column(sold["product"]).map(code).to_numpy(),
            "unit_price": (sold["amount"] / sold["quantity"]).to_numpy(dtype=np.float64),
        }
    )


def together(spoken: Spoken, words: Words) -> CommonGoods | None:
    """The goods of a whole shop's `Spoken`, still without a model; None where there are none."""
    if spoken.names.empty:
        return None
    usual = usual_names(spoken.names)
    place = {word: at for at, word in enumerate(vocabulary(words))}
    chosen = np.array([place[word] for word in usual], dtype=np.int64)
    sold, buyers = (_recoded(table, chosen) for table in (spoken.sold, spoken.buyers))
    sizes = sold.groupby(["good", "category"])["n"].sum().reset_index()
    home = sizes.sort_values(["n", "category"], ascending=[False, True]).drop_duplicates("good")
    offered = pd.DataFrame(
        {"unit_price": counted_medians(sold, SOLD, "unit_price"), "n_buyers": buyers.groupby(SOLD)["n"].sum()}
    )
    now, earlier = spoken.now.of(chosen), spoken.earlier.of(chosen)
    return CommonGoods(usual, now, earlier, home[["good", "category"]], offered.reset_index())


def _recoded(table: pd.DataFrame, chosen: Ints) -> pd.DataFrame:
    return table.assign(good=np.searchsorted(chosen, table["good"].to_numpy(dtype=np.int64)))


def rows_to_fit(
    told: pd.DataFrame, cutoff: date, words: Words, common: CommonGoods
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """What a model may be fitted on, of some customers' lines: `measures_of` 28 days before, and what was bought since.

    Rows are in order of customer id and good.
    """
    goods = goods_of(told, words, common.usual)
    past, earlier = before(goods, cutoff)
    table = repeats(past, earlier, common.earlier)
    return measures_of(table), bought_after(goods, table, earlier)
