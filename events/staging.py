"""New files' lines, spread over buckets on disk chunk by chunk, so that memory hangs on a chunk and never on a file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from contracts.event_tables import OPTIONAL, REJECTS
from events.lines import Door, admitted
from events.sources import LinePart


def stage(parts: Iterable[LinePart], folder: Path, door: Door) -> tuple[Counter[str], Counter[str]]:
    """Write `folder/<bucket>.parquet`; return by part's source the lines read, and those of erased customers."""
    writers: dict[int, pq.ParquetWriter] = {}
    n_read: Counter[str] = Counter()
    n_erased: Counter[str] = Counter()
    folder.mkdir(parents=True, exist_ok=True)
    try:
        for part in parts:
            for chunk in part.chunks():
                lines = admitted(chunk, part.source, door)
                n_read[part.source] += len(chunk)
                n_erased[part.source] += len(chunk) - len(lines)
                _spread(lines, writers, folder, door)
    finally:
        for writer in writers.values():
            writer.close()
    return n_read, n_erased


def _spread(lines: pd.DataFrame, writers: dict[int, pq.ParquetWriter], folder: Path, door: Door) -> None:
    for bucket, rows in lines.groupby("bucket", sort=True):
        number = int(str(bucket))
        table = _staged(rows.drop(columns="bucket"), door.columns)
        if number not in writers:
            path = folder / f"{number:04d}.parquet"
            writers[number] = pq.ParquetWriter(path, table.schema, compression="lz4", write_statistics=False)
        writers[number].write_table(table)


def _staged(lines: pd.DataFrame, columns: frozenset[str]) -> pa.Table:
    """One layout for every chunk: a chunk whose column is empty must not change its type."""
    wanted = [name for name in REJECTS.columns if name != "rule" and (name not in OPTIONAL or name in columns)]
    frame = lines[wanted].astype({name: str(REJECTS.columns[name].dtype) for name in wanted})
    schema = pa.schema([(name, _arrow_type(str(REJECTS.columns[name].dtype))) for name in wanted])
    return pa.Table.from_pandas(frame, schema=schema, preserve_index=False).replace_schema_metadata(None)


def _arrow_type(name: str) -> pa.DataType:
    if name.startswith("datetime64"):
        return pa.timestamp("us", tz="UTC" if "UTC" in name else None)
    known = {"float64": pa.float64(), "int64": pa.int64(), "bool": pa.bool_(), "boolean": pa.bool_()}
    return known.get(name, pa.large_string())
