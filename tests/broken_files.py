"""Deliberately broken purchase files, each with what must come of it, written out by hand.

A case is a file's bytes and either the lines that it holds (every one, damaged or not), or a piece of the one error.
A line is (physical line, customer, instant in UTC, amount, problem); of a damaged line only number and problem count.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zipfile
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
import pyarrow as pa

from contracts.params import Format

Line = tuple[int, str | None, str | None, float | None, str]
NAMES = "customer,ordered,amount\n"
ANN = (2, "ann", "2024-01-31 10:00", 12.5, "")
BOB = (3, "bob", "2024-02-01 11:30", 3.0, "")
TWO = "ann,2024-01-31 10:00,12.50\nbob,2024-02-01 11:30,3.00\n"
PLAIN = NAMES + TWO
SEMICOLONS = "customer;ordered;amount\nann;31.01.2024 10:00;12,50\nbob;01.02.2024 11:30;3,00\n"
COLUMNS = {"customer_id": "customer", "ordered_at": "ordered", "amount": "amount"}


@dataclass(frozen=True)
class Case:
    """A file `name` of these bytes; how it is declared; the lines it holds, or a piece of the error."""

    name: str
    data: bytes
    lines: tuple[Line, ...] = ()
    error: str = ""
    how: dict[str, Any] = field(default_factory=dict)

    def format(self) -> Format:
        """The declared format."""
        plain = {
            "columns": COLUMNS,
            "date_order": "ymd",
            "decimal": ".",
            "thousands": "",
            "amounts_in": "units",
            "cancelled_order_prefix": "",
        }
        return Format.model_validate({**plain, **self.how})

    def write(self, folder: Path) -> Path:
        """The file, in a folder."""
        path = folder / self.name
        path.write_bytes(self.data)
        return path


def workbook(*sheets: list[list[object]]) -> bytes:
    """An .xlsx of these rows, a sheet each."""
    book = openpyxl.Workbook()
    book.remove(book.active)
    for at, rows in enumerate(sheets, 1):
        sheet = book.create_sheet(f"Sheet{at}")
        for row in rows:
            sheet.append(row)
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def parquet(columns: dict[str, object]) -> bytes:
    stream = io.BytesIO()
    pd.DataFrame(columns).to_parquet(stream)
    return stream.getvalue()


def zipped(**members: str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as pack:
        for name, text in members.items():
            pack.writestr(name.replace("_", "."), text)
    return stream.getvalue()


def zstd(text: str) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as packed:
        packed.write(text.encode())
    return bytes(sink.getvalue().to_pybytes())


def damaged(line: int, code: str) -> Line:
    return (line, None, None, None, f"damaged_line:{code}")


def both(last: Line = BOB) -> tuple[Line, ...]:
    return (ANN, last)


GERMAN = {"date_order": "dmy", "decimal": ",", "thousands": "."}
DMY = {"date_order": "dmy"}
LETTERS = {"customer_id": "Käufer", "ordered_at": "ordered", "amount": "amount"}
UMLAUT = "Käufer,ordered,amount\nann,2024-01-31 10:00,12.50\nbob,2024-02-01 11:30,3.00\n"
MANY = "".join(f"c{n},2024-03-01 10:00,1.00\n" for n in range(30))
LATE_CAFE = (
    (NAMES + "x,2024-03-01 10:00,1.00\n" * 4000).encode()
    + b"caf\xe9,2024-01-31 10:00,12.50\n"  # beyond any first sample
)

ENCODINGS = (
    Case("plain.csv", PLAIN.encode(), both()),
    Case("utf8_mark.csv", PLAIN.encode("utf-8-sig"), both()),
    Case("latin1.csv", UMLAUT.encode("latin-1"), both(), how={"columns": LETTERS}),
    Case("utf8_letters.csv", UMLAUT.encode(), both(), how={"columns": LETTERS}),
    Case("utf16_le_mark.csv", b"\xff\xfe" + PLAIN.encode("utf-16-le"), both()),
    Case("utf16_be_mark.csv", b"\xfe\xff" + PLAIN.encode("utf-16-be"), both()),
    Case("utf16_le_bare.csv", PLAIN.encode("utf-16-le"), both()),
    Case("utf16_be_bare.csv", PLAIN.encode("utf-16-be"), both()),
    Case("windows_euro.csv", SEMICOLONS.replace(";12,50", ";12,50 €").encode("cp1252"), both(), how=GERMAN),
    Case(
        "mark_inside.csv",
        (NAMES + "ann,2024-01-31 10:00,12.50\n\ufeffbob,2024-02-01 11:30,3.00\n").encode("utf-8-sig"),
        both(),
    ),
    Case(
        "some_bad_bytes.csv",
        (NAMES + "ann,2024-01-31 10:00,12.50\nbäb,2024-02-01 11:30,3.00\nzoë,2024-02-01 11:30,3.00\n").encode()
        + b"c\xe9d,2024-02-01 11:30,3.00\n",
        (
            ANN,
            (3, "bäb", "2024-02-01 11:30", 3.0, ""),
            (4, "zoë", "2024-02-01 11:30", 3.0, ""),
            damaged(5, "bad_bytes"),
        ),
    ),
    Case(
        "late_letter.csv",
        LATE_CAFE,
        (
            *((n, "x", "2024-03-01 10:00", 1.0, "") for n in range(2, 4002)),
            (4002, "café", "2024-01-31 10:00", 12.5, ""),
        ),
    ),
)

LINE_ENDS_AND_DELIMITERS = (
    Case("semicolons.csv", SEMICOLONS.encode(), both(), how=GERMAN),
    Case("tabs.csv", PLAIN.replace(",", "\t").encode(), both()),
    Case("pipes.txt", PLAIN.replace(",", "|").encode(), both()),
    Case("sep_line.csv", ("sep=;\r\n" + SEMICOLONS).encode(), ((3, *ANN[1:]), (4, *BOB[1:])), how=GERMAN),
    Case("cr.csv", PLAIN.replace("\n", "\r").encode(), both()),
    Case("crlf.csv", PLAIN.replace("\n", "\r\n").encode(), both()),
    Case("mixed_ends.csv", (NAMES + TWO.replace("\n", "\r\n", 1)).encode(), both()),
    Case("no_last_end.csv", PLAIN.rstrip("\n").encode(), both()),
    Case("blank_lines.csv", (NAMES + "\n \n" + TWO + "\n,,\n").encode(), ((4, *ANN[1:]), (5, *BOB[1:]))),
    Case("trailing_delimiters.csv", PLAIN.replace("00\n", "00,\n").replace("50\n", "50,\n").encode(), both()),
    Case("single_quotes.csv", b"'customer','ordered','amount'\n'ann','2024-01-31 10:00','12.50'\n", (ANN,)),
)

ROWS = (
    Case("header_only.csv", NAMES.encode()),
    Case(
        "header_twice.csv",
        (PLAIN + PLAIN).encode(),
        (
            ANN,
            BOB,
            damaged(4, "repeated_header"),
            (5, *ANN[1:]),
            (6, *BOB[1:]),
        ),
    ),
    Case("preamble.csv", ("Export of 2024\nShop: Berlin\n\n" + PLAIN).encode(), ((5, *ANN[1:]), (6, *BOB[1:]))),
    Case("total_line.csv", (PLAIN + "Total,15.50\n").encode(), (*both(), damaged(4, "too_few_cells"))),
    Case(
        "ragged.csv",
        (NAMES + "ann,2024-01-31 10:00,12.50,x\nbob,2024-02-01 11:30\n" + MANY).encode(),
        (
            damaged(2, "too_many_cells"),
            damaged(3, "too_few_cells"),
            *((4 + n, f"c{n}", "2024-03-01 10:00", 1.0, "") for n in range(30)),
        ),
    ),
    Case(
        "unclosed_quote.csv",
        (NAMES + '"ann,2024-01-31 10:00,12.50\n' + MANY).encode(),
        (
            damaged(2, "unclosed_quote"),
            *((3 + n, f"c{n}", "2024-03-01 10:00", 1.0, "") for n in range(30)),
        ),
    ),
    Case(
        "unclosed_then_quoted.csv",
        (NAMES + '"ann,2024-01-31 10:00,12.50\n"bob","2024-02-01 11:30","3.00"\n').encode(),
        (
            damaged(2, "unclosed_quote"),
            BOB,
        ),
    ),
    Case(
        "wrong_quotes.csv",
        (NAMES + '"a"n"n",2024-01-31 10:00,12.50\nbob,2024-02-01 11:30,3.00\n').encode(),
        (
            damaged(2, "bad_quotes"),
            BOB,
        ),
    ),
    Case(
        "inch_sign.csv",
        (NAMES + 'ann 5",2024-01-31 10:00,12.50\nbob,2024-02-01 11:30,3.00\n').encode(),
        (
            (2, 'ann 5"', "2024-01-31 10:00", 12.5, ""),
            BOB,
        ),
    ),
    Case(
        "cell_over_lines.csv",
        (NAMES + '"ann\nmay",2024-01-31 10:00,12.50\nbob,2024-02-01 11:30,3.00\n').encode(),
        (
            (2, "ann\nmay", "2024-01-31 10:00", 12.5, ""),
            (4, *BOB[1:]),
        ),
    ),
    Case(
        "nul_bytes.csv",
        (NAMES + "a\0nn,2024-01-31 10:00,12.50\nbob,2024-02-01 11:30,3.00\n").encode(),
        (
            damaged(2, "nul_byte"),
            BOB,
        ),
    ),
    Case(
        "million_letters.csv",
        (NAMES + "x" * 1_000_000 + ",2024-01-31 10:00,12.50\nbob,2024-02-01 11:30,3.00\n").encode(),
        (
            (2, "x" * 1_000_000, "2024-01-31 10:00", 12.5, ""),
            BOB,
        ),
    ),
    Case(
        "million_quoted.csv",
        (NAMES + '"' + "x," * 500_000 + '",2024-01-31 10:00,12.50\nbob,2024-02-01 11:30,3.00\n').encode(),
        (
            (2, "x," * 500_000, "2024-01-31 10:00", 12.5, ""),
            BOB,
        ),
    ),
    Case(
        "missing_column.csv",
        b"customer,ordered,amounts\nann,2024-01-31 10:00,12.50\n",
        error="expected the column 'amount' for amount, found none; did you mean 'amounts'?",
    ),
    Case(
        "double_names.csv",
        b"customer,ordered,amount,amount\nann,2024-01-31 10:00,12.50,9\n",
        error="expected one column 'amount' for amount, got several",
    ),
    Case(
        "double_names_second.csv",
        b"customer,ordered,amount,amount\nann,2024-01-31 10:00,9,12.50\n",
        (ANN,),
        how={"columns": {**COLUMNS, "amount": "amount.2"}},
    ),
    Case(
        "double_names_first.csv",
        b"customer,ordered,amount,amount\nann,2024-01-31 10:00,12.50,9\n",
        (ANN,),
        how={"columns": {**COLUMNS, "amount": "amount.1"}},
    ),
)

CELLS = (
    Case(
        "mixed_orders.csv",
        (NAMES + "ann,31/01/2024 10:00,12.50\nbob,01/31/2024,3.00\ncid,2024-02-01 11:30,3.00\n").encode(),
        (
            ANN,
            (3, "bob", None, 3.0, "no_instant"),
            (4, "cid", "2024-02-01 11:30", 3.0, ""),
        ),
        how=DMY,
    ),
    Case(
        "american.csv",
        (NAMES + "ann,01/31/2024 10:00 AM,12.50\nbob,2/1/2024 11:30 am,3.00\ncid,2/1/24 12:05 PM,3\n").encode(),
        (
            ANN,
            BOB,
            (4, "cid", "2024-02-01 12:05", 3.0, ""),
        ),
        how={"date_order": "mdy"},
    ),
    Case(
        "impossible_dates.csv",
        (NAMES + "ann,31/02/2024,12.50\nbob,30/04/2024 25:00,3.00\ncid,29/02/2023,1\n").encode(),
        (
            (2, "ann", None, 12.5, "no_instant"),
            (3, "bob", None, 3.0, "no_instant"),
            (4, "cid", None, 1.0, "no_instant"),
        ),
        how=DMY,
    ),
    Case(
        "short_years.csv",
        (NAMES + "ann,31.01.24 10:00,12.50\nbob,31.12.99,3.00\n").encode(),
        (
            ANN,
            (3, "bob", "1999-12-31 00:00", 3.0, ""),
        ),
        how=DMY,
    ),
    Case(
        "serial_dates.csv",
        (NAMES + "ann,45322.4166666667,12.50\nbob,45323,3.00\n").encode(),
        (
            ANN,
            (3, "bob", "2024-02-01 00:00", 3.0, ""),
        ),
    ),
    Case("epochs.csv", (NAMES + "ann,1706695200,12.50\nbob,1706787000000,3.00\n").encode(), both()),
    Case(
        "offsets.csv", (NAMES + "ann,2024-01-31T12:00:00+02:00,12.50\nbob,2024-02-01T11:30:00Z,3.00\n").encode(), both()
    ),
    Case(
        "currency_signs.csv",
        (NAMES + "ann,2024-01-31 10:00,$12.50\nbob,2024-02-01 11:30,USD 3.00\ncid,2024-02-01 11:30,3 €\n").encode(),
        (
            ANN,
            BOB,
            (4, "cid", "2024-02-01 11:30", 3.0, ""),
        ),
    ),
    Case(
        "negatives.csv",
        (NAMES + "ann,2024-01-31 10:00,12.50-\nbob,2024-02-01 11:30,(3.00)\ncid,2024-02-01 11:30,-$3\n").encode(),
        (
            (2, "ann", "2024-01-31 10:00", -12.5, ""),
            (3, "bob", "2024-02-01 11:30", -3.0, ""),
            (4, "cid", "2024-02-01 11:30", -3.0, ""),
        ),
    ),
    Case(
        "thousands.csv",
        (NAMES + 'ann,2024-01-31 10:00,"1,234.50"\nbob,2024-02-01 11:30,"1.234,50"\n').encode(),
        (
            (2, "ann", "2024-01-31 10:00", 1234.5, ""),
            (3, "bob", "2024-02-01 11:30", None, "bad_amount"),
        ),
        how={"thousands": ","},
    ),
    Case(
        "narrow_spaces.csv",
        "customer;ordered;amount\nann;2024-01-31 10:00;1\u202f234,50\nbob;2024-02-01 11:30;1\xa0234\n".encode(),
        (
            (2, "ann", "2024-01-31 10:00", 1234.5, ""),
            (3, "bob", "2024-02-01 11:30", 1234.0, ""),
        ),
        how={"decimal": ",", "thousands": " "},
    ),
    Case(
        "cents.csv",
        (NAMES + "ann,2024-01-31 10:00,1250\nbob,2024-02-01 11:30,300\n").encode(),
        both(),
        how={"amounts_in": "cents"},
    ),
    Case(
        "missing_cells.csv",
        (NAMES + ",2024-01-31 10:00,12.50\nbob,,3.00\ncid,2024-02-01 11:30,\n").encode(),
        (
            (2, None, "2024-01-31 10:00", 12.5, ""),
            (3, "bob", None, 3.0, "no_instant"),
            (4, "cid", "2024-02-01 11:30", None, "bad_amount"),
        ),
    ),
    Case(
        "float_ids.csv",
        (NAMES + "12346.0,2024-01-31 10:00,12.50\n,2024-02-01 11:30,3.00\n").encode(),
        (
            (2, "12346", "2024-01-31 10:00", 12.5, ""),
            (3, None, "2024-02-01 11:30", 3.0, ""),
        ),
    ),
)

AT = datetime(2024, 1, 31, 10, 0)  # noqa: DTZ001 - workbooks know no zone
HEADER: list[object] = ["customer", "ordered", "amount"]
PACKED_AND_TYPED = (
    Case("packed.csv.gz", gzip.compress(PLAIN.encode()), both()),
    Case("packed.csv.bz2", bz2.compress(PLAIN.encode()), both()),
    Case("packed.csv.xz", lzma.compress(PLAIN.encode()), both()),
    Case("packed.csv.zst", zstd(PLAIN), both()),
    Case("packed.zip", zipped(sales_csv=PLAIN), both()),
    Case("gzip_named.csv", gzip.compress(PLAIN.encode()), both()),
    Case("csv_named.gz", PLAIN.encode(), both()),
    Case("two_members.gz", gzip.compress((NAMES + TWO[:27]).encode()) + gzip.compress(TWO[27:].encode()), both()),
    Case("typed.xlsx", workbook([HEADER, ["ann", AT, 12.5]]), (ANN,)),
    Case("preamble.xlsx", workbook([["Export of 2024"], [], HEADER, ["ann", AT, 12.5]]), ((4, *ANN[1:]),)),
    Case("serials.xlsx", workbook([HEADER, ["ann", 45322.4166666667, 12.5]]), (ANN,)),
    Case(
        "mixed.xlsx",
        workbook([HEADER, [12346, AT, "12.50"], ["bob", "01.02.2024 11:30", 3], [7.0, 45323, True]]),
        (
            (2, "12346", "2024-01-31 10:00", 12.5, ""),
            BOB,
            (4, "7", "2024-02-01 00:00", None, "bad_amount"),
        ),
        how=DMY,
    ),
    Case("second_sheet.xlsx", workbook([["About this file"]], [HEADER, ["ann", AT, 12.5]]), (ANN,)),
    Case(
        "sheet_a_year.xlsx",
        workbook([HEADER, ["ann", AT, 12.5]], [HEADER, ["bob", AT, 3]]),
        (
            ANN,
            (2, "bob", "2024-01-31 10:00", 3.0, ""),
        ),
    ),
    Case(
        "float_ids.parquet",
        parquet({"customer": [12346.0, None], "ordered": [AT, AT], "amount": [12.5, 3.0]}),
        (
            (1, "12346", "2024-01-31 10:00", 12.5, ""),
            (2, None, "2024-01-31 10:00", 3.0, ""),
        ),
    ),
    Case(
        "parquet_named.csv",
        parquet({"customer": ["ann"], "ordered": ["2024-01-31 10:00"], "amount": ["12.50"]}),
        ((1, "ann", "2024-01-31 10:00", 12.5, ""),),
    ),
)

WHOLE = workbook([HEADER, ["ann", AT, 12.5]])
BROKEN = (
    Case("empty.csv", b"", error="empty.csv: expected a line of column names and rows, got an empty file"),
    Case("only_ends.csv", b"\n\r\n\n", error="got an empty file"),
    Case("only_a_mark.csv", b"\xff\xfe", error="got an empty file"),
    Case("no_header.csv", TWO.replace("ann", "1").replace("bob", "2").encode(), error="got none; add it as first line"),
    Case("one_column.csv", b"customer\nann\nbob\n", error="got one column"),
    Case("truncated.csv.gz", gzip.compress((NAMES + MANY * 50).encode())[:-20], error="damaged or breaks off"),
    Case("truncated.csv.bz2", bz2.compress(PLAIN.encode())[:-9], error="damaged or breaks off"),
    Case("truncated.csv.xz", lzma.compress(PLAIN.encode())[:-9], error="damaged or breaks off"),
    Case("truncated.csv.zst", zstd(PLAIN)[:-9], error="damaged or breaks off"),
    Case("junk.csv", bytes(range(256)) * 40, error="got binary data"),
    Case(
        "nul_throughout.csv",
        b"\0".join(bytes([code]) for code in PLAIN.encode()[:20]) + b"\0\0\0" * 9 + b"a,b\n" * 3,
        error="got binary data",
    ),
    Case("web_page.csv", b"<!DOCTYPE html><html><table><tr><td>ann</td></tr></table></html>\n", error="got a web page"),
    Case("picture.csv", b"\x89PNG\r\n\x1a\n" + b"a,b\n" * 9, error="got binary data"),
    Case("two_files.zip", zipped(a_csv=PLAIN, b_csv=PLAIN), error="expected a .zip with one file, got 2"),
    Case("broken.zip", zipped(sales_csv=PLAIN)[:-30], error="damaged or breaks off"),
    Case("damaged.xlsx", WHOLE[: len(WHOLE) // 2], error="expected a whole .xlsx file"),
    Case("password.xlsx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, error="one with a password"),
    Case("empty.xlsx", workbook([]), error="expected a sheet with a line of column names"),
    Case("damaged.parquet", parquet({"customer": ["ann"]})[:-30], error="expected a whole Parquet file"),
)

DATA_CASES = (*ENCODINGS, *LINE_ENDS_AND_DELIMITERS, *ROWS, *CELLS, *PACKED_AND_TYPED)
CASES = (*DATA_CASES, *BROKEN)
