"""Erlang gaps (gamma with whole shapes): chance of the next event by age, and expected events from an age, exactly.

An Erlang gap of shape k is k exponential stages of rate k / mean; so the stage given the age is a truncated Poisson,
and the number of events is the number of Poisson stages, counted in k's (Cox 1962, Renewal Theory, chapters 2 to 4).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from simulation.draws import Floats, Ints

LARGEST_CHANCE = 0.9
FACTORIALS = (1.0, 1.0, 2.0, 6.0)


def coefficients(shape: Ints) -> Floats:
    """Coefficients of y, y², y³ in each customer's survival e^-y (1 + y + y²/2 + …), y = shape × age / mean gap."""
    powers = np.arange(1, 4)
    return np.where(powers[:, None] < shape, 1.0 / np.asarray(FACTORIALS)[powers][:, None], 0.0)


def day_chance(stages: npt.NDArray[np.floating], step: npt.NDArray[np.floating], poly: Floats) -> Floats:
    """Chance of an event on a day that begins `stages` stages after the last event and lasts `step` stages.

    It is the day's part of the cumulative hazard, at most .9: so a shape of 1 keeps its rate at any length.
    """
    after = stages + step
    ratio = (1 + after * (poly[0] + after * (poly[1] + after * poly[2]))) / (
        1 + stages * (poly[0] + stages * (poly[1] + stages * poly[2]))
    )
    chance: Floats = np.clip(step - np.log(ratio), 0.0, LARGEST_CHANCE)
    return chance


def expected_events(stages: Floats, ahead: Floats, shape: Ints) -> Floats:
    """Expected events of each customer (rows) from now until each time ahead (columns), both counted in stages."""
    events = np.empty(ahead.shape)
    for k in np.unique(shape):
        rows = shape == k
        events[rows] = _events_of_shape(stages[rows], ahead[rows], int(k))
    return events


def _events_of_shape(stages: Floats, ahead: Floats, k: int) -> Floats:
    """E floor((j + N) / k) for N Poisson(ahead), averaged over the stage j given the age."""
    weight = np.stack([stages**j / FACTORIALS[j] for j in range(k)])
    weight = weight / weight.sum(axis=0)
    rests = [_poisson_rest(ahead, k, r) for r in range(k)]
    total = np.zeros(ahead.shape)
    for j in range(k):
        left_over = sum(((j + r) % k) * rests[r] for r in range(k))
        total += weight[j][:, None] * (ahead + j - left_over) / k
    return total


def _poisson_rest(mean: Floats, k: int, r: int) -> Floats:
    """P(N mod k = r) for N Poisson, by the roots of unity."""
    rest = np.zeros(mean.shape)
    for m in range(k):
        angle = 2 * np.pi * m / k
        rest += np.exp(-mean * (1 - np.cos(angle))) * np.cos(mean * np.sin(angle) - r * angle)
    return rest / k
