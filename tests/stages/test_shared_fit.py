"""A fit that workers share: the same text in every run and on every cluster, and worth as much as one machine's."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from contracts.errors import ExecutorError
from contracts.params import Params
from models.evaluation.metrics import plain_metrics
from models.learners import trees
from tests.clusters import cluster

TOLERANCE = 0.002
"""Log loss on rows that neither fit has seen: what may lie between one machine's trees and shared ones."""


def table(n_rows: int, seed: int) -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(rng.normal(size=(n_rows, 6)).round(2), columns=list("abcdef"))
    p = 1 / (1 + np.exp(1 - frame["a"] - frame["b"] * (frame["c"] > 0)))
    return frame, rng.random(n_rows) < p.to_numpy()


def test_shared_trees_hang_on_the_parameters_alone(params: Params, tmp_path: Path) -> None:
    frame, lapsed = table(20_000, 1)
    unseen, outcome = table(20_000, 2)
    small = params.train.model_copy(update={"num_trees": 120, "n_bags": 2})
    shared = small.model_copy(update={"share_above_rows": 10_000, "n_machines": 2})
    alone = trees.fit(frame, lapsed, list("abcdef"), small, params.execution)
    with cluster(tmp_path / "cluster", 3) as dask:
        there = params.execution.model_copy(update={"executor": "dask", "scheduler": dask.address})
        found = [trees.fit(frame, lapsed, list("abcdef"), shared, there) for _ in range(2)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Dask's own, about its nannies
        found.append(trees.fit(frame, lapsed, list("abcdef"), shared, params.execution))
    assert found[0].texts == found[1].texts == found[2].texts
    assert found[0].texts != alone.texts
    assert not any("[machines" in text or "[local_listen_port" in text for text in found[0].texts)
    loss = [plain_metrics(model.predict(unseen), outcome)["log_loss"] for model in (alone, found[0])]
    assert abs(loss[0] - loss[1]) < TOLERANCE


def test_a_cluster_with_too_few_workers_is_one_line(params: Params, tmp_path: Path) -> None:
    frame, lapsed = table(300, 1)
    shared = params.train.model_copy(update={"share_above_rows": 100, "n_machines": 2})
    with cluster(tmp_path / "cluster", 1) as dask:
        there = params.execution.model_copy(update={"executor": "dask", "scheduler": dask.address})
        with pytest.raises(ExecutorError, match=r"expected 2 workers to share a fit .*got 1"):
            trees.fit(frame, lapsed, list("abcdef"), shared, there)
