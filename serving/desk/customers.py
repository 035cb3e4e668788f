"""One customer of a week's list: the published row, what they paid week by week, who works on them, what happened."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import sqlalchemy as sa

from contracts.errors import UnknownNameError
from serving.desk import sending, work
from serving.desk.schema import entries, histories
from serving.desk.weeks import Week


def customer(connection: sa.Connection, week: Week, customer_id: str, on: date) -> dict[str, Any]:
    """All that the desk shows of one customer; `since` says what speaks against a message on a day.

    Raises:
        UnknownNameError: the week's list does not hold them: controls and strangers alike.
    """
    where = (entries.c.week_id == week.id) & (entries.c.customer_id == customer_id)
    found = connection.execute(sa.select(entries.c.facts, entries.c.is_work).where(where)).first()
    if found is None:
        raise UnknownNameError(f"expected a customer of the list of week {week.week}, got another")
    facts = json.loads(found.facts)
    return {
        "facts": facts,
        "is_work": found.is_work,
        "claimed_by": work.holders(connection, week.week, [customer_id]).get(customer_id, ""),
        "since": sending.dropped(connection, week, [facts], on).get(customer_id, ""),
        "history": history(connection, week, customer_id),
        "outcomes": work.outcomes_of(connection, [customer_id]),
    }


def history(connection: sa.Connection, week: Week, customer_id: str) -> dict[str, Any]:
    """What they paid, week by week from `first_on` (a Monday): `amounts` in the shop's currency; empty if unknown."""
    where = (histories.c.week_id == week.id) & (histories.c.customer_id == customer_id)
    found = connection.execute(sa.select(histories.c.first_on, histories.c.cents).where(where)).first()
    if found is None:
        return {"first_on": "", "amounts": []}
    return {"first_on": found.first_on, "amounts": [cents / 100 for cents in json.loads(found.cents)]}


def with_work(connection: sa.Connection, week: Week, rows: list[dict[str, Any]], on: date) -> list[dict[str, Any]]:
    """Published rows, each with `claimed_by`, `since` and `last_recorded` ('' where there is nothing)."""
    ids = [row["customer_id"] for row in rows]
    by = work.holders(connection, week.week, ids)
    against = sending.dropped(connection, week, rows, on)
    last = {one["customer_id"]: one["kind"] for one in work.outcomes_of(connection, ids, week.week)}
    more = [
        {"claimed_by": by.get(name, ""), "since": against.get(name, ""), "last_recorded": last.get(name, "")}
        for name in ids
    ]
    return [row | added for row, added in zip(rows, more, strict=True)]
