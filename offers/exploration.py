"""Exploration: before the plan, a few customers get what a lot decides, so that every offer goes on being tried.

The reserve comes first: in the order of the week's lots, customers are let in as long as the costliest of what each
could draw keeps every budget, capacity and group within `plan.exploration_share` of it. Who is let in, and what each
may draw, hangs on no draw; then one of a customer's offers (each by its best channel) or 'none' is drawn, all equally
likely: so the logged propensities are exact.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from contracts.lots import LOTS, lot
from contracts.params import Plan
from offers.catalogue import NEVER_WITHHELD, NONE
from offers.limits import Limits
from offers.optimiser.problem import Row
from offers.setting import Setting

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Explored:
    """What exploration drew: one row a customer let in.

    `customer` (position), `row` (position in the priced candidates; −1 for none), `propensity`, `options` (ids of what
    could be drawn, joined by '; ').
    """

    drawn: pd.DataFrame

    @property
    def offered(self) -> pd.DataFrame:
        """The rows that drew an offer."""
        return self.drawn[self.drawn["row"] >= 0]


def nobody() -> Explored:
    """No exploration this week."""
    kinds = {"customer": "int64", "row": "int64", "propensity": "float64", "options": "str"}
    return Explored(pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in kinds.items()}))


def explore(worth: pd.DataFrame, customers: pd.DataFrame, limits: Limits, setting: Setting) -> Explored:
    """Draw for the customers that the reserve lets in; `worth` are the priced candidates of everyone."""
    share = setting.limits.exploration_share
    owed = worth.loc[worth["mechanic"].isin(NEVER_WITHHELD), "customer"].unique()
    open_to = worth[~worth["customer"].isin(owed)]
    if not share or not len(open_to):
        return nobody()
    best = open_to.sort_values(["customer", "expected_profit"], ascending=[True, False], kind="stable")
    best = best.drop_duplicates(["customer", "offer"])
    weights = _weights(best, limits)
    room = share * _most(limits, setting.limits)
    let_in = _let_in(best["customer"].to_numpy(), weights, room, _by_lot(best, customers, setting))
    return Explored(_draws(best, customers, setting, let_in)) if let_in else nobody()


def _by_lot(best: pd.DataFrame, customers: pd.DataFrame, setting: Setting) -> npt.NDArray[np.int64]:
    """The positions of the customers with a choice, in the order of this week's lots for exploration."""
    who = best["customer"].unique()
    ids = customers["customer_id"].to_numpy()[who]
    lots = np.array([lot(name, setting.cutoff, setting.seed, ":explore") for name in ids], dtype=np.uint64)
    return np.asarray(who[np.argsort(lots, kind="stable")], dtype=np.int64)


def _most(limits: Limits, plan: Plan) -> Floats:
    """What each row that is no fairness admits; of contacts the whole capacity, where each counts 1 − control share."""
    whole = plan.capacity * (1 - plan.control_share)
    return np.array([whole if row.name == "capacity" else row.most for row in limits.rows if not row.is_fairness])


def _weights(best: pd.DataFrame, limits: Limits) -> Floats:
    """What each candidate uses of each row that is no fairness: shape (candidates, rows)."""
    kind, pair = limits.kind[best["customer"].to_numpy()], limits.pair_of(best)
    cost = best["offer_cost"].to_numpy(dtype=np.float64)
    return np.column_stack([weight_of(row, kind, pair, cost) for row in limits.rows if not row.is_fairness])


def weight_of(row: Row, kind: npt.NDArray[np.int32], pair: npt.NDArray[np.int16], cost: Floats) -> Floats:
    """What candidates use of a row."""
    used = np.zeros(len(pair)) if row.per_contact is None else row.per_contact[kind, pair]
    return np.asarray(used if row.per_cost is None else used + row.per_cost[kind, pair] * cost)


def _let_in(
    owner: npt.NDArray[np.int64], weights: Floats, room: Floats, order: npt.NDArray[np.int64]
) -> dict[int, npt.NDArray[np.int64]]:
    """For each customer let in, the candidates that they may draw: those that the reserve still has room for.

    A row is used up by the costliest of what a customer could draw, whatever the draw will be.
    """
    by_customer = np.argsort(owner, kind="stable")
    starts = np.searchsorted(owner[by_customer], order)
    ends = np.searchsorted(owner[by_customer], order, side="right")
    left, found = room.copy(), {}
    for who, begin, end in zip(order, starts, ends, strict=True):
        own = by_customer[begin:end]
        fits = own[(weights[own] <= left + 1e-9).all(axis=1)]
        if len(fits):
            found[int(who)] = fits
            left = left - weights[fits].max(axis=0)
        elif not _has_room(left, weights):
            break
    return found


def _has_room(left: Floats, weights: Floats) -> bool:
    """Whether any candidate at all still fits."""
    return bool((weights <= left + 1e-9).all(axis=1).any())


def _draws(
    best: pd.DataFrame, customers: pd.DataFrame, setting: Setting, let_in: dict[int, npt.NDArray[np.int64]]
) -> pd.DataFrame:
    ids, offers = customers["customer_id"].to_numpy(), best["offer"].to_numpy()
    rows = best.index.to_numpy()
    found = []
    for who, places in let_in.items():
        own = places[np.argsort(offers[places].astype(str))]
        drawn = lot(ids[who], setting.cutoff, setting.seed, ":drawn") * (len(own) + 1) // LOTS
        row = int(rows[own[drawn]]) if drawn < len(own) else -1
        options = "; ".join([*offers[own], NONE])
        found.append((who, row, 1 / (len(own) + 1), options))
    return pd.DataFrame(found, columns=["customer", "row", "propensity", "options"])


def within_what_is_left(limits: Limits, worth: pd.DataFrame, explored: Explored) -> Limits:
    """The limits of money, contacts and groups less what exploration uses: so that both together keep every one.

    Fairness is for what is chosen: a lot favours no tier, and prices admit every higher tier wherever they admit one.
    """
    taken = worth.loc[explored.offered["row"]]
    kind, pair = limits.kind[taken["customer"].to_numpy()], limits.pair_of(taken)
    cost = taken["offer_cost"].to_numpy(dtype=np.float64)
    rows = []
    for row in limits.rows:
        used = 0.0 if row.is_fairness else float(weight_of(row, kind, pair, cost).sum())
        rows.append(replace(row, most=row.most - used, least=row.least - used, used=used))
    return replace(limits, rows=tuple(rows))
