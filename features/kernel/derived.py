"""Features made of two others of the same row: the formulas, by aggregation."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def ratio(a: Floats, b: Floats, _: float | None = None) -> Floats:
    """a / b; NaN where b is 0, below 0 or unknown."""
    with np.errstate(divide="ignore", invalid="ignore"):
        quotient: Floats = np.where(b > 0, a / b, np.nan)
    return quotient


def growth(a: Floats, b: Floats, prior: float | None) -> Floats:
    """a by b, both raised by `prior`, so that 0 against 0 is 1."""
    return (a + (prior or 0.0)) / (b + (prior or 0.0))


def difference(a: Floats, b: Floats, _: float | None = None) -> Floats:
    """a − b."""
    return a - b


FORMULAS: dict[str, Callable[[Floats, Floats, float | None], Floats]] = {
    **dict.fromkeys(("per", "share", "rate", "ratio"), ratio),
    "growth": growth,
    "difference": difference,
}
