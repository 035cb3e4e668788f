"""Cells as instants, numbers and ids; expected values are written by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.errors import ParameterError, SourceError
from contracts.params import Format
from events.raw.parsing import COLUMNS, canonical

BERLIN = "Europe/Berlin"


def declared(**changes: Any) -> Format:
    plain: dict[str, Any] = {
        "columns": {},
        "date_order": "ymd",
        "decimal": ".",
        "thousands": "",
        "amounts_in": "units",
        "cancelled_order_prefix": "",
    }
    return Format.model_validate({**plain, **changes})


def chunk(**columns: Any) -> pd.DataFrame:
    frame = pd.DataFrame(
        {
            name: cells if isinstance(cells, pd.Series) else pd.Series(cells, dtype="str")
            for name, cells in columns.items()
        }
    )
    return frame.assign(source_line=np.arange(2, 2 + len(frame)), damage=pd.Series("", index=frame.index, dtype="str"))


def parsed(zone: str = BERLIN, how: dict[str, Any] | None = None, **columns: Any) -> pd.DataFrame:
    frame = chunk(**columns)
    return canonical(frame, declared(columns={name: name for name in columns}, **(how or {})), zone)


def instant_of(cell: object, order: str = "ymd", zone: str = BERLIN) -> tuple[str | None, str]:
    """The instant (UTC, to the microsecond where it has them) and the repair of one cell."""
    column = pd.Series([cell], dtype="str") if isinstance(cell, str) else pd.Series([cell])
    line = parsed(zone, {"date_order": order}, ordered_at=column).iloc[0]
    assert (line["problem"] == "no_instant") == pd.isna(line["ordered_at"])
    return (None if pd.isna(line["ordered_at"]) else str(line["ordered_at"])[:-6]), line["repair"]


@pytest.mark.parametrize(
    ("text", "order", "expected"),
    [
        ("2024-01-31", "ymd", "2024-01-30 23:00:00"),
        ("2024-01-31", "dmy", "2024-01-30 23:00:00"),
        ("2024/7/1 9:05", "mdy", "2024-07-01 07:05:00"),
        ("2024-01-31T10:05:06.1234567", "ymd", "2024-01-31 09:05:06.123456"),
        ("2024-01-31 10:05:06,5", "ymd", "2024-01-31 09:05:06.500000"),
        ("2024-01-31T10:05Z", "ymd", "2024-01-31 10:05:00"),
        ("2024-01-31 10:05:00 UTC", "ymd", "2024-01-31 10:05:00"),
        ("2024-01-31T10:05:06+02:00", "ymd", "2024-01-31 08:05:06"),
        ("2024-01-31T10:05:06-0530", "ymd", "2024-01-31 15:35:06"),
        ("2024-01-31 10:05+02", "ymd", "2024-01-31 08:05:00"),
        ("31/01/2024", "dmy", "2024-01-30 23:00:00"),
        ("31.01.2024, 10:05", "dmy", "2024-01-31 09:05:00"),
        ("5-1-24", "dmy", "2024-01-04 23:00:00"),
        ("01/02/2024", "dmy", "2024-01-31 23:00:00"),
        ("01/02/2024", "mdy", "2024-01-01 23:00:00"),
        ("01/02/70", "dmy", "1970-01-31 23:00:00"),
        ("01/02/69", "dmy", "2069-01-31 23:00:00"),
        ("24-01-31", "ymd", "2024-01-30 23:00:00"),
        ("20240131", "dmy", "2024-01-30 23:00:00"),
        ("20240131103000", "ymd", "2024-01-31 09:30:00"),
        ("202401311030", "ymd", "2024-01-31 09:30:00"),
        ("20240131T103000Z", "ymd", "2024-01-31 10:30:00"),
        ("01/31/2024 12:00 AM", "mdy", "2024-01-30 23:00:00"),
        ("01/31/2024 12:30 pm", "mdy", "2024-01-31 11:30:00"),
        ("01/31/2024 1:05:09 P.M.", "mdy", "2024-01-31 12:05:09"),
        ("31 Jan 2024 10:05", "ymd", "2024-01-31 09:05:00"),
        ("31-JAN-24", "ymd", "2024-01-30 23:00:00"),
        ("January 31, 2024", "ymd", "2024-01-30 23:00:00"),
        ("1706693706", "ymd", "2024-01-31 09:35:06"),
        ("1706693706123", "ymd", "2024-01-31 09:35:06.123000"),
        ("29.02.2024", "dmy", "2024-02-28 23:00:00"),
    ],
)
def test_written_times_are_read_in_the_declared_order(text: str, order: str, expected: str) -> None:
    assert instant_of(text, order) == (expected, "")


@pytest.mark.parametrize(
    ("text", "order"),
    [
        ("31/02/2024", "dmy"),
        ("29.02.2023", "dmy"),
        ("2024-13-01", "ymd"),
        ("2024-00-10", "ymd"),
        ("01/31/2024", "dmy"),
        ("31/01/2024", "mdy"),
        ("31/01/2024", "ymd"),
        ("2024-01-31 24:00", "ymd"),
        ("2024-01-31 10:60", "ymd"),
        ("2024-01-31 13:00 PM", "ymd"),
        ("0001-01-01", "ymd"),
        ("9999-12-31", "ymd"),
        ("yesterday", "ymd"),
        ("12", "ymd"),
        ("null", "ymd"),
        ("", "ymd"),
    ],
)
def test_what_is_no_instant_is_a_problem_and_never_guessed(text: str, order: str) -> None:
    assert instant_of(text, order) == (None, "")


def test_clock_changes_are_repaired_and_told() -> None:
    assert instant_of("2024-03-31 02:30") == ("2024-03-31 01:00:00", "clock_gap")
    assert instant_of("2024-10-27 02:30") == ("2024-10-27 00:30:00", "clock_fold")
    assert instant_of("2024-10-27 02:30+01:00") == ("2024-10-27 01:30:00", "")
    assert instant_of("2024-03-31 02:30", zone="UTC") == ("2024-03-31 02:30:00", "")
    # a midnight that the clock skipped
    assert instant_of("2018-11-04", zone="America/Sao_Paulo") == ("2018-11-04 03:00:00", "clock_gap")


def test_serial_numbers_are_days_whatever_their_type() -> None:
    for cell in ("45322.5", "45322,5", 45322.5):
        assert instant_of(cell, zone="UTC") == ("2024-01-31 12:00:00", "excel_date")
    assert instant_of(45322, zone="UTC") == ("2024-01-31 00:00:00", "excel_date")
    assert instant_of("19999")[0] is None
    assert instant_of("80001")[0] is None


def test_typed_instants_and_numbers_are_taken_as_they_are() -> None:
    assert instant_of(pd.Timestamp("2024-01-31 10:00")) == ("2024-01-31 09:00:00", "")
    assert instant_of(pd.Timestamp("2024-01-31 10:00", tz="America/New_York")) == ("2024-01-31 15:00:00", "")
    assert instant_of(20240131) == ("2024-01-30 23:00:00", "")
    assert instant_of(1706693706000.0) == ("2024-01-31 09:35:06", "")
    assert instant_of(float("nan")) == (None, "")


def test_a_column_of_many_kinds_is_read_cell_by_cell() -> None:
    aware = pd.Timestamp("2024-01-31 10:00", tz="UTC")
    cells = pd.Series([pd.Timestamp("2024-01-31"), aware, 45322, "31.01.2024", None, True], dtype="object")
    lines = parsed("UTC", {"date_order": "dmy"}, ordered_at=cells)
    assert lines["ordered_at"].dt.strftime("%d %H").tolist()[:4] == ["31 00", "31 10", "31 00", "31 00"]
    assert lines["repair"].tolist() == ["", "", "excel_date", "", "", ""]
    assert lines["problem"].tolist() == ["bad_amount"] * 4 + ["no_instant"] * 2


def test_day_and_time_may_stand_apart() -> None:
    days = ["31.01.2024", "31.01.2024", "31.01.2024", "31.01.2024", ""]
    times = ["10:05", "1:05 pm", "", "25:00", "10:05"]
    lines = parsed(BERLIN, {"date_order": "dmy"}, ordered_on=days, ordered_time=times)
    at = lines["ordered_at"].dt.strftime("%d %H:%M").fillna("").tolist()
    assert at == ["31 09:05", "31 12:05", "30 23:00", "", ""]
    fraction = parsed("UTC", ordered_on=["2024-01-31"], ordered_time=pd.Series([0.5]))
    assert fraction["ordered_at"].iloc[0] == pd.Timestamp("2024-01-31 12:00", tz="UTC")
    typed = pd.to_datetime(pd.Series(["1900-01-01 10:05", None]))
    clock = parsed("UTC", ordered_on=["2024-01-31"] * 2, ordered_time=typed)["ordered_at"]
    assert clock.dt.strftime("%d %H:%M").tolist() == ["31 10:05", "31 00:00"]


def test_yes_and_no_are_no_instants() -> None:
    lines = parsed(ordered_at=pd.Series([True, False, None], dtype="boolean"), amount=["1", "1", "1"])
    assert lines["ordered_at"].isna().all()
    assert lines["problem"].tolist() == ["no_instant"] * 3


@given(
    st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1)),  # noqa: DTZ001 - wall times
    st.sampled_from([("ymd", "%Y-%m-%d"), ("dmy", "%d.%m.%Y"), ("mdy", "%m/%d/%Y"), ("ymd", "%Y%m%d")]),
    st.integers(-14 * 60, 14 * 60),
)
def test_any_instant_comes_back(wall: datetime, written: tuple[str, str], offset: int) -> None:
    order, form = written
    sign, minutes = "-" if offset < 0 else "+", abs(offset)
    text = f"{wall.strftime(form)}T{wall:%H:%M:%S.%f}{sign}{minutes // 60:02d}:{minutes % 60:02d}"
    expected = wall.replace(tzinfo=UTC) - timedelta(minutes=offset)
    line = parsed(BERLIN, {"date_order": order}, ordered_at=[text]).iloc[0]
    assert line["ordered_at"].to_pydatetime() == expected


def amounts(cells: list[str], **how: Any) -> list[float | None]:
    lines = parsed("UTC", how, ordered_at=["2024-01-31"] * len(cells), amount=cells)
    values = [None if np.isnan(value) else value for value in lines["amount"]]
    assert [problem == "bad_amount" for problem in lines["problem"]] == [value is None for value in values]
    return values


def test_amounts_are_read_in_the_declared_form() -> None:
    forms = ["1,234.50", "12.5", "12,345", "12.50-", "(12.50)", "-12.50", "−12.50", "+3", ".5", "5.", "1e-05"]
    values = [1234.5, 12.5, 12345.0, -12.5, -12.5, -12.5, -12.5, 3.0, 0.5, 5.0, 0.00001]
    assert amounts(forms, thousands=",") == values
    signs = ["€12.50", "12.50 €", "USD 12.50", "12.50EUR", "-€ 12.50", "($12.50)", "US$ 12.50", "12.50 kr", "£-12.50"]
    assert amounts(signs) == [12.5, 12.5, 12.5, 12.5, -12.5, -12.5, 12.5, 12.5, -12.5]
    assert amounts(["1.234,50", "1.234", "1.234.567,8"], decimal=",", thousands=".") == [1234.5, 1234.0, 1234567.8]
    assert amounts(["1 234,50", "1\xa0234,50", "1\u2009234", "1\u202f234"], decimal=",", thousands=" ") == [
        1234.5,
        1234.5,
        1234.0,
        1234.0,
    ]
    assert amounts(["1'234.50", "1’234.50"], thousands="'") == [1234.5, 1234.5]


def test_an_amount_that_contradicts_the_form_is_a_problem() -> None:
    assert amounts(["1.234,50", "1,5", "12,34,567", "1 234", "1,2345"], thousands=",") == [None] * 5
    assert amounts(["12.50", "1.23", "1,2,3"], decimal=",", thousands=".") == [None] * 3
    assert amounts(["1,234", "1 234", "12.5.0", "5 CR", "x", "1_000", "٣", "12%", "inf", "-"]) == [None] * 10
    assert amounts(["", "nan", "NULL", "None"]) == [None] * 4


@given(st.integers(-(10**9), 10**9), st.sampled_from([(".", ","), (",", "."), (",", " "), (".", "'"), (".", "")]))
def test_any_amount_comes_back(cents: int, marks: tuple[str, str]) -> None:
    decimal, thousands = marks
    text = f"{abs(cents) / 100:,.2f}".translate({ord(","): thousands, ord("."): decimal})
    assert amounts([("-" if cents < 0 else "") + text], decimal=decimal, thousands=thousands) == [cents / 100]


def test_cents_are_turned_into_units_but_quantities_are_not() -> None:
    how = {"amounts_in": "cents"}
    line = parsed("UTC", how, ordered_at=["2024-01-31"], amount=["1250"], quantity=["2"], discount=["99"]).iloc[0]
    assert (line["amount"], line["quantity"], line["discount"]) == (12.5, 2.0, 0.99)


def test_a_price_stands_in_for_the_amount() -> None:
    lines = parsed("UTC", ordered_at=["2024-01-31"] * 3, quantity=["3", "-2", ""], unit_price=["1.333", "2.5", "1"])
    assert lines["amount"].tolist()[:2] == [4.0, -5.0]
    assert lines["problem"].tolist() == ["", "", "bad_amount"]
    both = parsed("UTC", ordered_at=["2024-01-31"], quantity=["3"], unit_price=["1"], amount=["2.5"])
    assert both["amount"].tolist() == [2.5]


def test_typed_numbers_are_taken_and_what_is_none_is_refused() -> None:
    day = ["2024-01-31"]
    how = {"decimal": ","}
    assert parsed("UTC", how, ordered_at=day, amount=pd.Series([12.5]))["amount"].tolist() == [12.5]
    assert parsed("UTC", ordered_at=day, amount=pd.Series([np.inf]))["problem"].tolist() == ["bad_amount"]
    assert parsed("UTC", ordered_at=day, amount=pd.Series([True]))["problem"].tolist() == ["bad_amount"]
    mixed = pd.Series([12.5, "12,5", True, None], dtype="object")
    lines = parsed("UTC", how, ordered_at=day * 4, amount=mixed)
    assert lines["amount"].tolist()[:2] == [12.5, 12.5]
    assert lines["problem"].tolist() == ["", "", "bad_amount", "bad_amount"]


def test_ids_are_text_as_given() -> None:
    ids = [" 0012 ", "a\xa0", "nan", "NULL", "None", "", "12.0"]
    assert parsed(customer_id=ids)["customer_id"].fillna("-").tolist() == ["0012", "a", "-", "-", "-", "-", "12"]
    assert parsed(customer_id=["12.0", "", "13.0"])["customer_id"].fillna("-").tolist() == ["12", "-", "13"]
    typed = parsed(customer_id=pd.Series([12346.0, np.nan, 1.5]))["customer_id"]
    assert typed.fillna("-").tolist() == ["12346", "-", "1.5"]
    wide = parsed(customer_id=pd.Series([9007199254740993, None], dtype="Int64"))["customer_id"]
    assert wide.fillna("-").tolist() == ["9007199254740993", "-"]
    mixed = parsed(customer_id=pd.Series(["a", 7.0, 8, None], dtype="object"))["customer_id"]
    assert mixed.fillna("-").tolist() == ["a", "7", "8", "-"]


def test_flags_payers_and_cancellations() -> None:
    lines = parsed(
        how={"cancelled_order_prefix": "C"},
        order_id=["C1", "1", "c2", ""],
        payer=["Self", "employer", "gift", "granny"],
        invoice_requested=["yes", "0", "FALSE", "?"],
        payer_recognised=pd.Series([True, False, None, True], dtype="boolean"),
        currency=["eur", "EUR", "", "USD"],
    )
    assert lines["is_cancellation"].tolist() == [True, False, False, False]
    assert lines["payer"].fillna("-").tolist() == ["self", "employer", "gift", "-"]
    assert lines["invoice_requested"].tolist() == [True, False, False, pd.NA]
    assert lines["payer_recognised"].tolist() == [True, False, pd.NA, True]
    assert lines["currency"].fillna("-").tolist() == ["EUR", "EUR", "-", "USD"]


def test_problems_come_in_order_and_damage_goes_first() -> None:
    rows = chunk(on=["", "2024-01-31", "2024-01-31", "2024-01-31"], paid=["x", "x", "1", "1"], n=["x", "x", "x", ""])
    rows.loc[0, "damage"] = "too_few_cells"
    how = declared(columns={"ordered_at": "on", "amount": "paid", "quantity": "n"})
    assert canonical(rows, how, "UTC")["problem"].tolist() == [
        "damaged_line:too_few_cells",
        "bad_amount",
        "bad_quantity",
        "",
    ]


def test_a_line_that_became_known_at_no_readable_time_is_a_problem() -> None:
    lines = parsed("UTC", ordered_at=["2024-01-31"] * 3, amount=["1"] * 3, known_at=["2024-02-01", "", "soon"])
    assert lines["problem"].tolist() == ["", "", "no_instant"]
    assert lines["known_at"].iloc[0] == pd.Timestamp("2024-02-01", tz="UTC")


def test_all_columns_are_there_with_their_types_even_without_rows() -> None:
    types = {
        "source_line": "int64",
        "ordered_at": "datetime64[us, UTC]",
        "known_at": "datetime64[us, UTC]",
        **dict.fromkeys(["quantity", "amount", "discount", "coupon_discount", "units"], "float64"),
        **dict.fromkeys(["invoice_requested", "payer_recognised"], "boolean"),
        "is_cancellation": "bool",
    }
    for rows in (chunk(customer=["ann"]), chunk(customer=[])):
        for columns in ({}, {"customer_id": "customer"}, {"customer_id": "customer", "ordered_at": "customer"}):
            lines = canonical(rows, declared(columns=columns), BERLIN)
            assert tuple(lines.columns) == COLUMNS
            assert {name: str(kind) for name, kind in lines.dtypes.items()} == {
                name: types.get(name, "str") for name in COLUMNS
            }


def test_a_wrong_mapping_is_one_clear_line() -> None:
    rows = chunk(Kunde=["ann"])
    with pytest.raises(SourceError, match=r"the column 'Kunden' for customer_id, found none; did you mean 'Kunde'"):
        canonical(rows, declared(columns={"customer_id": "Kunden"}), "UTC")
    with pytest.raises(ParameterError, match="unknown name 'custmer_id'; did you mean 'customer_id'"):
        canonical(rows, declared(columns={"custmer_id": "Kunde"}), "UTC")


def test_the_chunk_is_left_as_it_was() -> None:
    rows = chunk(on=["2024-03-31 02:30"], paid=["1"])
    before = rows.copy(deep=True)
    canonical(rows, declared(columns={"ordered_at": "on", "amount": "paid"}), BERLIN)
    pd.testing.assert_frame_equal(rows, before)


def test_rows_that_are_not_among_those_to_keep_are_filtered() -> None:
    rows = chunk(on=["2024-01-31"] * 4, paid=["1", "x", "4.9", "1"], what=["item", "item", "shipping", None])
    mapped = {"ordered_at": "on", "amount": "paid"}
    lines = canonical(rows, declared(columns=mapped, keep_rows={"what": ["item"]}), "UTC")
    assert lines["problem"].tolist() == ["", "bad_amount", "filtered", "filtered"]
    both = declared(columns=mapped, keep_rows={"what": ["item", "shipping"], "paid": ["1", "4.9"]})
    assert canonical(rows, both, "UTC")["problem"].tolist() == ["", "filtered", "", "filtered"]


def test_a_filter_on_a_column_that_is_not_there_is_one_clear_line() -> None:
    how = declared(columns={"ordered_at": "on"}, keep_rows={"wat": ["item"]})
    with pytest.raises(SourceError, match=r"keep_rows: expected the column 'wat', found none; did you mean 'what'"):
        canonical(chunk(on=["2024-01-31"], what=["item"]), how, "UTC")
