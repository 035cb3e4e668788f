"""What the oracle expects of contacts: exact up to stated approximations, given what happened and every true parameter.

A customer's state is one of five: alive and active, paused, shielded or both, left lately, left long ago; the store's
belief holds their probabilities. Leaving hangs on days alone and ties on the clock alone, so that the chance of a tie
within the horizon from each state is a sum over days of P(still here) × P(first tie on that day); a contact only moves
probability between states, and changes the hazard that follows. Value is the same with expected ties in place of first
ones: Erlang renewals by weeks, thinned by pauses.

Approximations: later weeks' chance is at its mean; bad experiences to come raise the hazard by their mean; no further
contact follows; a service or price benefit is used at the first tie while it is valid; pauses thin expected ties; ties
whose goods are given back count for lapses. "Lapse" means no tie (purchase or care visit).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from simulation.draws import Flags, Floats, Ints
from simulation.living.calendar import intensity, is_promotion
from simulation.living.days import turn_chances
from simulation.living.erlang import day_chance, expected_events
from simulation.living.nature import Nature
from simulation.living.people import People
from simulation.living.sends import mechanics_of, positions_of, reaches_of
from simulation.living.shop import Shop
from simulation.living.state import FATIGUE_WEEKS, Acts, Aims, State, acts_of, fatigue
from simulation.living.store import LivingStore

VALID_DAYS = 21
NO_CONTACT, CONTACT, PRICE_CONTACT = range(3)


@dataclass(frozen=True)
class Outlook:
    """What lies ahead of some customers (rows). The last axis of `ties` and of `valid` is the living state (4).

    `ties[variant]`: probability of a tie within the horizon; `valid[variant]`: the same while a benefit is valid;
    `events[variant]`: expected purchases within the value horizon. Variants: no contact, contact, one with a price.
    """

    ties: Floats
    valid: Floats
    events: Floats


def expected(
    store: LivingStore,
    pairs: pd.DataFrame,
    horizon_days: int,
    value_horizon_days: int,
    valid_days: int = VALID_DAYS,
) -> pd.DataFrame:
    """The true expectations of contacts that arrive on the Monday `store.today`; one row a row of `pairs`.

    `pairs`: customer_id, mechanic, channel, price_worth, cost, contact_cost. Columns of the answer, probabilities and
    amounts in the store's currency: `p_lapse` (no tie within the horizon, without contact), `effect` (its fall),
    `p_left`, `stake` (margin over the value horizon if sure to be here, less that if gone), `gain` (margin from ties
    that would not have come), `extra` (from larger purchases), `benefit_cost`, `taught`, `contact_cost`, `permission`,
    and `profit` = gain + extra − benefit_cost − taught − contact_cost − permission.
    """
    nature, people, state = store.nature, store.people, store.state
    who = positions_of(pairs["customer_id"], store.index)
    some, row = np.unique(who, return_inverse=True)
    days = (horizon_days, value_horizon_days, min(valid_days + 1, horizon_days))
    ahead = outlook(store.shop, state, store.day, some, days)
    reach = reaches_of(pairs["channel"].to_numpy(dtype=object), nature.reach)
    mechanic = mechanics_of(pairs["mechanic"])
    next_state = _next_week(state)
    acts = acts_of(store.shop, next_state, store.day // 7, Aims(who, mechanic, reach))
    has_price = pairs["price_worth"].to_numpy(dtype=np.float64) > 0
    variant = np.where(has_price, PRICE_CONTACT, CONTACT)
    living, recent = _shares(state, who, store.day)
    after = moved(living, recent, acts)
    before_ties = np.einsum("is,is->i", living, ahead.ties[NO_CONTACT][row])
    after_ties = np.einsum("is,is->i", after, ahead.ties[variant, row])
    n_before = np.einsum("is,is->i", living, ahead.events[NO_CONTACT][row])
    n_after = np.einsum("is,is->i", after, ahead.events[variant, row])
    unit = margins(nature, people, state, who)
    step = np.where(has_price, np.minimum(nature.taught_step, 1 - state.sensitivity[who]), 0.0)
    taught = n_after * step * nature.reduction * people.basket[who] * (1 - nature.return_share)
    used = acts.redeem * _used(nature, acts, after, ahead.valid[variant, row])
    extra = used * acts.lift * unit * ~_serves(nature, acts)
    table = pd.DataFrame(
        {
            "p_lapse": 1 - before_ties,
            "effect": after_ties - before_ties,
            "p_left": 1 - living.sum(axis=1),
            "stake": ahead.events[NO_CONTACT][row, 0] * unit,
            "gain": (n_after - n_before) * unit,
            "extra": extra,
            "benefit_cost": used * pairs["cost"].to_numpy(dtype=np.float64),
            "taught": taught,
            "contact_cost": pairs["contact_cost"].to_numpy(dtype=np.float64),
            "permission": _permission(nature, people, who),
        },
        index=pairs.index,
    )
    costs = table["benefit_cost"] + table["taught"] + table["contact_cost"] + table["permission"]
    return table.assign(profit=table["gain"] + table["extra"] - costs)


def _next_week(state: State) -> State:
    """The state as the next week's messages find it: contacts are one week older."""
    contacts = np.roll(state.contacts, 1, axis=1)
    contacts[:, 0] = 0
    return State(**{**vars(state), "contacts": contacts})


def _shares(state: State, who: Ints, day: int) -> tuple[Floats, Floats]:
    """Probabilities of the living states (rows of customers), and of having left so lately that a message may help."""
    belief = state.belief
    total = belief.total[who]
    recent = belief.recent[who] - belief.ring[day % len(belief.ring), who]
    return np.asarray((belief.living[:, who] / total).T), np.asarray(recent / total)


def moved(living: Floats, recent: Floats, acts: Acts) -> Floats:
    """Probabilities of the living states (columns) after a contact."""
    stay = living * (1 - acts.harm)[:, None]
    shielded = stay[:, [0, 2]] * acts.save[:, None]
    after = stay.copy()
    after[:, [0, 2]] -= shielded
    after[:, [1, 3]] += shielded
    after[:, 0] += recent * acts.save
    return after


def margins(nature: Nature, people: People, state: State, who: Ints) -> Floats:
    """Expected margin of a purchase, at the present share of reduced ones."""
    rate = nature.margin_rate - state.sensitivity[who] * nature.reduction
    found: Floats = people.basket[who] * rate * (1 - nature.return_share)
    return found


def _serves(nature: Nature, acts: Acts) -> Flags:
    return ~acts.is_price & nature.service_without_purchase


def _used(nature: Nature, acts: Acts, after: Floats, valid: Floats) -> Floats:
    """Probability that a willing customer gets to use the benefit."""
    buys = np.einsum("is,is->i", after, valid) * nature.purchase_share
    return np.asarray(np.where(_serves(nature, acts), after.sum(axis=1), buys), dtype=np.float64)


def _permission(nature: Nature, people: People, who: Ints) -> Floats:
    """Expected worth of the permission that the contact may cost."""
    chance = nature.unsubscribe_share * np.asarray(nature.type_harms)[people.kind[who]]
    found: Floats = np.minimum(chance, 1.0) * nature.permission_worth
    return found


def outlook(shop: Shop, state: State, day: int, some: Ints, days: tuple[int, int, int]) -> Outlook:
    """What lies ahead of customers (positions `some`), over (horizon, value horizon, days of validity)."""
    nature = shop.nature
    horizon, value_days, valid_days = days
    ahead = day + np.arange(max(horizon, value_days))
    pace = _pace(shop, some, ahead)
    first = _first_ties(shop, state, some, pace[:, :horizon])
    edges = np.unique(np.append(np.arange(0, value_days, 7), value_days))
    purchases = _purchases(shop, state, some, pace, edges)
    ties, valid, events = [], [], []
    for n_contacts, ends_on in ((0, None), (1, None), (1, day + valid_days)):
        chance = _leave_chances(shop, state, some, ahead, (n_contacts, ends_on))
        here = _still_here(nature, chance)
        of_day = [[one * here[shield][:, :horizon] for shield in (0, 1)] for one in first]
        ties.append(np.stack([one.sum(axis=1) for pair in of_day for one in pair], axis=1))
        valid.append(np.stack([one[:, :valid_days].sum(axis=1) for pair in of_day for one in pair], axis=1))
        middle = (edges[:-1] + edges[1:]) // 2
        events.append(
            np.stack([(one * here[shield][:, middle]).sum(axis=1) for one in purchases for shield in (0, 1)], axis=1)
        )
    return Outlook(np.stack(ties), np.stack(valid), np.stack(events))


def _pace(shop: Shop, some: Ints, ahead: Ints) -> Floats:
    """Expected days of each customer's clock in each day ahead."""
    nature = shop.nature
    own = np.where(is_promotion(nature, ahead), shop.promotion_pace[some, None], shop.usual_pace[some, None])
    return np.asarray(own * intensity(nature, ahead))


def _first_ties(shop: Shop, state: State, some: Ints, pace: Floats) -> tuple[Floats, Floats]:
    """Probability that the first tie falls on each day (columns), of who stays: from active, and from paused."""
    people = shop.people
    stage = (people.shape[some] / people.gap_days[some])[:, None]
    ends = np.cumsum(pace, axis=1) * stage
    begins = ends - pace * stage + state.age[some, None] * stage
    chance = day_chance(begins.T, (pace * stage).T, people.poly[:, None, some])
    sure, never = np.ones(len(some)), np.zeros(len(some))
    return _first_from(shop.nature, chance, sure, never), _first_from(shop.nature, chance, never, sure)


def _first_from(nature: Nature, chance: Floats, active: Floats, paused: Floats) -> Floats:
    """The same from a share that is active and one that is paused; `chance` has one row a day."""
    _, pause, resume = turn_chances(nature)
    first = np.empty(chance.shape)
    for nth in range(len(chance)):
        turned = active * pause - paused * resume
        active, paused = active - turned, paused + turned
        first[nth] = active * chance[nth]
        active = active - first[nth]
    return np.ascontiguousarray(first.T)


def _purchases(shop: Shop, state: State, some: Ints, pace: Floats, edges: Ints) -> tuple[Floats, Floats]:
    """Expected purchases between the edges (days ahead) of who stays: from active, and from paused."""
    nature, people = shop.nature, shop.people
    stage = people.shape[some] / people.gap_days[some]
    clock = np.concatenate([np.zeros((len(some), 1)), np.cumsum(pace, axis=1)], axis=1)[:, edges] * stage[:, None]
    n_ties = expected_events(state.age[some] * stage, clock, people.shape[some])
    between = np.diff(n_ties, axis=1) * nature.purchase_share
    _, pause, resume = turn_chances(nature)
    rest = pause / (pause + resume)
    middle = (edges[:-1] + edges[1:]) / 2
    fades = (1 - pause - resume) ** middle
    return between * (1 - rest * (1 - fades)), between * (1 - rest) * (1 - fades)


def _leave_chances(shop: Shop, state: State, some: Ints, ahead: Ints, contact: tuple[int, int | None]) -> Floats:
    """Each customer's chance to leave on each day ahead, after so many contacts and a price benefit that ends on a day.

    Without such an end (None) that of the last price benefit weighs, if there was one.
    """
    nature, people, (n_contacts, ends_on) = shop.nature, shop.people, contact
    week = (ahead - ahead[0]) // 7
    left_over = np.concatenate([np.zeros((len(some), 1), dtype=np.int64), np.cumsum(state.contacts[some], axis=1)], 1)
    by_week = np.zeros((len(some), int(week[-1]) + 1), dtype=np.int64)
    for nth in range(min(by_week.shape[1], FATIGUE_WEEKS)):
        by_week[:, nth] = left_over[:, FATIGUE_WEEKS - 1 - nth] + n_contacts
    factor = fatigue(nature, by_week)[:, week]
    factor = factor * np.where(ahead < state.bad_until[some, None], nature.bad_factor, 1.0)
    ended_from = state.ended_from[some, None]
    if ends_on is not None:
        ended_from = np.full_like(ended_from, ends_on)
    weighs = (ended_from <= ahead) & (ahead < ended_from + nature.ended_days)
    factor = factor * np.where(weighs, nature.ended_factor, 1.0) * _bad_luck(shop, some)[:, None]
    return np.asarray(-np.expm1(-people.hazard[some, None] * factor))


def _bad_luck(shop: Shop, some: Ints) -> Floats:
    """Mean factor on the hazard by bad experiences to come."""
    nature, people = shop.nature, shop.people
    share = 1 - np.exp(-nature.bad_share * nature.bad_days / people.gap_days[some])
    found: Floats = 1 + (nature.bad_factor - 1) * share
    return found


def _still_here(nature: Nature, chance: Floats) -> tuple[Floats, Floats]:
    """Probability of being alive on each day ahead: from unshielded, and from shielded."""
    alive = np.cumprod(1 - chance, axis=1)
    unshield = turn_chances(nature)[0]
    covered = (1 - unshield) ** np.arange(chance.shape[1] + 1)
    # the shield ends on the evening of a day with its own chance; from the next day on the hazard acts
    ends = covered[:-1] * unshield
    before = np.concatenate([np.zeros((len(alive), 1)), np.cumsum(ends / alive, axis=1)[:, :-1]], axis=1)
    shielded: Floats = covered[:-1] + alive * before
    return np.asarray(alive, dtype=np.float64), shielded
