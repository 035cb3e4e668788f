"""Amounts as whole numbers, so that sums hang on no order."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

UNITS = 10_000
"""Units of one of the currency: no currency is paid in smaller parts."""


def units(amounts: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Amounts in whole units.

    >>> units(np.array([1.1, 2.2])).tolist()
    [11000.0, 22000.0]
    """
    return np.asarray(np.rint(amounts * UNITS))
