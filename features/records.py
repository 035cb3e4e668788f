"""The feature record: what is counted, of which events, how, in which window; its name follows from these alone.

A record is data. Two engines read it: `features.reference` (pandas, plain) and `features.kernel` (Numba, one pass).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from features.grammar import refuse_nonsense
from features.vocabulary import AGGREGATIONS, MEASURES, SINGULAR, SOURCES, TOP_SAID, WEEK_DAYS


@dataclass(frozen=True)
class Feature:
    """One column of the feature table, float32. `window_days` None means all of the customer's past.

    The window is the `window_days` that end `skip_days` before the cutoff. `short` is how the record is called inside
    the names of features that are derived from it.
    """

    family: str
    source: str
    measure: str
    aggregation: str
    window_days: int | None = None
    skip_days: int = 0
    parameter: float | None = None
    operands: tuple[Feature, ...] = ()
    short: str = ""

    def __post_init__(self) -> None:
        refuse_nonsense(self)

    @property
    def name(self) -> str:
        """The column's name."""
        return AGGREGATIONS[self.aggregation].name.format(**self._words())

    @property
    def label(self) -> str:
        """The name inside other features' names."""
        return self.short or self.name

    @property
    def meaning(self) -> str:
        """One sentence."""
        return AGGREGATIONS[self.aggregation].said.format(**self._words())

    @property
    def unit(self) -> str:
        """Unit of the values."""
        given = AGGREGATIONS[self.aggregation].unit
        if given == "a week":
            return f"{MEASURES[self.measure].unit} a week, per week"
        if self.aggregation == "per":
            return f"{self.operands[0].unit} / {spoken(self.operands[1])}"
        return given or (self.operands[0].unit if self.operands else MEASURES[self.measure].unit)

    @property
    def empty(self) -> float:
        """The value where no window holds a row: NaN, 0 for sums and counts, 1 for their growth."""
        if self.aggregation == "growth":
            return 1.0 + sum(operand.empty for operand in self.operands)
        if self.aggregation == "difference":
            return self.operands[0].empty - self.operands[1].empty
        return AGGREGATIONS[self.aggregation].empty

    @property
    def bounds(self) -> tuple[float, float]:
        """The least and the largest value that there can be."""
        if self.aggregation in ("difference", "weekly_slope"):
            return -math.inf, math.inf
        if self.aggregation == "on_circle":
            return -1.0, 1.0
        return 0.0, 1.0 if self.unit in ("share", "probability") else math.inf

    @property
    def needs(self) -> frozenset[str]:
        """What the shop must record: columns and tables; 'a|b' where either will do."""
        own = {SOURCES[self.source].needs, *MEASURES[self.measure].needs.split("+")} - {""}
        return frozenset(own).union(*(operand.needs for operand in self.operands))

    def is_left_out(self, absent: frozenset[str]) -> bool:
        """Whether the shop lacks something that the feature needs."""
        return any(all(name in absent for name in need.split("|")) for need in self.needs)

    def _words(self) -> dict[str, object]:
        a, b = (*self.operands, None, None)[:2]
        window = self._window()
        return {
            "measure": self.measure,
            "unit": MEASURES[self.measure].unit,
            "singular": singular(self.measure),
            "said": MEASURES[self.measure].meaning,
            "one": SOURCES[self.source].one,
            "rows": "purchase days" if self.source == "days" else "lines",
            "top": TOP_SAID.get(self.measure, ""),
            "window": window,
            "in_window": self._in_window(),
            "parameter": f"{self.parameter:g}" if self.parameter is not None else "",
            "percent": f"{self.parameter:.0%}" if self.parameter is not None else "",
            "last": "last" if self.parameter == 1 else f"mean_last_{self.parameter or 0:g}",
            "last_said": "the last gap" if self.parameter == 1 else f"mean of the last {self.parameter or 0:g} gaps",
            "one_said": SOURCES[self.source].one.replace("_", " "),
            "weeks": (self.window_days or 0) // WEEK_DAYS,
            "quantile": _quantile_name(self.parameter),
            "quantile_said": _quantile_said(self.parameter),
            "of": a.label if a else "",
            "of_said": a.meaning if a else "",
            "a": a.label if a else "",
            "b": b.label if b else "",
            "a_measure": a.measure if a else "",
            "a_singular": singular(a.measure) if a else "",
            "b_singular": singular(b.measure) if b else "",
            "per_said": _per(a, b) if a and b else "",
            "a_meaning": a.meaning if a else "",
            "b_meaning": b.meaning if b else "",
        }

    def _window(self) -> str:
        if self.operands and self.window_days is None:
            return self.operands[0]._window()
        trailing = "life" if self.window_days is None else f"{self.window_days}d"
        return f"{trailing}_before_{self.skip_days}d" if self.skip_days else trailing

    def _in_window(self) -> str:
        if self.window_days is None:
            return "so far"
        if self.skip_days:
            return f"in the {self.window_days} days that end {self.skip_days} days before the cutoff"
        return f"in the last {self.window_days} days"


def spoken(feature: Feature) -> str:
    """One of what a feature counts, in words."""
    return singular(feature.measure).replace("_", " ")


def _per(a: Feature, b: Feature) -> str:
    if a.source == "store":
        return f"{a.meaning}, divided by {b.meaning}"
    return f"{MEASURES[a.measure].meaning} per {spoken(b)} {a._in_window()}"


def singular(measure: str) -> str:
    """
    >>> singular("categories"), singular("discounted_lines"), singular("amount")
    ('category', 'discounted_line', 'amount')
    """
    return SINGULAR.get(measure) or measure.removesuffix("s")


def _quantile_name(q: float | None) -> str:
    return {0.5: "median", 1.0: "max"}.get(q, f"p{100 * q:g}".replace(".", "_")) if q is not None else ""


def _quantile_said(q: float | None) -> str:
    return {0.5: "median", 1.0: "largest"}.get(q, f"{100 * q:g}th percentile") if q is not None else ""
