"""Snapshots: which customers are judged at which cutoff and, where the window has matured, what happened.

Where the history gives too few labels for any model, only this week and the one before are laid out, and why is said.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from contracts import windows
from contracts.fit_sample import EVERYONE, FitSample, sample_of
from contracts.params import Snapshot, Task
from contracts.wave_tables import NONE, WAVES
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


def _judged_at(
    book: DayBook, cutoff: date, end: date, task: Task, plan: windows.Calendar, *, is_drawn: Flags | None = None
) -> pd.DataFrame:
    """The rows of one cutoff: eligibility and horizon by what was known then, labels by all that is known today.

    `is_drawn`: which customer codes fit and judge; the others have rows in this week and the one before alone.
    """
    known = book.known_at(cutoff)
    is_eligible = eligible(known, cutoff, task)
    drawn = np.ones(len(is_eligible), dtype=bool) if is_drawn is None else is_drawn
    ever_bought = known.before(cutoff).count().astype(bool)
    kept = ever_bought if cutoff == plan.scored else is_eligible
    kept = kept if cutoff in (plan.scored, plan.previous) else kept & drawn
    ahead = horizons(known, cutoff, task)
    n = int(kept.sum())
    outcome: Any = pd.array(np.full(n, pd.NA), dtype="boolean")
    if windows.is_matured(cutoff, task.longest_horizon_days, end, task.label_grace_days):
        outcome = pd.array(lapsed(book.final, cutoff, end, task, ahead)[kept], dtype="boolean")
    paid = np.full(n, np.nan)
    if windows.is_matured(cutoff, task.value_horizon_days, end, task.label_grace_days):
        paid = amount_after(book.final, cutoff, end, task.value_horizon_days)[kept]
    return pd.DataFrame(
        {
            "customer_id": known.customers[kept].astype(str),
            "is_eligible": is_eligible[kept],
            "cutoff_on": np.full(n, np.datetime64(cutoff, "us")),
            "in_test_fit": (cutoff in plan.fit) & drawn[kept],
            "in_release_fit": (cutoff in plan.release) & drawn[kept],
            "is_test": (cutoff in plan.test) & drawn[kept],
            "is_previous": np.full(n, cutoff == plan.previous),
            "is_scored": np.full(n, cutoff == plan.scored),
            "horizon_days": ahead[kept],
            "lapsed": outcome,
            "amount_in_value_horizon": paid,
        }
    )


def snapshots(
    book: DayBook,
    plan: windows.Calendar,
    end: date,
    task: Task,
    waves: pd.DataFrame | None = None,
    *,
    sample: FitSample = EVERYONE,
) -> pd.DataFrame:
    """One row per customer and cutoff: the eligible, and at the scored cutoff everyone who ever bought.

    `waves` (the table WAVES) are the shop's own experiments; None: it has had none. Customers outside the `sample` have
    rows at the scored and the previous cutoff alone.
    """
    is_drawn = None if sample.is_everyone else sample.has(book.customers)
    parts = [_judged_at(book, cutoff, end, task, plan, is_drawn=is_drawn) for cutoff in plan.all]
    return with_contact(in_order(parts), WAVES.empty() if waves is None else waves)


def with_contact(rows: pd.DataFrame, waves: pd.DataFrame) -> pd.DataFrame:
    """The rows with what the shop's own experiments did to the customer in a label's window, `[cutoff, its end)`.

    `treated_after_days`: days from the cutoff to the beginning of the first wave that treats the customer and shares a
    day with the window; 0 or less if it had begun by the cutoff; missing if there is none. `untreated_weight`: 0 for
    the treated; where a wave drew the customer and withheld its offer, 1 / probability of that (of all such waves
    together, since each draws anew): for so many does the row stand; 1 otherwise. Rows without a label have neither.
    `rows` need `customer_id`, `cutoff_on`, `horizon_days` and `lapsed`.
    """
    met = _overlapping(rows[rows["lapsed"].notna()], waves)
    is_treated = (met["arm"] == "treated") & (met["offer"] != NONE)
    after = met["after_days"].where(is_treated).groupby(met["row"]).min()
    factor = (1.0 / met["propensity"]).mask(is_treated, 0.0).groupby(met["row"]).prod()
    return rows.assign(
        treated_after_days=after.reindex(rows.index).astype("float64"),
        untreated_weight=factor.reindex(rows.index, fill_value=1.0).astype("float64"),
    )


def _overlapping(rows: pd.DataFrame, waves: pd.DataFrame) -> pd.DataFrame:
    """One row a snapshot row (`row`: its index) and wave of the same customer whose windows share a day."""
    drawn = waves[["customer_id", "cutoff_on", "horizon_days", "arm", "offer", "propensity"]]
    drawn = drawn.rename(columns={"cutoff_on": "begun_on", "horizon_days": "wave_days"})
    keys = rows[["customer_id", "cutoff_on", "horizon_days"]].reset_index(names="row")
    both = keys.merge(drawn, on="customer_id")
    both["after_days"] = (both["begun_on"] - both["cutoff_on"]).dt.days.astype("float64")
    return both[(both["after_days"] < both["horizon_days"]) & (both["after_days"] > -both["wave_days"])]


@dataclass(frozen=True)
class Laid:
    """A run's cutoffs and snapshots. `why` is empty with a model; without one it says, with numbers, why there is none.

    Without a model nothing is fitted or judged: the calendar holds the scored week and the one before alone.
    `sample` says who fits and judges.
    """

    plan: windows.Calendar
    rows: pd.DataFrame
    why: str
    sample: FitSample = EVERYONE

    def by(self, sample: FitSample) -> Laid:
        """The same, saying who fits and judges; without a model nobody does."""
        return self if self.why else replace(self, sample=sample)

    def as_json(self, end: date) -> dict[str, Any]:
        """`data/cutoffs.json`: the cutoffs, the mode ('model' or 'no model') and why; the sample, if there is one."""
        mode = {"mode": NO_MODEL if self.why else MODEL, "why": self.why or _counted(self)}
        return {**self.plan.as_json(end), **mode, **self.sample.as_json()}


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


def lay_out(
    book: DayBook, first_sale_on: date, end: date, task: Task, params: Snapshot, *, waves: pd.DataFrame | None = None
) -> Laid:
    """Lay out the cutoffs and judge the customers at each, or find that there is too little for any model.

    `waves` (the table WAVES) are the shop's own experiments so far; None: it has had none.

    Raises:
        TimeError: no sale lies before the scored Monday.
    """
    sample = sample_of(len(np.unique(book.customer)), params.max_fit_customers)
    laid = lay_out_by(
        lambda plan: snapshots(book, plan, end, task, waves, sample=sample), first_sale_on, end, task, params
    )
    return laid.by(sample)


def lay_out_by(
    rows_at: Callable[[windows.Calendar], pd.DataFrame], first_sale_on: date, end: date, task: Task, params: Snapshot
) -> Laid:
    """The same with the rows of a calendar made elsewhere, as bucket by bucket (`bucket_snapshots`), by any sample."""
    nothing = windows.unlabelled(first_sale_on, end)
    try:
        plan = cutoffs_of(first_sale_on, end, task, params)
    except windows.HistoryError as short:
        return Laid(nothing, rows_at(nothing), str(short))
    rows = rows_at(plan)
    why = too_few_labels(rows, params)
    return Laid(nothing, rows_at(nothing), why) if why else Laid(plan, rows, "")


def in_order(parts: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Rows of different customers as one table, by cutoff and customer."""
    return pd.concat(list(parts), ignore_index=True).sort_values(["cutoff_on", "customer_id"], ignore_index=True)


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
