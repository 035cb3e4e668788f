"""Customers as the desk knows them: the name that the audit log uses, and the marks of who was erased."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterable

import sqlalchemy as sa

from contracts.errors import UnknownNameError
from serving.desk.schema import customer_keys, settings, tombstones

SECRET = "tombstones"  # noqa: S105 – the name of a setting, no secret


def customer_key(connection: sa.Connection, customer_id: str) -> str:
    """The customer's name in the audit log: drawn at first use, not computable from the id."""
    where = customer_keys.c.customer_id == customer_id
    found = connection.execute(sa.select(customer_keys.c.customer_key).where(where)).scalar()
    if found is not None:
        return str(found)
    drawn = secrets.token_hex(12)
    connection.execute(customer_keys.insert().values(customer_id=customer_id, customer_key=drawn))
    return drawn


def mark(connection: sa.Connection, customer_id: str) -> str:
    """The keyed hash under which an erased customer is remembered."""
    return _mark(_secret(connection), customer_id)


def _secret(connection: sa.Connection) -> bytes:
    return bytes.fromhex(connection.execute(sa.select(settings.c.value).where(settings.c.name == SECRET)).scalar_one())


def _mark(secret: bytes, customer_id: str) -> str:
    return hmac.new(secret, customer_id.encode(), hashlib.sha256).hexdigest()


def make_secret(connection: sa.Connection) -> None:
    """Draw the database's secret for those marks; once, by the first migration."""
    connection.execute(settings.insert().values(name=SECRET, value=secrets.token_hex(32)))


def erased(connection: sa.Connection, customer_ids: Iterable[str], since: str = "") -> set[str]:
    """Those among the ids who were erased, at any time or from an instant on."""
    marks = set(connection.execute(sa.select(tombstones.c.mark).where(tombstones.c.erased_at >= since)).scalars())
    if not marks:
        return set()
    secret = _secret(connection)
    return {name for name in customer_ids if _mark(secret, name) in marks}


def refuse_erased(connection: sa.Connection, customer_id: str) -> None:
    """Raise `UnknownNameError` for whoever was erased, wherever else their rows still wait to follow."""
    if erased(connection, [customer_id]):
        raise UnknownNameError("nothing is held of this customer; they were erased")
