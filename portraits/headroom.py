"""Headroom: what customers of like behaviour buy here and this one does not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from portraits.known import aligned

LIKE = ["tier", "value_tier"]
NOTHING = pd.MultiIndex.from_arrays([[], [], []], names=[*LIKE, "category"])
CENTS = 100


@dataclass(frozen=True)
class Peers:
    """What customers of like behaviour (LIKE) spend in a shop, in whole cents, which add up whatever their order.

    `cents` by tier, value tier and category; `n_buyers` (who spent anything) by tier and value tier.
    """

    cents: pd.Series
    n_buyers: pd.Series

    def __add__(self, other: Peers) -> Peers:
        """The same of both parts' customers, of whom none is in both."""
        cents, n_buyers = (
            getattr(self, name).add(getattr(other, name), fill_value=0).astype(np.int64)
            for name in ("cents", "n_buyers")
        )
        return Peers(cents, n_buyers)


def peers_of(spent: pd.DataFrame, facts: pd.DataFrame) -> Peers:
    """The peers of a whole shop; `spent` and `facts` as `headroom` has them, `customer_id` any key of `facts`."""
    names = facts[LIKE].astype("str")
    groups = names.groupby(LIKE)
    kind = groups.ngroup().to_numpy(dtype=np.int64)
    kinds: list[tuple[str, ...]] = names.drop_duplicates().sort_values(LIKE).apply(tuple, axis=1).tolist()
    category, categories = pd.factorize(spent["category"].astype("str"), sort=True)
    named = categories.tolist()
    cell = kind[facts.index.get_indexer(pd.Index(spent["customer_id"]))] * len(categories) + category
    cents = np.bincount(cell, (spent["amount"].to_numpy() * CENTS).round())
    found = np.flatnonzero(np.bincount(cell))
    keys = [(*kinds[at // len(categories)], named[at % len(categories)]) for at in found.tolist()]
    index = pd.MultiIndex.from_tuples(keys, names=[*LIKE, "category"]) if keys else NOTHING
    n_buyers = (facts["spend"] > 0).groupby([names[name] for name in LIKE]).sum()
    return Peers(pd.Series(cents[found].astype(np.int64), index=index), n_buyers)


def headroom(spent: pd.DataFrame, facts: pd.DataFrame, peers: Peers | None = None) -> pd.Series:
    """For each customer the sum over categories of max(0, peers' mean spend − own spend), store currency.

    Peers are the other customers of the same tier and value tier who bought in the last half-year: the two axes of
    behaviour that the product uses everywhere, few enough cells that each holds customers in a shop of 300. Peers
    spend about as much in all, so headroom tells of breadth, not of wealth. Their mean spend in a category is the
    mean of those who buy it times the share who do. Nobody is his own peer; without a peer the headroom is 0.

    With T the cell's total in a category, n its buyers and o the own spend, peers' mean is (T − o) / (n − 1); in a
    category that one does not buy, T / (n − 1): so only bought pairs of customer and category are walked.
    `spent` is `category_spend` of the half-year; `facts` hold `tier`, `value_tier` and `spend`, by customer. Without
    `peers`, they are the whole shop's.
    """
    peers = peers_of(spent, facts) if peers is None else peers
    kind = pd.MultiIndex.from_frame(facts[LIKE].astype("str"))
    n_peers = pd.Series(peers.n_buyers.reindex(kind).to_numpy(), index=facts.index) - (facts["spend"] > 0)
    n_peers = n_peers.astype("float64")
    in_all = peers.cents.groupby(level=LIKE).sum().reindex(kind).fillna(0.0).to_numpy() / CENTS
    bought = spent.join(facts[LIKE].astype("str"), on="customer_id")
    cell = pd.MultiIndex.from_frame(bought[[*LIKE, "category"]].astype("str"))
    total = peers.cents.reindex(cell).to_numpy() / CENTS
    own = n_peers.reindex(bought["customer_id"]).to_numpy()
    amount = bought["amount"].to_numpy()
    # Times n − 1, to divide once: in a bought category max(0, T − o − (n − 1) o) stands in for T.
    instead = (total - amount - own * amount).clip(min=0.0) - total
    change = pd.Series(instead, index=bought.index).groupby(bought["customer_id"], observed=True).sum()
    room = pd.Series(in_all, index=facts.index) + aligned(change, facts.index).fillna(0.0)
    found = room.clip(lower=0.0) / n_peers.where(n_peers > 0)
    rounded: pd.Series = found.fillna(0.0).round(2)
    return rounded
