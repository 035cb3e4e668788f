"""Erasing a customer at the desk: hidden at once, kept out of every later load, without a name in the audit log.

What else the product holds follows with `regulars pull` (or `regulars forget`), which re-issues the published weeks;
until then the id is kept in `erasures`, for that alone.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from serving.desk import audit, counting
from serving.desk.clock import now
from serving.desk.people import erased, mark
from serving.desk.schema import (
    activity,
    claims,
    customer_keys,
    entries,
    entry_labels,
    erasures,
    histories,
    outcomes,
    suppressions,
    tombstones,
    weeks,
)

ABOUT = (claims, outcomes, suppressions, activity)
"""Every table with rows about single customers, beside those of a week and the key that links the audit log."""

OF_COLLEAGUES = ("user_id", "key", "body_hash")
"""Columns that speak of who recorded something, and not of the customer."""


def erase(connection: sa.Connection, actor: str, customer_id: str, *, is_followed: bool = False) -> int:
    """Delete all that the desk holds of a customer and return how many rows; again is as once.

    `is_followed`: the rest of the product has erased them already, so that nothing is left to follow.
    """
    audit.append(connection, actor, "erased", customer_id=customer_id)
    n_deleted = delete_rows(connection, customer_id)
    connection.execute(customer_keys.delete().where(customer_keys.c.customer_id == customer_id))
    at = now()
    if not erased(connection, [customer_id]):
        connection.execute(tombstones.insert().values(mark=mark(connection, customer_id), erased_at=at))
    connection.execute(erasures.delete().where(erasures.c.customer_id == customer_id))
    if not is_followed:
        connection.execute(erasures.insert().values(customer_id=customer_id, requested_at=at))
    return n_deleted


def delete_rows(connection: sa.Connection, customer_id: str) -> int:
    """Delete every row about a customer, and take them out of the counts of each week; return how many rows went."""
    counting.forget(connection, customer_id)
    connection.execute(_labels_of(customer_id))
    n_deleted = connection.execute(entries.delete().where(counting.of_customer(customer_id))).rowcount
    of_week = histories.c.week_id.in_(sa.select(weeks.c.id))
    n_deleted += connection.execute(histories.delete().where(of_week, histories.c.customer_id == customer_id)).rowcount
    return n_deleted + sum(
        connection.execute(table.delete().where(table.c.customer_id == customer_id)).rowcount for table in ABOUT
    )


def _labels_of(customer_id: str) -> sa.Delete:
    places = sa.select(entries.c.week_id, entries.c.place).where(counting.of_customer(customer_id))
    return entry_labels.delete().where(sa.tuple_(entry_labels.c.week_id, entry_labels.c.place).in_(places))


def held(connection: sa.Connection, customer_id: str) -> dict[str, list[dict[str, Any]]]:
    """What was recorded of a customer at the desk, by table; its rows of published weeks are those of the weeks."""
    found = {}
    for table in ABOUT:
        told = [column for column in table.c if column.name not in OF_COLLEAGUES]
        rows = connection.execute(sa.select(*told).where(table.c.customer_id == customer_id)).mappings()
        found[table.name] = [dict(row) for row in rows]
    return {name: rows for name, rows in found.items() if rows}


def named(connection: sa.Connection) -> set[str]:
    """Every customer's id that a table about customers holds."""
    wanted = (sa.select(table.c.customer_id).distinct() for table in ABOUT)
    return {str(name) for one in wanted for name in connection.execute(one).scalars()}


def awaited(connection: sa.Connection) -> list[str]:
    """The ids whose erasure the rest of the product has not followed yet."""
    return list(connection.execute(sa.select(erasures.c.customer_id).order_by(erasures.c.requested_at)).scalars())


def waiting_since(connection: sa.Connection) -> str | None:
    """When the first erasure that waits was asked for (UTC, ISO); None where none waits."""
    at: str | None = connection.execute(sa.select(sa.func.min(erasures.c.requested_at))).scalar()
    return at


def followed(connection: sa.Connection, customer_id: str) -> None:
    """The rest of the product has erased a customer: the desk forgets the id too."""
    connection.execute(erasures.delete().where(erasures.c.customer_id == customer_id))
