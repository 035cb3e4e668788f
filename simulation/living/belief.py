"""What can be known of each customer from what happened: an exact filter over alive, paused, shielded and left.

It knows every true parameter and the store's own clock, and sees purchases, care visits, bad experiences and messages;
it does not see the coins. Pauses and shields are integrated over: both end at geometric times, so four living states
and the day of leaving are all there is to carry.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulation.draws import Flags, Floats, Ints

ACTIVE, ACTIVE_SHIELDED, PAUSED, PAUSED_SHIELDED = range(4)


@dataclass
class Belief:
    """Masses, one column (or entry) a customer, up to a common factor: probabilities are shares of `total`.

    `living` has the rows active, active and shielded, paused, paused and shielded; `ring` has one row a day of leaving,
    modulo the days within which a message can bring a customer back; `recent` is its sum, `older` left before that.
    """

    living: Floats
    ring: Floats
    recent: Floats
    older: Floats

    def copy(self) -> Belief:
        """A copy that shares nothing."""
        return Belief(self.living.copy(), self.ring.copy(), self.recent.copy(), self.older.copy())

    @property
    def total(self) -> Floats:
        """Sum of the masses."""
        return np.asarray(self.living.sum(axis=0) + self.recent + self.older)

    @property
    def p_left(self) -> Floats:
        """Probability that each customer has left."""
        return np.asarray((self.recent + self.older) / self.total)


def first_belief(n: int, recall_days: int) -> Belief:
    """Everyone is alive."""
    living = np.zeros((4, n))
    living[ACTIVE] = 1.0
    return Belief(living, np.zeros((recall_days, n)), np.zeros(n), np.zeros(n))


def turn_day(belief: Belief, day: int) -> None:
    """Who left `recall_days` ago can no longer be brought back; the day's slot becomes free."""
    slot = day % len(belief.ring)
    belief.older += belief.ring[slot]
    belief.recent -= belief.ring[slot]
    belief.ring[slot] = 0.0


def see_contacts(belief: Belief, who: Ints, save: Floats, harm: Floats, day: int) -> None:
    """Messages that arrive: they bring back, shield and drive away, each with its probability."""
    living, left = belief.living[:, who], belief.ring[:, who]
    driven = living.sum(axis=0) * harm
    living = living * (1 - harm)
    shielded = living[[ACTIVE, PAUSED]] * save
    living[[ACTIVE, PAUSED]] -= shielded
    living[[ACTIVE_SHIELDED, PAUSED_SHIELDED]] += shielded
    living[ACTIVE] += belief.recent[who] * save
    left = left * (1 - save)
    left[day % len(left)] += driven
    belief.living[:, who], belief.ring[:, who] = living, left
    belief.recent[who] = belief.recent[who] * (1 - save) + driven


def see_leaving(belief: Belief, chance: Floats, day: int) -> None:
    """The unshielded living leave with the day's chance."""
    gone = belief.living[ACTIVE] * chance
    belief.living[ACTIVE] -= gone
    paused = belief.living[PAUSED] * chance
    belief.living[PAUSED] -= paused
    gone += paused
    belief.ring[day % len(belief.ring)] += gone
    belief.recent += gone


def see_turns(belief: Belief, unshield: float, pause: float, resume: float) -> None:
    """Shields and pauses end, pauses begin."""
    living = belief.living
    worn = living[[ACTIVE_SHIELDED, PAUSED_SHIELDED]] * unshield
    living[[ACTIVE_SHIELDED, PAUSED_SHIELDED]] -= worn
    living[[ACTIVE, PAUSED]] += worn
    begun = living[:2] * pause - living[2:] * resume
    living[:2] -= begun
    living[2:] += begun


def see_ties(belief: Belief, chance: Floats, bought: Ints) -> None:
    """Silence on the day is evidence of being away; a tie proves that the customer is here."""
    active = belief.living[:2, bought]
    belief.living[:2] *= 1 - chance
    sure = active.sum(axis=0) > 0
    belief.living[:, bought] = 0.0
    belief.living[:2, bought] = np.where(sure, active / np.where(sure, active.sum(axis=0), 1.0), [[1.0], [0.0]])
    belief.ring[:, bought] = 0.0
    belief.recent[bought] = 0.0
    belief.older[bought] = 0.0


def see_first_purchases(belief: Belief, who: Ints, one_time_share: float, day: int) -> None:
    """Of newcomers a share leaves after the first purchase."""
    gone = belief.living[:, who].sum(axis=0) * one_time_share
    belief.living[:, who] *= 1 - one_time_share
    belief.ring[day % len(belief.ring), who] += gone
    belief.recent[who] += gone


def rescale(belief: Belief) -> None:
    """Bring each customer's masses to a sum of 1, and the running sum of the ring back to what it sums."""
    belief.recent[:] = belief.ring.sum(axis=0)
    total = belief.total
    belief.living /= total
    belief.ring /= total
    belief.recent /= total
    belief.older /= total


def draw_hidden(belief: Belief, rng: np.random.Generator, day: int) -> tuple[Flags, Ints, Flags, Flags]:
    """A hidden state that what happened allows, drawn for each customer: left, day of leaving, paused, shielded.

    `day` is the next day to simulate; who left before the days of the ring has left long before.
    """
    recall = len(belief.ring)
    masses = np.concatenate([belief.living, belief.ring, belief.older[None]])
    steps = np.cumsum(masses, axis=0)
    state = (rng.random(steps.shape[1]) * steps[-1] >= steps).sum(axis=0)
    slot = state - 4
    ago = (day - 1 - slot) % recall
    left_day = np.where(slot < recall, day - 1 - ago, day - 10 * recall)
    left = slot >= 0
    return left, np.where(left, left_day, 0), (state == PAUSED) | (state == PAUSED_SHIELDED), _is_shielded(state)


def _is_shielded(state: Ints) -> Flags:
    return np.asarray((state == ACTIVE_SHIELDED) | (state == PAUSED_SHIELDED))
