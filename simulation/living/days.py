"""One day of a living store: messages arrive, customers leave, pause and buy; what happened is noted in arrays.

The order of a day: messages arrive (in the morning); the unshielded living leave with the day's hazard; shields and
pauses end, pauses begin; whoever is alive and not paused buys with the chance of their gap; newcomers make their first
purchase on the day they join, and a share of them leaves after it. At most one tie a day and customer.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulation.draws import Flags, Floats, Ints
from simulation.living import belief as beliefs
from simulation.living.calendar import intensity, is_promotion
from simulation.living.erlang import day_chance
from simulation.living.luck import Single
from simulation.living.nature import Nature
from simulation.living.people import People
from simulation.living.sends import Sends, reaches_of
from simulation.living.shop import Shop
from simulation.living.state import LONG_AGO, Aims, State, acts_of, hazard_factor

CLOSED_AFTER_DAYS = 3
HALF = 0.5
"""A purchase falls on the middle of its day: so much of the day's clock has run since when the next day begins."""


@dataclass(frozen=True)
class Arrived:
    """Messages of one day, with what customers did about them at once."""

    day: int
    sends: Sends
    opened: Flags
    unsubscribed: Flags  # and had permitted the channel
    complained: Flags
    served: Flags  # took up what is no price benefit, without a purchase


@dataclass(frozen=True)
class Tied:
    """Ties of one day: one entry a customer who came. Amounts in currency, before the benefit's own cost."""

    day: int
    who: Ints
    is_visit: Flags  # a care visit, no purchase
    list_value: Floats
    discount: Floats  # the shop's own reductions
    coupon: Floats  # price benefit that was used
    benefit_cost: Floats
    is_redeemed: Flags
    campaign: Ints
    is_bad: Flags
    has_complained: Flags
    favourite: Ints


def arrive(shop: Shop, state: State, sends: Sends, day: int, luck: dict[str, Single]) -> Arrived:
    """The messages of one day reach their customers; `luck`: arrays (7 days, all customers)."""
    nature, people = shop.nature, shop.people
    who, nth = sends.who, day % 7
    reach = reaches_of(sends.channel, nature.reach)
    acts = acts_of(shop, state, day // 7, Aims(who, sends.mechanic, reach))
    is_here = ~state.left[who] & (people.joined[who] <= day)
    draw = {name: values[nth, who] for name, values in luck.items()}
    driven = is_here & (draw["harm"] < acts.harm)
    lately = state.left[who] & (day - state.left_day[who] < nature.recall_days)
    back = lately & (draw["save"] < acts.save)
    state.is_shielded[who] |= is_here & ~driven & (draw["save"] < acts.save)
    state.left[who] = (state.left[who] & ~back) | driven
    state.left_day[who] = np.where(driven, day, state.left_day[who])
    state.is_paused[who] &= ~back
    state.is_shielded[who] &= ~back
    beliefs.see_contacts(state.belief, who, acts.save, acts.harm, day)
    state.contacts[who, 0] += 1
    willing = draw["redeem"] < acts.redeem
    served = willing & ~acts.is_price & ~state.left[who] & nature.service_without_purchase
    _give(nature, state, sends, willing & ~_is_served(nature, acts.is_price), acts.lift)
    return Arrived(
        day,
        sends,
        opened=draw["open"] < people.opens[who],
        unsubscribed=_unsubscribe(nature, people, state, sends, draw["unsubscribe"]),
        complained=draw["complained"] < nature.complained_share,
        served=served,
    )


def _is_served(nature: Nature, is_price: Flags) -> Flags:
    """Benefits that need no purchase."""
    return ~is_price & nature.service_without_purchase


def _give(nature: Nature, state: State, sends: Sends, willing: Flags, lift: Floats) -> None:
    """The customer holds the message's benefit; a price benefit teaches, and its end will weigh."""
    who, is_price = sends.who, sends.price_worth > 0
    state.voucher_until[who] = sends.until
    state.voucher_used[who] = willing
    state.voucher_worth[who] = sends.price_worth
    state.voucher_cost[who] = sends.cost
    state.voucher_lift[who] = lift
    state.voucher_campaign[who] = sends.day - sends.day % 7
    taught = np.minimum(state.sensitivity[who] + nature.taught_step, 1.0)
    state.sensitivity[who] = np.where(is_price, taught, state.sensitivity[who])
    state.ended_from[who] = np.where(is_price, sends.until + 1, state.ended_from[who])


def _unsubscribe(nature: Nature, people: People, state: State, sends: Sends, draw: Single) -> Flags:
    """Who takes back the permission of the channel that was used, sleeping dogs the more."""
    chance = nature.unsubscribe_share * np.asarray(nature.type_harms)[people.kind[sends.who]]
    stops = draw < chance
    for name, permitted in state.permitted.items():
        here = stops & (sends.channel == name)
        stops[here] &= permitted[sends.who[here]]
        permitted[sends.who[here]] = False
    return stops


@dataclass(frozen=True)
class DayLuck:
    """One day's luck, one entry a customer; `shock` is the week's factor on the clock."""

    day: int
    draw: dict[str, Single]
    size: Single
    shock: float

    def of(self, who: Ints) -> DayLuck:
        """That of some customers."""
        return DayLuck(self.day, {name: values[who] for name, values in self.draw.items()}, self.size[who], self.shock)


def live(shop: Shop, state: State, luck: DayLuck) -> Tied:
    """Customers leave, pause and buy on one day."""
    nature, people, day, draw = shop.nature, shop.people, luck.day, luck.draw
    exists = people.joined < day
    leave = np.where(exists, -np.expm1(-people.hazard * hazard_factor(nature, state, day)), 0.0)
    leaves = ~state.left & ~state.is_shielded & (draw["leave"] < leave)
    state.left |= leaves
    state.left_day[leaves] = day
    beliefs.see_leaving(state.belief, leave, day)
    turn(nature, state, draw)
    return _tie(shop, state, luck)


def turn_chances(nature: Nature) -> tuple[float, float, float]:
    """Daily chances that a shield wears off, that a pause begins, that it ends."""
    return 1 / max(nature.shield_days, 1.0), nature.pauses_per_year / 365.25, 1 / max(nature.pause_mean_days, 1.0)


def turn(nature: Nature, state: State, draw: dict[str, Single]) -> None:
    """Shields and pauses end, pauses begin."""
    unshield, pause, resume = turn_chances(nature)
    state.is_shielded &= draw["shield"] >= unshield
    state.is_paused = np.where(state.is_paused, draw["pause"] >= resume, draw["pause"] < pause)
    beliefs.see_turns(state.belief, unshield, pause, resume)


def _tie(shop: Shop, state: State, luck: DayLuck) -> Tied:
    nature, people, day = shop.nature, shop.people, luck.day
    on = np.asarray([day])
    own = shop.promotion_pace if is_promotion(nature, on)[0] else shop.usual_pace
    pace = own * (float(intensity(nature, on)[0]) * luck.shock)
    stage = people.shape / people.gap_days
    chance = np.where(people.joined < day, day_chance(state.age * stage, pace * stage, people.poly), 0.0)
    chance[people.joined == day] = 1.0
    comes = ~state.left & ~state.is_paused & (luck.draw["buy"] < chance)
    # a pause cannot keep a newcomer from joining
    comes |= people.joined == day
    who = np.flatnonzero(comes)
    state.is_paused[who] = False
    beliefs.see_ties(state.belief, np.where(chance == 1.0, 0.0, chance), who)
    state.age += np.where(people.joined <= day, pace, 0.0)
    state.age[who] = HALF * pace[who]
    tied = _sold(shop, state, who, luck.of(who))
    _leave_at_once(nature, people, state, who[people.joined[who] == day], day)
    return tied


def _leave_at_once(nature: Nature, people: People, state: State, new: Ints, day: int) -> None:
    """One-time buyers."""
    state.left[new] = people.is_one_time[new]
    state.left_day[new] = day
    beliefs.see_first_purchases(state.belief, new, nature.one_time_share, day)


def _sold(shop: Shop, state: State, who: Ints, luck: DayLuck) -> Tied:
    """What the customers who came bought, and what they used; `luck` is theirs alone."""
    nature, people, day, draw = shop.nature, shop.people, luck.day, luck.draw
    is_visit = (draw["tie"] >= nature.purchase_share) & (people.joined[who] != day)
    redeems = state.voucher_used[who] & (day <= state.voucher_until[who]) & ~is_visit
    sd = nature.purchase_sd
    value = people.basket[who] * np.exp(sd * luck.size.astype(np.float64) - sd**2 / 2)
    value = np.maximum(value * np.where(redeems, 1 + state.voucher_lift[who], 1.0), 1.0)
    discount = np.where(draw["reduced"] < state.sensitivity[who], nature.reduction * value, 0.0)
    coupon = np.where(redeems, np.minimum(state.voucher_worth[who], 0.8 * (value - discount)), 0.0)
    is_bad = draw["bad"] < nature.bad_share
    has_complained = is_bad & (draw["complain"] < nature.complaint_share)
    state.voucher_used[who[redeems]] = False
    state.bad_until[who[is_bad]] = day + 1 + nature.bad_days
    state.complained_on[who[has_complained]] = day
    return Tied(
        day,
        who,
        is_visit,
        value,
        discount,
        coupon,
        benefit_cost=np.where(redeems, state.voucher_cost[who], 0.0),
        is_redeemed=redeems,
        campaign=state.voucher_campaign[who],
        is_bad=is_bad,
        has_complained=has_complained,
        favourite=state.favourite[who],
    )


def closed_complaints(state: State, day: int) -> Ints:
    """Customers whose complaint is closed on the day, three days after it was made."""
    closed: Ints = np.flatnonzero((state.complained_on > LONG_AGO) & (state.complained_on == day - CLOSED_AFTER_DAYS))
    return closed
