"""The audit log: append-only, each row's hash covers the row before, customers named by a key that erasure destroys.

The database refuses changes and deletions (triggers); whoever can remove those can still not change, drop, add or
reorder a row unnoticed, but must rewrite every later row and the head. Against that, note the head's hash somewhere
else: `verify` compares.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from contracts.errors import StateError
from contracts.files import digest
from serving.desk.clock import now
from serving.desk.people import customer_key
from serving.desk.schema import audit, audit_head

START = "0" * 64
FIELDS = ("number", "at", "actor", "action", "customer_key", "detail")


@dataclass(frozen=True)
class Head:
    """The last row of the log: its number (0 where there is none) and hash."""

    number: int
    hash: str


def append(
    connection: sa.Connection, actor: str, action: str, *, customer_id: str = "", detail: dict[str, Any] | None = None
) -> None:
    """Write one row, within the transaction of what it tells about."""
    last = _locked_head(connection)
    row = {
        "number": last.number + 1,
        "at": now(),
        "actor": actor,
        "action": action,
        "customer_key": customer_key(connection, customer_id) if customer_id else "",
        "detail": json.dumps(detail or {}, sort_keys=True, ensure_ascii=False),
    }
    sealed = row_hash(last.hash, row)
    connection.execute(audit.insert().values(**row, hash=sealed))
    connection.execute(audit_head.update().values(number=row["number"], hash=sealed))


def row_hash(previous: str, row: dict[str, Any]) -> str:
    """SHA-256 over the hash before and every field."""
    return digest(previous, *(str(row[name]) for name in FIELDS))


def _locked_head(connection: sa.Connection) -> Head:
    """The head, held until the transaction ends: two writers cannot follow the same row."""
    found = connection.execute(sa.select(audit_head.c.number, audit_head.c.hash).with_for_update()).one()
    return Head(found.number, found.hash)


def verify(connection: sa.Connection, noted: str = "") -> Head:
    """Walk the whole chain and return its head; `noted` is a head's hash that somebody kept: it must still be there.

    Raises:
        StateError: a row was changed, dropped, added or moved.
    """
    last, is_noted = Head(0, START), not noted
    for row in _rows(connection):
        if row["number"] != last.number + 1:
            raise StateError(f"audit log: expected row {last.number + 1}, found row {row['number']}; rows are missing")
        if row_hash(last.hash, row) != row["hash"]:
            raise StateError(
                f"audit log: row {row['number']} is not as it was written, or the one before it is not; find out who "
                "can write to the database, and compare with a backup (regulars restore)"
            )
        last = Head(row["number"], row["hash"])
        is_noted = is_noted or last.hash == noted
    head = connection.execute(sa.select(audit_head.c.number, audit_head.c.hash)).first()
    if head is None or (head.number, head.hash) != (last.number, last.hash):
        raise StateError(f"audit log: it ends at row {last.number}, not where its head says; rows are missing")
    if not is_noted:
        raise StateError("audit log: no row has the noted hash; the log was rewritten since")
    return last


def head(connection: sa.Connection) -> Head:
    """The last row's number and hash as the log's head has them, without a walk of the chain."""
    found = connection.execute(sa.select(audit_head.c.number, audit_head.c.hash)).one()
    return Head(found.number, found.hash)


def _rows(connection: sa.Connection) -> Iterator[dict[str, Any]]:
    found = connection.execution_options(yield_per=1000).execute(sa.select(audit).order_by(audit.c.number))
    yield from (dict(row) for row in found.mappings())


def page(connection: sa.Connection, after: int, limit: int) -> list[dict[str, Any]]:
    """Rows after a number, in order, with their detail as plain data."""
    chosen = sa.select(audit).where(audit.c.number > after).order_by(audit.c.number).limit(limit)
    return [{**row, "detail": json.loads(row["detail"])} for row in connection.execute(chosen).mappings()]
