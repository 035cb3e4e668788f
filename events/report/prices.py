"""Who pays what: net unit prices of customers of long and of short standing, for the same product, week and store.

Within each cell (product, Monday week, store) the logarithm of the net unit price is compared between the two groups;
cells are averaged with weights n_long·n_short/(n_long + n_short), which is least squares with an effect for each cell.
The 95 % interval is the closed form for clustered data with one coefficient (Liang and Zeger 1986; CR1 and t(G − 1) as
in Cameron and Miller 2015), once by customers and, from ten products on, once by products: the wider one is shown.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import stdtrit

from contracts.params import Inspect
from events.report.look import Look
from events.report.reading import MOST_LINES, Ints
from events.report.spill import Spill
from events.report.weeks import week_numbers

Floats = npt.NDArray[np.float64]
MIN_PRODUCTS = 10
SMALLEST = 1e-6
"""Differences below a millionth are arithmetic."""


LAID_ASIDE = {
    "customer": np.int32, "product": np.int32, "store": np.int32, "week": np.int32, "log_price": np.float64,
    "is_long": np.bool_,
}  # fmt: skip
OF_PRODUCTS = {"product": np.int32, "customer": np.int32, "xx": np.float64, "xy": np.float64}
REACH = float(np.log(2))
"""Half or double."""
BINS = np.linspace(-REACH, REACH, 52)
SHARE_DECIMALS = 9
"""What lies beyond is noise of the order in which cells came."""
LEAST_SHOWN = 0.0005
MIN_PRODUCT_LINES = 10


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


@dataclass
class Clusters:
    """For each cluster (customers or products, by number) the sums of x² and x·y of its lines, and how many it has."""

    n: Ints
    xx: Floats
    xy: Floats

    @classmethod
    def none(cls, n_clusters: int) -> Clusters:
        """Without a line yet."""
        return cls(np.zeros(n_clusters, dtype=np.int64), np.zeros(n_clusters), np.zeros(n_clusters))

    def add(self, cluster: Ints, scored: pd.DataFrame) -> None:
        """Some lines more."""
        self.n += np.bincount(cluster, minlength=len(self.n))
        self.xx += np.bincount(cluster, scored["xx"], len(self.n))
        self.xy += np.bincount(cluster, scored["xy"], len(self.n))

    def reach(self, slope: float, min_clusters: int) -> float:
        """Half the width of the interval; NaN with too few clusters."""
        n = int((self.n > 0).sum())
        if n < min_clusters:
            return float("nan")
        sums = self.xy - slope * self.xx
        return float(stdtrit(n - 1, 0.975) * np.sqrt(n / (n - 1) * (sums @ sums))) / float(self.xx.sum())

    def gap(self, other: Clusters, n_cells: int) -> Gap:
        """The gap with the wider interval: this by customers, the other by products."""
        slope = float(self.xy.sum()) / float(self.xx.sum())
        reach = np.fmax(self.reach(slope, 2), other.reach(slope, MIN_PRODUCTS))
        low, high = np.expm1([slope - reach, slope + reach])
        return Gap(float(np.expm1(slope)), float(low), float(high), n_cells, int(self.n.sum()))


@dataclass(frozen=True)
class Comparison:
    """Who pays what. The `gap`, None where no cell has both groups; by week (`week`, `gap`, `low`, `high`, `n_lines`);
    by product (`number` and the same), of those with a gap against the loyal; and how cells are spread: the share of
    their weight in each of `BINS`, and where both groups pay the same.
    """

    gap: Gap | None = None
    weeks: pd.DataFrame = field(default_factory=pd.DataFrame)
    products: pd.DataFrame = field(default_factory=pd.DataFrame)
    spread: Floats = field(default_factory=lambda: np.zeros(len(BINS) - 1))
    equal: float = 0.0


def compare_prices(look: Look, limits: Inspect) -> Comparison:
    """Look through the store's lines once more, and compare."""
    if "product_id" in look.absent:
        return Comparison()
    with tempfile.TemporaryDirectory(dir=look.standing.root.parent, prefix=".prices-") as folder:
        n_groups = 1 + look.n_lines // MOST_LINES
        of_products = Spill(Path(folder) / "products", OF_PRODUCTS, n_groups)
        customers, products = Clusters.none(look.n_customers), Clusters.none(len(look.standing.products))
        cells, weeks = [], []
        for lines in compared_lines(look, limits, Path(folder) / "weeks", n_groups):
            each, scored = cell_gaps(lines), _scored(lines)
            cells.append((len(each), *_spread(each)))
            customers.add(lines["customer"].to_numpy(), scored)
            products.add(lines["product"].to_numpy(), scored)
            weeks.append(_gaps_by_week(lines))
            of_products.add(lines["product"].to_numpy(), _columns(lines[["product", "customer"]], scored))
        if not weeks:
            return Comparison()
        n_cells, spread, equal, weight = (sum(column) for column in zip(*cells, strict=True))
        by_product = pd.concat([_gaps_by_product(rows) for rows in of_products.groups()], ignore_index=True)
    by_week = pd.concat(weeks).sort_values("week", ignore_index=True)
    shares = np.round(spread / weight, SHARE_DECIMALS)
    return Comparison(customers.gap(products, n_cells), by_week, by_product, shares, equal / weight)


def compared_lines(look: Look, limits: Inspect, folder: Path, n_groups: int = 1) -> Iterator[pd.DataFrame]:
    """One row a line in a cell that has both groups: `cell`, `log_price`, `is_long`, `customer`, `product`, `week`.

    Some weeks after the other, in tables none of which is empty; lines wait in `folder`.
    """
    aside = Spill(folder, LAID_ASIDE, n_groups)
    for lines, _, _ in look.standing.parts(("quantity", "amount")):
        rows = _priced(lines, limits.long_standing_days)
        aside.add(rows["week"], rows)
    for lines in aside.groups():
        product, week, store = (lines[name].to_numpy(dtype=np.int64) for name in ("product", "week", "store"))
        key = (product * 10_000 + week) * 1_000_000 + store
        chosen = np.flatnonzero(_in_both(key, lines["is_long"].to_numpy(), limits.min_cell_lines))
        if len(chosen):
            yield lines.drop(columns="store").iloc[chosen].assign(cell=pd.factorize(key[chosen])[0])


def _priced(lines: pd.DataFrame, long_standing_days: int) -> dict[str, npt.NDArray[Any]]:
    """A part's lines with a product and a quantity: logarithm of the net unit price, and whether the customer's first
    purchase lies long enough before the line.
    """
    quantity = lines["quantity"].to_numpy(dtype=np.float64) if "quantity" in lines.columns else np.ones(len(lines))
    customer, day = lines["customer"].to_numpy(), lines["day"].to_numpy()
    codes, _ = pd.factorize(customer)
    first = np.full(len(lines), np.iinfo(np.int64).max)
    np.minimum.at(first, codes, day)
    usable = np.flatnonzero((lines["product"].to_numpy() >= 0) & (quantity > 0))
    return {
        **{name: lines[name].to_numpy()[usable] for name in ("customer", "product", "store")},
        "week": week_numbers(day[usable]),
        "log_price": np.log(lines["amount"].to_numpy(dtype=np.float64)[usable] / quantity[usable]),
        "is_long": (day - first[codes] >= long_standing_days)[usable],
    }


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
    """The mean relative difference over cells of compared lines; None where no cell has both groups."""
    if lines.empty:
        return None
    scored = _scored(lines)
    return _clustered(lines["customer"], scored).gap(_clustered(lines["product"], scored), lines["cell"].nunique())


def _clustered(cluster: pd.Series, scored: pd.DataFrame) -> Clusters:
    codes, distinct = pd.factorize(cluster)
    found = Clusters.none(len(distinct))
    found.add(codes, scored)
    return found


def _scored(lines: pd.DataFrame) -> pd.DataFrame:
    """What each line adds to the slope: `xx` and `xy`, both less the mean of their cell."""
    cell = pd.factorize(lines["cell"])[0]
    x = _within(lines["is_long"].to_numpy(dtype=np.float64), cell)
    y = _within(lines["log_price"].to_numpy(dtype=np.float64), cell)
    return pd.DataFrame({"xx": x * x, "xy": x * y})


def _within(values: Floats, cell: Ints) -> Floats:
    """Values less the mean of their cell."""
    return np.asarray(values - (np.bincount(cell, values) / np.bincount(cell))[cell])


def cell_gaps(lines: pd.DataFrame) -> pd.DataFrame:
    """One row a cell: relative difference `gap` of the groups' (geometric) mean net unit prices, and its `weight`."""
    codes, _ = pd.factorize(lines["cell"])
    is_long, log_price = lines["is_long"].to_numpy(dtype=bool), lines["log_price"].to_numpy()
    n_long, n_short = np.bincount(codes, is_long), np.bincount(codes, ~is_long)
    mean_long = np.bincount(codes, log_price * is_long) / n_long
    mean_short = np.bincount(codes, log_price * ~is_long) / n_short
    return pd.DataFrame({"gap": np.expm1(mean_long - mean_short), "weight": n_long * n_short / (n_long + n_short)})


def _spread(cells: pd.DataFrame) -> tuple[Floats, float, float]:
    """Weight of cells by bin, of those with equal prices, and of all."""
    gap, weight = cells["gap"].to_numpy(), cells["weight"].to_numpy()
    # the last edge belongs to the last bin
    at = np.searchsorted(BINS[:-1], np.clip(np.log1p(gap), -REACH, REACH), side="right") - 1
    equal = float(weight[np.abs(gap) < LEAST_SHOWN].sum())
    return np.asarray(np.bincount(at, weight, len(BINS) - 1), dtype=np.float64), equal, float(weight.sum())


def _columns(*frames: pd.DataFrame) -> dict[str, npt.NDArray[Any]]:
    return {str(name): frame[name].to_numpy() for frame in frames for name in frame}


def _gaps_by_week(lines: pd.DataFrame) -> pd.DataFrame:
    rows = [(week, found) for week, part in lines.groupby("week") if (found := price_gap(part)) is not None]
    return pd.DataFrame(
        [(week, found.gap, found.low, found.high, found.n_lines) for week, found in rows],
        columns=["week", "gap", "low", "high", "n_lines"],
    )


def _gaps_by_product(rows: pd.DataFrame) -> pd.DataFrame:
    """One row a product that customers of long standing pay more for, beyond chance, from the score of each line."""
    rows = rows.sort_values(["product", "customer"], kind="stable", ignore_index=True)
    first = rows["product"].to_numpy()
    is_product = np.diff(first, prepend=-1) != 0
    is_pair = is_product | (np.diff(rows["customer"].to_numpy(), prepend=-1) != 0)
    product = np.cumsum(is_product) - 1
    xx, xy = (np.bincount(product, rows[name]) for name in ("xx", "xy"))
    slope, n_lines = xy / xx, np.bincount(product)
    pair = np.cumsum(is_pair) - 1
    sums = np.bincount(pair, rows["xy"].to_numpy() - slope[product] * rows["xx"].to_numpy())
    n = np.bincount(product[is_pair]).astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = n / (n - 1) * np.bincount(product[is_pair], sums * sums)
        reach = np.where(n > 1, stdtrit(n - 1, 0.975) * np.sqrt(spread) / xx, np.nan)
    table = pd.DataFrame(
        {
            "number": first[is_product],
            "gap": np.expm1(slope),
            "low": np.expm1(slope - reach),
            "high": np.expm1(slope + reach),
            "n_lines": n_lines,
        }
    )
    return table[(n_lines >= MIN_PRODUCT_LINES) & (table["low"] > LEAST_SHOWN)]
