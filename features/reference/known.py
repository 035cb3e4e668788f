"""All that is known at one cutoff: the rows before it, by source, each with its customer and day number."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import cached_property

import numpy as np
import pandas as pd

from contracts import windows
from events.store import Events
from features import mbgnbd
from features.records import Feature
from features.reference import benefits, buying, dated
from features.vocabulary import SIGNALS

HUNDREDTHS = (
    "amount",
    "discount",
    "list_amount",
    "returned_amount",
    "priced_amount",
    "newcomers_price",
    "rating_points",
)
UNITS = {**dict.fromkeys(HUNDREDTHS, 100), "quantity": 1000}
"""How many of the integers that are summed make one unit of a measure; 1 for any other."""


@dataclass(frozen=True, eq=False)
class Known:
    """What a shop knows at a cutoff; `horizon_days` is by customer."""

    events: Events
    cutoff: date
    lines: pd.DataFrame
    horizon_days: pd.Series

    @property
    def customers(self) -> pd.Index:
        """Sorted ids of the customers with a purchase that counted before the cutoff."""
        return self.horizon_days.index

    @property
    def today(self) -> int:
        """Day number of the cutoff."""
        return windows.day_number(self.cutoff)

    @cached_property
    def days(self) -> pd.DataFrame:
        """One row a customer and day with a purchase, sorted; the measures are in `UNITS`."""
        return buying.days_of(self.lines, benefits.ended_benefit_days(self.events, self.cutoff, self.lines))

    @cached_property
    def gaps(self) -> pd.DataFrame:
        """One row a pair of successive purchase days of a customer, in time order: `gap` in days."""
        gaps = self.days.groupby("customer_id")["day"].diff()
        return self.days[["customer_id"]].assign(gap=gaps).dropna()

    @cached_property
    def model(self) -> mbgnbd.MbgNbd:
        """MBG/NBD, fitted to all customers, or to those with the lowest drawn numbers where there are very many."""
        drawn = mbgnbd.draw_numbers(self.customers.to_numpy(dtype=object))
        table = mbgnbd.lowest(np.column_stack([drawn, *self.histories]))
        return mbgnbd.fit(table[:, 1], table[:, 2], table[:, 3])

    @cached_property
    def histories(self) -> tuple[mbgnbd.Floats, mbgnbd.Floats, mbgnbd.Floats]:
        """A customer's repeat purchase days, day of the last one and age in days, both since the first one."""
        seen = self.days.groupby("customer_id")["day"].agg(["size", "min", "max"]).reindex(self.customers)
        columns = (seen["size"] - 1, seen["max"] - seen["min"], self.today - seen["min"])
        repeats, last, age = (column.to_numpy(dtype="float64") for column in columns)
        return repeats, last, age

    def rows(self, source: str) -> pd.DataFrame:
        """All rows of a source before the cutoff."""
        if source in SIGNALS:
            return dated.signal_rows(self.events, self.cutoff, source)
        return ROWS[source](self)


ROWS: dict[str, Callable[[Known], pd.DataFrame]] = {
    "days": lambda known: known.days,
    "orders": lambda known: known.lines,
    "lines": lambda known: known.lines,
    "returns": lambda known: dated.return_rows(known.events, known.cutoff),
}
"""Sources of rows, but for the signals."""


def known_at(events: Events, cutoff: date, horizon_days: int | pd.Series) -> Known:
    """What `events` tell at the cutoff; customers whom a Series of horizons lacks get its first one."""
    lines = buying.lines_of(dated.before(events, "purchases", cutoff), events.products)
    customers = pd.Index(lines["customer_id"].cat.categories, name="customer_id")
    return Known(events, cutoff, lines, _horizons(customers, horizon_days))


def _horizons(customers: pd.Index, horizon_days: int | pd.Series) -> pd.Series:
    if isinstance(horizon_days, pd.Series):
        anything = horizon_days.iloc[0] if len(horizon_days) else 1
        return horizon_days.reindex(customers, fill_value=anything).fillna(anything)
    return pd.Series(horizon_days, index=customers)


def in_window(known: Known, days: pd.Series, window_days: int | None, skip_days: int = 0) -> pd.Series:
    """Which day numbers fall in the window; all of them do in a window without length."""
    if window_days is None:
        return pd.Series(True, index=days.index)
    inside = windows.trailing(days.to_numpy(), known.cutoff, window_days, skip_days)
    return pd.Series(inside, index=days.index)


def rows_of(known: Known, feature: Feature) -> pd.DataFrame:
    """The rows of the feature's source and window."""
    rows = known.rows(feature.source)
    return rows[in_window(known, rows["day"], feature.window_days, feature.skip_days)]


def measured(rows: pd.DataFrame, feature: Feature) -> pd.Series:
    """The feature's measure a row, in `UNITS`; signals are measured by their number `n`, if by nothing else."""
    is_counted = feature.source in SIGNALS and feature.measure not in rows.columns
    return rows["n" if is_counted else feature.measure]


def in_units(feature: Feature, values: pd.Series) -> pd.Series:
    """What was summed in integers, in the unit of the measure."""
    return values / UNITS.get(feature.measure, 1)


def parameter_of(feature: Feature) -> float:
    """The parameter, of a kind that needs one.

    Raises:
        ValueError: the feature has none.
    """
    if feature.parameter is None:
        raise ValueError(f"feature {feature.name!r}: expected a parameter of {feature.aggregation!r}, got none")
    return feature.parameter
