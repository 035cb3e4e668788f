"""The plan's limits as rows over kinds of customers and (offer, channel) pairs: money, contacts, groups, parity."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pandas as pd

from contracts.errors import ContractError
from contracts.params import Plan
from contracts.portrait_rules import GroupRule
from contracts.tables import TIERS
from offers.catalogue import Catalogue
from offers.control import treatable
from offers.optimiser.problem import Doubles, Flags, Problem, Row, problem
from offers.parity_cells import READ, parity_cells

REGULAR_TIERS = ("regular", "devoted")
OWN_SLOTS = ("capacity of ", "budget of ")
KIND = ("group", "cell", "tier", "is_reserved", "is_followed")


@dataclass(frozen=True)
class Limits:
    """The rows of a week's plan; `kind` of each customer (by position), and the (offer, channel) of each pair's number.

    `kinds` has one row a kind: `group`, `cell`, `tier`, `is_reserved` (a regular who is not at risk), and `is_followed`
    (whom a running wave treats: no draw holds them back).
    """

    rows: tuple[Row, ...]
    kind: npt.NDArray[np.int32]
    kinds: pd.DataFrame
    pairs: tuple[tuple[str, str], ...]

    def pair_of(self, priced: pd.DataFrame) -> npt.NDArray[np.int16]:
        """The number of each candidate's (offer, channel)."""
        return _pair_of(priced, self.pairs)


def _pair_of(priced: pd.DataFrame, pairs: Sequence[tuple[str, str]]) -> npt.NDArray[np.int16]:
    """The place of each row's (offer, channel) in `pairs`; −1 if it is none of them."""
    offer, offers = pd.factorize(priced["offer"])
    channel, channels = pd.factorize(priced["channel"])
    place = pd.MultiIndex.from_tuples(pairs, names=["offer", "channel"])
    # few pairs occur: each is looked up once
    known = place.get_indexer(pd.MultiIndex.from_product([offers, channels])) if len(priced) else np.zeros(0)
    return np.asarray(known.astype(np.int16)[offer * max(len(channels), 1) + channel])


def limits_of(
    priced: pd.DataFrame, customers: pd.DataFrame, catalogue: Catalogue, groups: Sequence[GroupRule], plan: Plan
) -> Limits:
    """Every limit of a week's plan. `priced` has one row a candidate, `customers` one a customer (by position).

    Without minimums, no offer at all keeps each of them. The parity tolerance is for the cells alone. Parity compares
    those who may be chosen: whom experiments keep out (`is_out`, where there is such a column) counts in no mean.
    """
    in_play = (
        ~customers["is_out"].to_numpy(dtype=bool) if "is_out" in customers.columns else np.full(len(customers), True)
    )
    kind, kinds = _kinds(customers, plan, in_play)
    pairs = tuple((offer.id, channel) for offer in catalogue.offers for channel in offer.channels)
    over, number = Cells(kinds, pairs), _pair_of(priced, pairs)

    def said(column: str) -> Doubles:
        return _by_pair(priced, number, len(pairs), column)

    n: Doubles = np.bincount(kind, in_play.astype(np.float64), minlength=len(kinds)).astype(np.float64)
    reserved = _reserve_rows(over, plan) if plan.regulars_share > 0 else []
    rows = [
        *_money_rows(over, catalogue, plan),
        *_contact_rows(over, catalogue, plan),
        *reserved,
        *_group_rows(over, groups),
        *_all_parity_rows(over, n, said("benefit"), said("price_benefit"), plan=plan),
    ]
    putting_right = over.pairs_where(lambda name, _: catalogue.offer(name).is_never_withheld)
    return Limits(tuple(_but_for(row, putting_right) for row in rows), kind, kinds, pairs)


def problem_of(priced: pd.DataFrame, limits: Limits) -> Problem:
    """The choice among candidates: `customer` (position), `offer`, `channel`, `expected_profit`, `offer_cost`.

    Rows of one customer stand together. Their order is the order in which ties are resolved, and the order of the
    problem's candidates. Raises `ContractError` if a customer's rows are apart.
    """
    position = priced["customer"].to_numpy(dtype=np.int64)
    begins = np.flatnonzero(np.diff(position, prepend=-1)) if len(position) else np.zeros(0, dtype=np.int64)
    who = position[begins]
    if len(np.unique(who)) < len(who):
        raise ContractError("expected the candidates of a customer in adjacent rows, got them apart; sort by customer")
    return problem(
        np.append(begins, len(position)),
        limits.pair_of(priced),
        priced["expected_profit"].to_numpy(dtype=np.float64),
        limits.kind[who],
        limits.rows,
        cost=priced["offer_cost"].to_numpy(dtype=np.float64),
    )


def _but_for(row: Row, putting_right: Flags) -> Row:
    """The row without what puts things right: no budget, group or fairness may withhold that, only slots of its own."""
    if row.name.startswith(OWN_SLOTS):
        return row
    contact, cost = (None if t is None else np.where(putting_right, 0.0, t) for t in (row.per_contact, row.per_cost))
    return replace(row, per_contact=contact, per_cost=cost)


@dataclass(frozen=True)
class Cells:
    """Kinds × pairs: tables of weights over them."""

    kinds: pd.DataFrame
    pairs: tuple[tuple[str, str], ...]

    def table(self, of_kind: Flags | Doubles | float = 1.0, of_pair: Flags | Doubles | float = 1.0) -> Doubles:
        """A weight of the kind times a weight of the pair."""
        by_kind = np.broadcast_to(np.asarray(of_kind, dtype=np.float64), len(self.kinds))
        by_pair = np.broadcast_to(np.asarray(of_pair, dtype=np.float64), len(self.pairs))
        return np.asarray(by_kind[:, None] * by_pair[None, :])

    def pairs_where(self, holds: Callable[[str, str], bool]) -> Flags:
        """Pairs by offer and channel."""
        return np.array([holds(offer, channel) for offer, channel in self.pairs], dtype=bool)

    def kinds_where(self, column: str, value: object) -> Flags:
        """Kinds by one of their columns."""
        return (self.kinds[column] == value).to_numpy(dtype=bool)


def _kinds(
    customers: pd.DataFrame, plan: Plan, in_play: npt.NDArray[np.bool_]
) -> tuple[npt.NDArray[np.int32], pd.DataFrame]:
    cells = np.full(len(customers), "", dtype=object)
    followed = customers["is_followed"] if "is_followed" in customers.columns else pd.Series(False, customers.index)
    cells[in_play] = parity_cells(customers.loc[in_play, list(READ)], plan.min_cell)
    at_risk = (customers["state"] == "lapsing") | (customers["risk_band"] == "high")
    table = pd.DataFrame(
        {
            "group": customers["group"].to_numpy(dtype=object),
            "cell": cells,
            "tier": customers["tier"].to_numpy(dtype=object),
            "is_reserved": (customers["tier"].isin(REGULAR_TIERS) & ~at_risk).to_numpy(dtype=bool),
            "is_followed": followed.to_numpy(dtype=bool),
        }
    )
    kind = table.groupby(list(KIND), sort=True).ngroup().to_numpy().astype(np.int32)
    kinds = table.drop_duplicates().sort_values(list(KIND), ignore_index=True)
    return kind, kinds


def _money_rows(over: Cells, catalogue: Catalogue, plan: Plan) -> list[Row]:
    money = "one more unit of budget"
    whole = Row("budget", "the budget", money, most=plan.budget, per_cost=over.table(), per_budget=1.0)
    return [whole] + [
        Row(
            f"budget of {offer.id}",
            f"the budget of '{offer.id}'",
            f"one more unit of the budget of '{offer.id}'",
            most=offer.budget,
            per_cost=over.table(of_pair=over.pairs_where(lambda name, _, own=offer.id: name == own)),  # type: ignore[misc]
        )
        for offer in catalogue.offers
        if offer.budget is not None
    ]


def _contact_rows(over: Cells, catalogue: Catalogue, plan: Plan) -> list[Row]:
    def counted(name: str, words: str, unit: str, most: float, pairs: Flags) -> Row:
        return Row(name, words, unit, most=most, per_contact=over.table(of_pair=pairs))

    treated = over.table(of_kind=_expected_treated(over, plan))
    rows = [Row("capacity", "the number of contacts", "one more contact", most=treatable(plan), per_contact=treated)]
    rows += [
        counted(
            f"capacity of {channel.id}",
            f"the number of contacts by {channel.name}",
            f"one more contact by {channel.name}",
            channel.capacity,
            over.pairs_where(lambda _, name, own=channel.id: name == own),  # type: ignore[misc]
        )
        for channel in catalogue.channels
    ]
    return rows + [
        counted(
            f"capacity of {offer.id}",
            f"the weekly number of '{offer.id}'",
            f"one more '{offer.id}'",
            offer.capacity,
            over.pairs_where(lambda name, _, own=offer.id: name == own),  # type: ignore[misc]
        )
        for offer in catalogue.offers
        if offer.capacity is not None
    ]


def _expected_treated(over: Cells, plan: Plan) -> Doubles:
    """How much each kind takes of the contacts: controls take no slot, and a follow-up is held back by no draw."""
    return np.where(over.kinds_where("is_followed", True), 1.0, 1.0 - plan.control_share)


def _reserve_rows(over: Cells, plan: Plan) -> list[Row]:
    """What is left to all others when a share is kept for regulars who are not at risk."""
    others, share = ~over.kinds_where("is_reserved", True), 1.0 - plan.regulars_share
    return [
        Row(
            "regulars' share of the budget",
            "the share of the budget kept for regulars who are not at risk",
            "one unit of budget less kept for them",
            most=share * plan.budget,
            per_cost=over.table(of_kind=others),
            per_budget=share,
        ),
        Row(
            "regulars' share of the capacity",
            "the share of the contacts kept for regulars who are not at risk",
            "one contact less kept for them",
            most=share * treatable(plan),
            per_contact=over.table(of_kind=others * _expected_treated(over, plan)),
        ),
    ]


def _group_rows(over: Cells, groups: Sequence[GroupRule]) -> list[Row]:
    return [
        Row(
            f"group '{group.name}'",
            f"what the group '{group.name}' is given",
            f"one more customer of '{group.name}'",
            least=group.at_least if group.at_least > 0 else -np.inf,
            most=np.inf if group.at_most is None else group.at_most,
            per_contact=over.table(of_kind=over.kinds_where("group", group.name)),
        )
        for group in groups
        if group.at_least > 0 or group.at_most is not None
    ]


def _by_pair(priced: pd.DataFrame, number: npt.NDArray[np.int16], n_pairs: int, column: str) -> Doubles:
    """What the first candidate of each pair says; 0 for a pair without."""
    found = np.zeros(n_pairs)
    present, first = np.unique(number, return_index=True)
    is_pair = present >= 0
    found[present[is_pair]] = priced[column].to_numpy(dtype=np.float64)[first[is_pair]]
    return found


def _all_parity_rows(over: Cells, n: Doubles, benefit: Doubles, price: Doubles, *, plan: Plan) -> list[Row]:
    """Price within each cell; the whole benefit within each cell and over all."""
    rows = []
    for name in sorted(set(over.kinds["cell"]) - {""}):
        inside = over.kinds_where("cell", name)
        rows += _parity_rows(f"price parity in {name}", over, inside * n, price, plan.parity_tolerance)
        rows += _parity_rows(f"parity in {name}", over, inside * n, benefit, plan.parity_tolerance)
    return rows + _parity_rows("parity over all", over, n, benefit, 0.0)


def _parity_rows(name: str, over: Cells, n: Doubles, benefit: Doubles, tolerance: float) -> list[Row]:
    """For each tier and the next one present: mean benefit falls by no more than the tolerance. `n` counts by kind."""
    of_tier = {tier: (n > 0) & over.kinds_where("tier", tier) for tier in TIERS}
    share = {tier: of_tier[tier] / max(float(n[of_tier[tier]].sum()), 1.0) for tier in TIERS}
    return [
        Row(
            f"{name}: {low} against {high}",
            f"fairness between tiers ({name.removeprefix('parity ')}: {low} against {high})",
            "one unit of mean benefit more tolerance",
            most=tolerance,
            per_contact=over.table(share[low] - share[high], benefit),
            is_fairness=True,
        )
        for low, high in pairwise([tier for tier in TIERS if of_tier[tier].any()])
    ]
