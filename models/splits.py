"""Forward splits: what is fitted lies wholly before what is judged, with the label window between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from contracts import windows
from contracts.errors import TimeError


@dataclass(frozen=True)
class Fold:
    """Cutoffs to fit on and cutoffs to judge on. Made only if every fitting window ends before the first judged one."""

    fit: tuple[date, ...]
    judge: tuple[date, ...]
    label_days: int

    def __post_init__(self) -> None:
        if not self.fit or not self.judge:
            raise TimeError("a forward fold needs cutoffs on both sides; got none on one; use a longer history")
        windows.refuse_overlap(self.fit, self.judge, self.label_days)


def widest_inner_fold(cutoffs: Sequence[date], label_days: int, n_judge: int) -> Fold | None:
    """The forward fold with as many of `n_judge` judged cutoffs as leave something to fit on; None if none does."""
    ordered = sorted(set(cutoffs))
    for n in range(min(n_judge, len(ordered) - 1), 0, -1):
        if ordered[0] + timedelta(days=label_days) <= ordered[-n]:
            return inner_fold(ordered, label_days, n)
    return None


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
