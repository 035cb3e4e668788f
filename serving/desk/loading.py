"""Loading a published week into the desk: in parts, once per content, in force at one stroke when it is whole.

Loaded are the working list and, marked as no work, who left it since the week before. Controls, the year's control
and customers of a running wave stand in neither: they are never shown, claimed, exported or counted as work.

Each part is a short transaction of its own, so that people work on however long the list is. Until the last one nothing
shows any of it; a killed load leaves parts that the next one clears away.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Set
from dataclasses import dataclass
from typing import Any

import pandas as pd
import sqlalchemy as sa

from contracts.errors import ContractError
from contracts.files import digest
from serving.desk import audit, erasing, schema
from serving.desk.clock import after, now
from serving.desk.counting import KIND, counts, labels_of
from serving.desk.database import Desk
from serving.desk.filling import fill
from serving.desk.people import erased
from serving.published import Revision

PART = 20_000
"""Rows a transaction: one of a million takes others a second or two, and each rewrites pages of every index."""
ACTOR = "release"
"""Who loads weeks, as the audit log names it."""
LEFT = "left"
WITHHELD: Mapping[str, str] = {
    "offer": "none", "mechanic": "none", "offer_text": "", "channel": "", "codes": "", "why": "", "change": LEFT
}  # fmt: skip
"""Whoever left the list is shown without anything that could be sent."""
TEXTS = ("tier", "state", "value_tier", "group", "risk_band", "change", "offer", "channel")
NUMBERS = ("p_lapse", "value_at_stake", "expected_loss", "expected_profit")
DAYS = ("last_purchase_on", "send_on", "act_by")
NAMES = ("week_id", "place", "customer_id", "is_work", *TEXTS, *NUMBERS, *DAYS, "facts")
History = Callable[[list[str]], pd.DataFrame]
"""Given ids: one row a customer and week with purchases: `customer_id`, `week_on` (a Monday, text) and `cents`."""
LEAST = -1e18
"""What a missing number counts as when rows are sorted."""
ERASED_SINCE_HOURS = 1
"""How far the clocks of two machines may lie apart when a load asks who was erased while it ran."""


@dataclass(frozen=True)
class Loaded:
    """A week in the desk, and whether this load made it."""

    week: str
    week_id: int
    is_new: bool


def load_week(desk: Desk, revision: Revision, history: History, documents: Mapping[str, Any]) -> Loaded:
    """Bring a published revision into force; the same content again changes nothing but its documents, if they differ.

    `history` is asked for the listed customers' weekly sums; `documents` are plain data by kind. A kill at any point
    leaves the week before in force.
    """
    with desk.loading():
        with desk.reading() as connection:
            known = _known(connection, revision)
        if known is None:
            _clear_away(desk)
            return _load_anew(desk, revision, history, documents)
        with desk.writing() as connection:
            if _write_documents(connection, known, documents):
                _note(connection, revision, is_new=False)
    return Loaded(revision.week, known, False)


def _note(connection: sa.Connection, revision: Revision, *, is_new: bool) -> None:
    detail = {"week": revision.week, "revision": revision.number, "is_new": is_new}
    audit.append(connection, ACTOR, "week loaded", detail=detail)


def _content(revision: Revision) -> str:
    return digest(str(revision.number), str(revision.manifest["row_hash"]))


def _known(connection: sa.Connection, revision: Revision) -> int | None:
    own = (schema.weeks.c.week == revision.week) & (schema.weeks.c.content_hash == _content(revision))
    where = own & schema.weeks.c.is_whole
    found: int | None = connection.execute(sa.select(schema.weeks.c.id).where(where)).scalar()
    return found


def _clear_away(desk: Desk) -> None:
    """Delete what killed loads left, part by part."""
    with desk.reading() as connection:
        left = connection.execute(sa.select(schema.weeks.c.id).where(~schema.weeks.c.is_whole)).scalars().all()
    for week_id in left:
        while True:
            with desk.writing(is_load=True) as connection:
                if not _clear_part(connection, week_id):
                    connection.execute(schema.weeks.delete().where(schema.weeks.c.id == week_id))
                    break


def _clear_part(connection: sa.Connection, week_id: int) -> bool:
    """Delete some rows of a week; False when none was left."""
    entries = schema.entries
    last = sa.select(sa.func.max(entries.c.place)).where(entries.c.week_id == week_id)
    from_place = (connection.execute(last).scalar() or 0) - PART
    part = (entries.c.week_id == week_id) & (entries.c.place > from_place)
    ids = sa.select(entries.c.customer_id).where(part)
    for table, where in (
        (schema.histories, schema.histories.c.customer_id.in_(ids)),
        (schema.entry_labels, schema.entry_labels.c.place > from_place),
    ):
        connection.execute(table.delete().where(table.c.week_id == week_id, where))
    return connection.execute(entries.delete().where(part)).rowcount > 0


def _load_anew(desk: Desk, revision: Revision, history: History, documents: Mapping[str, Any]) -> Loaded:
    since = after(now(), hours=-ERASED_SINCE_HOURS)
    with desk.reading() as connection:
        listed, left = _rows(connection, revision)
    with desk.writing(is_load=True) as connection:
        week_id = _begin(connection, revision, len(listed))
    for first, rows in ((1, listed), (len(listed) + 1, left)):
        for start in range(0, len(rows), PART):
            _write_part(desk, week_id, rows.iloc[start : start + PART], first + start, history)
    told = counts(listed)
    with desk.writing(is_load=True) as connection:
        tell_planner(connection)
    with desk.writing() as connection:
        _write_documents(connection, week_id, {KIND: told, **documents})
        for name in sorted(erased(connection, [*listed["customer_id"], *left["customer_id"]], since)):
            erasing.delete_rows(connection, name)  # who was erased while this ran has rows in the parts
        own = schema.weeks.c.id == week_id
        connection.execute(schema.weeks.update().where(own).values(is_whole=True, loaded_at=now()))
        _put_in_force(connection, revision.week, week_id)
        _note(connection, revision, is_new=True)
    return Loaded(revision.week, week_id, True)


def _rows(connection: sa.Connection, revision: Revision) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The list in its order, and who left it since the week before; without whoever was erased."""
    table = revision.customers()
    gone = erased(connection, table["customer_id"])
    table = table[~table["customer_id"].isin(list(gone))]
    listed = table[table["rank"].notna()].sort_values("rank", ignore_index=True)
    if not set(listed["arm"]) <= {"treated", "none"}:
        raise ContractError(f"week {revision.week}: expected no control in the list, found one; publish the week anew")
    is_left = table["customer_id"].isin(list(_listed_before(connection, revision.week))) & table["rank"].isna()
    left = table[is_left & (table["arm"] == "none")].reset_index(drop=True)
    return listed, left.assign(**WITHHELD)


def _begin(connection: sa.Connection, revision: Revision, n_listed: int) -> int:
    row = {
        "week": revision.week,
        "revision": revision.number,
        "content_hash": _content(revision),
        "data_through": revision.data_through.isoformat(),
        "manifest": json.dumps(dict(revision.manifest), ensure_ascii=False),
        "n_listed": n_listed,
        "loaded_at": now(),
        "is_whole": False,
    }
    return int(connection.execute(schema.weeks.insert().values(**row).returning(schema.weeks.c.id)).scalar_one())


def _listed_before(connection: sa.Connection, week: str) -> Set[str]:
    """The ids of the list of the latest week before this one."""
    force = schema.in_force
    latest = sa.select(force.c.week_id).where(force.c.week < week).order_by(force.c.week.desc()).limit(1)
    before = connection.execute(latest).scalar()
    entries = schema.entries
    chosen = sa.select(entries.c.customer_id).where(entries.c.week_id == before, entries.c.is_work)
    return set(connection.execute(chosen).scalars())


def _write_part(desk: Desk, week_id: int, rows: pd.DataFrame, first: int, history: History) -> None:
    """Write some rows of the list, or of who left it: all is made ready before the transaction begins."""
    made = list(entry_rows(week_id, rows, first))
    labels = [
        (week_id, label, first + n) for n, joined in enumerate(rows["labels"]) for label in sorted(labels_of(joined))
    ]
    is_work = (rows["change"] != LEFT).all()
    paid = list(_history_rows(week_id, history(rows["customer_id"].tolist()))) if is_work else []
    with desk.writing(is_load=True) as connection:
        fill(connection, schema.entries, NAMES, made)
        fill(connection, schema.entry_labels, ("week_id", "label", "place"), labels)
        fill(connection, schema.histories, ("week_id", "customer_id", "first_on", "cents"), paid)


def entry_rows(week_id: int, rows: pd.DataFrame, first: int) -> Iterator[tuple[Any, ...]]:
    """One row of `entries` a customer, in the order of NAMES; `facts` is the published row as a line of JSON."""
    days = {str(name): rows[name].dt.strftime("%Y-%m-%d") for name in rows.select_dtypes("datetime").columns}
    plain = rows.assign(**days)
    # whoever left has no rank any more, as it stands in the published row
    # a text may hold other ends of lines than JSON's own, as U+2028
    facts = plain.to_json(orient="records", lines=True, force_ascii=False).removesuffix("\n").split("\n")
    columns = [
        *(plain[name].tolist() for name in TEXTS),
        *(plain[name].fillna(LEAST).astype(float).tolist() for name in NUMBERS),
        *(plain[name].fillna("").tolist() for name in DAYS),
        facts,
    ]
    is_work = (rows["change"] != LEFT).tolist()
    for n, values in enumerate(zip(rows["customer_id"].tolist(), is_work, *columns, strict=True)):
        yield week_id, first + n, *values


def _history_rows(week_id: int, history: pd.DataFrame) -> Iterator[tuple[int, str, str, str]]:
    """One row a customer: cents of every week from the first of the part on, zeros between."""
    if history.empty:
        return
    wide = history.pivot_table(index="customer_id", columns="week_on", values="cents", aggfunc="sum", fill_value=0)
    mondays = [day.strftime("%Y-%m-%d") for day in pd.date_range(wide.columns.min(), wide.columns.max(), freq="7D")]
    cents = wide.reindex(columns=mondays, fill_value=0).astype("int64")
    for name, values in zip(cents.index, cents.to_numpy().tolist(), strict=True):
        yield week_id, str(name), mondays[0], json.dumps(values)


def _put_in_force(connection: sa.Connection, week: str, week_id: int) -> None:
    force = schema.in_force
    changed = connection.execute(force.update().where(force.c.week == week).values(week_id=week_id))
    if not changed.rowcount:
        connection.execute(force.insert().values(week=week, week_id=week_id))


def tell_planner(connection: sa.Connection) -> None:
    """Let the database count the new rows: without, it walks the whole list where an index would have answered."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA analysis_limit = 1000")
    connection.exec_driver_sql("ANALYZE entries")


def _write_documents(connection: sa.Connection, week_id: int, documents: Mapping[str, Any]) -> bool:
    """Keep what differs; say whether anything did."""
    table, is_changed = schema.documents, False
    for kind, body in documents.items():
        text = json.dumps(body, ensure_ascii=False, sort_keys=True)
        where = (table.c.week_id == week_id) & (table.c.kind == kind)
        if connection.execute(sa.select(table.c.content_hash).where(where)).scalar() == digest(text):
            continue
        connection.execute(table.delete().where(where))
        row = {"week_id": week_id, "kind": kind, "body": text, "content_hash": digest(text)}
        connection.execute(table.insert().values(**row))
        is_changed = True
    return is_changed
