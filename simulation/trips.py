"""When customers buy: gamma renewals on the store's clock, stopped during a customer's breaks; one row an order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulation.customers import Truth
from simulation.days import LEVELS
from simulation.draws import Flags, Floats, Ints, chosen, renewals, stream
from simulation.shop import NEVER, Setting

OPENS_HOUR, CLOSES_HOUR = 8.0, 21.0
PEAK_HOURS = {"online": 20.0, "weekday": 17.5, "weekend": 11.0}
ONLINE = 1
NO_STORE = -1


@dataclass(frozen=True)
class Trips:
    """Orders of one block, by customer and instant. `customer` is the place in the block, `nth` counts one's orders.

    `store` is `NO_STORE` for orders without a place; `known_day` is the day on which the order became known, later than
    `day` for late ones.
    """

    customer: Ints
    nth: Ints
    day: Ints
    second: Ints
    channel: Ints
    store: Ints
    known_day: Ints
    uses_second_id: Flags
    is_recognised: Flags
    is_gift: Flags
    is_employer: Flags

    def __len__(self) -> int:
        return len(self.customer)


def trips_of(setting: Setting, truth: Truth, block: int) -> Trips:
    """Every order of a block's customers from the first day to the end of the world."""
    rng = stream(setting.world.seed, "trips", block)
    customer, day = purchase_days(setting, truth, rng)
    channel = _channels(setting, truth, customer, rng)
    second = _seconds(setting, day, channel, rng)
    order = np.lexsort((second, day, customer))
    customer, day, channel, second = customer[order], day[order], channel[order], second[order]
    n, world = len(customer), setting.world
    counts = np.bincount(customer, minlength=len(truth))
    is_late = rng.random(n) < world.late_share
    employer = truth.is_employer_paid[customer] & (rng.random(n) < 0.5)
    return Trips(
        customer=customer,
        nth=np.arange(n) - np.repeat(np.cumsum(counts) - counts, counts),
        day=day,
        second=second,
        channel=channel,
        store=_stores(setting, truth, customer, day, is_placeless=channel != 0, rng=rng),
        known_day=known_days(setting, day, is_late, rng),
        uses_second_id=truth.has_second_id[customer] & (rng.random(n) < world.second_id_share),
        is_recognised=~truth.is_anonymous[customer] & (rng.random(n) >= world.unrecognised_share),
        is_gift=~employer & (rng.random(n) < world.gift_share),
        is_employer=employer,
    )


def purchase_days(setting: Setting, truth: Truth, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """Whose each purchase is and its day.

    A newcomer's first purchase is on the day of joining. A starter's process is stationary on the first day: the wait
    for the first purchase is a uniform part of a gap drawn in proportion to its length (Cox 1962, chapter 5), which is
    gamma with the shape plus 1.
    """
    clock = setting.days.clock[truth.sensitivity_level]
    n_days, who = setting.world.n_days, np.arange(len(truth))
    scale = truth.mean_gap_days / truth.gap_shape
    wait = rng.random(len(truth)) * rng.gamma(truth.gap_shape + 1.0, scale)
    joined = np.maximum(truth.joined, 0)
    opening = clock[who, joined]
    into_day = rng.random(len(truth)) * (clock[who, joined + 1] - opening)
    first = np.where(truth.joined < 0, wait, opening + into_day)
    end = clock[who, np.minimum(truth.left, n_days)]
    owner, at = renewals(rng, first, truth.mean_gap_days, truth.gap_shape, end)
    day = _days_at(setting, truth, owner, _after_pauses(truth, clock, owner, at))
    is_first = np.diff(owner, prepend=-1) != 0
    kept = (day < np.minimum(truth.left, n_days)[owner]) & (is_first | (truth.left != truth.joined + 1)[owner])
    return owner[kept], day[kept]


def _after_pauses(truth: Truth, clock: Floats, owner: Ints, at: Floats) -> Floats:
    """Times on the customers' own clocks as times on the store's clock, which runs on during their breaks."""
    last = clock.shape[1] - 1
    for start, end in zip(truth.pause_start.T, truth.pause_end.T, strict=True):
        who = np.arange(len(truth))
        begins = np.where(start == NEVER, np.inf, clock[who, np.minimum(start, last)])
        length = np.where(start == NEVER, 0.0, clock[who, np.minimum(end, last)] - clock[who, np.minimum(start, last)])
        at = np.where(at >= begins[owner], at + length[owner], at)
    return at


def _days_at(setting: Setting, truth: Truth, owner: Ints, at: Floats) -> Ints:
    """The day that each time on the store's clock falls on: always an open one; `n_days` if behind the end."""
    day = np.empty(len(owner), dtype=np.int64)
    level = truth.sensitivity_level[owner]
    for number in range(LEVELS):
        own = level == number
        day[own] = np.searchsorted(setting.days.clock[number], at[own], side="right") - 1
    return day


def known_days(setting: Setting, day: Ints, is_late: Flags, rng: np.random.Generator) -> Ints:
    """The day on which rows become known: later ones for late rows, if the world lasts so long."""
    delay = rng.geometric(1 / max(setting.world.late_mean_days, 1.0), len(day)).astype(np.int64)
    return np.where(is_late & (day + delay < setting.world.n_days), day + delay, day)


def _channels(setting: Setting, truth: Truth, customer: Ints, rng: np.random.Generator) -> Ints:
    world = setting.world
    other = chosen(rng.random(len(customer)), world.channel_shares)
    return np.where(rng.random(len(customer)) < world.own_channel_share, truth.channel[customer], other)


def _stores(
    setting: Setting, truth: Truth, customer: Ints, day: Ints, *, is_placeless: Flags, rng: np.random.Generator
) -> Ints:
    """The main store or the second; the other one where the one meant is closed for good."""
    closes_on = setting.shop.closes_on
    goes_main = rng.random(len(customer)) < setting.world.main_store_share
    main, second = truth.main_store[customer], truth.second_store[customer]
    meant, other = np.where(goes_main, main, second), np.where(goes_main, second, main)
    return np.where(is_placeless, NO_STORE, np.where(closes_on[meant] <= day, other, meant))


def _seconds(setting: Setting, day: Ints, channel: Ints, rng: np.random.Generator) -> Ints:
    """Seconds since local midnight: triangular over the opening hours, with a peak by weekday and channel."""
    peak = np.where(setting.days.weekday[day] >= 5, PEAK_HOURS["weekend"], PEAK_HOURS["weekday"])
    peak = np.where(channel == ONLINE, PEAK_HOURS["online"], peak)
    return (3600 * rng.triangular(OPENS_HOUR, peak, CLOSES_HOUR)).astype(np.int64)
