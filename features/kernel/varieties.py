"""The compiled walk over codes: how many different ones a moving window holds, how evenly, and the top one's share.

Counts are kept by code while the window moves, so that each row is added once and dropped once for any number of
cutoffs. Entropy is summed in whole 2⁻³² nats, hence exactly, whatever the order.
"""

from __future__ import annotations

import numpy as np

from features.kernel.compiling import Array, compiled

LOG_SCALE = 2.0**32


@compiled
def logs(n: int) -> Array:
    """c × ln c for c from 0 to n, in whole 2⁻³²."""
    table = np.zeros(n + 1, np.int64)
    for c in range(2, n + 1):
        table[c] = np.int64(np.rint(c * np.log(c) * LOG_SCALE))
    return table


@compiled
def n_distinct(row_start: Array, code: Array, n_codes: int, lo: Array, hi: Array) -> Array:
    """For each row: distinct codes in the window. Within a slot `lo` and `hi` never fall."""
    count, distinct = np.zeros(n_codes, np.int32), np.zeros(len(lo))
    for slot in range(len(row_start) - 1):
        n, left, right = 0, np.int64(0), np.int64(0)
        for row in range(row_start[slot], row_start[slot + 1]):
            if row == row_start[slot] or lo[row] >= right:
                for i in range(left, right):
                    count[code[i]] = 0
                n, left, right = 0, lo[row], lo[row]
            for i in range(left, lo[row]):
                count[code[i]] -= 1
                n -= count[code[i]] == 0
            for i in range(right, hi[row]):
                n += count[code[i]] == 0
                count[code[i]] += 1
            left, right = lo[row], hi[row]
            distinct[row] = n
        for i in range(left, right):
            count[code[i]] = 0
    return distinct


@compiled
def varieties(row_start: Array, code: Array, n_codes: int, lo: Array, hi: Array) -> tuple[Array, Array]:
    """For each row: the entropy (nats) of the codes in the window, and the most frequent one's share.

    Within a slot `lo` and `hi` never fall. Both are NaN for an empty window.
    """
    widest = 1
    for row in range(len(lo)):
        widest = max(widest, hi[row] - lo[row])
    count, held, table = np.zeros(n_codes, np.int32), np.zeros(widest + 2, np.int64), logs(widest + 1)
    entropy, top = np.full(len(lo), np.nan), np.full(len(lo), np.nan)
    for slot in range(len(row_start) - 1):
        most, sum_logs, left, right = 0, np.int64(0), np.int64(0), np.int64(0)
        for row in range(row_start[slot], row_start[slot + 1]):
            if row == row_start[slot] or lo[row] >= right:
                for i in range(left, right):
                    count[code[i]] = 0
                held[: most + 1] = 0
                most, sum_logs, left, right = 0, np.int64(0), lo[row], lo[row]
            for i in range(left, lo[row]):
                c = count[code[i]]
                count[code[i]] = c - 1
                held[c] -= 1
                held[c - 1] += 1
                sum_logs += table[c - 1] - table[c]
                if c == most and held[c] == 0:
                    most -= 1
            left = lo[row]
            for i in range(right, hi[row]):
                c = count[code[i]] + 1
                count[code[i]] = c
                held[c] += 1
                held[c - 1] -= 1
                sum_logs += table[c] - table[c - 1]
                if c > most:
                    most = int(c)
            right = hi[row]
            if right > left:
                size = right - left
                entropy[row] = max(np.log(size) - sum_logs / LOG_SCALE / size, 0.0)
                top[row] = most / size
        for i in range(left, right):
            count[code[i]] = 0
        held[: most + 1] = 0
    return entropy, top
