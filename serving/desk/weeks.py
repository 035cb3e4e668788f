"""Which weeks the desk holds, which revision of each is in force, and what came with it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from contracts.errors import UnknownNameError, nearest
from serving.desk.schema import documents, in_force, weeks


@dataclass(frozen=True)
class Week:
    """The revision of a week that is in force."""

    id: int
    week: str
    revision: int
    data_through: str
    n_listed: int
    loaded_at: str
    content_hash: str

    def as_json(self) -> dict[str, Any]:
        """The facts as plain data; `id` is the database's own and stays inside."""
        return {name: value for name, value in vars(self).items() if name != "id"}


SHOWN = (
    weeks.c.id, weeks.c.week, weeks.c.revision, weeks.c.data_through, weeks.c.n_listed, weeks.c.loaded_at,
    weeks.c.content_hash,
)  # fmt: skip


def all_weeks(connection: sa.Connection) -> list[Week]:
    """Every week by its revision in force, the latest first."""
    chosen = sa.select(*SHOWN).join(in_force, in_force.c.week_id == weeks.c.id).order_by(weeks.c.week.desc())
    return [Week(**row) for row in connection.execute(chosen).mappings()]


def find_week(connection: sa.Connection, week: str | None = None) -> Week:
    """A week's revision in force, or the latest week's; `UnknownNameError` if there is none."""
    chosen = sa.select(*SHOWN).join(in_force, in_force.c.week_id == weeks.c.id)
    chosen = chosen.where(weeks.c.week == week) if week else chosen.order_by(weeks.c.week.desc()).limit(1)
    found = connection.execute(chosen).mappings().first()
    if found is not None:
        return Week(**found)
    known = [row.week for row in all_weeks(connection)]
    there = nearest(week or "", known) or (f"; there is {', '.join(known[:5])}" if known else "; run `make run` first")
    if week is None:
        raise UnknownNameError("expected a published week at the desk, found none; run `make run` first")
    raise UnknownNameError(f"no published week '{week[:20]}' at the desk{there}")


def manifest(connection: sa.Connection, week_id: int) -> dict[str, Any]:
    """The published revision's manifest: model, parameters, hashes, counts."""
    found: dict[str, Any] = json.loads(
        connection.execute(sa.select(weeks.c.manifest).where(weeks.c.id == week_id)).scalar_one()
    )
    return found


def document(connection: sa.Connection, week: Week, kind: str) -> Any:
    """Plain data that came with a week; `UnknownNameError` if it had none of this kind."""
    where = (documents.c.week_id == week.id) & (documents.c.kind == kind)
    found = connection.execute(sa.select(documents.c.body).where(where)).scalar()
    if found is None:
        raise UnknownNameError(f"week {week.week} came without {kind}; run `regulars release` where the pipeline ran")
    return json.loads(found)


def documents_of(connection: sa.Connection, week: Week) -> dict[str, Any]:
    """All plain data that came with a week, by kind."""
    chosen = sa.select(documents.c.kind, documents.c.body).where(documents.c.week_id == week.id)
    return {row.kind: json.loads(row.body) for row in connection.execute(chosen)}


def by_week(connection: sa.Connection, kind: str) -> dict[str, Any]:
    """One kind of plain data of every week's revision in force, by week, the latest first."""
    chosen = sa.select(in_force.c.week, documents.c.body).join(documents, documents.c.week_id == in_force.c.week_id)
    found = connection.execute(chosen.where(documents.c.kind == kind).order_by(in_force.c.week.desc()))
    return {row.week: json.loads(row.body) for row in found}
