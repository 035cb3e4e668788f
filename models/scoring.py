"""This week's customers: risk, change since last week, value at stake, expected loss, reasons.

Where there is no model, rules stand in: the present silence against the customer's own usual gap. They give a band and
a reason, and no probability.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from contracts.params import Score, Store, Task
from models.candidate import NO_MODEL
from models.reasons import reasons
from models.risk import Floats, RiskModel
from models.value import ValueModel

BANDS = np.array(["low", "medium", "high"])
VERSION_LENGTH = 12


@dataclass(frozen=True)
class Champion:
    """The model in force, its hash and grade ('model' or 'rule')."""

    model: RiskModel
    model_hash: str
    grade: str


def risk_bands(p: Floats, edges: list[float]) -> np.ndarray[tuple[int], np.dtype[np.str_]]:
    """'low', 'medium' or 'high'; an edge belongs to the higher band."""
    return BANDS[np.searchsorted(np.asarray(edges), p, side="right")]


def changes(now: Floats, before: Floats, step: float) -> np.ndarray[tuple[int], np.dtype[np.str_]]:
    """'new' without a risk a week ago, 'up' or 'down' beyond the step, else 'same'."""
    moved = np.nan_to_num(now - before)
    labels = np.where(moved > step, "up", np.where(moved < -step, "down", "same"))
    return np.where(np.isnan(before), "new", labels)


def score(
    now: pd.DataFrame,
    week_before: pd.DataFrame,
    champion: Champion,
    value: ValueModel,
    *,
    store: Store,
    params: Score,
) -> pd.DataFrame:
    """One row per eligible customer. `now` and `week_before` are feature tables of the eligible at the two cutoffs."""
    rows = now[["customer_id", "cutoff_on"]].reset_index(drop=True)
    rows["p_lapse"] = np.round(champion.model.predict(now), 6)
    before = pd.Series(np.round(champion.model.predict(week_before), 6), index=week_before["customer_id"].to_numpy())
    rows["p_lapse_week_before"] = before.reindex(rows["customer_id"]).to_numpy()
    rows["change"] = changes(rows["p_lapse"].to_numpy(), rows["p_lapse_week_before"].to_numpy(), params.change_step)
    rows["risk_band"] = risk_bands(rows["p_lapse"].to_numpy(), params.risk_band_edges)
    rows = rows.assign(**margins(now, value, store.margin_rate))
    rows["expected_loss"] = np.round(rows["p_lapse"] * rows["value_at_stake"], 2)
    rows["reasons"] = explained(now, rows["expected_loss"].to_numpy(), champion.model, params, store.currency)
    rows["model_version"] = champion.model_hash[:VERSION_LENGTH]
    rows["model_grade"] = champion.grade
    return rows


def margins(now: pd.DataFrame, value: ValueModel, margin_rate: float) -> dict[str, Floats]:
    """The columns of `scores` that speak of margin over the value horizon, store currency."""
    found = value.at_stake(now, margin_rate)
    return {
        "margin_if_kept": found.kept,
        "margin_if_lapsed": found.lapsed,
        "value_at_stake": found.stake,
        "value_at_stake_low": found.low,
        "value_at_stake_high": found.high,
    }


def score_by_rules(now: pd.DataFrame, value: ValueModel, *, store: Store, task: Task) -> pd.DataFrame:
    """One row per eligible customer, without any probability: due dates and silence decide. `now` are features."""
    rows = now[["customer_id", "cutoff_on"]].reset_index(drop=True)
    silence = now["days_since_last_purchase"].to_numpy(dtype=np.float64)
    own_gap = now["gap_median_days"].to_numpy(dtype=np.float64)
    shop_gap = shop_gap_days(own_gap, task)
    rows["p_lapse"], rows["p_lapse_week_before"], rows["change"] = np.nan, np.nan, "new"
    rows["risk_band"] = silence_bands(silence, np.where(np.isnan(own_gap), shop_gap, own_gap), task)
    rows = rows.assign(**margins(now, value, store.margin_rate))
    rows["expected_loss"] = np.nan
    rows["reasons"] = [silence_reason(*numbers, shop_gap) for numbers in zip(silence, own_gap, strict=True)]
    rows["model_version"], rows["model_grade"] = "", NO_MODEL
    return rows


def shop_gap_days(own_gap: Floats, task: Task) -> float:
    """What counts as usual for whoever has no gap yet: the median customer's, and the horizon where nobody has one."""
    known = own_gap[~np.isnan(own_gap)]
    return float(np.median(known)) if len(known) else float(task.horizon_days)


def silence_bands(silence: Floats, usual_gap: Floats, task: Task) -> np.ndarray[tuple[int], np.dtype[np.str_]]:
    """'low' until the next purchase is due, 'medium' when overdue, 'high' beyond `rhythm_multiple` usual gaps.

    'high' takes a silence of more than half the horizon as well: three days are nothing, even for who comes daily.
    """
    is_overdue = silence > np.ceil(usual_gap)
    is_long = silence > np.maximum(task.rhythm_multiple * usual_gap, task.horizon_days / 2)
    return BANDS[is_overdue.astype(np.int64) + (is_overdue & is_long)]


def silence_reason(silence: float, own_gap: float, shop_gap: float) -> str:
    """The rule's reason in the customer's own numbers.

    >>> silence_reason(14.0, 6.0, 9.0)
    '14 days since the last purchase, usually 6'
    """
    since = "1 day" if silence == 1 else f"{silence:.0f} days"
    if np.isnan(own_gap):
        return f"{since} since the last purchase; customers here usually come again after {shop_gap:g}"
    due = "" if silence > np.ceil(own_gap) else "; not overdue"
    return f"{since} since the last purchase, usually {own_gap:g}{due}"


def explained(now: pd.DataFrame, expected_loss: Floats, model: RiskModel, params: Score, currency: str) -> list[str]:
    """Reasons for the customers with the highest expected loss, and an empty text for the others."""
    chosen = np.argsort(-expected_loss, kind="stable")[: params.n_explained]
    listed = now.iloc[chosen]
    texts = reasons(listed, model.contributions(listed), model.features, params.n_reasons, currency)
    filled = [""] * len(now)
    for position, text in zip(chosen.tolist(), texts, strict=True):
        filled[position] = text
    return filled
