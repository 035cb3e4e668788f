"""Snapshots: which customers are judged at which cutoff and, where the window has matured, what happened."""

from __future__ import annotations

from datetime import date

import numpy as np
import numpy.typing as npt
import pandas as pd

from contracts import windows
from contracts.params import Task
from features.customer_days import CustomerDays

Flags = npt.NDArray[np.bool_]


def eligible(days: CustomerDays, cutoff: date, task: Task) -> Flags:
    """A flag a customer code: enough purchase days before the cutoff, one of them in the active window."""
    past = days.before(cutoff)
    is_recent = windows.trailing(past.day, cutoff, task.active_days)
    return (past.count() >= task.min_purchase_days) & (past.count(is_recent) > 0)


def lapsed(days: CustomerDays, cutoff: date, end: date, task: Task) -> Flags:
    """A flag a customer code: no purchase day in the horizon.

    Raises:
        TimeError: the horizon and its grace reach past data end.
    """
    windows.refuse_unmatured(cutoff, task.horizon_days, end, task.label_grace_days)
    bought = windows.following(days.day, cutoff, task.horizon_days)
    return np.asarray(days.count(bought) == 0)


def amount_after(days: CustomerDays, cutoff: date, end: date, window_days: int) -> npt.NDArray[np.float64]:
    """What each customer code paid in `[cutoff, cutoff + window_days)`, store currency.

    Raises:
        TimeError: the window reaches past data end.
    """
    windows.refuse_unmatured(cutoff, window_days, end)
    bought = windows.following(days.day, cutoff, window_days)
    return days.count(np.where(bought, days.amount, 0.0)).round(2)


def _judged_at(days: CustomerDays, cutoff: date, end: date, task: Task, plan: windows.Calendar) -> pd.DataFrame:
    is_eligible = eligible(days, cutoff, task)
    ever_bought = days.before(cutoff).count().astype(bool)
    kept = ever_bought if cutoff == plan.scored else is_eligible
    rows = pd.DataFrame({"customer_id": days.customers[kept].astype(str), "is_eligible": is_eligible[kept]})
    rows["cutoff_on"] = pd.Timestamp(cutoff)
    rows["in_test_fit"] = cutoff in plan.fit
    rows["in_release_fit"] = cutoff in plan.release
    rows["is_test"] = cutoff in plan.test
    rows["is_previous"] = cutoff == plan.previous
    rows["is_scored"] = cutoff == plan.scored
    rows["lapsed"] = pd.array([pd.NA] * len(rows), dtype="boolean")
    rows["amount_in_value_horizon"] = np.nan
    if windows.is_matured(cutoff, task.horizon_days, end, task.label_grace_days):
        rows["lapsed"] = pd.array(lapsed(days, cutoff, end, task)[kept], dtype="boolean")
    if windows.is_matured(cutoff, task.value_horizon_days, end, task.label_grace_days):
        rows["amount_in_value_horizon"] = amount_after(days, cutoff, end, task.value_horizon_days)[kept]
    return rows


def snapshots(days: CustomerDays, plan: windows.Calendar, end: date, task: Task) -> pd.DataFrame:
    """One row per customer and cutoff: the eligible, and at the scored cutoff everyone who ever bought."""
    rows = [_judged_at(days, cutoff, end, task, plan) for cutoff in plan.all]
    return pd.concat(rows, ignore_index=True).sort_values(["cutoff_on", "customer_id"], ignore_index=True)
