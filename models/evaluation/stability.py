"""Which features drift between fitting and judging, and which say the same as another."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from models.evaluation import metrics
from models.risk import Flags, Floats, matrix
from models.rows import Rows

N_BINS = 10
SMALLEST_SHARE = 1e-4
DRIFTS_FROM = 0.25
"""Population stability index from which a column is said to drift: the usual rule (below .1 stable, above .25 not)."""

SAME_FROM = 0.95
"""Absolute rank correlation from which two features are one."""

N_SAMPLED = 5000
DECIDED_FROM = 0.02
"""A direction is told only where the AUC of the feature alone is further than this from ½."""


def stability_index(before: Floats, after: Floats) -> float:
    """Population stability index of two sets of shares: Σ (after − before) · ln(after / before).

    >>> round(stability_index(np.array([0.5, 0.5]), np.array([0.4, 0.6])), 4)
    0.0405
    """
    a, b = np.maximum(before, SMALLEST_SHARE), np.maximum(after, SMALLEST_SHARE)
    return float(((b - a) * np.log(b / a)).sum())


def value_drift(before: Floats, after: Floats) -> float:
    """Index of the known values over the tenths of `before`; 0 where either side knows none.

    Each edge is a bin of its own: where one value has much of the mass, as no purchase has, what lies above and below
    it must not be counted with it.
    """
    seen, new = before[~np.isnan(before)], after[~np.isnan(after)]
    if not len(seen) or not len(new):
        return 0.0
    edges = tenths(seen)
    return index_of_counts(
        *(np.bincount(bins_of(edges, values), minlength=2 * len(edges) + 1) for values in (seen, new))
    )


def tenths(values: Floats) -> Floats:
    """The distinct edges between the tenths of the known values; none where nothing is known."""
    known = values[~np.isnan(values)]
    return np.unique(np.quantile(known, np.linspace(0.0, 1.0, N_BINS + 1)[1:-1])) if len(known) else np.array([])


def index_of_counts(before: npt.NDArray[np.int64], after: npt.NDArray[np.int64]) -> float:
    """Population stability index of two sets of counts over the same bins."""
    return stability_index(before / before.sum(), after / after.sum())


def bins_of(edges: Floats, values: Floats) -> npt.NDArray[np.int64]:
    """2k below the k-th edge (and above the one before), 2k + 1 on it."""
    return np.searchsorted(edges, values, side="left") + np.searchsorted(edges, values, side="right")


def missing_drift(before: Floats, after: Floats) -> float:
    """Index of the shares of missing and known values."""
    missing = (float(np.isnan(values).mean()) for values in (before, after))
    return stability_index(*(np.array([share, 1.0 - share]) for share in missing))


def strength(values: Floats, lapsed: Flags) -> float:
    """AUC of the feature alone less ½, missing values as its median: above 0 where more means more risk."""
    known = values[~np.isnan(values)]
    if not len(known) or lapsed.all() or not lapsed.any():
        return 0.0
    return metrics.auc(np.where(np.isnan(values), np.median(known), values), lapsed) - 0.5


def sampled(n_rows: int, seed: int, n_sampled: int = N_SAMPLED) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Positions of at most `n_sampled` rows, drawn without replacement, in order."""
    if n_rows <= n_sampled:
        return np.arange(n_rows)
    return np.sort(np.random.default_rng(seed).choice(n_rows, n_sampled, replace=False))


def rank_correlations(values: Floats) -> Floats:
    """Absolute Spearman correlation of each pair of columns; missing values take the median, constants correlate 0."""
    filled = np.where(np.isnan(values), _medians(values), values)
    ranks = pd.DataFrame(filled).rank().to_numpy(copy=True)
    ranks -= ranks.mean(axis=0)
    length = np.sqrt((ranks**2).sum(axis=0))
    with np.errstate(invalid="ignore", divide="ignore"):
        correlations = (ranks.T @ ranks) / np.outer(length, length)
    return np.asarray(np.abs(np.nan_to_num(correlations, nan=0.0, posinf=0.0, neginf=0.0)))


def _medians(values: Floats) -> Floats:
    return np.array([np.median(known) if len(known := column[~np.isnan(column)]) else 0.0 for column in values.T])


def redundant_groups(correlations: Floats, features: Sequence[str], strengths: Floats) -> dict[str, str]:
    """The feature that leads each one's group: the strongest that it correlates with from .95 on; itself if none.

    Leaders are found from the strongest feature down, so that no two of them say the same.
    """
    leaders: list[int] = []
    led: dict[str, str] = {}
    for place in np.argsort(-np.abs(strengths), kind="stable"):
        leader = next((other for other in leaders if correlations[place, other] >= SAME_FROM), int(place))
        if leader == place:
            leaders.append(leader)
        led[features[place]] = features[leader]
    return led


def feature_facts(fit: Rows, test: Rows, features: Sequence[str], seed: int) -> pd.DataFrame:
    """One row a feature: drift, missing shares, what it says alone on either side, its group, and whether it is stable.

    Stable: neither values nor missing shares drift, and it points the same way in the test rows as in the fit rows.
    """
    chosen = sampled(len(fit.lapsed), seed)
    before, after = matrix(fit.frame.iloc[chosen], features), matrix(test.frame, features)
    lapsed = fit.lapsed[chosen]
    facts = pd.DataFrame(
        {
            "feature": list(features),
            "psi": [value_drift(*pair) for pair in zip(before.T, after.T, strict=True)],
            "psi_missing": [missing_drift(*pair) for pair in zip(before.T, after.T, strict=True)],
            "missing_fit": np.isnan(before).mean(axis=0),
            "missing_test": np.isnan(after).mean(axis=0),
            "strength_fit": [strength(column, lapsed) for column in before.T],
            "strength_test": [strength(column, test.lapsed) for column in after.T],
        }
    ).round(6)
    led = redundant_groups(rank_correlations(before), features, facts["strength_fit"].to_numpy())
    return facts.assign(group=[led[name] for name in features], is_stable=_is_stable(facts))


def _is_stable(facts: pd.DataFrame) -> pd.Series:
    drifts = facts[["psi", "psi_missing"]].max(axis=1) >= DRIFTS_FROM
    sides = facts[["strength_fit", "strength_test"]]
    turns = (sides.abs() > DECIDED_FROM).all(axis=1) & (sides["strength_fit"] * sides["strength_test"] < 0)
    return ~(drifts | turns)
