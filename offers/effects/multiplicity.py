"""Of many offers some look good by luck: the share of false findings is held (Benjamini and Hochberg 1995)."""

from __future__ import annotations

import numpy as np

from offers.effects.rows import Floats


def q_values(p_values: Floats) -> Floats:
    """Benjamini-Hochberg's q of each p-value: the least false discovery rate at which it would be called a finding.

    Missing p-values (nothing to test) stay missing and count for no test.

    >>> q_values(np.array([0.01, np.nan, 0.04])).tolist()
    [0.02, nan, 0.04]
    """
    from scipy.stats import false_discovery_control  # noqa: PLC0415

    found = np.full(len(p_values), np.nan)
    tested = ~np.isnan(p_values)
    if tested.any():
        found[tested] = false_discovery_control(p_values[tested])
    return found
