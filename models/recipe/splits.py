"""Forward splits: what is fitted lies wholly before what is judged, with label window and embargo between them.

A random split lets a model meet the outcomes of the very weeks that it is judged on: windows of neighbouring cutoffs
overlap, and a customer stands in many of them. Here folds are made of cutoffs. A fold fits on cutoffs whose labels were
known, and an embargo had passed, at its first judged cutoff; one that does not raises.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from contracts import windows
from contracts.errors import TimeError

Places = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Fold:
    """Cutoffs to fit on and cutoffs to judge on. Made only if every fitting window ends before the first judged one.

    `label_days` are the days from a cutoff until its label may be used: horizon, grace and embargo.

    Raises:
        TimeError: a side is empty, or a fitting window reaches past the first judged cutoff.
    """

    fit: tuple[date, ...]
    judge: tuple[date, ...]
    label_days: int

    def __post_init__(self) -> None:
        if not self.fit or not self.judge:
            raise TimeError("a forward fold needs cutoffs on both sides; got none on one; use a longer history")
        windows.refuse_overlap(self.fit, self.judge, self.label_days)


def inner_fold(cutoffs: Sequence[date], label_days: int, n_judge: int) -> Fold:
    """The forward fold inside a training period: the last `n_judge` cutoffs judge those whose windows ended before.

    Raises:
        TimeError: nothing is left to fit on.
    """
    ordered = sorted(set(cutoffs))
    judge = tuple(ordered[-n_judge:])
    last = judge[0] - timedelta(days=label_days) if judge else None
    fit = tuple(day for day in ordered if last is not None and day <= last)
    return Fold(fit, judge, label_days)


def widest_inner_fold(cutoffs: Sequence[date], label_days: int, n_judge: int) -> Fold | None:
    """The forward fold with as many of `n_judge` judged cutoffs as leave something to fit on; None if none does."""
    ordered = sorted(set(cutoffs))
    for n in range(min(n_judge, len(ordered) - 1), 0, -1):
        if ordered[0] + timedelta(days=label_days) <= ordered[-n]:
            return inner_fold(ordered, label_days, n)
    return None


def forward_folds(cutoffs: Sequence[date], label_days: int, n_folds: int, n_judge: int) -> tuple[Fold, ...]:
    """Up to `n_folds` forward folds, the earliest first; each judges the `n_judge` cutoffs before the next one's.

    Folds that would leave nothing to fit on are left out: there may be fewer, or none.

    >>> mondays = [date(2018, 1, 1) + timedelta(weeks=k) for k in range(8)]
    >>> [(len(fold.fit), len(fold.judge)) for fold in forward_folds(mondays, 14, n_folds=5, n_judge=2)]
    [(1, 2), (3, 2), (5, 2)]
    """
    ordered = sorted(set(cutoffs))
    folds = []
    for k in range(n_folds):
        known = ordered[: len(ordered) - k * n_judge]
        if len(known) <= n_judge or known[0] + timedelta(days=label_days) > known[-n_judge]:
            break
        folds.append(inner_fold(known, label_days, n_judge))
    return tuple(reversed(folds))


@dataclass(frozen=True)
class ForwardSplit:
    """Forward folds as scikit-learn's `cv`: `cross_validate(model, X, y, groups=cutoffs, cv=ForwardSplit())`.

    `groups` holds the cutoff of each row (dates, or anything that pandas reads as days). `horizon_days` is the label's
    window, grace included; `embargo_days` a further gap. Folds come earliest first.
    """

    n_splits: int = 3
    n_judge: int = 1
    horizon_days: int = 28
    embargo_days: int = 0

    def folds(self, groups: Any) -> tuple[Fold, ...]:
        """The folds of these rows' cutoffs.

        Raises:
            TimeError: no cutoffs are given, or they do not give `n_splits` folds.
        """
        if groups is None:
            raise TimeError("expected groups: the cutoff of each row; a forward split needs to know when a row was")
        cutoffs = [stamp.date() for stamp in pd.DatetimeIndex(np.unique(days_of(groups)))]
        folds = forward_folds(cutoffs, self.horizon_days + self.embargo_days, self.n_splits, self.n_judge)
        if len(folds) < self.n_splits:
            raise TimeError(
                f"expected {self.n_splits} forward folds, got {len(folds)} from {len(cutoffs)} cutoffs with "
                f"{self.horizon_days} + {self.embargo_days} days between; lower n_splits or n_judge"
            )
        return folds

    def split(self, X: Any = None, y: Any = None, groups: Any = None) -> Iterator[tuple[Places, Places]]:  # noqa: ARG002
        """Row numbers to fit on and to judge on, a pair a fold."""
        days = days_of(groups) if groups is not None else None
        for fold in self.folds(groups):
            yield _at(days, fold.fit), _at(days, fold.judge)

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:  # noqa: ARG002
        """How many folds `split` gives."""
        return self.n_splits


def days_of(groups: Any) -> npt.NDArray[np.datetime64]:
    """Dates, or whatever pandas reads as instants, as days."""
    return np.asarray(pd.to_datetime(pd.Series(np.asarray(groups)))).astype("datetime64[D]")


def _at(days: Any, cutoffs: Sequence[date]) -> Places:
    return np.flatnonzero(np.isin(days, np.array(cutoffs, dtype="datetime64[D]"))).astype(np.int64)
