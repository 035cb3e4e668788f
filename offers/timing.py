"""When an offer is sent, until when the team may act, how long the customer has, and what is said before and after.

The day follows from the customer's own rhythm: shortly before the next purchase is due, as far as the week allows, so
that the offer is there before they would have bought elsewhere; whoever is overdue is written to at once.
"""

from __future__ import annotations

from datetime import date, timedelta

import pandas as pd

from contracts.params import Plan
from offers.catalogue import Catalogue
from offers.channel import WEEKDAYS, Channel
from offers.contacts import longest_days


def send_day(week_on: date, send_after_days: int) -> date:
    """The first day to send: so many days after the week's Monday."""
    return week_on + timedelta(days=send_after_days)


def send_days(next_due_on: pd.Series, first: date, limits: Plan) -> pd.Series:
    """The day on which each customer is best written to: `lead_days` before the due day, within the days to send."""
    earliest = pd.Timestamp(first)
    latest = earliest + pd.Timedelta(days=limits.send_within_days)
    wanted = next_due_on - pd.Timedelta(days=limits.lead_days)
    day = wanted.where(wanted > earliest, earliest)
    return day.where(day < latest, latest).astype("datetime64[us]")


def off_quiet_days(days: pd.Series, channels: pd.Series, catalogue: Catalogue, first: date) -> pd.Series:
    """The days moved to the nearest later one of the week on which their channel may send, else an earlier one.

    A week ends on its Sunday, so that the next plan knows of all that this one sends; only a channel that may send on
    none of the days from `first` on waits beyond it.
    """
    moved = days.copy()
    for channel in catalogue.channels:
        if not channel.quiet_days:
            continue
        here = channels == channel.id
        shift = moved[here].dt.day_of_week.map(_shifts(channel, first.weekday())).astype("int64")
        moved[here] = moved[here] + pd.to_timedelta(shift, unit="D")
    return moved


def _shifts(channel: Channel, first: int) -> dict[int, int]:
    """For each weekday from Monday, 0: days to the nearest that is not quiet, later in the week before earlier."""
    quiet = {WEEKDAYS.index(day) for day in channel.quiet_days}
    found = {}
    for day in range(7):
        order = [*range(7 - day), *range(-1, first - day - 1, -1), *range(7 - day, 14)]
        found[day] = next(k for k in order if (day + k) % 7 not in quiet)
    return found


def last_days(rows: pd.DataFrame, catalogue: Catalogue, limits: Plan) -> pd.DataFrame:
    """One row per offer (`offer`, `channel`, `next_due_on`, `due_until_on`): its days, from sending to the follow-up.

    `send_on`; `act_by`, the last day for the team; `valid_until`, which counts from the last day to act (so that
    whoever is written to late has as long as the catalogue says) and reaches to the day until which the next purchase
    is likely, but not beyond twice the offer's days; for price benefits `notice_on` and `follow_up_on`.
    """
    first = send_day(rows["cutoff_on"].iloc[0].date(), limits.send_after_days) if len(rows) else date(1970, 1, 1)
    on_occasion = rows["offer"].isin([offer.id for offer in catalogue.offers if offer.occasion is not None])
    best = send_days(rows["next_due_on"].mask(on_occasion), first, limits)  # an occasion does not wait
    send_on = off_quiet_days(best, rows["channel"], catalogue, first)
    act_by = send_on + pd.Timedelta(days=limits.act_within_days)
    valid_days = rows["offer"].map({offer.id: longest_days(offer) for offer in catalogue.offers}).astype("float64")
    least = act_by + pd.to_timedelta(valid_days, unit="D")
    most = act_by + pd.to_timedelta(2 * valid_days, unit="D")
    likely = rows["due_until_on"].where(rows["due_until_on"] > least, least)
    valid_until = likely.where(likely < most, most)
    priced = rows["offer"].isin([offer.id for offer in catalogue.offers if offer.gives_price])
    table = pd.DataFrame(
        {
            "send_on": send_on,
            "act_by": act_by,
            "valid_until": valid_until,
            "notice_on": (valid_until - pd.Timedelta(days=limits.notice_days)).where(priced),
            "follow_up_on": (valid_until + pd.Timedelta(days=limits.follow_up_days)).where(priced),
        },
        index=rows.index,
    )
    return table.astype("datetime64[us]")
