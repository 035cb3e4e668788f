"""From coded events to pieces of work: slots with rows to compute, each slot a customer as known at its rows' cutoffs.

What was known at a cutoff is nearly always a prefix of a customer's rows; then one slot serves all cutoffs. A customer
with a row that became known late or was undone gets one slot for each cutoff, with just the rows that counted then.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from features.kernel.cutoffs import counted, first_after
from features.kernel.streams import NEVER, Coded, Flags, Ints, Stream

ROWS_A_PIECE = 8192
LINES_A_PIECE = 1_000_000


@dataclass(frozen=True)
class Rows:
    """The rows to compute, sorted by customer and cutoff: customer code, index of the cutoff, days to look ahead."""

    customer: Ints
    cutoff: Ints
    horizon_days: Ints


@dataclass(frozen=True)
class Slots:
    """Streams in slots, and the rows to compute: slot `s` has the rows `start[s]` to `start[s + 1]`.

    `today` is each row's cutoff (day number, rising within a slot), `cutoff` its index, `place` where the row's values
    belong in the result, `customer` each slot's customer code.
    """

    lines: Stream
    others: Mapping[str, Stream]
    customer: Ints
    start: Ints
    today: Ints
    cutoff: Ints
    horizon_days: Ints
    place: Ints

    def between(self, first: int, last: int) -> Slots:
        """The slots from `first` to `last`, without a copy."""
        rows = slice(int(self.start[first]), int(self.start[last]))
        return Slots(
            self.lines.between(first, last),
            {name: other.between(first, last) for name, other in self.others.items()},
            self.customer[first:last],
            self.start[first : last + 1] - self.start[first],
            self.today[rows],
            self.cutoff[rows],
            self.horizon_days[rows],
            self.place[rows],
        )


def all_rows(coded: Coded, n_cutoffs: int, horizon_days: int) -> Rows:
    """Every customer at every cutoff."""
    n = coded.n_customers
    customer, cutoff = np.repeat(np.arange(n), n_cutoffs), np.tile(np.arange(n_cutoffs), n)
    return Rows(customer, cutoff, np.full(n * n_cutoffs, horizon_days, dtype=np.int64))


def pieces(coded: Coded, rows: Rows, cutoffs: Ints, rows_a_piece: int = ROWS_A_PIECE) -> Iterator[Slots]:
    """The work in pieces of about so many rows: plain customers first, then the others, one slot a row."""
    is_odd = odd_customers(coded, cutoffs)
    plain = _plain(coded, rows, cutoffs, is_odd)
    yield from _cut_up(plain, rows_a_piece)
    chosen = np.flatnonzero(is_odd[rows.customer])
    for first in range(0, len(chosen), max(rows_a_piece // 8, 1)):
        yield _odd(coded, rows, cutoffs, chosen[first : first + max(rows_a_piece // 8, 1)])


def odd_customers(coded: Coded, cutoffs: Ints) -> Flags:
    """Customers of whom something counted at a cutoff otherwise than by its day alone."""
    is_odd = np.zeros(coded.n_customers, dtype=bool)
    for one in (coded.lines, *coded.others.values()):
        if one.known is not None or one.undone is not None:
            is_odd[one.slots()[_is_odd(one, cutoffs)]] = True
    return is_odd


def _is_odd(one: Stream, cutoffs: Ints) -> Flags:
    since = first_after(cutoffs, one.day)
    odd = np.zeros(len(one.day), dtype=bool)
    if one.known is not None:
        odd |= first_after(cutoffs, one.known) > since
    if one.undone is not None:
        odd |= first_after(cutoffs, one.undone) < len(cutoffs)
    return odd


def _plain(coded: Coded, rows: Rows, cutoffs: Ints, is_odd: Flags) -> Slots:
    """Every customer a slot; the odd ones without rows to compute."""
    kept = np.flatnonzero(~is_odd[rows.customer])
    n_rows = np.bincount(rows.customer[kept], minlength=coded.n_customers)
    return Slots(
        coded.lines.without_times(),
        {name: other.without_times() for name, other in coded.others.items()},
        np.arange(coded.n_customers),
        np.concatenate([[0], np.cumsum(n_rows)]).astype(np.int64),
        cutoffs[rows.cutoff[kept]],
        rows.cutoff[kept],
        rows.horizon_days[kept],
        kept,
    )


def _cut_up(slots: Slots, rows_a_piece: int) -> Iterator[Slots]:
    n_slots = len(slots.customer)
    first = 0
    while first < n_slots:
        by_rows = int(np.searchsorted(slots.start, slots.start[first] + rows_a_piece, side="right")) - 1
        by_lines = int(np.searchsorted(slots.lines.start, slots.lines.start[first] + LINES_A_PIECE, side="right")) - 1
        last = min(max(min(by_rows, by_lines), first + 1), n_slots)
        if slots.start[last] > slots.start[first]:
            yield slots.between(first, last)
        first = last


def _odd(coded: Coded, rows: Rows, cutoffs: Ints, chosen: Ints) -> Slots:
    """One slot for each chosen row, with what counted at its cutoff."""
    customer, today = rows.customer[chosen], cutoffs[rows.cutoff[chosen]]
    n = len(chosen)
    return Slots(
        _counted(coded.lines, customer, today),
        {name: _counted(other, customer, today) for name, other in coded.others.items()},
        customer,
        np.arange(n + 1, dtype=np.int64),
        today,
        rows.cutoff[chosen],
        rows.horizon_days[chosen],
        chosen,
    )


def _counted(one: Stream, customer: Ints, today: Ints) -> Stream:
    """The rows of each customer that were known before `today` and not undone by then."""
    n_rows = one.start[customer + 1] - one.start[customer]
    slot = np.repeat(np.arange(len(customer)), n_rows)
    first = np.cumsum(n_rows) - n_rows
    rows = np.arange(len(slot)) - first[slot] + one.start[customer][slot]
    known = one.day if one.known is None else one.known
    undone = np.full(len(rows), NEVER) if one.undone is None else one.undone[rows]
    kept = counted(one.day[rows], known[rows], undone, today[slot])
    start = np.concatenate([[0], np.cumsum(np.bincount(slot[kept], minlength=len(customer)))])
    return one.taken(start.astype(np.int64), rows[kept])
