"""The compiled walk over gaps: a customer's gaps so far are kept sorted while the cutoffs pass."""

from __future__ import annotations

import numpy as np

from features.kernel.compiling import Array, compiled

MEAN, SD, QUANTILE, MEAN_OF_LAST, SILENCE_PERCENTILE, REGULAR_SHARE = range(6)


@compiled
def quantile(ordered: Array, n: int, q: float) -> float:
    """By linear interpolation between order statistics."""
    place = q * (n - 1)
    low = int(np.floor(place))
    high = min(low + 1, n - 1)
    found: float = ordered[low] + (place - low) * (ordered[high] - ordered[low])
    return found


@compiled
def n_at_most(ordered: Array, n: int, limit: float) -> int:
    """How many of the first `n` sorted values are at most `limit`."""
    low, high = 0, n
    while low < high:
        middle = (low + high) // 2
        if ordered[middle] <= limit:
            low = middle + 1
        else:
            high = middle
    return low


@compiled
def _statistic(
    kind: int, parameter: float, ordered: Array, n: int, total: float, squares: float, silence: float
) -> float:
    if kind == MEAN:
        return total / n
    if kind == SD:
        return np.sqrt(max(n * squares - total * total, 0.0) / (n * (n - 1.0))) if n > 1 else np.nan
    if kind == QUANTILE:
        return quantile(ordered, n, parameter)
    if kind == SILENCE_PERCENTILE:
        return n_at_most(ordered, n, silence) / n
    median = quantile(ordered, n, 0.5)
    band = max(1.0, parameter * median) + 1e-9
    below = n_at_most(ordered, n, median - band)
    return (n_at_most(ordered, n, median + band) - below) / n


@compiled
def gap_statistics(
    start: Array, day: Array, row_start: Array, today: Array, until: Array, kinds: Array, parameters: Array
) -> Array:
    """One row a statistic, one column a row to compute; NaN without a gap. `kinds` are the constants above.

    A row's gaps are those between the days up to position `until`.
    """
    out = np.full((len(kinds), len(today)), np.nan)
    longest = 1
    for slot in range(len(start) - 1):
        longest = max(longest, start[slot + 1] - start[slot])
    ordered = np.empty(longest, np.int64)
    for slot in range(len(start) - 1):
        at, n, total, squares = start[slot], 0, 0.0, 0.0
        for row in range(row_start[slot], row_start[slot + 1]):
            while at < until[row]:
                if at > start[slot]:
                    gap = day[at] - day[at - 1]
                    place = n_at_most(ordered, n, gap)
                    for i in range(n, place, -1):
                        ordered[i] = ordered[i - 1]
                    ordered[place] = gap
                    n += 1
                    total += gap
                    squares += gap * gap
                at += 1
            if n == 0:
                continue
            silence = today[row] - day[at - 1]
            for k in range(len(kinds)):
                if kinds[k] == MEAN_OF_LAST:
                    last = min(n, int(parameters[k]))
                    out[k, row] = (day[at - 1] - day[at - 1 - last]) / last
                else:
                    out[k, row] = _statistic(kinds[k], parameters[k], ordered, n, total, squares, silence)
    return out
