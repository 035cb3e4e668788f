"""Pictures as plain geometry, which templates draw as SVG: no script, no style, readable by whoever cannot see them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

STEP, TALL = 10, 100
"""Width of a bar with its gap, and height of the tallest, in the picture's own units."""


@dataclass(frozen=True)
class Bar:
    """One bar: its left edge, height, and what it stands for."""

    x: int
    height: float
    value: float
    name: str


@dataclass(frozen=True)
class Bars:
    """A row of bars, and places where something else happened."""

    bars: tuple[Bar, ...]
    marks: tuple[tuple[int, str], ...] = ()

    @property
    def width(self) -> int:
        """Width of the whole."""
        return max(1, len(self.bars)) * STEP

    @property
    def top(self) -> float:
        """The greatest value."""
        return max((bar.value for bar in self.bars), default=0.0)

    @property
    def total(self) -> float:
        """The sum of the values."""
        return sum(bar.value for bar in self.bars)


def bars(pairs: Iterable[tuple[str, float]]) -> Bars:
    """Named values as bars of heights that compare.

    >>> [(bar.x, bar.height) for bar in bars([("a", 5), ("b", 20)]).bars]
    [(0, 25.0), (10, 100.0)]
    """
    held = list(pairs)
    top = max((value for _, value in held), default=0) or 1
    made = (Bar(n * STEP, round(TALL * max(value, 0) / top, 2), value, name) for n, (name, value) in enumerate(held))
    return Bars(tuple(made))


def timeline(history: Mapping[str, Any], contacts: Iterable[str]) -> Bars | None:
    """Weekly sums as bars, contacts (ISO days) as marks in their week; None where no history is known.

    >>> found = timeline({"first_on": "2018-01-01", "amounts": [4.0, 0.0, 8.0]}, ["2018-01-10", "2016-01-01"])
    >>> [bar.name for bar in found.bars], found.marks
    (['2018-01-01', '2018-01-08', '2018-01-15'], ((15, '2018-01-10'),))
    """
    if not history["amounts"]:
        return None
    first = date.fromisoformat(history["first_on"])
    drawn = bars(((first + timedelta(weeks=n)).isoformat(), paid) for n, paid in enumerate(history["amounts"]))
    places = {day: (date.fromisoformat(day[:10]) - first).days // 7 for day in contacts}
    # a contact after the last whole week stands at the right edge
    last = len(drawn.bars) - 1
    marks = tuple((min(n, last) * STEP + STEP // 2, day) for day, n in sorted(places.items()) if n >= 0)
    return Bars(drawn.bars, marks)


@dataclass(frozen=True)
class Whisker:
    """An effect with its interval on a common scale from 0 to 100."""

    low: float
    middle: float
    high: float


@dataclass(frozen=True)
class Forest:
    """Effects side by side: the scale's ends in the effects' own unit, where 'no effect' lies, a whisker each."""

    least: float
    most: float
    zero: float
    whiskers: tuple[Whisker | None, ...]


def forest(effects: Sequence[Mapping[str, float | None]]) -> Forest | None:
    """Effects (`estimate`, `low`, `high`) on one scale around zero; None where nothing is known of any.

    >>> found = forest([{"estimate": 0.02, "low": -0.01, "high": 0.05}, {"estimate": None, "low": None, "high": None}])
    >>> (found.least, found.most, found.zero, found.whiskers[0].middle, found.whiskers[1])
    (-0.05, 0.05, 50.0, 70.0, None)
    """
    ends = [abs(value) for one in effects for value in (one["low"], one["high"]) if value is not None]
    if not ends:
        return None
    most = max(ends) or 1.0
    return Forest(-most, most, 50.0, tuple(_whisker(one, most) for one in effects))


def _whisker(one: Mapping[str, float | None], most: float) -> Whisker | None:
    values = [one[name] for name in ("low", "estimate", "high")]
    placed = [round(50 + 50 * value / most, 2) for value in values if value is not None]
    return Whisker(*placed) if len(placed) == len(values) else None
