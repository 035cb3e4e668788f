"""Before anything is sent: what became known since the week was published, and whether enough is known at all.

Whoever bought, complained, withdrew consent or refuses marketing since the data of the week ended is dropped, and
whoever is suppressed. Where recent activity is known only to a day too long before, nothing is said at all.
"""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Iterable, Iterator
from datetime import date
from typing import Any

import sqlalchemy as sa

from contracts.errors import ParameterError, nearest
from contracts.windows import is_later
from serving.desk import audit
from serving.desk.actors import Actor
from serving.desk.clock import after, read_day, read_instant
from serving.desk.errors import StaleError
from serving.desk.people import erased
from serving.desk.schema import activity, entries, feeds, outcomes, suppressions
from serving.desk.weeks import Week

STALE_VARIABLE = "REGULARS_DESK_STALE_DAYS"
STALE_DAYS = 3
"""Days that may lie between the last day that is known and the day of sending."""
SINCE = {
    "purchase": "bought",
    "complaint": "complained",
    "consent_withdrawn": "withdrew consent",
    "no_marketing": "refuses marketing",
}
"""What each kind of recent activity is called where it drops somebody."""
KINDS = (*SINCE, "complaint_closed")
NEEDED = ("customer_id", "kind", "happened_on")
"""Columns of a file of recent activity; `channel` may stand beside them."""
PART = 500
SUPPRESSED, CONTACTED = "suppressed", "already contacted"


def stale_days() -> int:
    """The longest silence of the feed, in days: of the environment, or the default."""
    text = os.environ.get(STALE_VARIABLE, str(STALE_DAYS))
    if not text.isdecimal():
        raise ParameterError(f"{STALE_VARIABLE}: expected whole days, got '{text[:20]}'")
    return int(text)


def known_through(connection: sa.Connection, week: Week) -> date:
    """The last day whose activity is known: of the week's data, or of the last feed since."""
    latest = connection.execute(sa.select(sa.func.max(feeds.c.through_on))).scalar()
    return date.fromisoformat(max(week.data_through, latest or ""))


def refuse_stale(connection: sa.Connection, week: Week, on: date) -> None:
    """Raise `StaleError` if too little is known to send on that day."""
    known, longest = known_through(connection, week), stale_days()
    silent_days = (on - known).days
    if silent_days - 1 > longest:
        raise StaleError(
            f"activity is known through {known}, {silent_days} days before {on}; expected {longest + 1} at most: "
            "load more (`regulars activity load FILE --through DAY`), or say another day"
        )


def refuse_past(actor: Actor, on: date, today: date) -> None:
    """Raise `ForbiddenError` for who asks as of a day gone by: what is known today would not count.

    Managers may, to look back; the day stands in the log.
    """
    if is_later(today, on):
        actor.needs("manager", f"ask as of {on}, which lies before today")


def dropped(connection: sa.Connection, week: Week, rows: Iterable[dict[str, Any]], on: date) -> dict[str, str]:
    """By customer id: why nobody is to send what these published rows say; absent where nothing speaks against it."""
    channels = {row["customer_id"]: row["channel"] for row in rows}
    found: dict[str, str] = {}
    for row in _happened(connection, channels, week.data_through, on):
        if row.channel in ("", channels[row.customer_id]):
            found.setdefault(row.customer_id, f"{SINCE[row.kind]} on {row.happened_on}")
    for row in _suppressed(connection, channels, on):
        if row.channel in ("", channels[row.customer_id]):
            found.setdefault(row.customer_id, SUPPRESSED)
    return found


def _happened(connection: sa.Connection, ids: Iterable[str], since: str, on: date) -> Iterator[Any]:
    """What the customers did after the week's data ended and up to a day, but for complaints closed since."""
    closed = activity.alias("closed")
    is_closed = (
        sa.select(closed.c.customer_id)
        .where(closed.c.customer_id == activity.c.customer_id, closed.c.kind == "complaint_closed")
        .where(closed.c.happened_on >= activity.c.happened_on, activity.c.kind == "complaint")
        .exists()
    )
    chosen = sa.select(activity).where(
        activity.c.customer_id.in_(list(ids)),
        activity.c.kind.in_(list(SINCE)),
        activity.c.happened_on > since,
        activity.c.happened_on <= on.isoformat(),
        ~is_closed,
    )
    yield from connection.execute(chosen.order_by(activity.c.happened_on, activity.c.kind))


def _suppressed(connection: sa.Connection, ids: Iterable[str], on: date) -> Iterator[Any]:
    in_force = (suppressions.c.lifted_at == "") & (
        (suppressions.c.until_on == "") | (suppressions.c.until_on >= on.isoformat())
    )
    yield from connection.execute(
        sa.select(suppressions).where(suppressions.c.customer_id.in_(list(ids)), in_force).order_by(suppressions.c.id)
    )


DUE = {"offer": "send_on", "notice": "notice_on", "follow_up": "follow_up_on"}
"""What may be due on a day, and the field that says when: the offer, the notice of its end, the follow-up after it."""


def note_due(connection: sa.Connection, who: str, week: Week, on: date, channel: str | None) -> None:
    """Note in the log that somebody asked what is due, and as of which day."""
    told = {"week": week.week, "revision": week.revision, "on": on.isoformat(), "channel": channel or ""}
    audit.append(connection, who, "asked what is due", detail=told)


def due(connection: sa.Connection, week: Week, on: date, channel: str | None = None) -> dict[str, Any]:
    """What is to be sent on a day: `rows` (a published row each, with `due`), and how many were dropped, by reason.

    An offer stays due from its day of sending to the last day to act, until a contact is recorded; `n_late` counts the
    contacts that were recorded after that day.

    Raises:
        StaleError: too little is known of what happened since.
    """
    refuse_stale(connection, week, on)
    rows, counted = [], dict[str, int]()
    for part in in_parts(_candidates(connection, week, on, channel), PART):
        of_offers = [row["customer_id"] for row in part if row["due"] == "offer"]
        against = contacted(connection, week, of_offers) | dropped(connection, week, part, on)
        rows += [row for row in part if row["customer_id"] not in against]
        for row in part:
            why = against.get(row["customer_id"], "").partition(" on ")[0]
            if why:
                counted[why] = counted.get(why, 0) + 1
    known = known_through(connection, week).isoformat()
    return {
        "on": on.isoformat(),
        "known_through": known,
        "rows": rows,
        "dropped": counted,
        "n_late": n_late(connection, week),
    }


def _candidates(connection: sa.Connection, week: Week, on: date, channel: str | None) -> Iterator[dict[str, Any]]:
    chosen = sa.select(entries.c.facts).where(
        entries.c.week_id == week.id, entries.c.is_work, entries.c.offer != "none", entries.c.send_on <= on.isoformat()
    )
    if channel is not None:
        chosen = chosen.where(entries.c.channel == channel)
    for text in connection.execute(chosen.order_by(entries.c.place)).scalars():
        row = json.loads(text)
        what = _what_is_due(row, on.isoformat())
        if what:
            yield {"due": what, **row}


def _what_is_due(row: dict[str, Any], on: str) -> str:
    if row["send_on"] <= on <= (row["act_by"] or row["send_on"]):
        return "offer"
    return next((what for what in ("notice", "follow_up") if row[DUE[what]] == on), "")


def in_parts(rows: Iterable[dict[str, Any]], size: int) -> Iterator[list[dict[str, Any]]]:
    """Rows so many at a time; no part without rows."""
    part: list[dict[str, Any]] = []
    for row in rows:
        part.append(row)
        if len(part) == size:
            yield part
            part = []
    if part:
        yield part


def contacted(connection: sa.Connection, week: Week, ids: list[str]) -> dict[str, str]:
    """Those among the ids who were contacted in this week already, as `dropped` gives them."""
    where = (outcomes.c.week == week.week) & (outcomes.c.kind == "contacted") & outcomes.c.customer_id.in_(ids)
    found = connection.execute(sa.select(outcomes.c.customer_id).where(where)).scalars()
    return dict.fromkeys(found, CONTACTED)


def n_late(connection: sa.Connection, week: Week) -> int:
    """How many of the week's contacts were recorded for a day after the last one to act."""
    after_day = (entries.c.act_by != "") & (sa.func.substr(outcomes.c.happened_at, 1, 10) > entries.c.act_by)
    both = (entries.c.week_id == week.id) & (entries.c.customer_id == outcomes.c.customer_id)
    counted = sa.select(sa.func.count()).select_from(outcomes.join(entries, both))
    where = (outcomes.c.week == week.week) & (outcomes.c.kind == "contacted") & after_day
    return int(connection.execute(counted.where(where)).scalar_one())


def take_activity(connection: sa.Connection, rows: list[dict[str, str]], through_on: str, loaded_at: str) -> int:
    """Keep a delivery of recent activity; return how many rows were new. The same again adds nothing but its day.

    Nothing is kept of whoever was erased.

    Raises:
        ParameterError: the day is still to come: taken in, it would say for good that enough is known.
    """
    refuse_future(through_on, loaded_at)
    gone = erased(connection, {row["customer_id"] for row in rows})
    held_rows = [row for row in rows if row["customer_id"] not in gone]
    fresh = {(row["customer_id"], row["kind"], row["channel"], row["happened_on"]): row for row in held_rows}
    names = [key[0] for key in fresh]
    held = set()
    for start in range(0, len(names), PART):
        chosen = sa.select(activity).where(activity.c.customer_id.in_(names[start : start + PART]))
        held |= {tuple(row) for row in connection.execute(chosen)}
    added = [row for key, row in fresh.items() if key not in held]
    if added:
        connection.execute(activity.insert(), added)
    connection.execute(feeds.insert().values(through_on=through_on, n_rows=len(added), loaded_at=loaded_at))
    return len(added)


def refuse_future(through_on: str, at: str) -> None:
    """Raise `ParameterError` for a day that has not begun at an instant, wherever the shop is."""
    if is_later(date.fromisoformat(through_on), read_instant(after(at, days=1)).date()):
        raise ParameterError(f"expected a day that has been, got {through_on}; say the last day that is known whole")


def read_activity(raw: bytes) -> list[dict[str, str]]:
    """The rows of a CSV file of recent activity; `ParameterError` names the first line that does not fit."""
    try:
        reader = csv.DictReader(io.StringIO(raw.decode("utf-8-sig"), newline=""), strict=True)
        lines, header = list(reader), reader.fieldnames or ()
    except (UnicodeDecodeError, csv.Error):
        raise ParameterError("expected a CSV file in UTF-8 with a header, got something else") from None
    if not set(NEEDED) <= set(header):  # nothing at all is no day on which nobody did anything
        raise ParameterError(f"expected the columns {', '.join(NEEDED)} in the header, got others or none; add them")
    return [_activity_row(number, line) for number, line in enumerate(lines, start=2)]


def _activity_row(number: int, line: dict[str, str]) -> dict[str, str]:
    row = {name: (line.get(name) or "").strip() for name in ("customer_id", "kind", "channel", "happened_on")}
    if row["kind"] not in KINDS:
        hint = nearest(row["kind"], KINDS)
        raise ParameterError(f"line {number}: expected a kind of {', '.join(KINDS)}, got '{row['kind'][:30]}'{hint}")
    if not row["customer_id"]:
        raise ParameterError(f"line {number}: expected a customer_id, got none")
    try:
        read_day(row["happened_on"])
    except ParameterError as error:
        raise ParameterError(f"line {number}: {error}") from None
    return row
