"""Of many tests some look good by luck: the share of false findings is held (Benjamini and Hochberg 1995)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def q_values(p_values: Floats) -> Floats:
    """The least false discovery rate at which each test would be called a finding.

    Missing p-values (nothing to test) stay missing and count for no test. SciPy has the same, behind an import of half
    a second; a test holds them equal to the last bit.

    >>> q_values(np.array([0.01, np.nan, 0.04])).tolist()
    [0.02, nan, 0.04]
    """
    found = np.full(len(p_values), np.nan)
    tested = np.flatnonzero(~np.isnan(p_values))
    order = tested[np.argsort(p_values[tested])]
    n = len(order)
    raised = p_values[order] * (n / np.arange(1, n + 1))
    found[order] = np.clip(np.minimum.accumulate(raised[::-1])[::-1], 0.0, 1.0)
    return found
