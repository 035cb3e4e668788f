"""The audit log: whatever is changed, dropped, added or moved, `verify` tells; the database refuses to begin with."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from contracts.errors import StateError
from serving.desk import audit, schema
from serving.desk.database import Desk, open_desk

N_ROWS = 8


def written(desk: Desk) -> audit.Head:
    for number in range(N_ROWS):
        with desk.writing() as connection:
            audit.append(connection, "ann", f"act {number}", customer_id=f"C{number % 3}", detail={"n": number})
    with desk.reading() as connection:
        return audit.verify(connection)


def test_the_log_takes_rows_and_no_changes(desk):
    head = written(desk)
    assert head.number == N_ROWS
    rows = schema.audit
    for change in (rows.update().values(actor="bob"), rows.delete(), sa.text("UPDATE audit SET at = ''")):
        with pytest.raises(sa.exc.SQLAlchemyError, match="append-only"), desk.writing() as connection:
            connection.execute(change)
    with desk.reading() as connection:
        assert audit.verify(connection, head.hash) == head


def test_the_log_names_customers_by_a_key_and_the_same_one_each_time(desk):
    written(desk)
    with desk.reading() as connection:
        rows = audit.page(connection, 0, 100)
    keys = [row["customer_key"] for row in rows]
    assert keys == (keys[:3] * 3)[:N_ROWS]
    assert len(set(keys)) == 3
    assert not any("C0" in str(row) for row in rows)


@pytest.fixture(scope="module")
def open_log(tmp_path_factory: pytest.TempPathFactory) -> tuple[Desk, audit.Head]:
    """A written log on a database whose triggers somebody has removed."""
    desk = open_desk(f"sqlite:///{tmp_path_factory.mktemp('log')}/desk.sqlite")
    head = written(desk)
    with desk.writing() as connection:
        for what in ("update", "delete"):
            connection.exec_driver_sql(f"DROP TRIGGER audit_no_{what}")
    return desk, head


def tampered(connection: sa.Connection, number: int, how: str) -> None:
    rows = schema.audit
    one = rows.c.number == number
    if how == "drop":
        connection.execute(rows.delete().where(one))
    elif how == "cut off":
        connection.execute(rows.delete().where(rows.c.number >= number))
    elif how == "swap":
        other = N_ROWS + 1 - number
        for old, new in ((number, -1), (other, number), (-1, other)):
            connection.execute(rows.update().where(rows.c.number == old).values(number=new))
    elif how == "add":
        row = connection.execute(sa.select(rows).where(one)).mappings().one()
        connection.execute(rows.insert().values(**{**row, "number": N_ROWS + 1}))
    else:
        connection.execute(rows.update().where(one).values(**{how: rows.c[how] + " "}))


@given(
    st.integers(1, N_ROWS),
    st.sampled_from(["drop", "cut off", "swap", "add", "at", "actor", "action", "customer_key", "detail", "hash"]),
)
def test_any_tampering_is_told(open_log, number, how):
    desk, _ = open_log
    with desk.engine.connect().execution_options(is_writer=True) as connection, connection.begin() as transaction:
        tampered(connection, number, how)
        with pytest.raises(StateError, match="audit log"):
            audit.verify(connection)
        transaction.rollback()


def test_a_log_rewritten_as_a_whole_lacks_the_hash_that_was_noted(open_log):
    desk, head = open_log
    with desk.engine.connect().execution_options(is_writer=True) as connection, connection.begin() as transaction:
        connection.execute(schema.audit.delete())
        connection.execute(schema.audit_head.update().values(number=0, hash=audit.START))
        for number in range(N_ROWS):
            audit.append(connection, "bob", f"act {number}")
        assert audit.verify(connection).number == N_ROWS
        with pytest.raises(StateError, match="rewritten"):
            audit.verify(connection, head.hash)
        transaction.rollback()
