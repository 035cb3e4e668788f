"""This week's customers: risk, change since last week, value at stake, expected loss, reasons.

Where there is no model, rules stand in: the present silence against the customer's own usual gap. They give a band and
a reason, and no probability.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import chain

import numpy as np
import pandas as pd

from contracts.executor import ALONE, Crew
from contracts.params import Score, Store, Task
from models.candidate import NO_MODEL
from models.reasons import reasons
from models.risk import Floats, RiskModel
from models.value.at_stake import ValueModel

BANDS = np.array(["low", "medium", "high"])
VERSION_LENGTH = 12
ROWS_A_PIECE = 65_536
EXPLAINED_A_PIECE = 512


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
    share_left: Floats | None = None,
    crew: Crew = ALONE,
) -> pd.DataFrame:
    """One row per eligible customer. `now` and `week_before` are feature tables of the eligible at the two cutoffs.

    `share_left` (rows of `now`; models.leaving) is the share of the risk that a contact can act on: a slow customer
    lapses without leaving, and no offer brings a purchase forward that is not due. Without it that is all of p_lapse.
    """
    rows = now[["customer_id", "cutoff_on"]].reset_index(drop=True)
    rows["p_lapse"] = np.round(predicted(champion.model, now, crew), 6)
    earlier = np.round(predicted(champion.model, week_before, crew), 6)
    before = pd.Series(earlier, index=week_before["customer_id"].to_numpy())
    rows["p_lapse_week_before"] = before.reindex(rows["customer_id"]).to_numpy()
    rows["change"] = changes(rows["p_lapse"].to_numpy(), rows["p_lapse_week_before"].to_numpy(), params.change_step)
    rows["risk_band"] = risk_bands(rows["p_lapse"].to_numpy(), params.risk_band_edges)
    rows = rows.assign(**margins(now, value, store.margin_rate, crew))
    rows["p_savable"] = rows["p_lapse"] if share_left is None else np.round(rows["p_lapse"] * share_left, 6)
    rows["expected_loss"] = np.round(rows["p_lapse"] * rows["value_at_stake"], 2)
    why = _Why(champion.model, params.n_reasons, store.currency)
    rows["reasons"] = explained(now, rows["expected_loss"].to_numpy(), why, params.n_explained, crew)
    rows["model_version"] = champion.model_hash[:VERSION_LENGTH]
    rows["model_grade"] = champion.grade
    return rows


def pieces(frame: pd.DataFrame, n_rows: int = ROWS_A_PIECE) -> Iterator[pd.DataFrame]:
    """A table's rows in order, so many at a time; a table without rows is one empty piece."""
    return (frame.iloc[at : at + n_rows] for at in range(0, max(len(frame), 1), n_rows))


def predicted(model: RiskModel, frame: pd.DataFrame, crew: Crew = ALONE) -> Floats:
    """`p_lapse`, one a row of the feature table."""
    read = frame[[name for name in frame.columns if name in set(model.features)]]
    return np.concatenate(list(crew.map(partial(predict_piece, model), pieces(read))))


def predict_piece(model: RiskModel, frame: pd.DataFrame) -> Floats:
    """`p_lapse` of some rows."""
    return model.predict(frame)


def margins(now: pd.DataFrame, value: ValueModel, margin_rate: float, crew: Crew = ALONE) -> dict[str, Floats]:
    """The columns of `scores` that speak of margin over the value horizon, store currency."""
    parts = list(crew.map(partial(value_piece, value, margin_rate), pieces(now)))
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def value_piece(value: ValueModel, margin_rate: float, now: pd.DataFrame) -> dict[str, Floats]:
    """The same of some rows."""
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


@dataclass(frozen=True)
class _Why:
    """What reasons hang on beside the customer: the model, how many, the currency."""

    model: RiskModel
    n_reasons: int
    currency: str


def explained(now: pd.DataFrame, expected_loss: Floats, why: _Why, n_explained: int, crew: Crew = ALONE) -> list[str]:
    """Reasons for the customers with the highest expected loss, and an empty text for the others."""
    chosen = np.argsort(-expected_loss, kind="stable")[:n_explained]
    texts = crew.map(partial(explain_piece, why), pieces(now.iloc[chosen], EXPLAINED_A_PIECE))
    filled = [""] * len(now)
    for position, text in zip(chosen.tolist(), chain.from_iterable(texts), strict=True):
        filled[position] = text
    return filled


def explain_piece(why: _Why, listed: pd.DataFrame) -> list[str]:
    """Reasons of some rows."""
    model = why.model
    return reasons(listed, model.contributions(listed), model.features, why.n_reasons, why.currency)
