"""What changes from day to day in a living store, one entry a customer; and the chances that hang on it."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import numpy as np

from simulation.draws import Flags, Floats, Ints
from simulation.living.belief import Belief, first_belief
from simulation.living.nature import LEVELS, MECHANICS, PRICE_MECHANICS, TASTE_MECHANICS, Effect, Nature
from simulation.living.people import People
from simulation.living.shop import Shop

FATIGUE_WEEKS = 8
RECENT_WEEKS = 4
LONG_AGO = -(10**6)
SPEAKS_OF_TASTE = np.asarray([name in TASTE_MECHANICS for name in MECHANICS])


@dataclass
class State:
    """Days are counted from the first. What is hidden from the oracle as well: `left`, `left_day`, `is_paused`,
    `is_shielded`; `belief` is what it makes of the rest.

    A voucher is the benefit of the customer's last message, good up to and on `voucher_until`; a new one takes the
    place of the old. `contacts` counts messages by week, the present week in column 0.
    """

    left: Flags
    left_day: Ints
    is_paused: Flags
    is_shielded: Flags
    age: Floats  # days of the clock since the last tie
    favourite: Ints
    sensitivity: Floats  # share of purchases that is bought reduced
    bad_until: Ints  # day before which the last bad experience weighs
    complained_on: Ints  # day of the last complaint
    ended_from: Ints  # day from which the end of a price benefit weighs
    contacts: Ints
    voucher_until: Ints
    voucher_used: Flags  # will be used at the next purchase
    voucher_worth: Floats  # off the price
    voucher_cost: Floats
    voucher_lift: Floats
    voucher_campaign: Ints  # Monday of the campaign, as a day
    permitted: dict[str, Flags]  # by channel: consent that holds
    belief: Belief

    def copy(self) -> State:
        """A copy that shares nothing."""
        return copy.deepcopy(self)


def first_state(nature: Nature, people: People) -> State:
    """Everyone alive, no message sent yet."""
    n = len(people)
    days = {name: np.full(n, LONG_AGO) for name in ("bad_until", "complained_on", "ended_from", "voucher_until")}
    return State(
        left=np.zeros(n, dtype=bool),
        left_day=np.zeros(n, dtype=np.int64),
        is_paused=np.zeros(n, dtype=bool),
        is_shielded=np.zeros(n, dtype=bool),
        age=people.start_age.copy(),
        favourite=people.favourite.copy(),
        sensitivity=np.asarray(nature.level_sensitivity)[people.level],
        contacts=np.zeros((n, FATIGUE_WEEKS), dtype=np.int64),
        voucher_used=np.zeros(n, dtype=bool),
        voucher_worth=np.zeros(n),
        voucher_cost=np.zeros(n),
        voucher_lift=np.zeros(n),
        voucher_campaign=np.zeros(n, dtype=np.int64),
        permitted={name: given.copy() for name, given in people.consents.items()},
        belief=first_belief(n, nature.recall_days),
        **days,
    )


def hazard_factor(nature: Nature, state: State, day: int) -> Floats:
    """Factor on each customer's hazard on a day: bad experience, ended price benefit, fatigue."""
    factor = fatigue(nature, state.contacts.sum(axis=1))
    factor = factor * np.where(day < state.bad_until, nature.bad_factor, 1.0)
    has_ended = (state.ended_from <= day) & (day < state.ended_from + nature.ended_days)
    found: Floats = factor * np.where(has_ended, nature.ended_factor, 1.0)
    return found


def fatigue(nature: Nature, n_contacts: Ints) -> Floats:
    """Factor on the hazard by the contacts of the last 8 weeks."""
    found: Floats = nature.fatigue_factor ** np.maximum(n_contacts - nature.fatigue_free, 0)
    return found


@dataclass(frozen=True)
class Acts:
    """What messages truly do, one entry a message."""

    save: Floats
    harm: Floats
    redeem: Floats
    lift: Floats
    is_price: Flags


@dataclass(frozen=True)
class Aims:
    """Whom messages go to (positions), by which mechanic (number in MECHANICS), and how far their channel reaches."""

    who: Ints
    mechanic: Ints
    reach: Floats


def acts_of(shop: Shop, state: State, week: int, aims: Aims) -> Acts:
    """The true chances of messages that arrive in a week, counted from the first day."""
    nature, people, who, mechanic, reach = shop.nature, shop.people, aims.who, aims.mechanic, aims.reach
    effects = [_numbers(nature.effect(name, week)) for name in MECHANICS]
    save, harm, redeem, lift = np.asarray(effects, dtype=np.float64)[mechanic].T
    kind, is_price = people.kind[who], mechanic < len(PRICE_MECHANICS)
    save = save * reach * np.asarray(nature.type_saves)[kind] * _match(nature, people, who, mechanic)
    save *= nature.contact_factor ** state.contacts[who, :RECENT_WEEKS].sum(axis=1)
    if nature.only_low_risk:
        save *= state.belief.p_left[who] <= nature.low_risk_at
    harm = harm * reach * np.asarray(nature.type_harms)[kind]
    return Acts(np.clip(save, 0, 0.95), np.clip(harm, 0, 0.95), redeem, lift, is_price)


def _numbers(effect: Effect) -> tuple[float, float, float, float]:
    return effect.save, effect.harm, effect.redeem, effect.lift


def _match(nature: Nature, people: People, who: Ints, mechanic: Ints) -> Floats:
    """Factor on save by how the mechanic fits the customer's feeling about prices, and about one kind of goods."""
    table = np.asarray([nature.price_match if name in PRICE_MECHANICS else nature.service_match for name in MECHANICS])
    speaks = SPEAKS_OF_TASTE[mechanic]
    taste = 1 + nature.taste_match * np.where(speaks, people.focus[who] - nature.favourite_share, 0.0)
    found: Floats = table[mechanic, np.minimum(people.level[who], len(LEVELS) - 1)] * taste
    return found
