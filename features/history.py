"""All that a shop knows, coded for speed, and the cut that a cutoff makes through it.

A `Cut` is the only thing that feature code gets. It is made of prefixes in time, so that nothing at or after the cutoff
can reach a feature.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

from contracts import windows
from events.store import Events
from features.customer_days import NEVER, CustomerDays, DayBook, amounts_of, day_book, known_days

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
UNKNOWN = "unknown"
REDEEMED = "redeemed"


@dataclass(frozen=True)
class Lines:
    """One entry a purchase line, sorted by instant. Ids are codes; `is_first_of_product`: the customer's first ever."""

    customer: Ints
    day: Ints
    hour: Ints
    order: Ints
    product: Ints
    category: Ints
    department: Ints
    store: Ints
    quantity: Floats
    amount: Floats
    discount: Floats
    coupon_discount: Floats
    is_private_label: Flags
    is_first_of_product: Flags

    def take(self, chosen: slice | Flags) -> Lines:
        """The same columns for some entries."""
        return Lines(**{name: getattr(self, name)[chosen] for name in self.__dataclass_fields__})


@dataclass(frozen=True)
class Signals:
    """One entry a campaign received, or a coupon redeemed, sorted by day; `known` is the day it became known."""

    customer: Ints
    day: Ints
    n: Floats
    known: Ints

    def before(self, cutoff: date) -> Signals:
        """Those before the cutoff that were known then."""
        n = windows.n_days_before(self.day, cutoff)
        kept = np.flatnonzero(windows.counts_at(self.known[:n], np.full(n, NEVER), cutoff))
        return Signals(self.customer[kept], self.day[kept], self.n[kept], self.known[kept])


@dataclass(frozen=True)
class History:
    """Everything, before any cut. `absent`: what the shop does not record."""

    customers: npt.NDArray[np.object_]
    lines: Lines
    book: DayBook
    contacts: Signals
    responses: Signals
    absent: frozenset[str]

    def cut(self, cutoff: date) -> Cut:
        """What was known at the cutoff, and stood then."""
        n_lines = windows.n_days_before(self.lines.day, cutoff)
        lines = self.lines.take(slice(0, n_lines))
        if not self.book.is_plain:
            counted = windows.counts_at(self.book.known[:n_lines], self.book.undone[:n_lines], cutoff)
            lines = _with_firsts(lines.take(counted))
        return Cut(
            cutoff=cutoff,
            n_customers=len(self.customers),
            lines=lines,
            days=self.book.known_at(cutoff),
            contacts=self.contacts.before(cutoff),
            responses=self.responses.before(cutoff),
        )


@dataclass(frozen=True)
class Cut:
    """What was known at `cutoff`; every entry lies strictly before it."""

    cutoff: date
    n_customers: int
    lines: Lines
    days: CustomerDays
    contacts: Signals
    responses: Signals

    @cached_property
    def today(self) -> int:
        """The cutoff's day number."""
        return windows.day_number(self.cutoff)

    def per_customer(self, customer: Ints, weights: npt.NDArray[np.generic] | None = None) -> Floats:
        """Sum of weights (or number of entries) a customer code."""
        return np.bincount(customer, weights, minlength=self.n_customers).astype(np.float64)

    def recent_lines(self, window_days: int) -> Lines:
        """The purchase lines of the trailing window."""
        start = windows.n_days_before(self.lines.day, self.cutoff - timedelta(days=window_days))
        return self.lines.take(slice(start, None))

    def in_window(self, day: Ints, window_days: int, skip_days: int = 0) -> Flags:
        """Which entries fall in the `window_days` that end `skip_days` before the cutoff."""
        return windows.trailing(day, self.cutoff, window_days, skip_days)

    def purchase_days(self, window_days: int, skip_days: int = 0) -> Floats:
        """Purchase days a customer in a trailing window."""
        return self.per_customer(self.days.customer[self.in_window(self.days.day, window_days, skip_days)])

    def amount(self, window_days: int, skip_days: int = 0) -> Floats:
        """Amount a customer in a trailing window, store currency."""
        chosen = self.in_window(self.days.day, window_days, skip_days)
        return self.per_customer(self.days.customer[chosen], self.days.amount[chosen])


def _with_firsts(lines: Lines) -> Lines:
    """The same lines, the first of each customer's product marked anew."""
    return replace(lines, is_first_of_product=_first_of_pair(lines.customer, lines.product))


def _codes(values: pd.Series) -> tuple[Ints, pd.Series]:
    """Codes in order of first appearance (so that a cut's codes hang on the past alone), and the distinct values."""
    codes, distinct = pd.factorize(values)
    return codes.astype(np.int64), pd.Series(distinct)


def _first_of_pair(left: Ints, right: Ints) -> Flags:
    """Marks the first entry of each pair; entries are in time order, so the mark hangs on the past alone."""
    _, first = np.unique(left * (right.max(initial=0) + 1) + right, return_index=True)
    flags = np.zeros(len(left), dtype=bool)
    flags[first] = True
    return flags


def _signals(
    frame: pd.DataFrame, customers: npt.NDArray[np.object_], on: str, n: str | None, time_zone: str
) -> Signals:
    known = frame[frame["customer_id"].isin(customers)].sort_values([on, "customer_id"], kind="stable")
    codes = np.searchsorted(customers, known["customer_id"].to_numpy(dtype=object))
    weights = known[n].to_numpy(dtype=np.float64) if n else np.ones(len(known))
    return Signals(codes.astype(np.int64), windows.day_numbers(known[on]), weights, known_days(known, on, time_zone))


def _named(frame: pd.DataFrame, name: str) -> pd.Series:
    """An optional column of names; 'unknown' where there is none."""
    if name not in frame.columns:
        return pd.Series(UNKNOWN, index=frame.index, dtype="str")
    return frame[name].fillna(UNKNOWN)


def history(events: Events) -> History:
    """Code the events once for any number of cutoffs."""
    purchases = events.purchases
    book = day_book(purchases, events.time_zone)
    product, product_ids = _codes(_named(purchases, "product_id"))
    goods = events.products.set_index("product_id").reindex(product_ids)
    lines = Lines(
        customer=book.customer,
        day=book.day,
        hour=purchases["ordered_hour"].to_numpy(dtype=np.int64),
        order=book.order,
        product=product,
        category=_codes(_named(goods, "category"))[0][product],
        department=_codes(_named(goods, "department"))[0][product],
        store=_codes(_named(purchases, "store_id"))[0],
        quantity=amounts_of(purchases, "quantity"),
        amount=book.amount,
        discount=book.discount,
        coupon_discount=amounts_of(purchases, "coupon_discount"),
        is_private_label=goods["is_private_label"].eq(True).fillna(False).to_numpy(dtype=bool)[product],
        is_first_of_product=_first_of_pair(book.customer, product),
    )
    contacts = _signals(events.contacts, book.customers, "sent_on", None, events.time_zone)
    responses = _signals(
        events.responses[events.responses["kind"] == REDEEMED], book.customers, "responded_on", "n", events.time_zone
    )
    return History(book.customers, lines, book, contacts, responses, events.absent)
