"""How likely customers with known habits are to be silent: up to a cutoff, and in the window after it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import gammainc, gammaincc

from simulation.draws import Floats, Ints

TINY = 1e-300


@dataclass(frozen=True)
class Rhythm:
    """Gamma gaps in days of a customer's own clock, one entry a row (shape: rows × 1)."""

    mean_gap_days: Floats
    shape: Floats

    def within(self, elapsed: Floats) -> Floats:
        """Probability that the next purchase comes within so much of the clock after the last."""
        return np.asarray(gammainc(self.shape, np.maximum(elapsed, 0.0) * self.shape / self.mean_gap_days))

    def beyond(self, elapsed: Floats) -> Floats:
        """Probability that it comes later."""
        return np.asarray(gammaincc(self.shape, np.maximum(elapsed, 0.0) * self.shape / self.mean_gap_days))


def p_silent(rhythm: Rhythm, ticks: Floats, last: Floats, staying: Floats, seen_share: float) -> Floats:
    """Probability that no purchase is seen in the window, of customers who are there when it opens.

    `ticks` is the own clock at the beginning of each day of the window and at its end (rows × days + 1), `last` the
    clock at the last purchase (rows × 1), `staying` the probability to be there still on each day (rows × days). A
    purchase is seen with `seen_share`; after one that is not, the renewal begins anew at the middle of its day.
    """
    beyond = rhythm.beyond(ticks - last)
    first = -np.diff(beyond, axis=1) / np.maximum(beyond[:, :1], TINY)
    later = _p_seen_after_unseen(rhythm, ticks, staying, seen_share)
    silent: Floats = 1.0 - (first * staying * (seen_share + (1 - seen_share) * later)).sum(axis=1)
    return np.clip(silent, 0.0, 1.0)


def _p_seen_after_unseen(rhythm: Rhythm, ticks: Floats, staying: Floats, seen_share: float) -> Floats:
    """Probability that a purchase is yet seen in the window after an unseen one on each of its days, backwards."""
    n_days, missed = ticks.shape[1] - 1, 1 - seen_share
    middle = (ticks[:, 1:] + ticks[:, :-1]) / 2
    later = np.zeros_like(middle)
    for day in reversed(range(n_days)):
        steps = np.diff(rhythm.within(ticks[:, day:] - middle[:, day, None]), axis=1)
        steps *= staying[:, day:] / np.maximum(staying[:, day, None], TINY)
        after = (steps[:, 1:] * (seen_share + missed * later[:, day + 1 :])).sum(axis=1)
        later[:, day] = (after + steps[:, 0] * seen_share) / (1 - steps[:, 0] * missed)
    return later


def p_silent_so_far(rhythm: Rhythm, elapsed: Floats, staying: Floats) -> tuple[Floats, Floats]:
    """Probability of no purchase from the last one to the cutoff, and to be there still; the same, and to have left.

    `elapsed` is the own clock since the last purchase at the beginning of each day after it up to the cutoff (rows ×
    days; days after the cutoff repeat it), `staying` the probability to be there on each of them.
    """
    beyond = rhythm.beyond(elapsed)
    leaving = -np.diff(staying, axis=1, prepend=1.0)
    return beyond[:, -1] * staying[:, -1], np.asarray((leaving * beyond).sum(axis=1))


@dataclass(frozen=True)
class Silence:
    """Judged customers (one entry or row a row): who, from the last purchase to the cutoff, and the window after it.

    `behind` are the days after the last purchase up to the cutoff, `ahead` those of the window and its end, as days
    from the first; both repeat their last day where a row has fewer. `stayed` and `staying` go with them.
    """

    rhythm: Rhythm
    last_day: Ints
    behind: Ints
    ahead: Ints
    stayed: Floats
    staying: Floats
    seen_share: float

    def outcomes(self, clock: Callable[[Ints], Floats]) -> tuple[Floats, Floats, Floats]:
        """Silent so far and there; silent so far and gone; silent in the window if there. `clock` is the own one."""
        day = self.last_day[:, None]
        last = (clock(day) + clock(day + 1)) / 2
        there, gone = p_silent_so_far(self.rhythm, clock(self.behind) - last, self.stayed)
        return there, gone, p_silent(self.rhythm, clock(self.ahead), last, self.staying, self.seen_share)
