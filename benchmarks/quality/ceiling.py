"""How near the model comes to what the simulator itself knows, counted from the best rule that a shop could follow."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.quality.results import GAINS, Row, bias_by_cutoff, flat
from benchmarks.quality.truth import BOUNDS, bounds
from contracts.files import read_table
from contracts.params import Params
from contracts.tables import FEATURE_KEYS, SNAPSHOTS
from models.evaluation import metrics
from models.evaluation.figures import Judged, Values, figures, gain, resampled
from models.learners.baselines import BASELINES
from models.recipe.fitting import MODEL
from models.risk import Floats
from simulation.world import world_of

RULES = tuple(name for name in BASELINES if name in ("inactivity", "frequency"))
"""The baselines that are one column and a threshold: what a shop does without any model."""
N_DRAWS = 500


def with_bounds(judged: Judged, home: Path, params: Params) -> Judged:
    """The judged rows with the best rule (of least log loss), and what the simulator itself would say."""
    snapshots = read_table(home / "data" / "snapshots.parquet", SNAPSHOTS)
    horizons = snapshots.loc[snapshots["is_test"], [*FEATURE_KEYS, "horizon_days"]]
    wanted = judged.keys.merge(horizons, on=list(FEATURE_KEYS), how="left", validate="one_to_one")
    known = bounds(world_of(params.ingest.simulation, params.store), wanted)
    rule = best_rule(judged)
    kept = {name: judged.predictions[name] for name in (MODEL, rule)}
    told = {name: known[name].to_numpy(dtype=np.float64) for name in BOUNDS}
    return replace(judged, predictions=kept | told)


def best_rule(judged: Judged) -> str:
    """The rule of least log loss on the judged rows."""

    def loss(name: str) -> float:
        return metrics.plain_metrics(judged.predictions[name], judged.lapsed)["log_loss"]

    return min(RULES, key=loss)


def share_of_gain(values: Values, rule: str, bound: str, metric: str) -> dict[str, float | None]:
    """(model − rule) / (bound − rule) of a metric, with its 95 % interval: 0 is the rule, 1 is the bound.

    Numerator and denominator come from the same resamples of customers. Null where the bound is as good as the rule.
    """

    def share(model: Floats, of_rule: Floats, of_bound: Floats) -> Floats:
        with np.errstate(invalid="ignore", divide="ignore"):
            found: Floats = (model - of_rule) / (of_bound - of_rule)
        return np.where(np.isfinite(found), found, np.nan)

    names = (MODEL, rule, bound)
    plain = share(*(np.array([values.plain[name][metric]]) for name in names))
    low, high = metrics.interval(share(*(values.drawn[name][metric] for name in names)))
    found = {"value": float(plain[0]), "low": low, "high": high}
    return {key: None if np.isnan(value) else value for key, value in found.items()}


def bound_rows(data: str, judged: Judged, params: Params) -> list[Row]:
    """One row a bound: its figures, what the model loses to it (gains below 0), and the model's share of the way to it.

    `judged` is `with_bounds`.
    """
    seed = params.execution.seed
    values = resampled(judged, N_DRAWS, seed)
    rule = next(name for name in judged.predictions if name in RULES)
    facts = {
        "n_rows": len(judged.lapsed),
        "n_customers": int(pd.unique(judged.customer).size),
        "lapse_rate": float(judged.lapsed.mean()),
        "best_rule": rule,
    }
    return [
        {
            "data": data,
            "model": name,
            **figures(judged, values, name, params.evaluate, seed),
            **{
                key: value
                for metric, label in GAINS.items()
                for key, value in (
                    flat(label, gain(values, MODEL, name, metric))
                    | flat(f"model_share_of_{metric}_gain", share_of_gain(values, rule, name, metric))
                ).items()
            },
            "bias_by_cutoff": bias_by_cutoff(judged, name),
            **facts,
        }
        for name in BOUNDS
    ]
