"""Fetch UCI's Online Retail II from its public source, check it row by row, and write it as `regulars init` reads it.

    python examples/gift_shop/fetch.py gifts                        # from the UCI Machine Learning Repository
    python examples/gift_shop/fetch.py gifts --archive online.zip   # or from a copy that you have

The archive holds one workbook with a sheet a year. A zip or a workbook may be packed anew with the same content, so the
hash is taken over the rows as they are read (`digest_of`): what is written is what was measured, or nothing is written.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq

ADDRESS = "https://archive.ics.uci.edu/static/public/502/online+retail+ii.zip"
TERMS = "Chen, D. (2019): Online Retail II. UCI Machine Learning Repository, CC BY 4.0"
COLUMNS = ("Invoice", "StockCode", "Description", "Quantity", "InvoiceDate", "Price", "Customer ID", "Country")
TYPES = (pa.string(), pa.string(), pa.string(), pa.int64(), pa.timestamp("s"), pa.float64(), pa.int64(), pa.string())
SHEETS = {
    "Year 2009-2010": (525_461, "0dfd653327c7dbc9c1b6cd8a93b212b09d14a8fc56598c32bf71a339a79b6500"),
    "Year 2010-2011": (541_909, "a2767a68f2110ce6869c54dcb734f5f394212351dff5d892d62c59aa4af5ae70"),
}
"""Rows of each sheet, and their digest."""
CHUNK = 1 << 20
PROGRESS_ROWS = 100_000


def main(arguments: list[str]) -> int:
    """Fetch, check, write; 0, or 2 with one line that says what was expected and what came."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="a new folder for the files")
    parser.add_argument("--archive", type=Path, help="a zip that was fetched before")
    parser.add_argument("--address", default=ADDRESS, help="where the zip is fetched from")
    given = parser.parse_args(arguments)
    if given.folder.exists():
        return _refused(f"expected a new folder, found {given.folder}")
    with tempfile.TemporaryDirectory() as place:
        try:
            archive = given.archive or fetched(given.address, Path(place) / "archive.zip")
            tables = {sheet: table_of(archive, sheet) for sheet in SHEETS}
        except (OSError, KeyError, zipfile.BadZipFile) as error:
            return _refused(f"expected a zip with a workbook of {len(SHEETS)} sheets: {error}")
    for sheet, (n_rows, digest) in SHEETS.items():
        found = digest_of(tables[sheet])
        if found != digest:
            got = f"{len(tables[sheet]):,} with {found}"
            return _refused(f"expected in '{sheet}' {n_rows:,} rows with digest {digest}, got {got}")
    given.folder.mkdir(parents=True)
    for sheet, table in tables.items():
        pq.write_table(table, given.folder / f"{sheet.lower().replace(' ', '_')}.parquet")
    print(f"written: {given.folder}, {sum(map(len, tables.values())):,} rows, as published\n{TERMS}")
    return 0


def fetched(address: str, target: Path) -> Path:
    """The file at the address, on this machine."""
    with urlopen(address, timeout=60) as answer, target.open("wb") as file:  # noqa: S310 – an address that the caller gives
        done = 0
        while chunk := answer.read(CHUNK):
            file.write(chunk)
            done += len(chunk)
            print(f"\r  fetched {done / 1e6:,.0f} MB", end="", file=sys.stderr, flush=True)
        print(file=sys.stderr)
    return target


def table_of(archive: Path, sheet: str) -> pa.Table:
    """One sheet of the archive's workbook, one row an invoice line.

    Raises:
        KeyError: no workbook, no such sheet, or other columns.
    """
    with zipfile.ZipFile(archive) as files, tempfile.TemporaryDirectory() as place:
        name = next((one for one in files.namelist() if one.endswith(".xlsx")), None)
        if name is None:
            raise KeyError(f"no .xlsx among {files.namelist()}")
        book = openpyxl.load_workbook(files.extract(name, place), read_only=True, data_only=True)
        try:
            rows = book[sheet].iter_rows(values_only=True)
            heads = next(rows)
            if tuple(heads[: len(COLUMNS)]) != COLUMNS:
                raise KeyError(f"expected the columns {COLUMNS}, got {heads}")
            columns = list(zip(*_typed(rows), strict=True))
        finally:
            book.close()
    arrays = [pa.array(column, kind) for column, kind in zip(columns, TYPES, strict=True)]
    return pa.Table.from_arrays(arrays, names=list(COLUMNS))


def _typed(rows: Iterator[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
    """Rows as published: codes as text though a cell may hold a number, whole numbers whole."""
    for number, (invoice, code, about, quantity, at, price, customer, country) in enumerate(_whole(rows), 1):
        if number % PROGRESS_ROWS == 0:
            print(f"  read {number:,} rows", file=sys.stderr)
        who = None if customer is None else int(customer)
        yield str(invoice), str(code), _text(about), int(quantity), _time(at), float(price), who, str(country)


def _whole(rows: Iterator[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
    for row in rows:
        if row[0] is not None:
            yield row[: len(COLUMNS)]


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _time(value: datetime) -> datetime:
    """To the nearest second: a workbook keeps times as fractions of days."""
    return (value + timedelta(milliseconds=500)).replace(microsecond=0)


def digest_of(table: pa.Table) -> str:
    """SHA-256 over the rows in order: fields parted by tabs, missing ones empty, times to the second."""
    total = hashlib.sha256()
    for batch in table.select(list(COLUMNS)).to_batches(max_chunksize=50_000):
        columns = [_texts(name, batch.column(name)) for name in COLUMNS]
        total.update("".join("\t".join(row) + "\n" for row in zip(*columns, strict=True)).encode())
    return total.hexdigest()


def _texts(name: str, column: pa.Array) -> list[str]:
    values = column.to_pylist()
    if name == "InvoiceDate":
        return [f"{value:%Y-%m-%d %H:%M:%S}" for value in values]
    return ["" if value is None else repr(value) if isinstance(value, float) else str(value) for value in values]


def _refused(says: str) -> int:
    print(f"fetch: {says}; nothing was written", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
