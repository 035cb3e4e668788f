"""Sources through to the store: files with further tables, a database, a simulated store; and what each refuses."""

from __future__ import annotations

import sqlite3
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from contracts.errors import ParameterError, RegularsError, SourceError
from contracts.params import Params
from events.building import build_store
from events.manifest import read_manifest
from events.open_source import open_source
from events.recipe import recipe
from events.store import read_lines, read_side
from events.tombstones import Tombstones
from pipeline import ingest
from pipeline.commands.onboarding import Wishes, changed, look_at_source
from pipeline.commands.params_file import change_params

MAPPED = {"customer_id": "who", "ordered_at": "when", "amount": "paid"}
PRICED = {"customer_id": "who", "ordered_at": "when", "unit_price": "paid"}
SALES = "who,when,paid\nann,2024-03-01 10:00,5.00\nbob,2024-03-02 10:00,6.00\nann,2024-03-09 10:00,7.00\n"


def asked(params: Params, **ingest_changes: Any) -> Params:
    base = {"source": "files", "sample_customers": None, "format": {"columns": MAPPED}}
    return changed(params, {"ingest": {**base, **ingest_changes}, "store": {"time_zone": "Europe/Paris"}})


def stored(params: Params, folder: Path) -> dict[str, Any]:
    source = open_source(params)
    return build_store(source, folder, recipe(params, source, Tombstones(), date(2025, 1, 1)))


def test_files_and_their_further_tables(tmp_path: Path, params: Params) -> None:
    shop = tmp_path / "shop"
    shop.mkdir()
    (shop / "sales.csv").write_text(SALES)
    (shop / "customers.csv").write_text("Customer ID;No Marketing;Income\nann;yes;high\nbob;no;low\n")
    (shop / "consents.csv").write_text("customer_id,channel,given_at,withdrawn_at\nann,email,2024-01-01,\n")
    tables = {"customers": "customers.csv", "consents": "consents.csv"}
    wanted = asked(params, path=str(shop), tables=tables)
    facts = stored(wanted, tmp_path / "events")
    assert [part["name"] for part in facts["parts"]] == ["sales.csv"]
    assert facts["lines_accepted"] == 3
    customers = read_side(tmp_path / "events", "customers")
    assert customers["no_marketing"].tolist() == [True, False]
    assert "income" not in customers.columns  # a forbidden attribute stops here
    source = open_source(wanted)
    assert source.audit is not None
    assert source.audit["income"].tolist() == ["high", "low"]
    assert read_side(tmp_path / "events", "consents")["withdrawn_at"].isna().all()


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("consents", "customer_id,channel\nann,email\n", "given_at"),
        ("customers", "customer_id,no_profiling\nann,perhaps\n", "row 1: expected yes or no"),
        ("responses", "customer_id,kind,responded_at\nann,sneezed,2024-01-01\n", "kind"),
        ("contacts", "customer_id,sent_at\nann,nonsense\n", "expected a date"),
    ],
)
def test_a_further_table_that_cannot_be_read_stops_with_one_line(tmp_path, params, name, text, words) -> None:
    (tmp_path / "sales.csv").write_text(SALES)
    (tmp_path / f"{name}.csv").write_text(text)
    with pytest.raises(RegularsError, match=words) as caught:
        open_source(asked(params, path=str(tmp_path), tables={name: f"{name}.csv"}))
    assert "ann" not in str(caught.value)


def test_a_torn_line_of_a_further_table_is_named_by_its_number(tmp_path: Path, params: Params) -> None:
    (tmp_path / "sales.csv").write_text(SALES)
    (tmp_path / "contacts.csv").write_text("customer_id,sent_at\nann,2024-01-01\nann\n")
    with pytest.raises(SourceError, match=r"^contacts.csv: line 3 cannot be split into its cells; mend it"):
        open_source(asked(params, path=str(tmp_path), tables={"contacts": "contacts.csv"}))


def test_a_row_given_twice_loses_no_forbidden_attribute(tmp_path: Path, params: Params) -> None:
    (tmp_path / "sales.csv").write_text(SALES)
    (tmp_path / "customers.csv").write_text("customer_id,income\nann,high\nann,high\nbob,low\n")
    source = open_source(asked(params, path=str(tmp_path), tables={"customers": "customers.csv"}))
    assert source.audit is not None
    assert source.audit["income"].tolist() == ["high", "low"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"include": ["custom*"], "tables": {"customers": "customers.csv"}}, "beside those of ingest.tables"),
        ({"include": ["sales.csv"], "tables": {"consents": "consents.csv"}}, "expected files .consents.csv. below"),
        ({"include": ["none.csv"]}, "none of 0 lines is a purchase .the source has no row"),
    ],
)
def test_a_source_without_rows_is_one_clear_line(tmp_path: Path, params: Params, changes, words) -> None:
    (tmp_path / "sales.csv").write_text(SALES)
    (tmp_path / "none.csv").write_text("who,when,paid\n")
    (tmp_path / "customers.csv").write_text("customer_id,income\nann,high\n")
    with pytest.raises(SourceError, match=words):
        stored(asked(params, path=str(tmp_path), **changes), tmp_path / "events")


def test_a_simulated_store_can_be_checked(params: Params) -> None:
    world = {"n_customers": 120, "n_weeks": 30}
    wanted = changed(params, {"ingest": {"source": "simulation", "simulation": world}})
    assert " customers, " in look_at_source(wanted, Wishes(), date(2030, 1, 1)).found[1]


def test_a_database_is_a_source_and_its_address_is_nowhere(tmp_path, params, monkeypatch) -> None:
    with sqlite3.connect(tmp_path / "shop.db") as database:
        database.execute("create table sales (who text, at text, paid real)")
        database.executemany(
            "insert into sales values (?, ?, ?)", [("ann", "2024-03-01", 5.0), ("bob", "2024-03-02", 6.0)]
        )
    database.close()
    monkeypatch.setenv("REGULARS_DATABASE_URL", f"sqlite:///{tmp_path}/shop.db")
    columns = {"customer_id": "who", "ordered_at": "at", "amount": "paid"}
    for query in ("sales", "select * from sales"):
        facts = stored(asked(params, source="sql", query=query, format={"columns": columns}), tmp_path / "events")
        assert (facts["lines_in"], facts["customers"]) == (2, 2)
    assert "shop.db" not in (tmp_path / "events" / "manifest.json").read_text()
    assert facts["absent"].count("order_id") == 1


def test_a_simulated_store_goes_through_the_stage(tmp_path, params, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    root = Path(__file__).parents[2]
    (tmp_path / "params.yaml").write_bytes((root / "params.yaml").read_bytes())
    world = {"n_customers": 120, "n_weeks": 30}
    change_params(tmp_path / "params.yaml", {"ingest": {"source": "simulation", "simulation": world}})
    (tmp_path / "inbox").mkdir()
    (tmp_path / "inbox" / "excluded.txt").touch()
    ingest.main(["inbox/tombstones.json", "inbox/excluded.txt", "data/events", "audit/attributes.parquet"])
    facts = read_manifest(tmp_path / "data/events")
    assert facts["lines_in"] == facts["lines_accepted"] + facts["lines_repaired"] + facts["lines_rejected"]
    assert set(facts["rejected_by_rule"]) <= {"no_customer", "undone_same_day"}
    assert read_lines(tmp_path / "data/events", "purchases")["undone_at"].notna().any()
    assert len(read_side(tmp_path / "data/events", "consents")) > 0


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"format": {"columns": {"customer_id": "who", "amount": "paid"}}}, "ordered_at or ordered_on"),
        ({"format": {"columns": {**MAPPED, "amout": "paid"}}}, "unknown name 'amout'; did you mean 'amount'"),
        ({"format": {"columns": {**MAPPED, "store_id": "shop"}}}, "expected the column 'shop' for store_id"),
        ({"format": {"columns": PRICED}}, "unit_price needs quantity beside it; add 'quantity: <your column>'"),
        ({"sample_customers": 50}, "ingest.sample_customers"),
        ({"tables": {"custommers": "x.csv"}}, "unknown table 'custommers'; did you mean 'customers'"),
        ({"include": ["*.parquet"]}, "found none"),
        ({"path": "nowhere"}, "found none"),
    ],
)
def test_what_does_not_fit_is_one_clear_line(tmp_path: Path, params: Params, changes, words) -> None:
    (tmp_path / "sales.csv").write_text(SALES)
    with pytest.raises((ParameterError, SourceError), match=words):
        stored(asked(params, **{"path": str(tmp_path), **changes}), tmp_path / "events")


def test_a_change_of_params_is_checked_before_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_bytes((Path(__file__).parents[2] / "params.yaml").read_bytes())
    before = path.read_bytes()
    with pytest.raises(ParameterError, match="time_zone"):
        change_params(path, {"store": {"time_zone": "Europe/Atlantis"}})
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["params.yaml"]
    change_params(path, {"store": {"time_zone": "Europe/Paris"}})
    assert (tmp_path / "params.yaml.before").read_bytes() == before
    assert b"# assumption: groceries; give your own" in path.read_bytes()


def test_hashed_ids_need_a_secret_and_leave_no_id(tmp_path: Path, params: Params, monkeypatch) -> None:
    (tmp_path / "sales.csv").write_text(SALES.replace("ann", "ann@example.org"))
    wanted = asked(params, path=str(tmp_path / "sales.csv"), hash_ids=True)
    monkeypatch.delenv("REGULARS_KEY", raising=False)
    with pytest.raises(ParameterError, match="REGULARS_KEY"):
        stored(wanted, tmp_path / "events")
    monkeypatch.setenv("REGULARS_KEY", "secret")
    stored(wanted, tmp_path / "events")
    ids = read_lines(tmp_path / "events", "purchases", columns=["customer_id", "order_id"])
    assert ids["customer_id"].str.fullmatch("[0-9a-f]{24}").all()
    assert not any(b"example.org" in path.read_bytes() for path in (tmp_path / "events").rglob("*") if path.is_file())
    assert isinstance(pd.unique(ids["order_id"])[0], str)


def test_what_is_known_by_its_day_counts_from_the_morning_and_an_answer_from_the_end_of_its_day(
    tmp_path: Path, params: Params
) -> None:
    (tmp_path / "sales.csv").write_text(SALES)
    (tmp_path / "contacts.csv").write_text("customer_id,sent_on\nann,2024-03-31\n")
    (tmp_path / "responses.csv").write_text("customer_id,kind,responded_on\nann,opened,2024-03-31\n")
    tables = {name: f"{name}.csv" for name in ("contacts", "responses")}
    side = open_source(asked(params, path=str(tmp_path), tables=tables)).side
    # in Paris this day begins at +01:00 and ends at +02:00
    assert side["contacts"]["sent_at"].tolist() == [pd.Timestamp("2024-03-30 23:00", tz="UTC")]
    answered = side["responses"]["responded_at"].iloc[0]
    assert pd.Timestamp("2024-03-31 21:59", tz="UTC") < answered <= pd.Timestamp("2024-03-31 22:00", tz="UTC")
