"""What inner forward folds decide before anything is judged: the penalty, the calibration."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import pandas as pd

from contracts import windows
from contracts.params import Execution, Train
from models.learners import baselines, calibration
from models.learners.calibration import IDENTITY, KINDS, Calibration
from models.recipe.splits import Fold, widest_inner_fold
from models.risk import Flags, Floats
from models.rows import Rows

FEWEST_LAPSED = 5


class Raw(Protocol):
    """A fitted model before calibration."""

    def raw(self, frame: pd.DataFrame) -> Floats:
        """Log-odds, one a row."""
        ...


Fit = Callable[[Rows], Raw]


@dataclass(frozen=True)
class Terms:
    """What a model is fitted with: columns for trees, columns shown to the logit, its penalty, the parameters."""

    features: tuple[str, ...]
    shown: tuple[str, ...]
    penalty: float
    train: Train
    execution: Execution

    @property
    def with_one_bag(self) -> Terms:
        """The same with a single seed: enough to compare by."""
        return replace(self, train=self.train.model_copy(update={"n_bags": 1}))


def is_hopeless(lapsed: Flags) -> bool:
    """Whether there are fewer than five of either outcome."""
    n_lapsed = int(lapsed.sum())
    return min(n_lapsed, len(lapsed) - n_lapsed) < FEWEST_LAPSED


def is_usable(fold: Fold | None, rows: Rows) -> bool:
    """Whether a fold has enough of both outcomes to fit on, and rows to judge."""
    return fold is not None and not is_hopeless(rows.at(fold.fit).lapsed) and len(rows.at(fold.judge).lapsed) > 0


def penalty_inside(rows: Rows, fold: Fold, features: tuple[str, ...]) -> float:
    """The all-feature logit's penalty with the least log loss on the fold's judged rows."""
    seen = rows.at([*fold.fit, *fold.judge])
    is_judged = np.isin(seen.cutoff, [windows.day_number(day) for day in fold.judge])
    return baselines.best_penalty(seen.frame, seen.lapsed, is_judged, features)


def calibration_inside(
    fit: Fit, rows: Rows, label_days: int, n_judge: int, kinds: Sequence[str] = tuple(KINDS)
) -> Calibration:
    """The map that the last fold asks for, if the one that was known before its first judged cutoff would have helped.

    Without a usable fold, or with one that has none before it, a map cannot be proved: identity.
    """
    fold = widest_inner_fold(rows.cutoffs, label_days, n_judge)
    if fold is None or not is_usable(fold, rows):
        return IDENTITY
    judged = rows.at(fold.judge)
    raw = fit(rows.at(fold.fit)).raw(judged.frame)
    kind = calibration.choose(raw, judged.lapsed, judged.cutoff, kinds)
    before = widest_inner_fold(fold.fit, label_days, n_judge) if kind else None
    if kind is None or before is None or not is_usable(before, rows) or is_hopeless(rows.at(before.judge).lapsed):
        return IDENTITY
    then = rows.at(before.judge)
    former = KINDS[kind](fit(rows.at(before.fit)).raw(then.frame), then.lapsed)
    found = KINDS[kind](raw, judged.lapsed)
    return found if calibration.helps(former, raw, judged.lapsed, judged.cutoff) else IDENTITY
