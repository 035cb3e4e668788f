"""From likelihoods to the goods that a message names: one likely, one due, one beside it, no dearer, given up."""

from __future__ import annotations

from datetime import date

import numpy as np
import numpy.typing as npt
import pandas as pd

from contracts.windows import day_number, trailing
from contracts.words import Words
from portraits.common_goods import CommonGoods, sold_lines
from portraits.matching import (
    FORGOTTEN_DAYS,
    LEAST_REPEATS,
    Goods,
    goods_of,
    is_given_up,
    likeliest,
    repeats,
)

COLUMNS = ("matched_product", "due_product", "goes_with_product", "within_price_product", "lapsed_product")
FEWEST_BUYERS, BLOCK = 10, 20_000


def named_products(
    lines: pd.DataFrame,
    is_recent: npt.NDArray[np.bool_],
    cutoff: date,
    words: Words,
    common: CommonGoods | None,
) -> pd.DataFrame:
    """One row per customer with something to name: COLUMNS, '' where there is nothing.

    `lines` are all that can be spoken of before the cutoff (`tastes.spoken`), `is_recent` those of the half-year.
    *due*: of what the customer's own rhythm says is due, the likeliest to be bought within 28 days; *matched*: that,
    else the likeliest of all; *goes with*: what is bought on the same days as the matched good, and not among what they
    bought lately; *within price*: another good of its category that costs no more than they usually pay in it;
    *lapsed*: once bought again and again, no more since. `common` is what the whole shop's goods have in common.
    """
    if not len(lines) or common is None:
        return pd.DataFrame({name: pd.Series(dtype="str") for name in COLUMNS})
    goods = goods_of(lines, words, common.usual)
    likely = likeliest(repeats(goods, cutoff, common.now), common.model)
    first = likely.drop_duplicates("customer").set_index("customer")["good"]
    due = likely[likely["is_due"]].drop_duplicates("customer").set_index("customer")["good"]
    anchor = due.reindex(first.index).fillna(first).astype(np.int64)
    found = pd.DataFrame(
        {
            "matched_product": anchor,
            "due_product": due,
            "goes_with_product": _goes_with(anchor, likely, common.now.alike),
            "within_price_product": _within_price(anchor, lines[is_recent], words, common),
            "lapsed_product": _lapsed(goods, cutoff),
        }
    )
    names = np.array([*goods.names, ""], dtype=object)
    coded = found.reindex(columns=list(COLUMNS)).fillna(len(goods.names)).astype(np.int64)
    said = {name: pd.Series(names[coded[name]], index=coded.index).astype("str") for name in COLUMNS}
    return pd.DataFrame(said).set_axis(goods.customers[coded.index], axis=0)


def _goes_with(anchor: pd.Series, likely: pd.DataFrame, alike: npt.NDArray[np.float64]) -> pd.Series:
    """By customer: the good most often bought with the anchor, among those not bought by them in the last 28 days."""
    lately = likely[likely["n_days_28"] > 0]
    row, good = anchor.index.get_indexer(pd.Index(lately["customer"])), lately["good"].to_numpy()
    best = np.full(len(anchor), -1, dtype=np.int64)
    for begin in range(0, len(anchor), BLOCK):  # goods × all customers would not fit into memory
        end = min(begin + BLOCK, len(anchor))
        inside = (row >= begin) & (row < end)
        score = alike[anchor.to_numpy()[begin:end]]
        score[row[inside] - begin, good[inside]] = 0.0
        found = score.argmax(axis=1)
        best[begin:end] = np.where(score[np.arange(end - begin), found] > 0, found, -1)
    goes: pd.Series = pd.Series(best, index=anchor.index)[best >= 0]
    return goes


def _within_price(anchor: pd.Series, recent: pd.DataFrame, words: Words, common: CommonGoods) -> pd.Series:
    """By customer: the good most bought in the anchor's category that costs at most what they usually pay in it."""
    table = sold_lines(recent, words, common.usual)
    usual = table.groupby(["customer", "category"])["unit_price"].median().rename("usual_price").reset_index()
    wanted = pd.DataFrame({"customer": anchor.index, "anchor": anchor.to_numpy()})
    wanted = wanted.merge(common.home, left_on="anchor", right_on="good")[["customer", "anchor", "category"]]
    options = wanted.merge(usual, on=["customer", "category"]).merge(common.offered, on="category")
    fit = (options["unit_price"] <= options["usual_price"]) & (options["n_buyers"] >= FEWEST_BUYERS)
    fit &= options["good"] != options["anchor"]
    best = options[fit].sort_values(["customer", "n_buyers", "good"], ascending=[True, False, True])
    return best.drop_duplicates("customer").set_index("customer")["good"]


def _lapsed(goods: Goods, cutoff: date) -> pd.Series:
    """By customer: the good bought on most days that they gave up.

    Given up: bought on three days or more, the last within a year, and not for three usual gaps and eight weeks.
    """
    kept = trailing(goods.day, cutoff, FORGOTTEN_DAYS)
    days = pd.DataFrame({"customer": goods.customer[kept], "good": goods.good[kept], "day": goods.day[kept]})
    groups = days.sort_values("day").groupby(["customer", "good"])["day"]
    table = pd.DataFrame({"n_days": groups.size(), "first": groups.min(), "last": groups.max()}).reset_index()
    table = table[table["n_days"] >= LEAST_REPEATS]
    gap = (table["last"] - table["first"]) / (table["n_days"] - 1)
    silence = day_number(cutoff) - table["last"]
    given_up = table[is_given_up(silence, gap)]
    best = given_up.sort_values(["customer", "n_days", "good"], ascending=[True, False, True])
    return best.drop_duplicates("customer").set_index("customer")["good"]
