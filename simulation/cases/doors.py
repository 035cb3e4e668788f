"""Doors and windows: 300 members who buy once in years, and meet the shop in between for a check-up or by a referral.

Eight years of orders. Half of the members have their doors looked after about once a year; some bring a neighbour.
"""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

import numpy as np
import pandas as pd

from simulation.cases.case import Case, Row, clock, consents_of, events_table, goods_table

FIRST_DAY = date(2015, 12, 14)
N_DAYS = 2919
PRICES = {"front door": 1850.0, "inner door": 420.0, "window": 560.0}
GOODS = {
    "front door": ("doors", "front door"),
    "inner door": ("doors", "inner door"),
    "window": ("windows", "window"),
}
MORE_ORDERS = (0.5, 0.35, 0.2)
"""Share of members who order a second time, of those a third time, of those a fourth."""
GAP_YEARS = (1.0, 3.5)
CARED_FOR, BRINGING, YEAR = 0.5, 0.15, 365
CONSENTS = {"email": 0.75, "call": 0.4}
SUNDAY = 6


class Member(NamedTuple):
    """One member: the days (from the first) of their orders and of joining, and whether they have check-ups."""

    customer_id: str
    orders: tuple[int, ...]
    joined: int
    is_cared_for: bool


def doors(n_members: int = 300, seed: int = 1) -> Case:
    """The tables of a shop of so many members over eight years; equal seeds give equal tables.

    `customers` also holds an `age`: a forbidden attribute that may reach the audit table alone.
    """
    rng = np.random.default_rng([seed, 2])
    members = [_member(rng, k) for k in range(n_members)]
    lines = [line for member in members for order in member.orders for line in _lines(rng, member, order)]
    purchases = pd.DataFrame(lines).sort_values(["ordered_at", "order_id", "product_id"], ignore_index=True)
    events = [event for member in members for event in _events(rng, member, members)]
    return Case(
        purchases,
        goods_table(GOODS),
        pd.DataFrame([_card(rng, member) for member in members]),
        consents_of(rng, FIRST_DAY, [(member.customer_id, member.joined) for member in members], CONSENTS),
        events_table(events),
        pd.DataFrame(
            [(one.customer_id, len(one.orders), one.is_cared_for) for one in members],
            columns=["customer_id", "n_orders", "is_cared_for"],
        ),
    )


def _member(rng: np.random.Generator, number: int) -> Member:
    orders = [_open_day(int(rng.integers(0, N_DAYS)))]
    for share in MORE_ORDERS:
        later = _open_day(orders[-1] + int(YEAR * rng.uniform(*GAP_YEARS)))
        if rng.random() >= share or later >= N_DAYS:
            break
        orders.append(later)
    joined = min(orders[0] + int(rng.integers(0, 60)), N_DAYS - 1)
    return Member(f"M{number + 1:03d}", tuple(orders), joined, bool(rng.random() < CARED_FOR))


def _open_day(day: int) -> int:
    """The shop is closed on Sundays; the first day is a Monday, the last a Saturday."""
    return day - 1 if day % 7 == SUNDAY else day


def _lines(rng: np.random.Generator, member: Member, day: int) -> list[Row]:
    """One row a kind of goods in an order, one or two kinds."""
    kinds = rng.choice(list(PRICES), size=int(rng.integers(1, 3)), replace=False)
    at = clock(FIRST_DAY, day, int(rng.integers(9, 18)), int(rng.integers(0, 60)))
    rows = []
    for kind in map(str, kinds):
        pieces = 1 if kind == "front door" else int(rng.integers(1, 7))
        rows.append(
            {
                "customer_id": member.customer_id,
                "order_id": f"{member.customer_id}-{day:04d}",
                "ordered_at": at,
                "product_id": kind,
                "quantity": pieces,
                "amount": round(pieces * PRICES[kind] * float(rng.uniform(0.9, 1.2)), 2),
            }
        )
    return rows


def _card(rng: np.random.Generator, member: Member) -> Row:
    return {
        "customer_id": member.customer_id,
        "joined_at": clock(FIRST_DAY, member.joined),
        "joined_by": "on delivery",
        "no_marketing": "yes" if rng.random() < 0.02 else "no",
        "age": int(rng.integers(28, 82)),
    }


def _events(rng: np.random.Generator, member: Member, members: list[Member]) -> list[Row]:
    """Check-ups about once a year, a neighbour brought, a complaint for a few."""
    first = member.orders[0]
    rows: list[Row] = []
    if member.is_cared_for:
        years = np.arange(first + YEAR, N_DAYS - 30, YEAR)
        days = years + rng.integers(-20, 21, len(years))
        rows += [{"kind": "care_visit", "happened_at": clock(FIRST_DAY, int(day), 10)} for day in days]
    later = [other for other in members if other.orders[0] > first]
    if later and rng.random() < BRINGING:
        friend = later[int(rng.integers(len(later)))]
        at = clock(FIRST_DAY, friend.orders[0], 11)
        rows.append({"kind": "referral", "happened_at": at, "with_customer_id": friend.customer_id})
    if rng.random() < 0.03:
        day = max(first, N_DAYS - int(rng.integers(10, 60)))
        rows.append({"kind": "complaint", "happened_at": clock(FIRST_DAY, day, 9)})
    return [{"customer_id": member.customer_id, **row} for row in rows]
