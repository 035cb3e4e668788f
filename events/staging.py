"""New files' lines, spread over buckets on disk chunk by chunk, so that memory hangs on a chunk and never on a file."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from contracts.event_tables import REJECTS
from contracts.executor import ALONE, Crew
from events.lines import Door, admitted, line_columns
from events.sources import LinePart


@dataclass(frozen=True)
class Staged:
    """The folders of some parts' lines in the parts' order, and by source the lines read and those of the erased."""

    folders: tuple[Path, ...]
    n_lines: Counter[str]
    n_erased: Counter[str]

    def bucket(self, number: int) -> tuple[Path, ...]:
        """The files of a bucket's lines, in the parts' order."""
        files = (folder / f"{number:04d}.parquet" for folder in self.folders)
        return tuple(path for path in files if path.exists())


def stage(parts: Iterable[LinePart], folder: Path, door: Door, crew: Crew = ALONE) -> Staged:
    """Spread parts' lines over `<folder>/<attempt>/<bucket>.parquet`, one folder a part, whoever reads it.

    Each attempt has a folder of its own, so that one begun twice (its worker was lost) counts once: the one that ended.
    """
    folder.mkdir(parents=True, exist_ok=True)
    listed = list(parts)
    staged = partial(_stage_part, folder=folder, door=door)
    together = crew if all(part.is_portable for part in listed) else ALONE
    done = list(together.map(staged, listed))
    n_read: Counter[str] = Counter()
    n_erased: Counter[str] = Counter()
    for part, (_, n_lines, n_kept) in zip(listed, done, strict=True):
        n_read[part.source] += n_lines
        n_erased[part.source] += n_lines - n_kept
    return Staged(tuple(place for place, _, _ in done), n_read, n_erased)


def _stage_part(part: LinePart, folder: Path, door: Door) -> tuple[Path, int, int]:
    """Spread one part; the attempt's folder, the lines read, the lines kept."""
    writers: dict[int, pq.ParquetWriter] = {}
    place = Path(tempfile.mkdtemp(dir=folder))
    n_read = n_kept = 0
    try:
        for chunk in part.chunks():
            lines = admitted(chunk, part.source, door)
            n_read, n_kept = n_read + len(chunk), n_kept + len(lines)
            if len(lines):  # else all its lines belong to erased customers, or it had none
                _spread(lines, writers, place, door)
        for writer in writers.values():
            writer.close()
    except BaseException:
        for writer in writers.values():
            writer.is_open = False  # half-written, so nothing: a full disk is told once
        raise
    return place, n_read, n_kept


def _spread(lines: pd.DataFrame, writers: dict[int, pq.ParquetWriter], folder: Path, door: Door) -> None:
    """Write a chunk's lines to their buckets' files; made Arrow's once, not once a bucket."""
    order = np.argsort(lines["bucket"].to_numpy(), kind="stable")
    numbers, begins = np.unique(lines["bucket"].to_numpy()[order], return_index=True)
    whole = _staged(lines.iloc[order], door.columns)
    for number, begin, end in zip(numbers.tolist(), begins, [*begins[1:], len(lines)], strict=True):
        table = whole.slice(begin, end - begin)
        if number not in writers:
            path = folder / f"{number:04d}.parquet"
            writers[number] = pq.ParquetWriter(path, table.schema, compression="lz4", write_statistics=False)
        writers[number].write_table(table)


def _staged(lines: pd.DataFrame, columns: frozenset[str]) -> pa.Table:
    """One layout for every chunk: a chunk whose column is empty must not change its type."""
    wanted = line_columns(columns)
    frame = lines[wanted].astype({name: str(REJECTS.columns[name].dtype) for name in wanted})
    schema = pa.schema([(name, _arrow_type(str(REJECTS.columns[name].dtype))) for name in wanted])
    return pa.Table.from_pandas(frame, schema=schema, preserve_index=False).replace_schema_metadata(None)


def _arrow_type(name: str) -> pa.DataType:
    if name.startswith("datetime64"):
        return pa.timestamp("us", tz="UTC" if "UTC" in name else None)
    known = {"float64": pa.float64(), "int64": pa.int64(), "bool": pa.bool_(), "boolean": pa.bool_()}
    return known.get(name, pa.large_string())
