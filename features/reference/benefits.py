"""Purchase days under a benefit that has ended by the cutoff: a campaign's, or one of the shop's promotions."""

from __future__ import annotations

from datetime import date

import pandas as pd

from contracts import windows
from events.store import Events
from features.reference import dated
from features.reference.buying import DAY


def ended_benefit_days(events: Events, cutoff: date, lines: pd.DataFrame) -> pd.DataFrame:
    """One row a customer and day with a line under an ended benefit, none twice."""
    promoted = lines.loc[lines["promotion_id"].isin(_ended_promotions(events, cutoff)), DAY]
    days = pd.concat([_under_campaigns(events, cutoff, lines), promoted.astype({"customer_id": "str"})])
    return days.drop_duplicates()


def _ended_promotions(events: Events, cutoff: date) -> pd.Series:
    """Ids of the promotions that ended before the cutoff and were known then."""
    promotions = events.promotions
    ended = _ended(promotions, cutoff)
    if "known_at" not in promotions.columns:
        return ended["promotion_id"]
    known_at = ended["known_at"]
    return ended.loc[known_at.isna() | windows.is_before_day(known_at, cutoff, events.time_zone), "promotion_id"]


def _under_campaigns(events: Events, cutoff: date, lines: pd.DataFrame) -> pd.DataFrame:
    """Days with a discount (or any, if the shop records none) between a message and the end of its campaign."""
    benefited = lines if "discount" not in events.purchases.columns else lines[lines["discount"] > 0]
    days = benefited[DAY].drop_duplicates().astype({"customer_id": "str"})
    both = days.merge(_ended_messages(events, cutoff), on="customer_id")
    return both.loc[both["day"].between(both["sent"], both["ends"]), DAY]


def _ended_messages(events: Events, cutoff: date) -> pd.DataFrame:
    """One row a message known before the cutoff whose campaign has ended: day numbers `sent` and `ends`."""
    contacts = dated.before(events, "contacts", cutoff)
    ended = _ended(events.campaigns, cutoff)
    rows = contacts[["customer_id", "campaign_id", "sent_on"]].merge(ended[["campaign_id", "ends"]], on="campaign_id")
    return rows.astype({"customer_id": "str"}).assign(sent=windows.day_numbers(rows["sent_on"]))


def _ended(benefits: pd.DataFrame, cutoff: date) -> pd.DataFrame:
    """The campaigns or promotions whose last day (`ends`, a day number) lies before the cutoff's."""
    dated_ones = benefits.dropna(subset=["ends_on"])
    numbered = dated_ones.assign(ends=windows.day_numbers(dated_ones["ends_on"]))
    return numbered[windows.days_before(numbered["ends"].to_numpy(), cutoff)]
