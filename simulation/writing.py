"""The simulated store as files, as a shop would bring them: one purchase file a month, further tables, truth apart."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO, Literal
from zoneinfo import ZoneInfo

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from contracts.errors import ParameterError
from contracts.files import atomic_path, to_arrow
from simulation.shop import Setting, setting_of
from simulation.sides import products_table, promotions_table
from simulation.store import Chunk, block_numbers, chunk_of
from simulation.world import World

Form = Literal["parquet", "csv"]
SUFFIX = {"parquet": ".parquet", "csv": ".csv.gz"}
FORMAT_COLUMNS = {
    "customer_id": "card",
    "order_id": "receipt",
    "ordered_at": "sold_at",
    "product_id": "article",
    "category": "article_group",
    "product_name": "article_text",
    "store_id": "branch",
    "channel": "sales_channel",
    "quantity": "pieces",
    "amount": "paid",
    "discount": "reduction",
    "coupon_discount": "coupon",
    "payer": "paid_by",
    "invoice_requested": "invoice",
    "payer_recognised": "payer_known",
    "promotion_id": "campaign",
    "known_at": "booked_at",
    "currency": "money",
}
"""`ingest.format.columns` for these files: our column, the shop's. Orders that begin with `C-` undo earlier ones."""
LOCAL = "%Y-%m-%d %H:%M:%S"


def write_files(
    world: World,
    folder: Path,
    progress: Callable[[int, int], None] = lambda _done, _of: None,
    form: Form = "parquet",
) -> None:
    """Write `purchases/<month>`, four CSV tables, and beside the folder, in `<folder>-truth`, what no shop knows.

    Every file appears whole or not at all; `progress` is told how many of the customers are done.

    Raises:
        ParameterError: the folder holds something; nothing is overwritten.
    """
    refuse_filled(folder)
    setting = setting_of(world)
    with ExitStack() as stack:
        out = _Output(folder, form, stack)
        out.table("products.csv", _as_written(products_table(setting), world.time_zone))
        out.table("promotions.csv", _as_written(promotions_table(setting), world.time_zone))
        line, done = 1, 0
        for numbers in block_numbers(world):
            chunk = chunk_of(setting, numbers, line)
            _write_chunk(out, setting, chunk)
            line, done = line + len(chunk.lines), done + len(chunk.truth)
            progress(done, world.n_customers)


def refuse_filled(folder: Path) -> None:
    """Raise `ParameterError` unless there is no such folder, or an empty one."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ParameterError(f"expected a new or empty folder at {folder}, got one that holds files; choose another")


def _write_chunk(out: _Output, setting: Setting, chunk: Chunk) -> None:
    zone = setting.world.time_zone
    written = purchases_as_written(chunk.lines, zone)
    month = written["sold_at"].dt.strftime("%Y-%m")
    for name, rows in written.groupby(month, sort=True):
        out.purchases(str(name), rows.reset_index(drop=True))
    out.table("customers.csv", _as_written(chunk.customers, zone))
    out.table("consents.csv", _as_written(chunk.consents, zone))
    out.truth("customers", chunk.truth)
    out.truth("pauses", chunk.pauses)
    out.truth("undoings", chunk.undone)


def purchases_as_written(lines: pd.DataFrame, time_zone: str) -> pd.DataFrame:
    """Canonical lines under the shop's own column names, with local clock times."""
    frame = lines[list(FORMAT_COLUMNS)].rename(columns=FORMAT_COLUMNS)
    for name in ("sold_at", "booked_at"):
        frame[name] = frame[name].dt.tz_convert(ZoneInfo(time_zone)).dt.tz_localize(None)
    return frame


def _as_written(table: pd.DataFrame, time_zone: str) -> pd.DataFrame:
    """A further table with local clock times as text."""
    frame = table.copy()
    for name, kind in table.dtypes.items():
        if isinstance(kind, pd.DatetimeTZDtype):
            frame[name] = frame[name].dt.tz_convert(ZoneInfo(time_zone)).dt.strftime(LOCAL)
    return frame


class _Output:
    """The files of a folder, each open beside its place until all is written."""

    def __init__(self, folder: Path, form: Form, stack: ExitStack) -> None:
        self._folder, self._form, self._stack = folder, form, stack
        self._texts: dict[str, BinaryIO] = {}
        self._tables: dict[str, pq.ParquetWriter] = {}

    def purchases(self, month: str, rows: pd.DataFrame) -> None:
        name = f"purchases/{month}{SUFFIX[self._form]}"
        if self._form == "parquet":
            self._parquet(name, pa.Table.from_pandas(rows, preserve_index=False).replace_schema_metadata(None))
        else:
            self.table(name, rows)

    def truth(self, name: str, rows: pd.DataFrame) -> None:
        self._parquet(f"../{self._folder.name}-truth/{name}.parquet", to_arrow(rows))

    def table(self, name: str, rows: pd.DataFrame) -> None:
        is_new = name not in self._texts
        if is_new:
            draft = self._stack.enter_context(atomic_path(self._folder / name))
            self._texts[name] = self._stack.enter_context(_opened(draft, is_packed=name.endswith(".gz")))
        text = rows.to_csv(index=False, header=is_new, lineterminator="\n", date_format=None)
        self._texts[name].write(text.encode())

    def _parquet(self, name: str, table: pa.Table) -> None:
        if name not in self._tables:
            draft = self._stack.enter_context(atomic_path(self._folder / name))
            writer = pq.ParquetWriter(draft, table.schema, compression="zstd")
            self._tables[name] = self._stack.enter_context(writer)
        self._tables[name].write_table(table)


@contextmanager
def _opened(path: Path, *, is_packed: bool) -> Iterator[BinaryIO]:
    """A file of bytes, packed without name and time, so that equal content is equal bytes."""
    with path.open("wb") as plain:
        if not is_packed:
            yield plain
            return
        with gzip.GzipFile(filename="", mode="wb", fileobj=plain, mtime=0, compresslevel=6) as packed:
            yield packed  # type: ignore[misc]
