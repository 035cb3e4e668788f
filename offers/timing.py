"""When an offer is sent, until when the team may act, and how long the customer has."""

from __future__ import annotations

from datetime import date, timedelta

import pandas as pd


def send_day(week_on: date, send_after_days: int) -> date:
    """The day to send: so many days after the week's Monday."""
    return week_on + timedelta(days=send_after_days)


def last_days(send_on: date, act_within_days: int, valid_days: pd.Series) -> pd.DataFrame:
    """One row per offer: `send_on`, `act_by`, `valid_until`. The offer's days count from the last day to act.

    So whoever is written to late has as long as the catalogue says.
    """
    act_by = pd.Timestamp(send_on) + pd.Timedelta(days=act_within_days)
    table = pd.DataFrame({"send_on": pd.Timestamp(send_on), "act_by": act_by}, index=valid_days.index)
    return table.assign(valid_until=act_by + pd.to_timedelta(valid_days, unit="D")).astype("datetime64[us]")
