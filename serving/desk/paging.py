"""Pages of a list by keyset: the next page begins after the last row's values, however many rows lie before it.

A cursor names the revision that the first page showed: whoever pages on sees that one to its end, even if another
comes into force in between.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from contracts.errors import ParameterError
from contracts.files import digest
from serving.desk import seeking
from serving.desk import weeks as week_reads
from serving.desk.filters import Filters, order
from serving.desk.schema import weeks
from serving.desk.seeking import Start
from serving.desk.weeks import Week

MOST = 500
LARGEST = 2**62
_BAD = "cursor: expected the `next` of a page with the same filters, got something else; begin without a cursor"


@dataclass(frozen=True)
class Page:
    """Some rows of a week's list as published (plain data), and the cursors of the pages beside ('' at the ends)."""

    week: Week
    rows: list[dict[str, Any]]
    next: str
    previous: str = ""


def page(connection: sa.Connection, week: Week, filters: Filters, limit: int, cursor: str = "") -> Page:
    """A page of at most `limit` rows; with a `cursor` the one beside it, of the revision that the cursor names."""
    shown, start = (week, None) if not cursor else _read(connection, cursor, filters)
    is_back = start is not None and start.is_back
    found = seeking.places(connection, shown, filters, start, limit + 1)
    is_more, kept = len(found) > limit, found[:limit]
    if is_back:
        kept.reverse()
    rows = seeking.facts(connection, shown, [row.place for row in kept])
    has_next, has_previous = (True, is_more) if is_back else (is_more, start is not None)
    after = _cursor(shown, filters, kept[-1]) if has_next and kept else ""
    return Page(shown, rows, after, _cursor(shown, filters, kept[0], is_back=True) if has_previous and kept else "")


def every_row(connection: sa.Connection, week: Week, filters: Filters, size: int = MOST) -> Iterator[dict[str, Any]]:
    """Every row that the filters leave, page by page: memory does not grow with the list."""
    cursor = ""
    while True:
        found = page(connection, week, filters, size, cursor)
        yield from found.rows
        cursor = found.next
        if not cursor:
            return


def _filters_hash(filters: Filters) -> str:
    return digest(json.dumps(filters.said(), sort_keys=True))[:16]


def _cursor(week: Week, filters: Filters, row: Any, *, is_back: bool = False) -> str:
    plain = json.dumps([week.id, _filters_hash(filters), row.at, row.place, *([True] if is_back else [])])
    return base64.urlsafe_b64encode(plain.encode()).decode().rstrip("=")


def _read(connection: sa.Connection, cursor: str, filters: Filters) -> tuple[Week, Start]:
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        week_id, said, value, place, *back = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, TypeError):
        raise ParameterError(_BAD) from None
    column, _ = order(filters.sort)
    wanted = str if isinstance(column.type, sa.String) else (int, float)
    is_fit = isinstance(week_id, int) and isinstance(place, int) and isinstance(value, wanted) and back in ([], [True])
    is_held = is_fit and (isinstance(value, str) or abs(value) <= LARGEST)  # no database takes more, or NaN
    if not is_held or said != _filters_hash(filters) or max(abs(week_id), abs(place)) > 2**31:
        raise ParameterError(_BAD)
    return _revision(connection, week_id), Start(value, place, bool(back))


def _revision(connection: sa.Connection, week_id: int) -> Week:
    found = (
        connection.execute(sa.select(*week_reads.SHOWN).where(weeks.c.id == week_id, weeks.c.is_whole))
        .mappings()
        .first()
    )
    if found is None:
        raise ParameterError(_BAD)
    return Week(**found)
