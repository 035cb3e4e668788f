"""Drift of columns between the fitting cutoffs (the reference) and the scored week (the present).

Size: the population stability index (PSI) over the reference's tenths, with a bin of its own for missing values and for
each value that has more than a tenth of the mass. (A bin for every edge, as `models.evaluation.stability` has, is too
fine here: one closed day empties the bin of one number of days, and an empty bin alone is worth a quarter.)

Three things must come together before a column is said to have drifted, since each alone cries wolf:

- *a floor* (.25 by the usual rule): with many customers any difference is significant, however small;
- *the shop's own spread*: seasons, promotions and growth move columns every week. The same check is therefore
  rehearsed at the reference's later cutoffs, each against those at least as long before it as the reference lies before
  the present. What the check would have shown then is no news now: the PSI must exceed every rehearsal by a quarter;
- *a test*: with few customers a large PSI is chance. Pearson's two-sample χ² on the bins, corrected for the number of
  columns (Benjamini and Hochberg 1995; columns of one history are positively dependent, which it allows). A customer
  stands in the reference at many cutoffs, so rows are not independent: the reference counts as many observations as it
  has customers. The present's customers are mostly the same people, which only makes the test more careful.

And it must last: a closed day or a week's promotion leaves holes of .5 and passes, a change of customers or data stays.
So the week before must say the same, unless the PSI is so large (1) that no calendar makes it: an alert at once.

A column with one value for all customers of a week (the store's season) has one observation a week; it is shown and
not tested.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from contracts.false_discovery import q_values
from contracts.params import Monitor
from models.evaluation.stability import N_BINS, index_of_counts
from models.risk import Floats

Ints = npt.NDArray[np.int64]
QUIET, MOVED, DRIFTED, STORE_WIDE = "quiet", "moved", "drifted", "one value a week"
FEWEST_IN_BIN = 10
NEWS = 1.25
"""How many times the largest rehearsal an index must be to be news."""

BROKEN_FROM = 1.0
"""An index from which one week is enough."""

COLUMNS = (
    "column",
    "verdict",
    "psi",
    "psi_week_before",
    "psi_rehearsed",
    "p_value",
    "q_value",
    "missing_before",
    "missing_now",
    "median_before",
    "median_now",
)


@dataclass(frozen=True)
class Sample:
    """Columns at each reference cutoff and in the scored week.

    `reference` has one matrix (rows, columns) a cutoff and `days` its day number, in order; `n_customers` are the
    distinct customers in all of them together. `previous` is the week before `present`.
    """

    names: tuple[str, ...]
    reference: tuple[Floats, ...]
    days: Ints
    n_customers: int
    previous: Floats
    present: Floats
    present_day: int

    @property
    def gap_days(self) -> int:
        """Days from the last reference cutoff to the scored one."""
        return int(self.present_day - self.days[-1])


def rehearsals(days: Ints, gap_days: int) -> list[tuple[int, Ints]]:
    """The later half of the reference cutoffs, each with the places of those at least `gap_days` before it.

    >>> [(place, earlier.tolist()) for place, earlier in rehearsals(np.array([0, 14, 28, 42]), 28)]
    [(2, [0]), (3, [0, 1])]
    """
    found = [(place, np.flatnonzero(days[place] - days >= gap_days)) for place in range(len(days) // 2, len(days))]
    return [(place, earlier) for place, earlier in found if len(earlier)]


def tenths(values: Floats) -> Floats:
    """Upper ends of bins of a tenth each; a value that several tenths end on is a bin of its own.

    >>> tenths(np.r_[np.zeros(35), np.arange(1, 66)]).round(1).tolist()
    [-0.0, 0.0, 5.6, 15.5, 25.4, 35.3, 45.2, 55.1]
    """
    known = values[~np.isnan(values)]
    if not len(known):
        return np.array([])
    ends, n_tenths = np.unique(np.quantile(known, np.arange(1, N_BINS) / N_BINS), return_counts=True)
    return np.union1d(ends, np.nextafter(ends[n_tenths > 1], -np.inf))


def counted(ends: Floats, values: Floats) -> Ints:
    """Rows in each bin (its upper end belongs to it) and beyond the last end; the last entry counts missing values."""
    is_known = ~np.isnan(values)
    known = np.bincount(np.searchsorted(ends, values[is_known], side="left"), minlength=len(ends) + 1)
    return np.append(known, len(values) - int(is_known.sum()))


def chi_square_p(before: Floats, now: Floats) -> float:
    """Pearson's two-sample χ² on counts: chance of bins as unlike as these. Bins of few rows are taken together.

    >>> round(chi_square_p(np.array([30.0, 70.0]), np.array([50.0, 50.0])), 6)
    0.003892
    """
    from scipy.special import chdtrc

    both = np.array([before, now])
    few = both.sum(axis=0) < FEWEST_IN_BIN
    table = np.column_stack([both[:, ~few], both[:, few].sum(axis=1)])
    table = table[:, table.sum(axis=0) > 0]
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum()
    return float(chdtrc(max(table.shape[1] - 1, 1), ((table - expected) ** 2 / expected).sum()))


def _is_store_wide(weeks: Sequence[Floats]) -> bool:
    return all(len(np.unique(values)) <= 1 for values in weeks)


def _measured(sample: Sample, place: int) -> dict[str, object]:
    before, now = [week[:, place] for week in sample.reference], sample.present[:, place]
    pooled = np.concatenate(before)
    record: dict[str, object] = {
        "column": sample.names[place],
        "missing_before": float(np.isnan(pooled).mean()),
        "missing_now": float(np.isnan(now).mean()),
        "median_before": _median(pooled),
        "median_now": _median(now),
    }
    if _is_store_wide([*before, now]):
        return record | dict.fromkeys(("psi", "psi_week_before", "psi_rehearsed", "p_value"), np.nan)
    ends = tenths(pooled)
    counts, seen = np.array([counted(ends, values) for values in before]), counted(ends, now)
    whole, week_before = counts.sum(axis=0), counted(ends, sample.previous[:, place])
    rehearsed = [
        index_of_counts(counts[earlier].sum(axis=0), counts[later])
        for later, earlier in rehearsals(sample.days, sample.gap_days)
    ]
    return record | {
        "psi": index_of_counts(whole, seen),
        "psi_week_before": index_of_counts(whole, week_before) if len(sample.previous) else np.nan,
        "psi_rehearsed": max(rehearsed, default=np.nan),
        "p_value": chi_square_p(whole / whole.sum() * min(sample.n_customers, whole.sum()), seen.astype(np.float64)),
    }


def _median(values: Floats) -> float:
    known = values[~np.isnan(values)]
    return float(np.median(known)) if len(known) else float("nan")


def verdicts(table: pd.DataFrame, params: Monitor) -> list[str]:
    """One word a column: quiet, moved (news from `psi_moved`), drifted (`psi_drifted`, and lasting), or one value."""
    bar = table["psi_rehearsed"] * NEWS
    is_news = (table["q_value"] <= params.false_discovery_rate) & (table["psi"] > bar)
    lasts = (table["psi_week_before"] >= params.psi_drifted) & (table["psi_week_before"] > bar)
    is_drift = is_news & (table["psi"] >= params.psi_drifted) & (lasts | (table["psi"] >= BROKEN_FROM))
    said = np.select(
        [table["psi"].isna(), is_drift, is_news & (table["psi"] >= params.psi_moved)],
        [STORE_WIDE, DRIFTED, MOVED],
        QUIET,
    )
    return [str(word) for word in said]


def drifts(sample: Sample, params: Monitor) -> pd.DataFrame:
    """One column a row, those that drifted first, then by index: what was measured, and the verdict."""
    table = pd.DataFrame([_measured(sample, place) for place in range(len(sample.names))])
    table["q_value"] = q_values(table["p_value"].to_numpy(dtype=np.float64))
    table["verdict"] = verdicts(table, params)
    rank = table["verdict"].map({DRIFTED: 0, MOVED: 1, QUIET: 2, STORE_WIDE: 3})
    order = table.assign(rank=rank).sort_values(["rank", "psi", "column"], ascending=[True, False, True], kind="stable")
    return order[list(COLUMNS)].round(6).reset_index(drop=True)


def why_not(sample: Sample, params: Monitor) -> str:
    """Why there is not enough data to judge drift; '' if there is."""
    if not sample.names or not len(sample.reference):
        return "no model, so no fitting cutoffs to compare with"
    n_reference, n_now = sum(len(week) for week in sample.reference), len(sample.present)
    if min(n_now, sample.n_customers) < params.min_rows:
        before = f"{n_reference} of {sample.n_customers} customers before"
        return f"{n_now} rows this week, {before}; expected {params.min_rows}"
    n_rehearsed = len(rehearsals(sample.days, sample.gap_days))
    if n_rehearsed < params.min_rehearsals:
        return (
            f"{len(sample.days)} fitting cutoffs, at {n_rehearsed} of which the check could be rehearsed; "
            f"expected {params.min_rehearsals}"
        )
    return ""
