"""The list and one customer's work for a terminal: rows as published, and what was done about them in plain lines."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

import pandas as pd
import sqlalchemy as sa

from contracts.errors import UnknownNameError, nearest
from contracts.tables import AT_RISK, FULL_WEEK
from serving.desk import weeks, work
from serving.desk.filters import Filters
from serving.desk.paging import MOST, every_row
from serving.desk.schema import entries
from serving.desk.weeks import Week
from serving.terminal import NOTHING

NAMED = ("group", "tier", "risk_band", "offer", "channel")


def first_rows(connection: sa.Connection, week: Week, filters: Filters, top: int) -> list[dict[str, Any]]:
    """The first rows that the filters leave.

    Raises:
        UnknownNameError: nobody of the list has what a filter asks for, with the nearest that somebody has.
    """
    rows = list(islice(every_row(connection, week, filters, min(top, MOST)), top))
    if not rows:
        for name in NAMED:
            _refuse_unknown(connection, week, name, getattr(filters, name))
    return rows


def _refuse_unknown(connection: sa.Connection, week: Week, name: str, text: str | None) -> None:
    chosen = sa.select(entries.c[name]).where(entries.c.week_id == week.id).distinct()
    known = sorted(set(connection.execute(chosen).scalars()) - {""})
    if text is not None and text not in known:
        hint = nearest(text, known) or f"; there is {', '.join(known[:8]) or 'no row'}"
        raise UnknownNameError(f"no customer of the list has {name} '{text}'{hint}")


def as_listed(row: dict[str, Any]) -> dict[str, Any]:
    """The columns of the published list alone."""
    return {name: row[name] for name in AT_RISK.columns}


def frame(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Rows as a table for the terminal: days as days; whoever left has no rank."""
    made = pd.DataFrame(rows, columns=list(FULL_WEEK.columns))
    days = [name for name, column in FULL_WEEK.columns.items() if str(column.dtype).startswith("datetime64")]
    ranks = made["rank"].astype("object").where(made["rank"].notna(), NOTHING)
    return made.assign(rank=ranks, **{name: pd.to_datetime(made[name]) for name in days})


def what_was_done(connection: sa.Connection, week: str, customer_id: str) -> dict[str, Any]:
    """`claimed_by` in the week, and `recorded`: every outcome so far."""
    known = {found.week for found in weeks.all_weeks(connection)}
    holder = work.holders(connection, week, [customer_id]).get(customer_id, "") if week in known else ""
    return {"claimed_by": holder, "recorded": work.outcomes_of(connection, [customer_id])}


def work_lines(done: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """The same as (what, text) lines; nothing where nothing was done."""
    if done["claimed_by"]:
        yield "worked on by", done["claimed_by"]
    for one in done["recorded"]:
        why = f" ({one['reason']})" if one["reason"] else ""
        yield "recorded", f"{one['happened_at'][:10]} {one['kind']}{why} by {one['recorded_by']} {one['note']}".strip()
