"""Snapshots: which customers are judged at which cutoff and, where the window has matured, what happened.

Where the history gives too few labels for any model, only this week and the one before are laid out, and why is said.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
import pandas as pd

from contracts import windows
from contracts.params import Snapshot, Task
from features.customer_days import CustomerDays, DayBook

Flags = npt.NDArray[np.bool_]
MODEL = "model"
NO_MODEL = "no model"


def eligible(known: CustomerDays, cutoff: date, task: Task) -> Flags:
    """A flag a customer code: enough purchase days before the cutoff, one of them in the active window."""
    past = known.before(cutoff)
    is_recent = windows.trailing(past.day, cutoff, task.active_days)
    return (past.count() >= task.min_purchase_days) & (past.count(is_recent) > 0)


def usual_gap_days(known: CustomerDays, cutoff: date) -> npt.NDArray[np.float64]:
    """Median days between purchase days before the cutoff, a customer code; NaN with fewer than two."""
    past = known.before(cutoff)
    order = np.lexsort((past.day, past.customer))
    customer, day = past.customer[order], past.day[order]
    is_next = customer[1:] == customer[:-1]
    median = pd.Series(np.diff(day)[is_next]).groupby(customer[1:][is_next]).median()
    return median.reindex(np.arange(len(past.customers))).to_numpy(dtype=np.float64)


def horizons(known: CustomerDays, cutoff: date, task: Task) -> npt.NDArray[np.int64]:
    """Days that the label looks ahead, a customer code: one for all, or by the gap known at the cutoff."""
    if task.label == "flat":
        return np.full(len(known.customers), task.horizon_days, dtype=np.int64)
    gaps = usual_gap_days(known, cutoff)
    return windows.own_horizons(gaps, task.rhythm_multiple, task.horizon_days, task.max_horizon_days)


def lapsed(
    days: CustomerDays, cutoff: date, end: date, task: Task, horizon_days: npt.NDArray[np.int64] | None = None
) -> Flags:
    """A flag a customer code: no purchase day in the horizon, which is `task.horizon_days` unless given by code.

    Raises:
        TimeError: the longest horizon and its grace reach past data end.
    """
    windows.refuse_unmatured(cutoff, task.longest_horizon_days, end, task.label_grace_days)
    ahead = task.horizon_days if horizon_days is None else horizon_days[days.customer]
    return np.asarray(days.count(windows.following(days.day, cutoff, ahead)) == 0)


def amount_after(days: CustomerDays, cutoff: date, end: date, window_days: int) -> npt.NDArray[np.float64]:
    """What each customer code paid in `[cutoff, cutoff + window_days)`, store currency.

    Raises:
        TimeError: the window reaches past data end.
    """
    windows.refuse_unmatured(cutoff, window_days, end)
    bought = windows.following(days.day, cutoff, window_days)
    return days.count(np.where(bought, days.amount, 0.0)).round(2)


def _judged_at(book: DayBook, cutoff: date, end: date, task: Task, plan: windows.Calendar) -> pd.DataFrame:
    """The rows of one cutoff: eligibility and horizon by what was known then, labels by all that is known today."""
    known = book.known_at(cutoff)
    is_eligible = eligible(known, cutoff, task)
    ever_bought = known.before(cutoff).count().astype(bool)
    kept = ever_bought if cutoff == plan.scored else is_eligible
    ahead = horizons(known, cutoff, task)
    rows = pd.DataFrame({"customer_id": known.customers[kept].astype(str), "is_eligible": is_eligible[kept]})
    rows["cutoff_on"] = pd.Timestamp(cutoff)
    rows["in_test_fit"] = cutoff in plan.fit
    rows["in_release_fit"] = cutoff in plan.release
    rows["is_test"] = cutoff in plan.test
    rows["is_previous"] = cutoff == plan.previous
    rows["is_scored"] = cutoff == plan.scored
    rows["horizon_days"] = ahead[kept]
    rows["lapsed"] = pd.array([pd.NA] * len(rows), dtype="boolean")
    rows["amount_in_value_horizon"] = np.nan
    if windows.is_matured(cutoff, task.longest_horizon_days, end, task.label_grace_days):
        rows["lapsed"] = pd.array(lapsed(book.final, cutoff, end, task, ahead)[kept], dtype="boolean")
    if windows.is_matured(cutoff, task.value_horizon_days, end, task.label_grace_days):
        rows["amount_in_value_horizon"] = amount_after(book.final, cutoff, end, task.value_horizon_days)[kept]
    return rows


def snapshots(book: DayBook, plan: windows.Calendar, end: date, task: Task) -> pd.DataFrame:
    """One row per customer and cutoff: the eligible, and at the scored cutoff everyone who ever bought."""
    rows = [_judged_at(book, cutoff, end, task, plan) for cutoff in plan.all]
    return pd.concat(rows, ignore_index=True).sort_values(["cutoff_on", "customer_id"], ignore_index=True)


@dataclass(frozen=True)
class Laid:
    """A run's cutoffs and snapshots. `why` is empty with a model; without one it says, with numbers, why there is none.

    Without a model nothing is fitted or judged: the calendar holds the scored week and the one before alone.
    """

    plan: windows.Calendar
    rows: pd.DataFrame
    why: str

    def as_json(self, end: date) -> dict[str, str | list[str]]:
        """`data/cutoffs.json`: the cutoffs, the mode ('model' or 'no model') and why."""
        return {**self.plan.as_json(end), "mode": NO_MODEL if self.why else MODEL, "why": self.why or _counted(self)}


def cutoffs_of(first_sale_on: date, end: date, task: Task, params: Snapshot) -> windows.Calendar:
    """The cutoffs of a run whose data end at `end`.

    Raises:
        HistoryError: the history leaves no training cutoff.
    """
    return windows.calendar(
        first_sale_on,
        end,
        horizon_days=task.longest_horizon_days,
        grace_days=task.label_grace_days,
        min_history_days=params.min_history_days,
        n_test=params.n_test_cutoffs,
        train_every_weeks=params.train_every_weeks,
    )


def judged_at(book: DayBook, cutoffs: Sequence[date], end: date, task: Task) -> pd.DataFrame:
    """The eligible at some cutoffs, of whatever run: their rows as in `snapshots`, labelled where that has matured."""
    nothing = windows.Calendar((), (), (), cutoffs[-1], cutoffs[-1])
    rows = pd.concat([_judged_at(book, cutoff, end, task, nothing) for cutoff in cutoffs], ignore_index=True)
    return rows[rows["is_eligible"]].reset_index(drop=True)


def lay_out(book: DayBook, first_sale_on: date, end: date, task: Task, params: Snapshot) -> Laid:
    """Lay out the cutoffs and judge the customers at each, or find that there is too little for any model.

    Raises:
        TimeError: no sale lies before the scored Monday.
    """
    nothing = windows.unlabelled(first_sale_on, end)
    try:
        plan = cutoffs_of(first_sale_on, end, task, params)
    except windows.HistoryError as short:
        return Laid(nothing, snapshots(book, nothing, end, task), str(short))
    rows = snapshots(book, plan, end, task)
    why = too_few_labels(rows, params)
    return Laid(nothing, snapshots(book, nothing, end, task), why) if why else Laid(plan, rows, "")


def too_few_labels(rows: pd.DataFrame, params: Snapshot) -> str:
    """Why the snapshots hold too few labels for a model, with the numbers; '' if they hold enough."""
    n, n_lapsed, n_judged = label_counts(rows)
    counted = f"{n} matured labels before the first test cutoff, {n_lapsed} lapsed and {n - n_lapsed} kept"
    if n < params.min_labels:
        return f"too few labels: {counted}; expected at least {params.min_labels} (snapshot.min_labels)"
    if min(n_lapsed, n - n_lapsed) < params.min_outcomes:
        return f"too few outcomes: {counted}; expected at least {params.min_outcomes} of each (snapshot.min_outcomes)"
    return "" if n_judged else f"nobody to judge: {counted}, but no customer is eligible at any test cutoff"


def label_counts(rows: pd.DataFrame) -> tuple[int, int, int]:
    """Labels of the test fit, how many of them lapsed, and the rows that judge it."""
    training = rows.loc[rows["in_test_fit"] & rows["is_eligible"], "lapsed"]
    return len(training), int(training.sum()), int((rows["is_test"] & rows["is_eligible"]).sum())


def _counted(laid: Laid) -> str:
    n, n_lapsed, n_judged = label_counts(laid.rows)
    return f"{n} matured labels to learn from, {n_lapsed} lapsed and {n - n_lapsed} kept; {n_judged} to judge by"
