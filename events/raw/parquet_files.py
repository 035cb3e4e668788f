"""Parquet files as frames: types kept, `source_line` the row's number."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from events.raw.headers import BLANKS, DAMAGE, SOURCE_LINE, column_names
from events.raw.unpacking import damage_told

CHUNK_ROWS = 100_000


def _text(column: pa.Array) -> pa.Array:
    trimmed = pc.utf8_trim(column.cast(pa.large_string()), characters=BLANKS)
    return pc.if_else(pc.equal(trimmed, ""), pa.scalar(None, pa.large_string()), trimmed)


def _bytes(column: pa.Array) -> pa.Array:
    """Text that was stored as bytes."""
    return _text(pa.array([None if cell is None else cell.decode(errors="replace") for cell in column.to_pylist()]))


def _days(column: pa.Array) -> pa.Array:
    return column.cast(pa.timestamp("ms"))


def _number(column: pa.Array) -> pa.Array:
    return column.cast(pa.float64())


def _other(column: pa.Array) -> pa.Array:
    return _text(pa.array([None if cell is None else str(cell) for cell in column.to_pylist()], pa.string()))


READERS: tuple[tuple[Callable[[pa.DataType], bool], Callable[[pa.Array], pa.Array]], ...] = (
    (lambda kind: pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind), _text),
    (lambda kind: pa.types.is_binary(kind) or pa.types.is_large_binary(kind), _bytes),
    (pa.types.is_date, _days),
    (lambda kind: pa.types.is_decimal(kind) or pa.types.is_float16(kind), _number),
    (lambda kind: pa.types.is_boolean(kind) or pa.types.is_timestamp(kind), lambda column: column),
    (pa.types.is_uint64, lambda column: column.cast(pa.large_string())),
    (lambda kind: pa.types.is_integer(kind) or pa.types.is_floating(kind), lambda column: column),
)


def _column(column: pa.Array) -> pd.Series:
    plain = column.dictionary_decode() if pa.types.is_dictionary(column.type) else column
    read = next((reader for fits, reader in READERS if fits(plain.type)), _other)(plain)
    if pa.types.is_integer(read.type):
        # a missing integer must not turn the ids beside it into rounded floats
        return pd.Series(read.cast(pa.int64(), safe=True).to_pandas(types_mapper={pa.int64(): pd.Int64Dtype()}.get))
    return pd.Series(read.to_pandas())


def read_parquet(path: Path, name: str) -> Iterator[pd.DataFrame]:
    """The rows of a Parquet file in frames; a file without rows is one empty frame.

    Raises:
        SourceError: the file is damaged.
    """
    with damage_told(name, "Parquet"), pq.ParquetFile(path) as file:
        columns = column_names(file.schema_arrow.names)
        line = 1
        for batch in file.iter_batches(CHUNK_ROWS) if file.metadata.num_rows else _none(file.schema_arrow):
            frame = pd.DataFrame(
                {title: _column(cells) for title, cells in zip(columns, batch.columns, strict=True)},
                index=pd.RangeIndex(batch.num_rows),
            )
            frame[SOURCE_LINE] = np.arange(line, line + len(frame), dtype=np.int64)
            frame[DAMAGE] = pd.Series("", index=frame.index, dtype="str")
            line += len(frame)
            yield frame


def _none(schema: pa.Schema) -> list[pa.RecordBatch]:
    return [pa.RecordBatch.from_arrays([pa.array([], field.type) for field in schema], schema=schema)]
