"""Who pays what: net unit prices of customers of long and of short standing, for the same product, week and store.

Within each cell (product, Monday week, store) the logarithm of the net unit price is compared between the two groups;
cells are averaged with weights n_long·n_short/(n_long + n_short), which is least squares with an effect for each cell.
The 95 % interval is the closed form for clustered data with one coefficient (Liang and Zeger 1986; CR1 and t(G − 1) as
in Cameron and Miller 2015), once by customers and, from ten products on, once by products: the wider one is shown.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import stdtrit

from contracts.params import Inspect
from events.report.reading import Ints, Look
from events.report.weeks import week_numbers

Floats = npt.NDArray[np.float64]
MIN_PRODUCTS = 10
SMALLEST = 1e-6
"""Differences below a millionth are arithmetic."""


@dataclass(frozen=True)
class Gap:
    """A mean relative difference (0.1: the loyal pay 10 % more) with its 95 % interval, NaN where there is none."""

    gap: float
    low: float
    high: float
    n_cells: int
    n_lines: int

    @property
    def is_against_the_loyal(self) -> bool:
        """Whether the whole interval lies above 0."""
        return self.gap > SMALLEST and self.low > SMALLEST


def is_long_standing(look: Look, long_standing_days: int) -> npt.NDArray[np.bool_]:
    """Which lines come from a customer whose first purchase lies at least so many days before the line."""
    customer, day = look.column("customer"), look.column("day")
    first = np.full(look.n_customers, np.iinfo(np.int64).max)
    np.minimum.at(first, customer, day)
    return np.asarray(day - first[customer] >= long_standing_days)


def compared_lines(look: Look, limits: Inspect) -> pd.DataFrame:
    """One row a line in a cell that has both groups: `cell`, `log_price`, `is_long`, `customer`, `product`, `week`."""
    quantity = look.lines.get("quantity", pd.Series(1.0, index=look.lines.index)).to_numpy(dtype=np.float64)
    is_usable = (look.column("product") >= 0) & (quantity > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        log_price = np.log(look.lines["amount"].to_numpy(dtype=np.float64) / quantity)
    key = (look.column("product") * 10_000 + week_numbers(look.column("day"))) * 1_000_000 + look.column("store")
    is_long = is_long_standing(look, limits.long_standing_days)
    chosen = np.flatnonzero(is_usable)
    chosen = chosen[_in_both(key[chosen], is_long[chosen], limits.min_cell_lines)]
    return pd.DataFrame(
        {
            "log_price": log_price[chosen],
            "is_long": is_long[chosen],
            "customer": look.column("customer")[chosen],
            "product": look.column("product")[chosen],
            "week": week_numbers(look.column("day")[chosen]),
            "cell": pd.factorize(key[chosen])[0],
        }
    )


def _in_both(key: Ints, is_long: npt.NDArray[np.bool_], at_least: int) -> npt.NDArray[np.bool_]:
    """Which lines are in a cell with at least so many of either group; most cells hold a line or two."""
    order = np.argsort(key, kind="stable")
    begins = np.flatnonzero(np.diff(key[order], prepend=-1) != 0)
    n_all = np.diff(begins, append=len(key))
    n_long = np.add.reduceat(is_long[order], begins, dtype=np.int64) if len(key) else n_all
    found = np.empty(len(key), dtype=bool)
    found[order] = np.repeat((n_long >= at_least) & (n_all - n_long >= at_least), n_all)
    return found


def price_gap(lines: pd.DataFrame) -> Gap | None:
    """The mean relative difference over cells; None where no cell has both groups."""
    if lines.empty:
        return None
    cell = pd.factorize(lines["cell"])[0]
    x = _within(lines["is_long"].to_numpy(dtype=np.float64), cell)
    y = _within(lines["log_price"].to_numpy(dtype=np.float64), cell)
    weight = float(x @ x)
    slope = float(x @ y) / weight
    score = x * (y - slope * x)
    reach = _reach(score, lines["customer"].to_numpy(), 2) / weight
    reach = np.fmax(reach, _reach(score, lines["product"].to_numpy(), MIN_PRODUCTS) / weight)
    low, high = np.expm1([slope - reach, slope + reach])
    return Gap(float(np.expm1(slope)), float(low), float(high), int(cell.max()) + 1, len(lines))


def _within(values: Floats, cell: Ints) -> Floats:
    """Values less the mean of their cell."""
    return np.asarray(values - (np.bincount(cell, values) / np.bincount(cell))[cell])


def _reach(score: Floats, cluster: Ints, min_clusters: int) -> float:
    """Half the width of the interval (times the weight); NaN with too few clusters."""
    codes, distinct = pd.factorize(cluster)
    n = len(distinct)
    if n < min_clusters:
        return float("nan")
    sums = np.bincount(codes, score)
    return float(stdtrit(n - 1, 0.975) * np.sqrt(n / (n - 1) * (sums @ sums)))


def cell_gaps(lines: pd.DataFrame) -> pd.DataFrame:
    """One row a cell: relative difference `gap` of the groups' (geometric) mean net unit prices, and its `weight`."""
    cell = lines["cell"].to_numpy()
    codes, _ = pd.factorize(cell)
    is_long, log_price = lines["is_long"].to_numpy(dtype=bool), lines["log_price"].to_numpy()
    n_long, n_short = np.bincount(codes, is_long), np.bincount(codes, ~is_long)
    mean_long = np.bincount(codes, log_price * is_long) / n_long
    mean_short = np.bincount(codes, log_price * ~is_long) / n_short
    return pd.DataFrame({"gap": np.expm1(mean_long - mean_short), "weight": n_long * n_short / (n_long + n_short)})


def gaps_by_week(lines: pd.DataFrame) -> pd.DataFrame:
    """One row a Monday week with cells to compare: `week`, `gap`, `low`, `high`, `n_lines`."""
    rows = [(week, found) for week, part in lines.groupby("week") if (found := price_gap(part)) is not None]
    return pd.DataFrame(
        [(week, found.gap, found.low, found.high, found.n_lines) for week, found in rows],
        columns=["week", "gap", "low", "high", "n_lines"],
    )
