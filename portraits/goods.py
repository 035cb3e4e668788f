"""What customers buy: how much is new to them, how dear for its kind, and which one category they love."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from contracts.portrait_facts import UNKNOWN
from contracts.words import Words


def new_goods(lines: pd.DataFrame, is_recent: npt.NDArray[np.bool_]) -> pd.DataFrame:
    """One row per customer with recent lines: `n_goods` (different products) and `new_goods_share`.

    A product is new if the customer bought it in no earlier line. The share is missing for customers without earlier
    lines, to whom everything is new.
    """
    codes, _ = pd.factorize(lines["product_id"])
    customers = lines["customer_id"].cat.codes.to_numpy(dtype=np.int64)
    named = (lines["product_id"] != UNKNOWN).to_numpy(dtype=bool)
    pair = customers * (int(codes.max(initial=0)) + 1) + codes
    late, earlier = _distinct(pair[is_recent & named]), _distinct(pair[~is_recent & named])
    whose = pd.Categorical.from_codes(
        late // (int(codes.max(initial=0)) + 1), categories=lines["customer_id"].cat.categories
    )
    found = pd.DataFrame({"customer_id": whose, "is_new": ~pd.Series(late).isin(earlier)})
    groups = found.groupby("customer_id", observed=True)["is_new"]
    facts = pd.DataFrame({"n_goods": groups.size(), "new_goods_share": groups.mean()})
    was_here = pd.Index(lines.loc[~is_recent, "customer_id"].unique())
    return facts.assign(new_goods_share=facts["new_goods_share"].where(facts.index.isin(was_here)))


def _distinct(pairs: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    return np.asarray(pd.unique(pairs), dtype=np.int64)


def priced_lines(named: pd.DataFrame) -> pd.DataFrame:
    """`customer_id`, `category` and `price` (list price of one unit) of the lines that tell how much was bought."""
    columns = ["customer_id", "category", "amount", "discount", "quantity"]
    priced = named.loc[(named["quantity"] > 0).to_numpy(dtype=bool, na_value=False), columns]
    price = (priced["amount"] + priced["discount"]) / priced["quantity"]
    return priced[["customer_id", "category"]].assign(price=price)


def price_levels(named: pd.DataFrame, usual_prices: pd.Series) -> pd.DataFrame:
    """One row per customer: `n_priced_lines`, and `price_level`, the median over them of price over category's median.

    `named` are recent lines of named categories. A price is the list price of one unit: what is bought counts, not
    what was given off. `usual_prices` are the categories' medians in the whole shop.
    """
    priced = priced_lines(named)
    level = priced["price"] / priced["category"].astype("str").map(usual_prices).astype("float64")
    groups = level.groupby(priced["customer_id"], observed=True)
    return pd.DataFrame({"n_priced_lines": groups.size(), "price_level": groups.median()})


def loved_category(spent: pd.DataFrame, spend: pd.Series, words: Words) -> pd.DataFrame:
    """One row per customer: the category with most spend, as `lover_words`, its `lover_spend`, `lover_share` of all.

    `spent` is one row per customer and category (`category_spend`); `spend` is all that they paid in the same time.
    """
    ranked = spent.sort_values(["customer_id", "amount", "category"], ascending=[True, False, True])
    best = ranked.drop_duplicates("customer_id").set_index("customer_id")
    share = best["amount"] / spend.reindex(best.index)
    said = words.column(best["category"].astype("str"))
    return pd.DataFrame({"lover_words": said, "lover_spend": best["amount"], "lover_share": share})


def category_spend(named: pd.DataFrame) -> pd.DataFrame:
    """One row per customer and category of the lines: `customer_id`, `category`, `amount`, in whole cents."""
    return named.groupby(["customer_id", "category"], observed=True)["amount"].sum().round(2).reset_index()
