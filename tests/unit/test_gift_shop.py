"""The gift shop: what its files make of invoices alone, and the command that fetches the published ones."""

from __future__ import annotations

import importlib.util
import threading
import zipfile
from collections.abc import Iterator
from datetime import datetime
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType

import openpyxl
import pandas as pd
import pyarrow.parquet as pq
import pytest

from events.manifest import read_manifest
from events.store import read_lines
from offers.guard.findings import refuse
from pipeline.commands.data import SimulatedShop, simulate_command
from simulation.cases.case import Case
from simulation.cases.gift_shop import COLUMNS, gift_shop
from tests.example_shops import EXAMPLES, Example, Planned, brought_in, commands, planned, set_by_hand, silence_scores

EQUAL_WORTH = 1.5  # GBP that every offer is worth to a customer, as the head of its offers.yaml promises


@pytest.fixture(scope="module")
def case() -> Case:
    return gift_shop(200)


@pytest.fixture(scope="module")
def shop(case: Case, tmp_path_factory: pytest.TempPathFactory) -> tuple[Example, Path]:
    folder = tmp_path_factory.mktemp("gifts")
    return brought_in("gift_shop", case, folder), folder / "events"


@pytest.fixture(scope="module")
def week(shop: tuple[Example, Path]) -> Planned:
    return planned(shop[0], silence_scores(shop[0]))


def test_every_line_of_the_invoices_is_somewhere(case: Case, shop: tuple[Example, Path]) -> None:
    lines, facts = case.purchases, read_manifest(shop[1])
    rejects = read_lines(shop[1], "rejects")["rule"].value_counts()
    assert (
        facts["lines_in"] == len(lines) == facts["lines_accepted"] + facts["lines_repaired"] + facts["lines_rejected"]
    )
    assert rejects["no_customer"] == lines["Customer ID"].isna().sum()
    assert rejects["not_goods"] == ((lines["StockCode"] == "POST") & lines["Customer ID"].notna()).sum()
    is_back = lines["Invoice"].str.startswith("C") & lines["Customer ID"].notna() & (lines["StockCode"] != "POST")
    assert is_back.sum() > 10
    assert len(read_lines(shop[1], "returns")) == is_back.sum()


def test_the_week_keeps_its_promises_without_consents_or_list_prices(week: Planned) -> None:
    refuse(week.made.guard)
    rows = week.rows[week.rows["offer"] != "none"]
    assert len(rows) > 20
    assert set(rows["promotion_sensitivity"]) == {"unknown"}
    assert "email" not in set(rows["channel"])
    assert rows["benefit"].to_list() == pytest.approx([EQUAL_WORTH] * len(rows))
    assert set(rows.loc[rows["group"] == "trusted regulars", "mechanic"]) == {"recognition"}
    assert set(rows.loc[rows["group"] == "newcomers", "offer"]) == {"welcome_note"}
    assert "free_service" in set(rows.loc[rows["state"] == "lapsing", "mechanic"])
    assert {"free_service", "early_access", "recognition"} <= set(rows["mechanic"])


def test_a_seed_is_a_shop() -> None:
    one, same, other = gift_shop(40, 5), gift_shop(40, 5), gift_shop(40, 6)
    pd.testing.assert_frame_equal(one.purchases, same.purchases)
    assert not one.purchases.equals(other.purchases)
    assert set(one.purchases["Customer ID"].dropna()) <= set(one.truth["customer_id"])
    last = pd.to_datetime(one.purchases["InvoiceDate"]).groupby(one.purchases["Customer ID"]).max()
    left = one.truth.set_index("customer_id")["left"].reindex(last.index)
    cancelled_later = pd.Timedelta(days=11)
    assert (last <= pd.Timestamp("2009-12-01") + pd.to_timedelta(left, "D") + cancelled_later).all()


def test_simulate_writes_one_table_and_the_truth(tmp_path: Path) -> None:
    simulate_command(tmp_path / "shop", customers=30, seed=2, shop=SimulatedShop.GIFT_SHOP)
    assert [path.name for path in (tmp_path / "shop").iterdir()] == ["purchases.csv"]
    assert list(pd.read_csv(tmp_path / "shop" / "purchases.csv").columns) == COLUMNS
    assert len(pd.read_csv(tmp_path / "shop-truth" / "customers.csv")) == 30


def test_it_is_followed_by_the_commands_that_a_stage_test_runs_for_the_doors() -> None:
    """But for time zone and currency."""
    places = {"Europe/Berlin": "Europe/London", "EUR": "GBP"}
    doors = [[places.get(word, word.replace("doors", "gift_shop")) for word in line] for line in commands("doors")]
    assert commands("gift_shop") == doors
    over_there = {"Europe/London": "America/New_York", "GBP": "USD"}
    grocery = [[over_there.get(word, word.replace("gift_shop", "grocery")) for word in line] for line in doors[1:]]
    assert commands("grocery") == grocery
    assert set_by_hand("gift_shop", "before")
    assert set_by_hand("gift_shop", "after")


# The command that fetches the published rows, from a server of this machine.

ROWS = {
    "Year 2009-2010": [
        ("489434", 85048, "15CM GLASS BALL", 12, datetime(2009, 12, 1, 7, 45), 6.95, 13085, "United Kingdom"),  # noqa: DTZ001
        ("C489449", "22087", None, -12, datetime(2009, 12, 1, 10, 33), 2.1, None, "Australia"),  # noqa: DTZ001
    ],
    "Year 2010-2011": [
        (536365, "85123A", " HEART HOLDER", 6, datetime(2010, 12, 1, 8, 26), 2.55, 17850.0, "United Kingdom"),  # noqa: DTZ001
    ],
}


@pytest.fixture
def fetch(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModuleType:
    """The command, which expects these few rows."""
    spec = importlib.util.spec_from_file_location("fetch", EXAMPLES / "gift_shop" / "fetch.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    archive = packed(tmp_path / "expected.zip", ROWS)
    wanted = {sheet: (len(rows), module.digest_of(module.table_of(archive, sheet))) for sheet, rows in ROWS.items()}
    monkeypatch.setattr(module, "SHEETS", wanted)
    return module


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    (tmp_path / "served").mkdir()
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path / "served"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/online.zip"
        server.shutdown()
        thread.join()


def packed(archive: Path, sheets: dict[str, list[tuple]], heads: list[str] = COLUMNS) -> Path:
    """A zip with one workbook, as the repository publishes it."""
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in (heads, *rows):
            sheet.append(row)
    book.save(archive.with_suffix(".xlsx"))
    with zipfile.ZipFile(archive, "w") as file:
        file.write(archive.with_suffix(".xlsx"), "online_retail_II.xlsx")
    return archive


def test_fetched_rows_are_written_as_published(fetch: ModuleType, address: str, tmp_path: Path) -> None:
    packed(tmp_path / "served" / "online.zip", ROWS)
    assert fetch.main([str(tmp_path / "gifts"), "--address", address]) == 0
    first = pq.read_table(tmp_path / "gifts" / "year_2009-2010.parquet").to_pylist()
    assert [tuple(row.values()) for row in first] == [
        ("489434", "85048", *ROWS["Year 2009-2010"][0][2:]),
        ("C489449", "22087", *ROWS["Year 2009-2010"][1][2:]),
    ]
    assert pq.read_table(tmp_path / "gifts" / "year_2010-2011.parquet")["Customer ID"].to_pylist() == [17850]
    assert fetch.main([str(tmp_path / "gifts"), "--address", address]) == 2  # nothing is overwritten


@pytest.mark.parametrize("field", range(len(COLUMNS)))
def test_another_value_in_any_field_writes_nothing(
    fetch: ModuleType, tmp_path: Path, field: int, capsys: pytest.CaptureFixture[str]
) -> None:
    row = list(ROWS["Year 2009-2010"][0])
    row[field] = {3: 13, 4: datetime(2009, 12, 1, 7, 46), 5: 6.96, 6: 13086}.get(field, "other")  # noqa: DTZ001
    archive = packed(tmp_path / "other.zip", {**ROWS, "Year 2009-2010": [tuple(row), *ROWS["Year 2009-2010"][1:]]})
    assert fetch.main([str(tmp_path / "gifts"), "--archive", str(archive)]) == 2
    assert "expected in 'Year 2009-2010' 2 rows with digest" in capsys.readouterr().err
    assert not (tmp_path / "gifts").exists()


def test_what_is_no_such_archive_is_refused_in_one_line(
    fetch: ModuleType, address: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "text.zip").write_text("no zip")
    with zipfile.ZipFile(tmp_path / "empty.zip", "w") as file:
        file.writestr("readme.txt", "nothing")
    one_sheet = packed(tmp_path / "one.zip", {"Year 2009-2010": ROWS["Year 2009-2010"]})
    other_heads = packed(tmp_path / "heads.zip", ROWS, ["Order", *COLUMNS[1:]])
    for given in (
        *(["--archive", str(path)] for path in (tmp_path / "text.zip", tmp_path / "empty.zip", one_sheet, other_heads)),
        ["--archive", str(tmp_path / "none.zip")],
        ["--address", address],  # nothing is served there
    ):
        assert fetch.main([str(tmp_path / "gifts"), *given]) == 2
        said = capsys.readouterr().err.strip().splitlines()
        assert said[-1].startswith("fetch: expected a zip with a workbook of 2 sheets")
        assert not (tmp_path / "gifts").exists()
