"""Tables in order of their key, read and written some rows at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from contracts.errors import ContractError, SourceError
from contracts.files import PathLike, atomic_path, to_arrow

ROWS_AT_ONCE = 32_768
"""Rows in memory at once, and in each group of a file that is written; no result hangs on it."""
Check = Callable[[pd.DataFrame], pd.DataFrame]


def in_order(path: PathLike, check: Check | None = None, columns: list[str] | None = None) -> Iterator[pd.DataFrame]:
    """A Parquet file's rows in pieces, one piece at least, each checked; keyed by customer, unless only some columns
    without the id are asked for.

    Raises:
        ContractError: a piece breaks the contract, or customers are not in order of their ids, each once.
    """
    if not Path(path).exists():
        raise SourceError(f"expected the table {path}, found none; run `dvc repro` (or `make run`) first")
    with pq.ParquetFile(path) as file:
        last = ""
        for batch in file.iter_batches(ROWS_AT_ONCE, columns=columns) if file.metadata.num_rows else [_nothing(file)]:
            piece = pa.Table.from_batches([batch]).select(columns or batch.schema.names)
            frame: pd.DataFrame = piece.to_pandas(date_as_object=False)
            if "customer_id" in frame.columns and len(frame):
                ids = frame["customer_id"]
                if not ids.is_monotonic_increasing or not ids.is_unique or (last and ids.iloc[0] <= last):
                    raise ContractError(f"{path}: expected each customer once, in order of ids; run `dvc repro` again")
                last = str(ids.iloc[-1])
            yield frame if check is None else check(frame)


def _nothing(file: pq.ParquetFile) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist([], schema=file.schema_arrow)


class Beside:
    """Rows of a table in order of `customer_id`, taken along with those of another one."""

    def __init__(self, pieces: Iterator[pd.DataFrame]) -> None:
        self._pieces = pieces
        self._left = next(pieces)

    def up_to(self, last_id: str) -> pd.DataFrame:
        """The next rows with ids up to and with this one."""
        taken = []
        while True:
            n = int((self._left["customer_id"] <= last_id).sum())
            taken.append(self._left.iloc[:n])
            is_over, self._left = n < len(self._left), self._left.iloc[n:]
            more = None if is_over else next(self._pieces, None)
            if more is None:
                return taken[0].reset_index(drop=True) if len(taken) == 1 else pd.concat(taken, ignore_index=True)
            self._left = more

    def rest(self) -> pd.DataFrame:
        """The next rows that are left, if any are."""
        return self._left if len(self._left) else next(self._pieces, self._left)


def write_pieces(path: PathLike, pieces: Iterable[pd.DataFrame]) -> int:
    """Write pieces, one at least, as one Parquet file, atomically; how many rows it has."""
    n_rows = 0
    with atomic_path(path) as draft:
        writer: pq.ParquetWriter | None = None
        try:
            for piece in pieces:
                table = to_arrow(piece)
                writer = writer or pq.ParquetWriter(draft, table.schema, compression="zstd")
                writer.write_table(table)
                n_rows += len(table)
        finally:
            if writer is not None:
                writer.close()
    return n_rows
