"""A release's figures on the test cutoffs: per cutoff and in the mean, with 95 % intervals over customers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from contracts import windows
from contracts.fit_sample import EVERYONE, FitSample
from contracts.params import Evaluate
from contracts.tables import FEATURE_KEYS
from models.evaluation import metrics, profit
from models.risk import Flags, Floats, RiskModel

Plain = dict[str, Any]
N_PERFECT_DRAWS = 1000


@dataclass(frozen=True)
class Judged:
    """Test rows and what each model said of them. `customer` are codes, `cutoff` day numbers, one entry a row.

    `label_days` are the days of a label's window, which say how far outcomes of one customer overlap; 0: wholly.
    `sample` says of which part of the shop's customers the rows are: lists and their profits are told of the whole.
    """

    keys: pd.DataFrame
    lapsed: Flags
    customer: npt.NDArray[np.int64]
    cutoff: npt.NDArray[np.int64]
    predictions: dict[str, Floats]
    label_days: int = 0
    sample: FitSample = EVERYONE

    @property
    def cutoffs(self) -> npt.NDArray[np.int64]:
        """Distinct cutoffs, in order."""
        return np.unique(self.cutoff)

    def lapsed_at(self, day: int) -> Flags:
        """What happened at one cutoff."""
        return np.asarray(self.lapsed[self.cutoff == day])

    @property
    def two_sided(self) -> list[int]:
        """The cutoffs at which some lapsed and others did not: only there can a ranking be judged."""
        return [int(day) for day in self.cutoffs if 0 < self.lapsed_at(int(day)).sum() < len(self.lapsed_at(int(day)))]


def judge(
    frame: pd.DataFrame,
    lapsed: Flags,
    models: dict[str, RiskModel],
    label_days: int = 0,
    *,
    sample: FitSample = EVERYONE,
) -> Judged:
    """Let every model predict the test rows; probabilities are rounded to 6 decimals, as they are written."""
    predictions = {name: np.round(model.predict(frame), 6) for name, model in models.items()}
    customer = pd.factorize(frame["customer_id"])[0].astype(np.int64)
    keys = frame[list(FEATURE_KEYS)].reset_index(drop=True)
    return Judged(keys, lapsed, customer, windows.day_numbers(frame["cutoff_on"]), predictions, label_days, sample)


def means_over_cutoffs(judged: Judged, p: Floats, weights: Floats) -> dict[str, Floats]:
    """Each metric at each test cutoff, averaged over cutoffs; one value a resample.

    Ranking metrics are averaged over the cutoffs that have both outcomes; NaN where there is none.
    """
    parts = {
        int(day): metrics.all_metrics(
            p[judged.cutoff == day], judged.lapsed[judged.cutoff == day], weights[:, judged.cutoff == day]
        )
        for day in judged.cutoffs
    }
    ranked = judged.two_sided
    return {
        name: _mean([parts[day][name] for day in (ranked if name in metrics.RANKING else parts)], len(weights))
        for name in metrics.METRICS
    }


def _mean(values: Sequence[Floats], n: int) -> Floats:
    return np.asarray(np.mean(values, axis=0)) if len(values) else np.full(n, np.nan)


@dataclass(frozen=True)
class Values:
    """A metric's plain value and its resamples, by model and metric."""

    plain: dict[str, dict[str, float]]
    drawn: dict[str, dict[str, Floats]]


def resampled(judged: Judged, n_draws: int, seed: int) -> Values:
    """Every metric of every model, plain and over resamples of customers (the same resamples for all: paired)."""
    whole = metrics.ones(len(judged.lapsed))
    plain = {
        name: {label: float(value[0]) for label, value in means_over_cutoffs(judged, p, whole).items()}
        for name, p in judged.predictions.items()
    }
    parts: dict[str, list[dict[str, Floats]]] = {name: [] for name in judged.predictions}
    for weights in metrics.customer_weights(judged.customer, n_draws, seed):
        for name, p in judged.predictions.items():
            parts[name].append(means_over_cutoffs(judged, p, weights))
    drawn = {
        name: {label: np.concatenate([chunk[label] for chunk in chunks]) for label in metrics.METRICS}
        for name, chunks in parts.items()
    }
    return Values(plain, drawn)


def gain(values: Values, model: str, rival: str, metric: str) -> Plain:
    """How much better a model is than a rival on the same rows, with the paired interval; positive is better."""
    sign = -1.0 if metric in ("log_loss", "brier") else 1.0
    low, high = metrics.interval(sign * (values.drawn[model][metric] - values.drawn[rival][metric]))
    value = sign * (values.plain[model][metric] - values.plain[rival][metric])
    return known({"value": value, "low": low, "high": high})


def economics(params: Evaluate) -> profit.Economics:
    """The profit figures' terms."""
    return profit.Economics(
        params.customer_value,
        params.incentive_cost,
        params.contact_cost,
        params.save_rate_alpha,
        params.save_rate_beta,
    )


def list_stability(judged: Judged, p: Floats, k: int) -> float:
    """Mean Jaccard overlap of the top K customers of consecutive test cutoffs; NaN with one cutoff."""
    lists = [
        set(judged.customer[judged.cutoff == day][profit.top_k(p[judged.cutoff == day], k)].tolist())
        for day in judged.cutoffs
    ]
    overlaps = [len(a & b) / len(a | b) for a, b in pairwise(lists) if a | b]
    return float(np.mean(overlaps)) if overlaps else float("nan")


def figures(judged: Judged, values: Values, name: str, params: Evaluate, seed: int) -> Plain:
    """All figures of one model: means over test cutoffs with intervals; calibration on the pooled rows.

    In a sample the list of `capacity` is as much shorter as the sample is smaller, and its profit told of the whole.
    """
    p, k = judged.predictions[name], judged.sample.scaled(params.capacity)
    terms = economics(params)
    by_day = [(p[judged.cutoff == day], judged.lapsed_at(int(day))) for day in judged.cutoffs]
    ranked = [profit.best_cuts(p[judged.cutoff == day], judged.lapsed_at(day), terms) for day in judged.two_sided]
    best_profit, best_fraction = np.mean(ranked, axis=0).tolist() if ranked else (float("nan"), float("nan"))
    result: Plain = {}
    for label in metrics.METRICS:
        low, high = metrics.interval(values.drawn[name][label])
        result["auc_mean" if label == "auc" else label] = values.plain[name][label]
        result[f"{label}_low"], result[f"{label}_high"] = low, high
    perfect_low, perfect_high = metrics.perfect_calibration_error(
        p, judged.customer, N_PERFECT_DRAWS, seed, cutoff=judged.cutoff, label_days=judged.label_days
    )
    result |= {
        "calibration_error": metrics.calibration_error(p, judged.lapsed),
        "calibration_error_if_perfect_low": perfect_low,
        "calibration_error_if_perfect_high": perfect_high,
        "bias": float((p - judged.lapsed).mean()),
        "precision_at_capacity": float(np.mean([y[profit.top_k(q, k)].mean() for q, y in by_day])),
        "expected_maximum_profit": best_profit,
        "emp_fraction": best_fraction,
        **profit.list_figures(p, judged.lapsed, judged.customer, len(by_day) * judged.sample.share, terms),
        "profit_at_capacity": params.capacity
        / k
        * float(np.mean([profit.profit_at_capacity(q, y, k, terms) for q, y in by_day])),
        "list_stability": list_stability(judged, p, k),
    }
    return known(result)


def known(figures_: Plain) -> Plain:
    """Figures that are not defined on these rows are null; `absent` says why."""
    return {name: None if isinstance(value, float) and np.isnan(value) else value for name, value in figures_.items()}


def absent(judged: Judged) -> dict[str, str]:
    """Why figures are null or rest on fewer cutoffs, by cutoff or figure; empty where all are defined."""
    ranked = judged.two_sided
    why = {}
    for day in judged.cutoffs:
        if int(day) not in ranked:
            n, n_lapsed = len(judged.lapsed_at(int(day))), int(judged.lapsed_at(int(day)).sum())
            why[windows.day_of(int(day)).isoformat()] = (
                f"{n_lapsed} of {n} customers lapsed: AUC, average precision, lift and maximum profit need both, "
                "so this cutoff is not in their means"
            )
    if len(judged.cutoffs) < 2:
        why["list_stability"] = "one test cutoff: there is no week before to compare its list with"
    return why


def no_report(why: str) -> Plain:
    """`reports/metrics.json` where nothing was fitted: no figure, and why."""
    return {
        "mode": "no model",
        "why": why,
        "test": {},
        "test_cutoffs": [],
        "by_cutoff": [],
        "risk_bands": [],
        "baselines": {},
    }


def headline(found: Plain) -> str:
    """The AUC with its interval and the dates that it was measured on, or that it is not defined."""
    test, days = found["test"], found["test_cutoffs"]
    ends = "" if test["auc_low"] is None else f" [{test['auc_low']:.3f}, {test['auc_high']:.3f}]"
    area = "AUC not defined (one outcome only)" if test["auc_mean"] is None else f"AUC {test['auc_mean']:.3f}{ends}"
    return f"{area}, test cutoffs {days[0]} to {days[-1]}"


def by_cutoff(judged: Judged, name: str) -> list[Plain]:
    """One record a test cutoff: rows, lapse rate, metrics and signed bias of one model."""
    records = []
    for day in judged.cutoffs:
        at = judged.cutoff == day
        p, lapsed = judged.predictions[name][at], judged.lapsed[at]
        record: Plain = {"cutoff_on": windows.day_of(int(day)).isoformat(), "n_rows": int(at.sum())}
        record["lapse_rate"] = float(lapsed.mean())
        record |= metrics.plain_metrics(p, lapsed)
        record["bias"] = float((p - lapsed).mean())
        records.append(known(record))
    return records


def bands(judged: Judged, name: str, edges: Sequence[float]) -> list[Plain]:
    """What became of each risk band: customers, predicted and observed share with a 95 % Wilson interval."""
    p = judged.predictions[name]
    band = np.searchsorted(np.asarray(edges), p, side="right")
    records = []
    for position, label in enumerate(("low", "medium", "high")):
        inside = band == position
        n, n_lapsed = int(inside.sum()), int(judged.lapsed[inside].sum())
        low, high = wilson(n_lapsed, n) if n else (None, None)
        predicted = float(p[inside].mean()) if n else None
        observed = n_lapsed / n if n else None
        records.append(
            {"band": label, "n_rows": n, "predicted": predicted, "observed": observed, "low": low, "high": high}
        )
    return records


def wilson(n_hits: int, n: int) -> tuple[float, float]:
    """95 % interval of a share (Wilson 1927); the whole range for no rows.

    >>> [round(end, 4) for end in wilson(10, 100)]
    [0.0552, 0.1744]
    """
    if n == 0:
        return 0.0, 1.0
    z = profit.Z95
    share = n_hits / n
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z * np.sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return max(0.0, float(middle - half)), min(1.0, float(middle + half))


def report(judged: Judged, values: Values, model: str, params: Evaluate, *, edges: Sequence[float], seed: int) -> Plain:
    """`reports/metrics.json`: the model's figures, per cutoff too, and every baseline's with the gain over it."""
    rivals = [name for name in judged.predictions if name != model]
    days = [windows.day_of(int(day)).isoformat() for day in judged.cutoffs]
    why = absent(judged)
    return {
        **({"absent": why} if why else {}),
        "test": {
            **figures(judged, values, model, params, seed),
            "n_rows": len(judged.lapsed),
            "n_customers": int(judged.customer.max(initial=-1) + 1),
            "lapse_rate": float(judged.lapsed.mean()),
        },
        "test_cutoffs": days,
        "by_cutoff": by_cutoff(judged, model),
        "risk_bands": bands(judged, model, edges),
        "baselines": {
            rival: {
                **figures(judged, values, rival, params, seed),
                "log_loss_gain_of_model": gain(values, model, rival, "log_loss"),
                "auc_gain_of_model": gain(values, model, rival, "auc"),
            }
            for rival in rivals
        },
    }
