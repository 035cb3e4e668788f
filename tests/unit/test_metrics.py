from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, brier_score_loss, log_loss, roc_auc_score

from models.evaluation import metrics

ROWS = st.lists(st.tuples(st.integers(0, 9), st.booleans(), st.integers(0, 3)), min_size=4, max_size=40)


def arrays(rows: list[tuple[int, bool, int]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    p = np.array([row[0] / 10 + 0.05 for row in rows])
    return p, np.array([row[1] for row in rows]), np.array([row[2] for row in rows], dtype=float)


@given(ROWS)
def test_weighted_metrics_equal_scikit_learn(rows: list[tuple[int, bool, int]]) -> None:
    p, lapsed, n = arrays(rows)
    repeated, again = np.repeat(p, n.astype(int)), np.repeat(lapsed, n.astype(int))
    if again.all() or not again.any():
        return
    pairs = {
        "auc": roc_auc_score(again, repeated),
        "average_precision": average_precision_score(again, repeated),
        "brier": brier_score_loss(again, repeated),
        "log_loss": log_loss(again, repeated),
    }
    for name, expected in pairs.items():
        assert metrics.all_metrics(p, lapsed, n[None, :])[name][0] == pytest.approx(expected, abs=1e-9), name


def test_lift_by_hand() -> None:
    p = np.array([0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.05])
    lapsed = np.array([True, False, True, False, False, False, False, False, False, False])
    ranked = metrics.by_score(p, lapsed, metrics.ones(10))
    assert metrics.weighted_lift(*ranked)[0] == pytest.approx(5.0)  # 1 of 1 listed against 2 of 10
    assert metrics.weighted_lift(*ranked, share=0.2)[0] == pytest.approx(2.5)
    tied = metrics.by_score(np.full(10, 0.5), lapsed, metrics.ones(10))
    assert metrics.weighted_lift(*tied)[0] == pytest.approx(1.0)


def test_calibration_error_by_hand() -> None:
    p = np.repeat([0.1, 0.9], 10)
    lapsed = np.r_[np.zeros(10, bool), np.ones(10, bool)]
    assert metrics.calibration_error(p, lapsed) == pytest.approx(0.1)


def test_bins_are_of_equal_count() -> None:
    counts = np.bincount(metrics.equal_count_bins(np.random.default_rng(1).random(105)))
    assert counts.min() >= 10
    assert counts.max() <= 11


def test_a_perfect_model_lies_in_its_own_band_and_a_biased_one_above(rng: np.random.Generator) -> None:
    p = rng.beta(1, 5, 6000)
    customer = np.arange(6000)
    low, high = metrics.perfect_calibration_error(p, customer, 300, seed=3)
    inside = [low <= metrics.calibration_error(p, rng.random(6000) < p) <= high for _ in range(40)]
    assert np.mean(inside) >= 0.8
    assert metrics.calibration_error(p, rng.random(6000) < np.clip(p + 0.05, 0, 1)) > high


def test_outcomes_of_one_customer_move_together_as_far_as_their_windows_overlap() -> None:
    days = np.array([0, 7, 14, 56])
    shares = metrics._shared_stretches(days, 28)
    common = np.clip(28 - np.abs(days[:, None] - days), 0, None) / 28  # days in common, by hand
    assert shares @ shares.T == pytest.approx(common)
    p, customer = np.full(4000, 0.3), np.tile(np.arange(1000), 4)

    def high(cutoff: np.ndarray | None) -> float:
        return metrics.perfect_calibration_error(p, customer, 200, 1, cutoff=cutoff, label_days=28)[1]

    apart, weekly, together = high(np.repeat([0, 28, 56, 84], 1000)), high(np.repeat([0, 7, 14, 21], 1000)), high(None)
    assert apart < weekly < together


def test_the_bootstrap_draws_customers_whole_and_whatever_the_chunk() -> None:
    customer = np.array([0, 0, 1, 2, 2, 2])
    whole = np.concatenate(list(metrics.customer_weights(customer, 50, seed=1)))
    parts = np.concatenate(list(metrics.customer_weights(customer, 50, seed=1, values_at_once=18)))
    np.testing.assert_array_equal(whole, parts)
    assert (whole[:, 0] == whole[:, 1]).all()
    assert (whole[:, [0, 2, 3]].sum(axis=1) == 3).all()


def test_a_bootstrap_interval_covers(scores_and_labels: pd.DataFrame) -> None:
    """The bootstrap's spread of the Brier score equals the closed form of a mean's standard error."""
    p, lapsed = (scores_and_labels[name].to_numpy() for name in ("p", "lapsed"))
    weights = np.concatenate(list(metrics.customer_weights(np.arange(len(p)), 4000, seed=5)))
    spread = metrics.weighted_brier(p, lapsed, weights).std()
    assert spread == pytest.approx(((p - lapsed) ** 2).std() / np.sqrt(len(p)), rel=0.05)


def test_a_clustered_error_is_that_of_a_bootstrap_over_clusters(rng: np.random.Generator) -> None:
    cluster = np.repeat(np.arange(200), rng.integers(1, 6, 200))
    values = rng.normal(size=200)[cluster] + rng.normal(size=len(cluster)) / 2
    drawn = np.concatenate(
        [(weights @ values) / weights.sum(axis=1) for weights in metrics.customer_weights(cluster, 4000, 1)]
    )
    assert metrics.clustered_error(values, cluster) == pytest.approx(drawn.std(), rel=0.05)
    alone = np.arange(len(values))
    assert metrics.clustered_error(values, alone) == pytest.approx(values.std() / np.sqrt(len(values)))
