"""Finding the rows of a page in a list of a million, whatever filters and order ask for.

An index for every filter under every order would be dozens. Instead: a filter that leaves few rows of the whole list is
followed by its own index, and those rows are sorted. Else the order's index is walked, but only so far: filters that
leave many fill the page within the first rows. Where they do not, few fit, and all are looked up in the one index that
holds every column that filters and orders ask for, and nothing else. The databases' planners guess this from averages,
and walk the whole list where the average is wrong; so each way is a query of its own, which leaves them no choice.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from serving.desk.filters import OWN_INDEX, Filters, condition, order
from serving.desk.schema import entries, entry_labels
from serving.desk.weeks import Week

FEW = 5_000
"""Rows that are quicker fetched and sorted than looked for in order."""
WALKED_A_ROW = (8, 100)
"""How many rows of an order's index are looked at for each row of the page, first and at most."""


@dataclass(frozen=True)
class Start:
    """The row beside which a page begins: its value and place, and whether the page lies before it."""

    value: Any
    place: int
    is_back: bool


def places(connection: sa.Connection, week: Week, filters: Filters, start: Start | None, limit: int) -> list[Any]:
    """The first rows of a page: `place`, and `at`, the value sorted by; the nearest to the start first."""
    column, is_turned = order(filters.sort)
    wanted = condition(filters, week.id, week.week)
    asked = _Asked(column, is_turned, start, limit)
    few = _few(connection, week, filters)
    if few is not None:
        return _sorted(connection, asked, wanted, few)
    if column is entries.c.place:
        return _by_place(connection, asked, wanted)
    found = _walked(connection, asked, wanted, week.id)
    return found if found is not None else _sorted(connection, asked, wanted)


def facts(connection: sa.Connection, week: Week, wanted: Sequence[int]) -> list[dict[str, Any]]:
    """The published rows at some places, in the order given."""
    chosen = sa.select(entries.c.place, entries.c.facts).where(entries.c.week_id == week.id)
    held = {row.place: row.facts for row in connection.execute(chosen.where(entries.c.place.in_(list(wanted))))}
    return [json.loads(held[place]) for place in wanted]


@dataclass(frozen=True)
class _Asked:
    """The order of a page, where it starts and how many rows it may have."""

    column: sa.Column[Any]
    is_turned: bool
    start: Start | None
    limit: int

    @property
    def is_back(self) -> bool:
        return self.start is not None and self.start.is_back

    def by(self, column: sa.ColumnElement[Any]) -> list[sa.ColumnElement[Any]]:
        """The column, then the place; the place is not named twice, which would keep SQLite from its indexes."""
        direction = column.desc() if self.is_turned != self.is_back else column.asc()
        place = entries.c.place.desc() if self.is_back else entries.c.place.asc()
        return [direction] if self.column is entries.c.place else [direction, place]

    def beyond(self) -> list[sa.ColumnElement[bool]]:
        """What lies beyond the start: one comparison of pairs would be refused where only the value is turned."""
        if self.start is None:
            return []
        value, column = self.start.value, self.column
        beyond = column < value if self.is_turned != self.start.is_back else column > value
        if column is entries.c.place:
            return [beyond]
        place = entries.c.place < self.start.place if self.start.is_back else entries.c.place > self.start.place
        # the first part alone lets an index begin where the page does
        reached = column <= value if self.is_turned != self.start.is_back else column >= value
        return [reached, sa.or_(beyond, sa.and_(column == value, place))]


def _few(connection: sa.Connection, week: Week, filters: Filters) -> sa.ColumnElement[bool] | None:
    """The places that a filter leaves, where they are few of the whole list; None if no filter leaves few."""
    if filters.claimed_by is not None:
        return sa.true()  # its condition names the few customers already
    own = entries.alias("few")
    probes = [
        sa.select(own.c.place).where(own.c.week_id == week.id, own.c[name] == value)
        for name in OWN_INDEX
        if (value := getattr(filters, name)) is not None
    ]
    if filters.label is not None:
        of_label = (entry_labels.c.week_id == week.id) & (entry_labels.c.label == filters.label)
        probes.append(sa.select(entry_labels.c.place).where(of_label))
    return next((entries.c.place.in_(probe) for probe in probes if _is_few(connection, probe)), None)


def _is_few(connection: sa.Connection, chosen: sa.Select[Any]) -> bool:
    return connection.execute(chosen.offset(FEW).limit(1)).first() is None


def _sorted(connection: sa.Connection, asked: _Asked, *wanted: sa.ColumnElement[bool]) -> list[Any]:
    """All rows that fit, sorted: the order's own index is kept out of the way."""
    hidden = sa.type_coerce(sa.func.coalesce(asked.column, None), asked.column.type)
    chosen = sa.select(entries.c.place, asked.column.label("at")).where(*wanted, *asked.beyond())
    return list(connection.execute(chosen.order_by(*asked.by(hidden)).limit(asked.limit)))


def _by_place(connection: sa.Connection, asked: _Asked, wanted: sa.ColumnElement[bool]) -> list[Any]:
    """In the list's own order nothing needs to be sorted: the narrow index is walked until the page is full."""
    chosen = sa.select(entries.c.place, entries.c.place.label("at")).where(wanted, *asked.beyond())
    return list(connection.execute(chosen.order_by(*asked.by(entries.c.place)).limit(asked.limit)))


def _walked(connection: sa.Connection, asked: _Asked, wanted: Any, week_id: int) -> list[Any] | None:
    """The page if it lies within the first rows of the order's index; None if more have to be looked at."""
    walk = sa.select(entries.c.place).where(entries.c.week_id == week_id, *asked.beyond())
    for n_walked in (a_row * asked.limit for a_row in WALKED_A_ROW):
        first = walk.order_by(*asked.by(asked.column)).limit(n_walked).subquery()
        chosen = sa.select(entries.c.place, asked.column.label("at")).join(first, first.c.place == entries.c.place)
        found = list(connection.execute(chosen.where(wanted).order_by(*asked.by(asked.column)).limit(asked.limit)))
        if len(found) == asked.limit:
            return found
        if connection.execute(sa.select(sa.func.count()).select_from(first)).scalar_one() < n_walked:
            return found
    return None
