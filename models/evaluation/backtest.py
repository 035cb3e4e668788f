"""Judging past lists by what happened: one record a replayed week, and all weeks together.

A list is a weight a customer: 1 for the listed, 0 for the others. A random list of the same length gives everyone the
same fraction, so that its sums are expectations in closed form. Worth is counted twice: the margin at stake of the
listed who did lapse, and the expected profit of contacting the list, which rests on the stated acceptance rate.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from contracts import windows
from contracts.params import Evaluate
from contracts.tables import FEATURE_KEYS
from models.evaluation import metrics, profit
from models.evaluation.as_live import Fitted
from models.evaluation.figures import Judged, economics, known, resampled, wilson
from models.risk import Floats

Plain = dict[str, Any]
LIST = "list"
RIVALS = ("random", "most_silent", "biggest_spenders")
RANKED_BY = {"most_silent": "days_since_last_purchase", "biggest_spenders": "amount_182d"}
"""What the rivals that are no chance rank by, the highest first: a feature each."""
N_PERFECT_DRAWS = 1000


def week_rows(scores: pd.DataFrame, features: pd.DataFrame, outcomes: pd.DataFrame, listed: pd.Series) -> pd.DataFrame:
    """One row a customer scored in a replayed week: risk, value at stake, `lapsed`, and a weight for each list.

    `features` and `outcomes` (with `lapsed`) hold the same customers, `listed` the ids on the week's list. The rivals'
    lists are as long as that one; ties go by customer id.
    """
    keys = list(FEATURE_KEYS)
    rows = scores[[*keys, "p_lapse", "value_at_stake"]].sort_values("customer_id", ignore_index=True)
    rows = rows.merge(outcomes[[*keys, "lapsed"]], on=keys, how="left", validate="one_to_one")
    ranked = rows.merge(features[[*keys, *RANKED_BY.values()]], on=keys, how="left", validate="one_to_one")
    is_listed = rows["customer_id"].isin(listed).to_numpy(dtype=np.float64)
    weights = {LIST: is_listed, "random": np.full(len(rows), is_listed.mean())}
    for rival, name in RANKED_BY.items():
        values = np.nan_to_num(ranked[name].to_numpy(dtype=np.float64), nan=-np.inf)
        weights[rival] = np.isin(np.arange(len(rows)), profit.top_k(values, int(is_listed.sum()))).astype(np.float64)
    return rows.assign(lapsed=rows["lapsed"].astype(bool), **{f"in_{name}": weight for name, weight in weights.items()})


def judge_week(rows: pd.DataFrame, before: pd.DataFrame | None, fitted: Fitted, params: Evaluate, seed: int) -> Plain:
    """All figures of one replayed week (`week_rows`); `before` are the rows of the week before, if replayed.

    Money is in store currency, intervals are 95 % over customers. Figures that these rows do not define are null.
    """
    cutoff_on = rows["cutoff_on"].iloc[0]
    record: Plain = {
        "cutoff_on": f"{cutoff_on:%Y-%m-%d}",
        "released": fitted.name,
        "grade": fitted.grade,
        "why": fitted.why,
        "n_training_rows": fitted.n_rows,
        "n_scored": len(rows),
        "lapse_rate": float(rows["lapsed"].mean()),
        "n_listed": int(rows["in_list"].sum()),
        "overlap_with_week_before": overlap(rows, before),
    }
    return known(record | risk_figures(rows, params.n_bootstrap, seed) | list_figures(rows, params))


def judge_all(
    weeks: Sequence[pd.DataFrame], records: Sequence[Plain], params: Evaluate, seed: int, *, label_days: int = 0
) -> Plain:
    """The mean over weeks of every figure, with intervals over customers, each drawn with all their weeks.

    Risks are those of the weeks that had a model; lowest and highest week stand beside the mean.
    """
    rows = pd.concat(list(weeks), ignore_index=True)
    modelled = rows[rows["p_lapse"].notna()].reset_index(drop=True)
    overlaps = [record["overlap_with_week_before"] for record in records]
    shown = [value for value in overlaps if value is not None]
    found: Plain = {
        "n_weeks": len(weeks),
        "n_weeks_with_model": int(modelled["cutoff_on"].nunique()),
        "n_scored": len(rows),
        "n_customers": int(rows["customer_id"].nunique()),
        "lapse_rate": float(rows["lapsed"].mean()),
        "overlap_with_week_before": float(np.mean(shown)) if shown else None,
        **risk_figures(modelled, params.n_bootstrap, seed, label_days),
        **list_figures(rows, params),
    }
    return known(found | {"by_week": spread(records)})


SPREAD = ("lapse_rate", "auc", "log_loss", "bias", "precision", "lift", "profit")


def spread(records: Sequence[Plain]) -> dict[str, Plain]:
    """The lowest and the highest week of some figures: what a season does."""
    found = {}
    for name in SPREAD:
        told = {record["cutoff_on"]: record[name] for record in records if record.get(name) is not None}
        if told:
            low, high = min(told, key=lambda day: told[day]), max(told, key=lambda day: told[day])
            found[name] = {"low": told[low], "low_on": low, "high": told[high], "high_on": high}
    return found


def risk_figures(rows: pd.DataFrame, n_draws: int, seed: int, label_days: int = 0) -> Plain:
    """How good the probabilities were, mean over the rows' cutoffs; nothing where a week had no model."""
    if rows.empty or rows["p_lapse"].isna().any():
        return {}
    p, lapsed = rows["p_lapse"].to_numpy(dtype=np.float64), rows["lapsed"].to_numpy(dtype=bool)
    judged = Judged(
        rows[list(FEATURE_KEYS)], lapsed, customers(rows), windows.day_numbers(rows["cutoff_on"]), {LIST: p}
    )
    values = resampled(judged, n_draws, seed)
    found: Plain = {}
    for name in metrics.METRICS:
        found[name] = values.plain[LIST][name]
        found |= ends(name, metrics.interval(values.drawn[LIST][name]))
    perfect = metrics.perfect_calibration_error(
        p, judged.customer, N_PERFECT_DRAWS, seed, cutoff=judged.cutoff, label_days=label_days
    )
    found["calibration_error"] = metrics.calibration_error(p, lapsed)
    found |= ends("calibration_error_if_perfect", perfect)
    n_at_cutoff = rows.groupby("cutoff_on")["p_lapse"].transform("size").to_numpy()
    return found | total("bias", (p - lapsed) / n_at_cutoff, rows)


def list_figures(rows: pd.DataFrame, params: Evaluate) -> Plain:
    """What the list found and was worth, a week, beside each rival of the same length and the gain over it."""
    terms, lapsed = economics(params), rows["lapsed"].to_numpy(dtype=bool)
    worth = {
        "margin_lost": np.where(lapsed, rows["value_at_stake"].to_numpy(dtype=np.float64), 0.0),
        "profit": np.where(lapsed, terms.won, -terms.spent),
    }
    weights = {name: rows[f"in_{name}"].to_numpy(dtype=np.float64) for name in (LIST, *RIVALS)}
    listed = weights[LIST]
    precision = share(listed @ lapsed, listed.sum())
    found: Plain = {
        "precision": precision,
        **ends("precision", _precision_interval(rows, listed, lapsed)),
        "lift": share(precision, float(lapsed.mean())),
        "share_of_lapses": share(listed @ lapsed, lapsed.sum()),
        "share_of_margin_lost": share(listed @ worth["margin_lost"], worth["margin_lost"].sum()),
        "margin_lost_by_all": float(worth["margin_lost"].sum() / rows["cutoff_on"].nunique()),
    }
    for name, values in worth.items():
        found |= total(name, listed * values, rows)
    for rival in RIVALS:
        found[f"precision_of_{rival}"] = share(weights[rival] @ lapsed, weights[rival].sum())
        for name, values in worth.items():
            found[f"{name}_of_{rival}"] = total(name, weights[rival] * values, rows)[name]
            found |= total(f"{name}_gain_over_{rival}", (listed - weights[rival]) * values, rows)
    return found


def _precision_interval(rows: pd.DataFrame, listed: Floats, lapsed: npt.NDArray[np.bool_]) -> tuple[float, float]:
    """Wilson's within one week; over several, that of the ratio over customers (linearised, Cochran 1977, ch. 6)."""
    n = float(listed.sum())
    if rows["cutoff_on"].nunique() <= 1:
        return wilson(int(listed @ lapsed), int(n))
    ratio = share(listed @ lapsed, n)
    _, low, high = profit.total_with_interval(listed * (lapsed - ratio) / max(n, 1.0), customers(rows), 1)
    return max(0.0, ratio + low), min(1.0, ratio + high)


def overlap(rows: pd.DataFrame, before: pd.DataFrame | None) -> float:
    """Jaccard overlap of two weeks' lists; NaN without a week before, or with two empty lists."""
    if before is None:
        return float("nan")
    now, then = (set(frame.loc[frame["in_list"] > 0, "customer_id"]) for frame in (rows, before))
    return len(now & then) / len(now | then) if now | then else float("nan")


def customers(rows: pd.DataFrame) -> npt.NDArray[np.int64]:
    """A code a customer, one entry a row."""
    return pd.factorize(rows["customer_id"])[0].astype(np.int64)


def total(name: str, values: Floats, rows: pd.DataFrame) -> Plain:
    """A week's total of some values with its interval over customers, mean over the rows' cutoffs."""
    value, low, high = profit.total_with_interval(values, customers(rows), int(rows["cutoff_on"].nunique()))
    return {name: value, **ends(name, (low, high))}


def ends(name: str, interval: tuple[float, float]) -> Plain:
    """An interval's ends under their names."""
    return {f"{name}_low": interval[0], f"{name}_high": interval[1]}


def share(part: float | Floats, whole: float | Floats) -> float:
    """One number as a share of another, NaN of nothing."""
    return float(part) / float(whole) if whole else float("nan")


def terms_told(params: Evaluate, currency: str) -> Mapping[str, str]:
    """What the figures rest on, in words."""
    terms = economics(params)
    return {
        "profit": (
            f"expected profit of contacting the whole list: {terms.acceptance:.0%} of those who would lapse accept "
            f"(an assumption, Beta({terms.alpha:g}, {terms.beta:g})), each kept worth {terms.customer_value:g} "
            f"{currency}; an incentive of {terms.incentive_cost:g} for who accepts or would have stayed, "
            f"{terms.contact_cost:g} a contact. No effect is claimed: nobody was contacted here"
        ),
        "margin_lost": (
            f"value at stake ({currency} of margin) of the listed who did lapse. The list goes by it; profit counts "
            "every customer alike"
        ),
        "rivals": "lists of the same length: at random (expectation), most silent first, biggest spenders first",
    }
