"""The compiled loops. Each walks the rows of slots once; windows are half-open ranges `lo` to `hi` of row positions.

All arguments are plain arrays, results are new arrays, and nothing is kept between calls. Sums are of integers, or run
over a customer's own days in order, so that no result hangs on how the work was cut up.
"""

from __future__ import annotations

import numpy as np

from features.kernel.compiling import Array, compiled


@compiled
def day_begins(start: Array, day: Array) -> tuple[Array, Array]:
    """Where each (slot, day) begins among the rows, with the end appended; and where each slot begins among these."""
    begins = np.empty(len(day) + 1, np.int64)
    slots = np.empty(len(start), np.int64)
    n = 0
    for slot in range(len(start) - 1):
        slots[slot] = n
        for i in range(start[slot], start[slot + 1]):
            if i == start[slot] or day[i] != day[i - 1]:
                begins[n] = i
                n += 1
    slots[-1] = n
    begins[n] = len(day)
    return begins[: n + 1].copy(), slots


@compiled
def sums_between(begins: Array, weights: Array) -> Array:
    """The sum of each run of weights, in whole numbers; a run goes from one beginning to the next."""
    sums = np.zeros(len(begins) - 1, np.int64)
    for entry in range(len(begins) - 1):
        total = 0
        for i in range(begins[entry], begins[entry + 1]):
            total += weights[i]
        sums[entry] = total
    return sums


@compiled
def differences(sums: Array, lo: Array, hi: Array, scale: float) -> Array:
    """Window sums from running sums (one longer than the values, from 0)."""
    out = np.empty(len(lo))
    for row in range(len(lo)):
        out[row] = (sums[hi[row]] - sums[lo[row]]) / scale
    return out


@compiled
def order_places(begins: Array, order: Array) -> tuple[Array, Array]:
    """The place of each line's order among all (day, order) pairs, and where each day's orders begin."""
    place = np.empty(len(order), np.int64)
    first = np.empty(len(begins), np.int64)
    codes = np.empty(len(order), order.dtype)
    n = 0
    for entry in range(len(begins) - 1):
        first[entry] = n
        for i in range(begins[entry], begins[entry + 1]):
            at = n - 1
            while at >= first[entry] and codes[at] != order[i]:
                at -= 1
            if at < first[entry]:
                at = n
                codes[n] = order[i]
                n += 1
            place[i] = at
    first[-1] = n
    return place, first


@compiled
def firsts(start: Array, code: Array, n_codes: int) -> Array:
    """1 for the first row of each code in a slot, else 0."""
    seen = np.full(n_codes, -1, np.int64)
    is_first = np.zeros(len(code), np.int64)
    for slot in range(len(start) - 1):
        for i in range(start[slot], start[slot + 1]):
            if seen[code[i]] != slot:
                seen[code[i]] = slot
                is_first[i] = 1
    return is_first


@compiled
def decayed(
    start: Array, day: Array, value: Array, row_start: Array, today: Array, until: Array, half_life: float
) -> Array:
    """Sum of the values up to position `until`, each halved every `half_life` days: one multiplication a day."""
    longest = 1
    for slot in range(len(start) - 1):
        if start[slot + 1] > start[slot] and row_start[slot + 1] > row_start[slot]:
            longest = max(longest, today[row_start[slot + 1] - 1] - day[start[slot]])
    weight = np.exp2(-np.arange(longest + 1) / half_life)
    out = np.zeros(len(today))
    for slot in range(len(start) - 1):
        at, total = start[slot], 0.0
        for row in range(row_start[slot], row_start[slot + 1]):
            while at < until[row]:
                if at > start[slot]:
                    total *= weight[day[at] - day[at - 1]]
                total += value[at]
                at += 1
            if at > start[slot]:
                out[row] = total * weight[today[row] - day[at - 1]]
    return out


@compiled
def active_weeks(day: Array, lo: Array, hi: Array, today: Array) -> Array:
    """Distinct weeks back from the cutoff among the days of the window."""
    out = np.zeros(len(lo))
    for row in range(len(lo)):
        last = -1
        for i in range(hi[row] - 1, lo[row] - 1, -1):
            week = (today[row] - 1 - day[i]) // 7
            if week != last:
                out[row] += 1
                last = week
    return out


@compiled
def weekly_slope(day: Array, value: Array, lo: Array, hi: Array, today: Array, n_weeks: int) -> Array:
    """Least-squares slope of weekly sums, oldest first: a weighted sum, since weeks are evenly spaced."""
    middle = (n_weeks - 1) / 2
    spread = n_weeks * (n_weeks * n_weeks - 1) / 12
    out = np.zeros(len(lo))
    for row in range(len(lo)):
        total = 0.0
        for i in range(lo[row], hi[row]):
            total += value[i] * (middle - (today[row] - 1 - day[i]) // 7)
        out[row] = total / spread
    return out


@compiled
def best_periods(
    day: Array, value: Array, lo: Array, hi: Array, today: Array, length: int, n: int
) -> tuple[Array, Array]:
    """The largest of `n` successive periods' sums before the cutoff, and how many periods back the latest such lies."""
    best, since = np.zeros(len(lo), value.dtype), np.zeros(len(lo), np.int64)
    sums = np.zeros(n, value.dtype)
    for row in range(len(lo)):
        sums[:] = 0
        for i in range(lo[row], hi[row]):
            sums[(today[row] - 1 - day[i]) // length] += value[i]
        place = 0
        for k in range(1, n):
            if sums[k] > sums[place]:
                place = k
        best[row], since[row] = sums[place], place
    return best, since


@compiled
def n_below(value: Array, lo: Array, hi: Array, limit: Array) -> Array:
    """How many values of the window lie below the row's limit."""
    out = np.zeros(len(lo))
    for row in range(len(lo)):
        for i in range(lo[row], hi[row]):
            if value[i] < limit[row]:
                out[row] += 1
    return out


@compiled
def deviations(value: Array, lo: Array, hi: Array) -> Array:
    """Sample standard deviation of the values of the window; NaN below two."""
    out = np.full(len(lo), np.nan)
    for row in range(len(lo)):
        n = hi[row] - lo[row]
        if n < 2:
            continue
        total, squares = 0.0, 0.0
        for i in range(lo[row], hi[row]):
            total += value[i]
        for i in range(lo[row], hi[row]):
            squares += (value[i] - total / n) ** 2
        out[row] = np.sqrt(squares / (n - 1))
    return out


@compiled
def means_of(table: Array, code: Array, lo: Array, hi: Array, cutoff: Array) -> Array:
    """Mean of the known entries (cutoff, code) of a table over the rows of the window; NaN without any."""
    out = np.full(len(lo), np.nan)
    for row in range(len(lo)):
        total, n = 0.0, 0
        for i in range(lo[row], hi[row]):
            value = table[cutoff[row], code[i]]
            if value == value:  # noqa: PLR0124  # not NaN
                total += value
                n += 1
        if n:
            out[row] = total / n
    return out


@compiled
def sums_at_prices(
    prices: Array, code: Array, quantity: Array, amount: Array, lo: Array, hi: Array, cutoff: Array
) -> tuple[Array, Array]:
    """Of the window's rows with a price (cutoff, code) and a quantity above 0: what was paid, and what it would be."""
    paid, priced = np.zeros(len(lo)), np.zeros(len(lo))
    for row in range(len(lo)):
        for i in range(lo[row], hi[row]):
            price = prices[cutoff[row], code[i]]
            if quantity[i] > 0 and price == price:  # noqa: PLR0124  # not NaN
                paid[row] += amount[i]
                priced[row] += quantity[i] * price
    return paid, priced
