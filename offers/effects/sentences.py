"""An effect in plain words."""

from __future__ import annotations

import math
from collections.abc import Mapping

from offers.effects.difference import Difference


def signed(value: float, decimals: int = 0) -> str:
    """A number with a proper minus sign, and none before zero.

    >>> signed(-1.25, 2), signed(-0.2)
    ('−1.25', '0')
    """
    shown = f"{abs(value):,.{decimals}f}"
    return shown if not value < 0 or not float(shown.replace(",", "")) else f"−{shown}"


def points_in_words(retention: Mapping[str, float | None]) -> str:
    """An effect on lapses (positive: fewer) in percentage points and in the direction that it has.

    >>> points_in_words({"estimate": -0.012, "low": -0.03, "high": 0.006})
    '1.2 (−0.6 to 3.0) points more lapses'
    """
    estimate, low, high = (retention[name] for name in ("estimate", "low", "high"))
    if estimate is None or math.isnan(estimate):
        return "nobody can say how many fewer lapses"
    what, sign = ("more", -1) if estimate < 0 else ("fewer", 1)
    said = signed(100 * sign * estimate, 1)
    if low is not None and high is not None and not math.isnan(low):
        ends = sorted((100 * sign * low, 100 * sign * high))
        said += f" ({signed(ends[0], 1)} to {signed(ends[1], 1)})"
    return f"{said} points {what} lapses"


def in_words(name: str, retention: Difference, margin: Difference, currency: str) -> str:
    """Customers kept of a hundred, and margin a customer, both with their 95 % intervals.

    >>> found = Difference(0.03, 0.0, 0.06, 0.015, 100, 50, 0.2, 0.23)
    >>> said = in_words("gift", found, Difference(1.2, -0.4, 2.8, 0.8, 100, 50, 9, 8), "USD")
    >>> said[:said.index(";")]
    'Of 100 customers sent gift, about 3 (0 to 6) stayed who would have left'
    >>> said[said.index(";"):]
    '; it brought 1.20 (−0.40 to 2.80) USD a customer.'
    """
    if math.isnan(retention.low):
        return f"Nothing can be said of {name} yet: {retention.n_treated:,} treated, {retention.n_control:,} controls."
    points = [100 * value for value in (retention.estimate, retention.low, retention.high)]
    what = "stayed who would have left"
    if points[0] < 0:
        points, what = [-points[0], -points[2], -points[1]], "left who would have stayed"
    people = f"about {signed(points[0])} ({signed(points[1])} to {signed(points[2])}) {what}"
    amounts = f"{signed(margin.estimate, 2)} ({signed(margin.low, 2)} to {signed(margin.high, 2)}) {currency}"
    return f"Of 100 customers sent {name}, {people}; it brought {amounts} a customer."
