"""A piece of work: some slots' streams, and what their features share (day table, running sums, windows)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from features.kernel import silences, walks
from features.kernel.cutoffs import positions
from features.kernel.slots import Slots
from features.kernel.streams import Codes, Goods, Ints, Stream
from features.kernel.varieties import n_distinct, varieties
from features.records import Feature, singular
from features.vocabulary import MONTH_DAYS, SIGNALS

Floats = npt.NDArray[np.float64]
Shared = TypeVar("Shared")
DAYS = "days"
SCALES = {
    "amount": 100.0,
    "discount": 100.0,
    "list_amount": 100.0,
    "returned_amount": 100.0,
    "quantity": 1000.0,
    "rating_points": 100.0,
}
"""What a stored weight is divided by: hundredths of the currency, thousandths of a unit; hundredths of a point."""
WEEKDAY_OF_DAY_0 = 3  # 1970-01-01 was a Thursday; Monday is 0
SATURDAY = 5

LINE_WEIGHTS: Mapping[str, Callable[[Piece], npt.NDArray[Any]]] = {
    "amount": lambda piece: piece.column("amount"),
    "discount": lambda piece: piece.column("discount"),
    "list_amount": lambda piece: piece.column("amount") + piece.column("discount"),
    "quantity": lambda piece: piece.column("quantity"),
    "discounted_lines": lambda piece: _flag(piece.column("discount") > 0),
    "coupon_lines": lambda piece: _flag(piece.column("coupon_discount") > 0),
    "promotion_lines": lambda piece: _flag(piece.column("has_promotion")),
    "employer_lines": lambda piece: _flag(piece.column("is_employers")),
    "evening_lines": lambda piece: _flag(piece.column("hour") >= 17),
    "morning_lines": lambda piece: _flag(piece.column("hour") < 11),
    "private_label_lines": lambda piece: _flag(piece.goods.is_private_label[piece.column("product")]),
    "new_product_lines": lambda piece: walks.firsts(
        piece.slots.lines.start, piece.column("product"), piece.goods.n_products
    ),
}
"""Weights of lines that are summed by purchase day."""

DAY_WEIGHTS: Mapping[str, Callable[[Piece], npt.NDArray[Any]]] = {
    "purchase_days": lambda piece: np.ones(len(piece.days.day), dtype=np.int64),
    "lines": lambda piece: np.diff(piece.day_begins),
    "orders": lambda piece: np.diff(piece.orders[1]),
    "weekend_days": lambda piece: (piece.weekday >= SATURDAY).astype(np.int64),
    "promotion_only_days": lambda piece: _flag(piece.weights(DAYS, "discounted_lines") == piece.weights(DAYS, "lines")),
    "full_price_days": lambda piece: (piece.weights(DAYS, "discount") == 0).astype(np.int64),
}


def _flag(flags: npt.NDArray[Any]) -> npt.NDArray[np.int8]:
    return flags.view(np.int8)


@dataclass(frozen=True)
class Piece:
    """Slots at work. `plan` are all records to compute; `context` the store's own numbers (features/kernel/context.py).

    Methods keep what they found, so that features share it.
    """

    slots: Slots
    goods: Goods
    plan: Sequence[Feature]
    context: Any = None
    found: dict[Any, Any] = field(default_factory=dict, repr=False)

    def once(self, key: object, make: Callable[[], Shared]) -> Shared:
        """What `make` gives, made once."""
        if key not in self.found:
            self.found[key] = make()
        made: Shared = self.found[key]
        return made

    @property
    def n_rows(self) -> int:
        """How many rows are to be computed."""
        return len(self.slots.today)

    def column(self, name: str) -> npt.NDArray[Any]:
        """A column of the lines."""
        return self.slots.lines.columns[name]

    @cached_property
    def _day_table(self) -> tuple[Ints, Ints]:
        return walks.day_begins(self.slots.lines.start, self.slots.lines.day)

    @property
    def day_begins(self) -> Ints:
        """The first line of each purchase day, and the number of lines."""
        return self._day_table[0]

    @cached_property
    def days(self) -> Stream:
        """Purchase days: one row a slot and day."""
        begins, start = self._day_table
        return Stream(start, self.slots.lines.day[begins[:-1]], {})

    @cached_property
    def weekday(self) -> Codes:
        """0 (Monday) to 6 of each purchase day."""
        return ((self.days.day + WEEKDAY_OF_DAY_0) % 7).astype(np.int32)

    @cached_property
    def orders(self) -> tuple[Ints, Ints]:
        """The place of each line's order, and the first order of each purchase day."""
        return walks.order_places(self.day_begins, self.column("order"))

    def order_amounts(self) -> Ints:
        """The amount of each order (hundredths)."""
        place, first = self.orders
        return np.bincount(place, self.column("amount"), minlength=int(first[-1])).astype(np.int64)

    @cached_property
    def benefit_ended(self) -> Ints:
        """By purchase day, when the first benefit that it was bought under ended (day number; NEVER if none)."""
        if not len(self.days.day):
            return np.zeros(0, dtype=np.int64)
        return np.minimum.reduceat(self.column("benefit_ended"), self.day_begins[:-1])

    def stream(self, source: str) -> Stream:
        """The rows of a source: purchase days, returns or a signal."""
        return self.days if source == DAYS else self.slots.others[source]

    def weights(self, source: str, measure: str) -> npt.NDArray[Any]:
        """The measure of each row of a source: an integer in its stored scale."""
        return self.once(("weights", source, measure), lambda: self._weights(source, measure))

    def _weights(self, source: str, measure: str) -> npt.NDArray[Any]:
        if source in SIGNALS:
            return self.stream(source).columns["value" if measure == "rating_points" else "n"]
        if source != DAYS:
            columns = self.stream(source).columns
            return columns.get(measure, np.ones(len(self.stream(source).day), dtype=np.int64))
        if measure in DAY_WEIGHTS:
            return DAY_WEIGHTS[measure](self)
        return walks.sums_between(self.day_begins, LINE_WEIGHTS[measure](self))

    def running(self, source: str, measure: str) -> npt.NDArray[Any]:
        """Running sums of a measure over a source's rows, from 0."""
        return self.once(
            ("running", source, measure), lambda: np.append(0, np.cumsum(self.weights(source, measure), dtype=np.int64))
        )

    def position(self, source: str, offset_days: int | None) -> Ints:
        """For each row to compute, the source's first row from `offset_days` before the cutoff on (None: of all)."""
        return self.once(("position", source, offset_days), lambda: self._position(source, offset_days))

    def _position(self, source: str, offset_days: int | None) -> Ints:
        stream = self.stream(source)
        if offset_days is None:
            return np.repeat(stream.start[:-1], np.diff(self.slots.start))
        found: Ints = positions(stream.start, stream.day, self.slots.start, self.slots.today, offset_days)
        return found

    def window(self, feature: Feature, source: str = "") -> tuple[Ints, Ints]:
        """Positions `lo` and `hi` of the feature's window among its source's rows."""
        name = source or feature.source
        reach = None if feature.window_days is None else feature.skip_days + feature.window_days
        return self.position(name, reach), self.position(name, feature.skip_days)

    def line_window(self, feature: Feature) -> tuple[Ints, Ints]:
        """Positions of the feature's window among the lines."""
        lo, hi = self.window(feature, DAYS)
        return self.day_begins[lo], self.day_begins[hi]

    def window_sum(self, feature: Feature) -> Floats:
        """The sum of the feature's measure over its window, in its unit."""
        lo, hi = self.window(feature)
        sums = self.running(feature.source, feature.measure)
        found: Floats = walks.differences(sums, lo, hi, SCALES.get(feature.measure, 1.0))
        return found

    def codes(self, measure: str) -> tuple[Codes, int]:
        """The code of each line, and how many codes there are."""
        return self.once(("codes", measure), lambda: self._codes(measure))

    def _codes(self, measure: str) -> tuple[Codes, int]:
        name = singular(measure)
        is_of_product = name in ("category", "department") and name not in self.slots.lines.columns
        codes = getattr(self.goods, name)[self.column("product")] if is_of_product else self.column(name)
        return codes, int(codes.max(initial=0)) + 1

    def n_distinct(self, feature: Feature) -> Floats:
        """How many different codes of a measure the window holds."""
        return n_distinct(self.slots.start, *self._coded_window(feature))

    def variety(self, feature: Feature) -> tuple[Floats, Floats]:
        """Entropy and top share of a measure of lines, or of purchase days' weekdays, in a window."""
        key = ("variety", feature.source, feature.measure, feature.window_days, feature.skip_days)
        return self.once(key, lambda: varieties(self.slots.start, *self._coded_window(feature)))

    def _coded_window(self, feature: Feature) -> tuple[Codes, int, Ints, Ints]:
        if feature.source == DAYS:
            return self.weekday, 7, *self.window(feature)
        return *self.codes(feature.measure), *self.line_window(feature)

    @cached_property
    def gap_statistics(self) -> dict[Feature, Floats]:
        """Every statistic of gaps in the plan, found in one walk."""
        wanted = [feature for feature in self.plan if feature.source == "gaps"]
        kinds = np.array([getattr(silences, feature.aggregation.upper()) for feature in wanted], dtype=np.int64)
        parameters = np.array([feature.parameter or 0.0 for feature in wanted])
        days = self.days
        table = silences.gap_statistics(
            days.start, days.day, self.slots.start, self.slots.today, self.position(DAYS, 0), kinds, parameters
        )
        return dict(zip(wanted, table, strict=True))

    def best(self, feature: Feature) -> tuple[Floats, Floats]:
        """The best of some months, and how many months back it lies."""
        n, source = int(feature.parameter or 1), feature.source
        lo, hi = self.position(source, MONTH_DAYS * n), self.position(source, 0)
        day, value = self.stream(source).day, self.weights(source, feature.measure)
        best, since = walks.best_periods(day, value, lo, hi, self.slots.today, MONTH_DAYS, n)
        return best / SCALES.get(feature.measure, 1.0), np.where(best > 0, since, np.nan)
