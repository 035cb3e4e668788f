"""How far a week's work is: who is taken, what was recorded, who left the list, how fresh the knowledge is."""

from __future__ import annotations

from datetime import date
from typing import Any

import sqlalchemy as sa

from serving.desk import sending
from serving.desk.errors import StaleError
from serving.desk.schema import claims, entries, feeds, outcomes
from serving.desk.weeks import Week


def progress(connection: sa.Connection, week: Week) -> dict[str, Any]:
    """Counts of a week: `n_claimed`, `n_left`, `n_late`, and `recorded`: customers by what was recorded of them."""
    recorded = (
        sa.select(outcomes.c.kind, sa.func.count(sa.distinct(outcomes.c.customer_id)).label("n"))
        .where(outcomes.c.week == week.week)
        .group_by(outcomes.c.kind)
        .order_by(outcomes.c.kind)
    )
    return {
        "n_claimed": _count(connection, claims, claims.c.week == week.week),
        "n_left": _count(connection, entries, (entries.c.week_id == week.id) & (entries.c.change == "left")),
        "n_late": sending.n_late(connection, week),
        "recorded": {row.kind: row.n for row in connection.execute(recorded)},
    }


def _count(connection: sa.Connection, table: sa.Table, where: sa.ColumnElement[bool]) -> int:
    return int(connection.execute(sa.select(sa.func.count()).select_from(table).where(where)).scalar_one())


def freshness(connection: sa.Connection, week: Week, on: date) -> dict[str, str]:
    """`known_through`, `fed_at` (the last feed, '' if none), and `stale`: why nothing may be sent on a day, or ''."""
    last = connection.execute(sa.select(sa.func.max(feeds.c.loaded_at))).scalar()
    found = {"known_through": sending.known_through(connection, week).isoformat(), "fed_at": last or ""}
    try:
        sending.refuse_stale(connection, week, on)
    except StaleError as error:
        return {**found, "stale": str(error)}
    return {**found, "stale": ""}
