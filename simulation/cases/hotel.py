"""A small hotel: guests on expenses come about once a month and ask for invoices, private guests about once a quarter.

The kind of a guest says who pays and which rhythm is usual, and neither is all there is: many private guests come every
month, some guests on expenses bring their family and pay themselves, a few do as often the one as the other. Anyone may
book at the public early rate. A quarter leave for good on a day of their own.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import NamedTuple

import numpy as np
import pandas as pd

from simulation.cases.case import Case, Row, clock, consents_of, events_table, goods_table

FIRST_DAY = date(2022, 1, 3)
N_DAYS = 728
KINDS = {"expenses": 0.45, "private": 0.47, "both": 0.08}
MONTHLY = {"expenses": 0.85, "private": 0.45, "both": 0.5}
OWN_STAYS = {"expenses": 0.1, "private": 1.0, "both": 0.5}
"""Share of stays that the guest pays."""
GAP_DAYS = {"monthly": 30, "quarterly": 91}
GAP_SHAPE = 9.0
LEAVING_SHARE = 0.25
RATES = {"single": 95.0, "double": 125.0, "suite": 190.0}
GOODS = {**{room: ("rooms", room) for room in RATES}, "breakfast": ("kitchen", "breakfast")}
EARLY_SHARES = (0.0, 0.6, 1.0)
"""How often a private guest books at the early rate: never, now and then, always."""
EARLY_OFF = 0.25
BREAKFAST = 14.0
ON_BUSINESS, ON_LEISURE = (0, 1, 2), (4, 5, 6)
CONSENTS = {"email": 0.85, "sms": 0.3, "call": 0.1}


class Guest(NamedTuple):
    """One guest: kind, rhythm, and the days (from the first) of the first stay and of leaving for good."""

    customer_id: str
    kind: str
    gap_days: int
    first: int
    left: int
    early_share: float


def hotel(n_guests: int = 400, seed: int = 1) -> Case:
    """The tables of a hotel of so many guests over two years, `nights` for `units`; equal seeds give equal tables.

    `customers` also holds an `age`: a forbidden attribute that may reach the audit table alone.
    """
    rng = np.random.default_rng([seed, 1])
    guests = [_guest(rng, k) for k in range(n_guests)]
    lines = [line for guest in guests for line in _lines(rng, guest)]
    purchases = pd.DataFrame(lines).sort_values(["ordered_at", "order_id", "product_id"], ignore_index=True)
    return Case(
        purchases,
        goods_table(GOODS),
        pd.DataFrame([_member(rng, guest) for guest in guests]),
        consents_of(rng, FIRST_DAY, [(guest.customer_id, guest.first) for guest in guests], CONSENTS),
        events_table([event for guest in guests for event in _events(rng, guest)]),
        pd.DataFrame(guests).assign(left_on=[_day(min(guest.left, N_DAYS)) for guest in guests]),
    )


def _guest(rng: np.random.Generator, number: int) -> Guest:
    kind = str(rng.choice(list(KINDS), p=list(KINDS.values())))
    gap = GAP_DAYS["monthly" if rng.random() < MONTHLY[kind] else "quarterly"]
    first = int(rng.integers(0, N_DAYS - 60))
    left = int(rng.integers(first + 8, N_DAYS)) if rng.random() < LEAVING_SHARE else N_DAYS
    return Guest(f"G{number + 1:04d}", kind, gap, first, left, float(rng.choice(EARLY_SHARES, p=[0.3, 0.45, 0.25])))


def _lines(rng: np.random.Generator, guest: Guest) -> list[Row]:
    """One row a line of a stay: the room, and breakfast on most."""
    rows: list[Row] = []
    day, last = float(guest.first), -1
    while day < guest.left:
        is_own = bool(rng.random() < OWN_STAYS[guest.kind])
        arrival = _next(int(day), ON_LEISURE if is_own else ON_BUSINESS, rng)
        if last < arrival < guest.left:
            rows += _stay(rng, guest, arrival, is_own=is_own)
            last = arrival
        day += max(7.0, float(rng.gamma(GAP_SHAPE, guest.gap_days / GAP_SHAPE)))
    return rows


def _next(day: int, weekdays: tuple[int, ...], rng: np.random.Generator) -> int:
    """The day of one of the weekdays, at or after a day; the first day is a Monday."""
    return day + (int(rng.choice(weekdays)) - day) % 7


def _stay(rng: np.random.Generator, guest: Guest, day: int, *, is_own: bool) -> list[Row]:
    nights = int(rng.integers(1, 4))
    room = str(rng.choice(list(RATES), p=[0.2, 0.65, 0.15] if is_own else [0.75, 0.22, 0.03]))
    is_early = is_own and bool(rng.random() < guest.early_share)
    stay: Row = {
        "customer_id": guest.customer_id,
        "order_id": f"{guest.customer_id}-{day:03d}",
        "ordered_at": clock(FIRST_DAY, day, int(rng.integers(14, 21)), int(rng.integers(0, 60))),
        "channel": str(rng.choice(["web", "phone", "desk"], p=[0.6, 0.25, 0.15])),
        **_payer(rng, is_own=is_own),
        "nights": nights,
    }
    listed = nights * RATES[room]
    off = listed * EARLY_OFF if is_early else 0.0
    lines = [{**stay, "product_id": room, "amount": listed - off, "discount": off}]
    if rng.random() < 0.6:
        paid = nights * BREAKFAST
        lines.append({**stay, "product_id": "breakfast", "amount": paid, "discount": 0.0})
    return lines


def _payer(rng: np.random.Generator, *, is_own: bool) -> Row:
    """Who pays is noted on most stays alone; an invoice is asked for on nearly all that an employer pays."""
    is_noted = bool(rng.random() < 0.7)
    noted = ("self" if is_own else "employer") if is_noted else ""
    return {"payer": noted, "invoice_requested": "no" if is_own or rng.random() < 0.05 else "yes"}


def _member(rng: np.random.Generator, guest: Guest) -> Row:
    return {
        "customer_id": guest.customer_id,
        "joined_at": clock(FIRST_DAY, guest.first),
        "joined_by": "at the desk",
        "preferred_channel": "letter" if rng.random() < 0.05 else "",
        "no_marketing": "yes" if rng.random() < 0.03 else "no",
        "age": int(rng.integers(25, 76)),
    }


def _events(rng: np.random.Generator, guest: Guest) -> list[Row]:
    """A complaint of the last weeks for a few, half of them closed; an older one, long closed; reviews."""
    rows: list[Row] = []
    end, is_open = min(guest.left, N_DAYS), bool(rng.random() < 0.5)
    if rng.random() < 0.06:
        day = max(guest.first + 1, end - int(rng.integers(8, 40)))
        rows.append({"kind": "complaint", "happened_at": clock(FIRST_DAY, day, 9)})
        rows += [] if is_open else [{"kind": "complaint_closed", "happened_at": clock(FIRST_DAY, day + 3, 17)}]
    if rng.random() < 0.1:
        rows.append({"kind": "review", "happened_at": clock(FIRST_DAY, int(rng.integers(guest.first, end)), 20)})
    return [{"customer_id": guest.customer_id, **row} for row in rows]


def _day(day: int) -> str:
    """A day in the future of the data is no leaving: empty."""
    return "" if day == N_DAYS else (FIRST_DAY + timedelta(days=day)).isoformat()
