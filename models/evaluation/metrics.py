"""How good a prediction is. Every metric takes weights, so that a bootstrap is the same code with other weights.

`weights` has one row a resample and one column a prediction (counts of the customer's draws); the plain value is one
row of ones. Results have one entry a resample.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from models.risk import Flags, Floats

N_BINS = 10
TOP_SHARE = 0.1
TINY = 1e-15
INTERVAL = (0.025, 0.975)


def ones(n: int) -> Floats:
    """The weights of the plain value."""
    return np.ones((1, n))


def by_score(p: Floats, lapsed: Flags, weights: Floats) -> tuple[Floats, Floats]:
    """Weight of the lapsed and of the kept at each distinct score, the highest first."""
    order = np.argsort(-p, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(p[order]) != 0])
    sorted_weights = weights[:, order]
    is_lapsed = lapsed[order]
    gone = np.add.reduceat(np.where(is_lapsed, sorted_weights, 0.0), starts, axis=1)
    kept = np.add.reduceat(np.where(is_lapsed, 0.0, sorted_weights), starts, axis=1)
    return gone, kept


def weighted_auc(gone: Floats, kept: Floats) -> Floats:
    """Area under the ROC curve; ties count half. NaN where one class is absent."""
    kept_above = np.cumsum(kept, axis=1) - kept
    total_gone, total_kept = gone.sum(axis=1), kept.sum(axis=1)
    below = total_kept[:, None] - kept_above - kept / 2.0
    with np.errstate(invalid="ignore"):
        area: Floats = (gone * below).sum(axis=1) / (total_gone * total_kept)
    return area


def weighted_average_precision(gone: Floats, kept: Floats) -> Floats:
    """Average precision: mean precision at each lapsed customer, in order of score."""
    found, listed = np.cumsum(gone, axis=1), np.cumsum(gone + kept, axis=1)
    with np.errstate(invalid="ignore"):
        precision = np.where(listed > 0, found / np.maximum(listed, TINY), 0.0)
        value: Floats = (gone * precision).sum(axis=1) / gone.sum(axis=1)
    return value


def weighted_lift(gone: Floats, kept: Floats, share: float = TOP_SHARE) -> Floats:
    """Lapse rate in the top share by score over the rate of all; a tie at the edge counts in proportion."""
    both = gone + kept
    listed = np.cumsum(both, axis=1)
    total = listed[:, -1:]
    inside = np.clip((share * total - (listed - both)) / np.maximum(both, TINY), 0.0, 1.0)
    with np.errstate(invalid="ignore"):
        rate = (gone * inside).sum(axis=1) / (share * total[:, 0])
        lift: Floats = rate / (gone.sum(axis=1) / total[:, 0])
    return lift


def weighted_brier(p: Floats, lapsed: Flags, weights: Floats) -> Floats:
    """Mean squared error of the probability (Brier 1950)."""
    with np.errstate(invalid="ignore"):  # a resample may draw nobody of a small cutoff
        value: Floats = weights @ (p - lapsed) ** 2 / weights.sum(axis=1)
    return value


def weighted_log_loss(p: Floats, lapsed: Flags, weights: Floats) -> Floats:
    """Mean negative log likelihood, nats."""
    kept = np.clip(p, 1e-7, 1.0 - 1e-7)
    with np.errstate(invalid="ignore"):
        value: Floats = weights @ -np.log(np.where(lapsed, kept, 1.0 - kept)) / weights.sum(axis=1)
    return value


METRICS = ("auc", "average_precision", "lift_at_10", "brier", "log_loss")
RANKING = ("auc", "average_precision", "lift_at_10")
"""Those that need both outcomes: where all lapsed, or nobody, they are not defined."""


def all_metrics(p: Floats, lapsed: Flags, weights: Floats) -> dict[str, Floats]:
    """Each of `METRICS`, one value a resample; the ranking is sorted once for all of them."""
    gone, kept = by_score(p, lapsed, weights)
    return {
        "auc": weighted_auc(gone, kept),
        "average_precision": weighted_average_precision(gone, kept),
        "lift_at_10": weighted_lift(gone, kept),
        "brier": weighted_brier(p, lapsed, weights),
        "log_loss": weighted_log_loss(p, lapsed, weights),
    }


def plain_metrics(p: Floats, lapsed: Flags) -> dict[str, float]:
    """Each of `METRICS` on the rows as they are."""
    return {name: float(values[0]) for name, values in all_metrics(p, lapsed, ones(len(p))).items()}


def auc(p: Floats, lapsed: Flags) -> float:
    """Area under the ROC curve."""
    return float(weighted_auc(*by_score(p, lapsed, ones(len(p))))[0])


def equal_count_bins(p: Floats, n_bins: int = N_BINS) -> npt.NDArray[np.int64]:
    """Bin of each prediction: ten bins of equal count by rank."""
    rank = np.empty(len(p), dtype=np.int64)
    rank[np.argsort(p, kind="stable")] = np.arange(len(p))
    return rank * n_bins // max(len(p), 1)


def calibration_error(p: Floats, lapsed: Flags) -> float:
    """Mean gap between predicted and observed share over ten equal-count bins, weighted by count."""
    bins = equal_count_bins(p)
    gap = np.abs(np.bincount(bins, p - lapsed, minlength=N_BINS))
    return float(gap.sum() / len(p))


def perfect_calibration_error(
    p: Floats,
    customer: npt.NDArray[np.int64],
    n_draws: int,
    seed: int,
    *,
    cutoff: npt.NDArray[np.int64] | None = None,
    label_days: int = 0,
) -> tuple[float, float]:
    """The middle 95 % of what a perfectly calibrated model would show on rows with these probabilities.

    A customer's outcomes move together as far as their windows overlap: each draw gives a customer a normal increment
    for every stretch of days, and an outcome hangs on the sum over its own window (a Gaussian copula whose correlation
    is the share of days in common). Without cutoffs (day numbers) and `label_days`, one number stands for all cutoffs.
    """
    rng = np.random.default_rng(seed)
    bins = equal_count_bins(p)
    days = np.zeros(len(p), dtype=np.int64) if cutoff is None or not label_days else cutoff
    distinct, position = np.unique(days, return_inverse=True)
    shares = _shared_stretches(distinct, max(label_days, 1))
    threshold = ndtri(np.clip(p, TINY, 1.0 - TINY))
    n_customers = int(customer.max(initial=0)) + 1
    shown = []
    for _ in range(n_draws):
        latent = rng.standard_normal((n_customers, shares.shape[1])) @ shares.T
        happened = latent[customer, position] < threshold
        shown.append(np.abs(np.bincount(bins, p - happened)).sum() / len(p))
    low, high = np.quantile(shown, INTERVAL)
    return float(low), float(high)


def _shared_stretches(cutoffs: npt.NDArray[np.int64], label_days: int) -> Floats:
    """Rows of unit length, one a cutoff: roots of each stretch's share of its window. Their products are overlaps."""
    edges = np.unique(np.concatenate([cutoffs, cutoffs + label_days]))
    starts, lengths = edges[:-1], np.diff(edges)
    inside = (starts >= cutoffs[:, None]) & (starts < cutoffs[:, None] + label_days)
    return np.asarray(np.sqrt(inside * lengths / label_days))


def customer_weights(
    customer: npt.NDArray[np.int64], n_draws: int, seed: int, values_at_once: int = 20_000_000
) -> Iterator[Floats]:
    """Bootstrap over customers: how often each row's customer was drawn, in chunks of shape (draws, rows).

    The draws are the same whatever the chunk; `values_at_once` bounds the memory.
    """
    rng = np.random.default_rng(seed)
    n_customers = int(customer.max(initial=0)) + 1
    chance = np.full(n_customers, 1.0 / n_customers)
    at_once = max(1, values_at_once // max(len(customer), n_customers))
    for start in range(0, n_draws, at_once):
        draws = rng.multinomial(n_customers, chance, size=min(at_once, n_draws - start))
        yield draws[:, customer].astype(np.float64)


def clustered_error(values: Floats, cluster: npt.NDArray[np.generic]) -> float:
    """Standard error of the mean of values that come in clusters (a customer's rows move together).

    The root of the clusters' squared sums of deviations over the number of values: the closed form of a bootstrap
    over clusters of a mean (Cameron and Miller 2015), without its small-sample factor.
    """
    code = np.unique(cluster, return_inverse=True)[1]
    sums = np.bincount(code, values - values.mean())
    return float(np.sqrt((sums**2).sum()) / len(values))


def interval(drawn: Floats) -> tuple[float, float]:
    """Percentile interval, 95 %; resamples without both classes are left out."""
    known = drawn[~np.isnan(drawn)]
    if not len(known):
        return float("nan"), float("nan")
    low, high = np.quantile(known, INTERVAL)
    return float(low), float(high)
