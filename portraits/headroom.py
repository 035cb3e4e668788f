"""Headroom: what customers of like behaviour buy here and this one does not."""

from __future__ import annotations

import pandas as pd

from portraits.known import aligned

LIKE = ["tier", "value_tier"]


def headroom(spent: pd.DataFrame, facts: pd.DataFrame) -> pd.Series:
    """For each customer the sum over categories of max(0, peers' mean spend − own spend), store currency.

    Peers are the other customers of the same tier and value tier who bought in the last half-year: the two axes of
    behaviour that the product uses everywhere, few enough cells that each holds customers in a shop of 300. Peers
    spend about as much in all, so headroom tells of breadth, not of wealth. Their mean spend in a category is the
    mean of those who buy it times the share who do. Nobody is his own peer; without a peer the headroom is 0.

    With T the cell's total in a category, n its buyers and o the own spend, peers' mean is (T − o) / (n − 1); in a
    category that one does not buy, T / (n − 1): so only bought pairs of customer and category are walked.
    `spent` is `category_spend` of the half-year; `facts` hold `tier`, `value_tier` and `spend`, by customer.
    """
    cell = facts.groupby(LIKE, observed=True).ngroup()
    is_buyer = facts["spend"] > 0
    n_peers = (is_buyer.groupby(cell).transform("sum") - is_buyer.astype("int64")).astype("float64")
    own = spent.assign(cell=cell.reindex(spent["customer_id"]).to_numpy())
    totals = own.groupby(["cell", "category"], observed=True)["amount"].sum()
    all_categories = cell.map(totals.groupby("cell").sum()).fillna(0.0)
    total = totals.reindex(pd.MultiIndex.from_frame(own[["cell", "category"]])).to_numpy()
    peers = n_peers.reindex(own["customer_id"]).to_numpy()
    amount = own["amount"].to_numpy()
    # Times n − 1, to divide once: in a bought category max(0, T − o − (n − 1) o) stands in for T.
    instead = (total - amount - peers * amount).clip(min=0.0) - total
    change = pd.Series(instead, index=own.index).groupby(own["customer_id"], observed=True).sum()
    found = (all_categories + aligned(change, facts.index).fillna(0.0)).clip(lower=0.0) / n_peers.where(n_peers > 0)
    rounded: pd.Series = found.fillna(0.0).round(2)
    return rounded
