"""One LightGBM fit by one machine, and shared by two workers of this one: seconds, and how far the models lie apart.

    python -m benchmarks.scale.shared_fit [<rows> …]

Rows are random normals, 40 columns, 60 trees of the default recipe, one bag, two thirds fitted and one third judged.
Wall seconds of a shared fit include the begin of its workers, which a cluster that stands would not need.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass

import numpy as np
import pandas as pd

from benchmarks.scale import report
from benchmarks.scale.results import Row
from contracts.params import LightGbm, Params, load_params
from models.evaluation.metrics import plain_metrics
from models.learners import trees
from models.risk import Flags

N_COLUMNS, N_TREES = 40, 60
SIZES = (30_000, 300_000)


@dataclass(frozen=True)
class Drawn:
    """Random rows and whether each lapsed."""

    frame: pd.DataFrame
    lapsed: Flags

    @classmethod
    def of(cls, n_rows: int, seed: int = 5) -> Drawn:
        """So many rows; two columns and a product of two decide."""
        rng = np.random.default_rng(seed)
        frame = pd.DataFrame(rng.normal(size=(n_rows, N_COLUMNS)), columns=[f"x{k}" for k in range(N_COLUMNS)])
        log_odds = frame["x0"] + 0.5 * frame["x1"] * frame["x2"] - 1.0
        return cls(frame, np.asarray(rng.random(n_rows) < 1 / (1 + np.exp(-log_odds.to_numpy()))))


def fitted(drawn: Drawn, recipe: LightGbm, params: Params) -> tuple[float, float]:
    """Wall seconds of a fit on the first two thirds, and its log loss on the last."""
    n = 2 * len(drawn.lapsed) // 3
    began = time.perf_counter()
    model = trees.fit(drawn.frame[:n], drawn.lapsed[:n], list(map(str, drawn.frame)), recipe, params.execution)
    seconds = time.perf_counter() - began
    return seconds, plain_metrics(model.predict(drawn.frame[n:]), drawn.lapsed[n:])["log_loss"]


def main(sizes: list[int]) -> None:
    """Fit both ways at each size, and keep rows."""
    params = load_params()
    alone = params.train.model_copy(update={"num_trees": N_TREES, "n_bags": 1})
    rows: list[Row] = []
    for n_rows in sizes:
        drawn = Drawn.of(n_rows)
        for workers, recipe in ((1, alone), (2, alone.model_copy(update={"share_above_rows": 1}))):
            seconds, loss = fitted(drawn, recipe, params)
            rows.append(
                {
                    "metric": "shared_fit",
                    "lines": n_rows,
                    "workers": workers,
                    "wall_s": round(seconds, 2),
                    "log_loss": round(loss, 5),
                }
            )
            report.say_row(rows[-1])
    report.record(rows)


if __name__ == "__main__":
    main([int(text) for text in sys.argv[1:]] or list(SIZES))
