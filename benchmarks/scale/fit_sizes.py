"""How many customers a fit needs: the release recipe on samples of one shop, judged on the same rows of everyone.

    python -m benchmarks.scale.fit_sizes <project> [<customers> …]

The project has run as far as `train`. Its snapshots are laid out anew for everyone; the samples are those that
`snapshot.max_fit_customers` would draw, the recipe is the one that `train` chose, fitted anew on each. Judged are all
eligible customers at the test cutoffs, most of whom no sample holds. The interval of what is lost against the largest
fit is paired, over customers, in closed form.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.scale import report
from benchmarks.scale.results import Row
from contracts.files import read_json
from contracts.fit_sample import sample_of
from contracts.params import Params, load_params
from events.store import open_store
from features.engine import feature_batches
from features.plan import choose, recorded
from features.stored_snapshots import lay_out_store
from features.writing import write_features
from models.evaluation.metrics import clustered_error, plain_metrics
from models.evaluation.profit import Z95
from models.learners.calibration import losses
from models.recipe.fitting import MODEL
from models.recipe.refit import refit
from models.risk import Floats, logit
from models.rows import Rows, read_rows

SIZES = (12_500, 25_000, 50_000, 100_000)
EVERYONE = 10**12


def rows_of_all(home: Path, params: Params, names: Sequence[str]) -> tuple[Rows, Rows]:
    """Fitting and test rows of everyone in the project's store, with some features."""
    shelf = open_store(home / "data" / "events")
    everyone = params.model_copy(
        update={"snapshot": params.snapshot.model_copy(update={"max_fit_customers": EVERYONE})}
    )
    listed = lay_out_store(shelf, everyone).rows
    wanted = listed[listed["is_eligible"] & (listed["in_test_fit"] | listed["is_test"])].reset_index(drop=True)
    features = recorded([one for one in choose([]) if one.name in names], shelf.absent)
    with tempfile.TemporaryDirectory(prefix="regulars-fit-sizes-") as folder:
        write_features(Path(folder), feature_batches(shelf, wanted, features, params.task.horizon_days), features)
        return read_rows(folder, wanted, "in_test_fit"), read_rows(folder, wanted, "is_test")


def loss_rows(home: Path, sizes: Sequence[int]) -> list[Row]:
    """One row a size, the largest (everyone) first."""
    params, recipe = load_params(home / "params.yaml"), read_json(home / "artifacts" / "test_fit" / "recipe.json")
    facts = read_json(home / "data" / "events" / "manifest.json")
    fit, test = rows_of_all(home, params, recipe["features"])
    rows: list[Row] = []
    best: Floats = np.zeros(0)
    for most in (facts["customers"], *sorted(sizes, reverse=True)):
        drawn = np.flatnonzero(sample_of(facts["customers"], most).has(fit.frame["customer_id"]))
        seen = fit.take(drawn)
        p = np.round(refit({"name": MODEL, "recipe": recipe}, seen, params.execution).predict(test.frame), 6)
        own = losses(logit(p), test.lapsed)
        best = own if not rows else best
        error = clustered_error(own - best, test.frame["customer_id"].to_numpy())
        found = plain_metrics(p, test.lapsed)
        rows.append(
            {
                "metric": "fit_size",
                "lines": facts["lines_in"],
                "customers": most,
                "fit_rows": len(seen.lapsed),
                "test_rows": len(test.lapsed),
                "log_loss": round(found["log_loss"], 6),
                "auc": round(found["auc"], 5),
                "bias": round(float((p - test.lapsed).mean()), 5),
                "lost": round(float((own - best).mean()), 6),
                "lost_half_width": round(Z95 * error, 6),
            }
        )
        report.say_row(rows[-1])
    return rows


if __name__ == "__main__":
    asked = [int(text) for text in sys.argv[2:]]
    report.record(loss_rows(Path(sys.argv[1]).absolute(), asked or SIZES))
