"""What people do at the desk: claim customers, hand them over, record outcomes, suppress."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import sqlalchemy as sa

from contracts.errors import ParameterError, UnknownNameError, nearest
from contracts.event_kinds import REASONS, RESPONSE_KINDS
from contracts.files import digest
from serving.desk import accounts, audit
from serving.desk.actors import Actor
from serving.desk.clock import now, read_day, read_instant, written
from serving.desk.errors import ConflictError
from serving.desk.people import refuse_erased
from serving.desk.schema import claims, entries, outcomes, suppressions, users, weeks
from serving.desk.weeks import Week

KINDS = ("contacted", *RESPONSE_KINDS, "returned", "skipped")
"""What may be recorded: a message went out, what the customer did about it, they came back, or nothing was sent."""
LONGEST = {"key": 100, "note": 2000, "customer_id": 200, "channel": 60, "week": 8}


@dataclass(frozen=True)
class Outcome:
    """One thing to record. `key` is the sender's own for it; `happened_at` an instant with offset, '' for this one."""

    key: str
    customer_id: str
    kind: str
    reason: str = ""
    channel: str = ""
    note: str = ""
    happened_at: str = ""
    week: str = field(default="")

    def body_hash(self) -> str:
        """The same for the same content."""
        return digest(json.dumps(asdict(self), sort_keys=True))


def check(outcome: Outcome) -> None:
    """Raise `ParameterError` for what cannot be recorded."""
    if outcome.kind not in KINDS:
        raise ParameterError(
            f"kind: expected one of {', '.join(KINDS)}, got '{outcome.kind[:30]}'{nearest(outcome.kind, KINDS)}"
        )
    if outcome.reason and outcome.reason not in REASONS:
        hint = nearest(outcome.reason, REASONS)
        raise ParameterError(f"reason: expected one of {', '.join(REASONS)}, got '{outcome.reason[:30]}'{hint}")
    if not outcome.key or not outcome.customer_id:
        raise ParameterError("expected a key and a customer_id, got an empty one")
    for name, longest in LONGEST.items():
        value = getattr(outcome, name)
        if len(value) > longest or "\x00" in value:
            raise ParameterError(f"{name}: expected at most {longest} characters of text, got others")
    if outcome.happened_at:
        read_instant(outcome.happened_at)


def record(connection: sa.Connection, actor: Actor, week: Week, given: Sequence[Outcome]) -> list[str]:
    """Record outcomes, all or none; say of each 'recorded', or 'repeated' if it was there under the same key.

    Raises:
        ConflictError: a key was used for something else.
        UnknownNameError: somebody is not on the list of that week.
    """
    for outcome in given:
        check(outcome)
    told = _recorded(connection, actor, given)
    fresh: dict[str, Outcome] = {}
    said = []
    for outcome in given:
        before = told.get(outcome.key) or (fresh[outcome.key].body_hash() if outcome.key in fresh else None)
        if before is None:
            fresh[outcome.key] = outcome
        elif before != outcome.body_hash():
            raise ConflictError(
                f"key '{outcome.key}': expected the outcome that it was used for, got another; choose a new key"
            )
        said.append("recorded" if before is None else "repeated")
    _write(connection, actor, week, list(fresh.values()))
    return said


def _recorded(connection: sa.Connection, actor: Actor, given: Iterable[Outcome]) -> dict[str, str]:
    """The hashes of what this account recorded before under the same keys."""
    keys = [outcome.key for outcome in given]
    chosen = sa.select(outcomes.c.key, outcomes.c.body_hash)
    found = connection.execute(chosen.where(outcomes.c.user_id == actor.user_id, outcomes.c.key.in_(keys)))
    return {row.key: row.body_hash for row in found}


def _write(connection: sa.Connection, actor: Actor, week: Week, fresh: list[Outcome]) -> None:
    rows = []
    for outcome in fresh:
        named = outcome.week or week.week
        row = _row(actor, outcome, named, published(connection, named, outcome.customer_id))
        rows.append(row)
        told = {"week": row["week"], "kind": outcome.kind, "reason": outcome.reason}
        audit.append(connection, actor.told, "outcome recorded", customer_id=outcome.customer_id, detail=told)
    if rows:
        connection.execute(outcomes.insert(), rows)


def _row(actor: Actor, outcome: Outcome, week: str, entry: dict[str, Any]) -> dict[str, Any]:
    recorded_at = now()
    return {
        **asdict(outcome),
        "week": week,
        "offer": entry["offer"],
        "channel": outcome.channel or entry["channel"],
        "happened_at": written(read_instant(outcome.happened_at)) if outcome.happened_at else recorded_at,
        "recorded_at": recorded_at,
        "user_id": actor.user_id,
        "body_hash": outcome.body_hash(),
    }


def published(connection: sa.Connection, week: str, customer_id: str) -> dict[str, Any]:
    """Offer and channel of the customer's entry in any revision of the week, the latest first."""
    chosen = (
        sa.select(entries.c.offer, entries.c.channel, entries.c.is_work)
        .join(weeks, weeks.c.id == entries.c.week_id)
        .where(weeks.c.week == week, weeks.c.is_whole, entries.c.customer_id == customer_id)
        .order_by(weeks.c.id.desc())
        .limit(1)
    )
    found = connection.execute(chosen).mappings().first()
    if found is None:
        raise UnknownNameError(f"expected a customer of the list of week {week[:8]}, got another")
    return dict(found)


def outcomes_of(
    connection: sa.Connection, customer_ids: Iterable[str], week: str | None = None
) -> list[dict[str, Any]]:
    """What was recorded of customers, in the order in which it happened; of one week, or of all."""
    shown = [
        outcomes.c[name]
        for name in ("week", "customer_id", "kind", "reason", "offer", "channel", "note", "happened_at")
    ]
    chosen = (
        sa.select(*shown, users.c.name.label("recorded_by"))
        .join(users, users.c.id == outcomes.c.user_id)
        .where(outcomes.c.customer_id.in_(list(customer_ids)))
        .order_by(outcomes.c.happened_at, outcomes.c.id)
    )
    if week is not None:
        chosen = chosen.where(outcomes.c.week == week)
    return [dict(row) for row in connection.execute(chosen).mappings()]


def claim(connection: sa.Connection, actor: Actor, week: Week, customer_id: str) -> None:
    """Take a customer of the list on; again is as once.

    Raises:
        ConflictError: a colleague works on this customer, or the customer is no longer listed.
    """
    if not published(connection, week.week, customer_id)["is_work"]:
        raise ConflictError("expected a customer of the present list, got one who left it")
    holder = holders(connection, week.week, [customer_id]).get(customer_id)
    if holder == actor.name:
        return
    if holder:
        raise ConflictError(f"expected a customer whom nobody works on, got one of {holder}; ask for a hand-over")
    row = {"week": week.week, "customer_id": customer_id, "user_id": actor.user_id, "claimed_at": now()}
    connection.execute(claims.insert().values(**row))
    audit.append(connection, actor.told, "claimed", customer_id=customer_id, detail={"week": week.week})


def release(connection: sa.Connection, actor: Actor, week: Week, customer_id: str) -> None:
    """Give a customer back; only whoever holds the claim, or a manager."""
    if _held_for(connection, actor, week, customer_id):
        connection.execute(claims.delete().where(claims.c.week == week.week, claims.c.customer_id == customer_id))
        audit.append(connection, actor.told, "claim given back", customer_id=customer_id, detail={"week": week.week})


def hand_over(connection: sa.Connection, actor: Actor, week: Week, customer_id: str, to: str) -> None:
    """Hand a claimed customer over to a colleague who may work; only whoever holds the claim, or a manager."""
    user = accounts.find_user(connection, to)
    if user["role"] == "viewer" or not user["is_active"]:
        raise ConflictError(f"expected an active colleague who may claim, got {to}")
    if not _held_for(connection, actor, week, customer_id):
        raise ConflictError("expected a customer whom somebody works on, got one of nobody; claim first")
    where = (claims.c.week == week.week) & (claims.c.customer_id == customer_id)
    connection.execute(claims.update().where(where).values(user_id=user["id"], claimed_at=now()))
    audit.append(connection, actor.told, "handed over", customer_id=customer_id, detail={"week": week.week, "to": to})


def _held_for(connection: sa.Connection, actor: Actor, week: Week, customer_id: str) -> bool:
    """Whether somebody holds the claim and this actor may change that."""
    holder = holders(connection, week.week, [customer_id]).get(customer_id)
    if holder is not None and holder != actor.name:
        actor.needs("manager", "change a colleague's claim")
    return holder is not None


def holders(connection: sa.Connection, week: str, customer_ids: Iterable[str]) -> dict[str, str]:
    """Who works on whom, by customer id."""
    chosen = (
        sa.select(claims.c.customer_id, users.c.name)
        .join(users, users.c.id == claims.c.user_id)
        .where(claims.c.week == week, claims.c.customer_id.in_(list(customer_ids)))
    )
    return {row.customer_id: row.name for row in connection.execute(chosen)}


def suppress(
    connection: sa.Connection, actor: Actor, customer_id: str, *, reason: str, channel: str = "", until_on: str = ""
) -> int:
    """Let nobody contact a customer by a channel ('' for all) until a day ('' for good); return the row's number."""
    if until_on:
        read_day(until_on)
    refuse_erased(connection, customer_id)
    row = {"customer_id": customer_id, "channel": channel, "reason": reason, "until_on": until_on}
    values = {**row, "added_at": now(), "lifted_at": ""}
    number = connection.execute(suppressions.insert().values(**values).returning(suppressions.c.id)).scalar_one()
    told = {"channel": channel, "until_on": until_on}
    audit.append(connection, actor.told, "suppressed", customer_id=customer_id, detail=told)
    return int(number)


def lift(connection: sa.Connection, actor: Actor, number: int) -> None:
    """End a suppression; again is as once."""
    found = connection.execute(sa.select(suppressions).where(suppressions.c.id == number)).mappings().first()
    if found is None:
        raise UnknownNameError(f"no suppression {number}; the customer's page lists theirs")
    if not found["lifted_at"]:
        connection.execute(suppressions.update().where(suppressions.c.id == number).values(lifted_at=now()))
        audit.append(connection, actor.told, "suppression lifted", customer_id=found["customer_id"])


def suppressed(connection: sa.Connection) -> list[dict[str, Any]]:
    """Every suppression that was not lifted, the oldest first."""
    chosen = sa.select(suppressions).where(suppressions.c.lifted_at == "").order_by(suppressions.c.id)
    return [
        {name: value for name, value in row.items() if name != "lifted_at"}
        for row in connection.execute(chosen).mappings()
    ]


def all_outcomes(connection: sa.Connection) -> list[dict[str, Any]]:
    """Every outcome, in the order in which it was recorded."""
    names = ("week", "customer_id", "kind", "reason", "offer", "channel", "happened_at", "recorded_at")
    chosen = sa.select(*(outcomes.c[name] for name in names)).order_by(outcomes.c.id)
    return [dict(row) for row in connection.execute(chosen).mappings()]
