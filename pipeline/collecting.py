"""What stage `collect` does with the tables: which waves have matured, what came of them, what is believed since."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date

import pandas as pd

from contracts.fit_sample import FitSample
from contracts.params import Params
from contracts.wave_tables import BELIEFS, FOLLOW_UP, WAVE_OUTCOMES, WAVES
from contracts.windows import day_numbers, days_until, rows_before, trailing
from events.store import Events
from features.follow_ups import with_follow_ups
from features.programme import UniversalDraw
from features.wave_outcomes import Seen, is_answer, matured, outcomes
from offers.catalogue import Catalogue
from offers.effects.pooling import learn
from offers.effects.programme import Plain, programme, what_is_awaited
from portraits.interactions import interactions
from portraits.spend import full_price_days

Eligible = Callable[[pd.DataFrame, float, UniversalDraw], pd.DataFrame]
"""From all waves with what came of them: `features.programme.programme_rows`."""


@dataclass(frozen=True)
class Collected:
    """Experiments as they stand at a Monday: all earlier waves, the outcomes of the matured ones, and beliefs.

    `programme`: all marketing against the customers without any, as offers.effects.programme gives it.
    """

    waves: pd.DataFrame
    outcomes: pd.DataFrame
    beliefs: pd.DataFrame
    programme: Plain


def collect_waves(
    waves: pd.DataFrame,
    events: Events,
    catalogue: Catalogue,
    groups: list[str],
    eligible: Eligible,
    *,
    cutoff: date,
    params: Params,
) -> Collected:
    """Read the waves before `cutoff`, and the `eligible` since the first, by all that was known by then.

    `events` hold the purchases of waves' customers.
    """
    earlier = waves[days_until(waves["cutoff_on"], cutoff) > 0].reset_index(drop=True)
    seen = Seen(events.purchases, events.contacts, events.responses, events.time_zone).before(cutoff)
    ended = matured(earlier[earlier["purpose"] != FOLLOW_UP], cutoff, params.task.label_grace_days)
    costs, owed = costs_if_redeemed(catalogue), owed_offers(catalogue)
    found = with_follow_ups(outcomes(ended, seen, params.store.margin_rate, costs, owed), earlier)
    met = rows_before(events.interactions, cutoff, events.time_zone, "happened_at")
    known = replace(events, interactions=met)
    found = WAVE_OUTCOMES(with_interactions(found, known, seen)) if len(found) else WAVE_OUTCOMES.empty()
    learned = BELIEFS(learn(catalogue, groups, found, params.collect, cutoff))
    drawn = outcomes(earlier, seen, params.store.margin_rate, costs, owed)
    return Collected(WAVES(earlier), found, learned, _programme(eligible, drawn, params))


def _programme(eligible: Eligible, drawn: pd.DataFrame, params: Params) -> Plain:
    """All marketing together; `drawn`: every earlier wave with what it cost by now, matured or not."""
    draw = UniversalDraw(params.execution.seed, params.plan.universal_share)
    rows = eligible(drawn, params.store.margin_rate, draw)
    label_days = params.task.longest_horizon_days + params.task.label_grace_days
    return programme(rows, params.store.currency, what_is_awaited(drawn, draw.share, label_days))


def told_of(sample: FitSample, report: Plain) -> Plain:
    """The effects' report; where snapshots are of a sample, it says so beside what rests on them.

    Waves are read of everyone. All marketing together and what comes before lapses are differences between customers
    of the sample: its lot has no part in either side, so that they are the shop's, with wider intervals.
    """
    if sample.is_everyone:
        return report
    programme = {**report["programme"], "sentence": f"{report['programme']['sentence']} Seen in {sample.said}."}
    return {**report, "programme": programme, "seen_in": sample.said, **sample.as_json()}


def costs_if_redeemed(catalogue: Catalogue) -> dict[str, float]:
    """What each offer costs the shop if every benefit of it is taken up, by offer id, currency."""
    return {offer.id: sum(part.cost for part in offer.components) for offer in catalogue.offers}


def owed_offers(catalogue: Catalogue) -> frozenset[str]:
    """The ids of the offers that put something right: owed to everyone, controls among them."""
    return frozenset(offer.id for offer in catalogue.offers if offer.is_never_withheld)


def names_offers(contacts: pd.DataFrame) -> bool:
    """Whether every contact says which offer it carried; without contacts there is nothing to say."""
    return not len(contacts) or ("offer" in contacts.columns and bool(contacts["offer"].notna().all()))


def with_interactions(found: pd.DataFrame, events: Events, seen: Seen) -> pd.DataFrame:
    """The outcomes with how each customer met the shop in the horizon, and in as many days before the Monday.

    'unknown' where no such events are recorded. Purchases at full price count where discounts are recorded; responses
    to the wave's own message do not, for its controls can give none.
    """
    parts = []
    for _, rows in found.groupby(["cutoff_on", "horizon_days"], sort=True):
        monday, days = rows["cutoff_on"].iloc[0], int(rows["horizon_days"].iloc[0])
        others = replace(seen, responses=seen.responses[~is_answer(rows, seen)])
        before, after = (
            _ways(rows["customer_id"], events.interactions, others, ends_on.date(), days)
            for ends_on in (monday, monday + pd.Timedelta(days=days))
        )
        parts.append(rows.assign(interaction_before=before.to_numpy(), interaction_after=after.to_numpy()))
    return pd.concat(parts, ignore_index=True)


def _ways(ids: pd.Series, met: pd.DataFrame, seen: Seen, ends_on: date, days: int) -> pd.Series:
    """How each of the customers met the shop in the days that end before a day."""
    bought = seen.purchases[seen.purchases["customer_id"].isin(ids)]
    lines = bought[trailing(day_numbers(bought["ordered_on"]), ends_on, days)]
    full = full_price_days(lines) if "discount" in lines.columns else pd.Series(dtype="int64")
    at_full_price = full.reindex(pd.Index(ids, name="customer_id")).fillna(0).astype("int64")
    found: pd.Series = interactions(met, seen.responses, at_full_price, ends_on, days)["interaction"]
    return found
