"""The probability of lapse that the simulator itself would give: a bound that no model of the same purchases can beat.

Two bounds, both exact from the hidden parameters but for what is said below. Each conditions on all that a shop's
records could tell about a customer's future, and on more; so its expected log loss is no more than any model's.

`truth` knows the customer's rhythm (mean and shape of the gamma gaps), the day of the last purchase (seen by the shop
or not), the calendar (how busy the coming days will be, too), every break, coming ones too, the hazard of leaving, and
*whether the customer has left*. It does not know when those who are still there will leave, nor when they buy next.

`observer` knows the rhythm, the hazard, the calendar and the day of the last purchase, and how often breaks come and
how long they last; whether the customer has left or is on a break it must infer from the silence, as every model must.
It is the nearer bound, and still out of reach: a model has to learn each rhythm from a few purchases.

A purchase counts for the label if it is recognised and not cancelled (`seen_share`). Left out: the moment of a purchase
within its day (the middle is taken), orders of which every line is given back (about .3 % of orders), and, for the
observer, a second break between the last purchase and the end of the window.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import pandas as pd

from benchmarks.quality.breaks import Break, breaks_around
from benchmarks.quality.silence import TINY, Rhythm, Silence
from contracts import windows
from simulation.customers import Truth, customers_of
from simulation.draws import BLOCK, Floats, Ints
from simulation.purchases import customer_ids
from simulation.shop import NEVER, Setting, setting_of
from simulation.trips import Trips, trips_of
from simulation.world import World

BOUNDS = ("truth", "observer")


def own_clock(setting: Setting, truth: Truth) -> Floats:
    """Each customer's own clock at the beginning of every day, and at the end: the store's, which breaks stop."""
    clock = setting.days.clock[truth.sensitivity_level]
    last, who = clock.shape[1] - 1, np.arange(len(truth))
    own = clock.copy()
    for start, end in zip(truth.pause_start.T, truth.pause_end.T, strict=True):
        opens, closes = (clock[who, np.minimum(day, last)][:, None] for day in (start, end))
        own -= np.clip(clock - opens, 0.0, closes - opens)
    return own


def p_staying(setting: Setting, truth: Truth, who: Ints, since: Ints, days: Ints) -> Floats:
    """Probability to be there on `days` (rows × days), given to be there on the day `since` (rows)."""
    begin = since[:, None]
    staying = np.exp(-truth.hazard_per_day[who, None] * (days - begin))
    closes_on = setting.shop.closes_on[truth.main_store[who], None]
    closed = (closes_on != NEVER) & (begin < closes_on) & (closes_on <= days)
    return np.asarray(np.where(closed, 1 - setting.world.leave_on_closing_share, 1.0) * staying)


def silence_of(setting: Setting, truth: Truth, trips: Trips, who: Ints, window: tuple[Ints, Ints]) -> Silence:
    """What lies behind and ahead of customers `who`; `window` are their cutoffs (days from the first) and horizons."""
    cutoff, horizon = window
    order = trips.customer * (setting.world.n_days + 1) + trips.day
    last_day = trips.day[np.searchsorted(order, who * (setting.world.n_days + 1) + cutoff, side="left") - 1]
    behind = np.minimum(last_day[:, None] + np.arange(1, (cutoff - last_day).max() + 1), cutoff[:, None])
    ahead = cutoff[:, None] + np.minimum(np.arange(horizon.max() + 1), horizon[:, None])
    return Silence(
        rhythm=Rhythm(truth.mean_gap_days[who, None], truth.gap_shape[who, None]),
        last_day=last_day,
        behind=behind,
        ahead=ahead,
        stayed=p_staying(setting, truth, who, last_day, behind),
        staying=p_staying(setting, truth, who, cutoff, ahead[:, :-1]),
        seen_share=seen_share(setting.world),
    )


def observed(setting: Setting, level: Ints, silence: Silence) -> Floats:
    """The observer's probability of lapse: without a break and with each possible one, weighted by their chances."""
    clock = setting.days.clock
    silent, lapsed = _silent_and_lapsed(*silence.outcomes(lambda day: np.asarray(clock[level[:, None], day])))
    for one in breaks_around(setting.world, silence.last_day, silence.ahead[:, 0], silence.ahead[:, -1]):

        def stopped(day: Ints, one: Break = one) -> Floats:
            at, opens, closes = (clock[level[:, None], days] for days in (day, one.start[:, None], one.end[:, None]))
            return np.asarray(at - np.clip(at - opens, 0.0, closes - opens))

        more = _silent_and_lapsed(*silence.outcomes(stopped))
        silent, lapsed = silent + one.chance * more[0], lapsed + one.chance * more[1]
    return np.asarray(lapsed / np.maximum(silent, TINY))


def _silent_and_lapsed(there: Floats, gone: Floats, silent: Floats) -> tuple[Floats, Floats]:
    return there + gone, there * silent + gone


def bounds_of_block(setting: Setting, block: int, wanted: pd.DataFrame) -> pd.DataFrame:
    """`wanted` (customer_id, cutoff_on, horizon_days) of a block's customers with a column for each of `BOUNDS`."""
    truth = customers_of(setting, block)
    place = pd.Series(np.arange(BLOCK), index=customer_ids(truth).to_pandas()[::2])
    who = wanted["customer_id"].map(place).to_numpy(dtype=np.int64)
    cutoff = windows.day_numbers(wanted["cutoff_on"]) - windows.day_number(setting.world.first_day)
    horizon = wanted["horizon_days"].to_numpy(dtype=np.int64)
    silence = silence_of(setting, truth, trips_of(setting, truth, block), who, (cutoff, horizon))
    own = own_clock(setting, truth)
    _, _, silent = silence.outcomes(lambda day: np.asarray(own[who[:, None], day]))
    known = np.where(truth.left[who] > cutoff, silent, 1.0)
    return wanted.assign(truth=known, observer=observed(setting, truth.sensitivity_level[who], silence))


def seen_share(world: World) -> float:
    """The share of orders that count for the label: shown a card, and not cancelled."""
    return (1 - world.unrecognised_share) * (1 - world.cancelled_share)


def bounds(world: World, wanted: pd.DataFrame) -> pd.DataFrame:
    """Each row of `wanted` (customer_id, cutoff_on, horizon_days) with both bounds, in the same order.

    Every customer must have bought before the cutoff, as all who are judged have.
    """
    setting = setting_of(world)
    block = wanted["customer_id"].str.slice(1).astype("int64") // BLOCK
    parts = [bounds_of_block(setting, number, rows) for number, rows in _blocks(wanted, block)]
    return pd.concat(parts).loc[wanted.index]


def _blocks(wanted: pd.DataFrame, block: pd.Series) -> Iterator[tuple[int, pd.DataFrame]]:
    grouped: Iterable[tuple[int, pd.DataFrame]] = wanted.groupby(block.to_numpy(), sort=True)  # type: ignore[assignment]
    for number, rows in grouped:
        yield int(number), rows
