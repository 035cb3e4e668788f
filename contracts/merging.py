"""A table made in parts, none of which needs to wait in memory for the others: merged in order of its key on disk."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from contracts.errors import ContractError
from contracts.files import PathLike, atomic_path, to_arrow

ROWS_AT_ONCE = 131_072
"""Rows in memory while parts are merged, and in each group of the file."""
PART_ROWS = 2_048
Ints = npt.NDArray[np.int64]


def write_merged(
    path: PathLike, parts: Iterable[pd.DataFrame], check: Callable[[pd.DataFrame], pd.DataFrame], key: str
) -> int:
    """Check each part of a table and write all of them as one Parquet file by `key`, atomically; how many rows it has.

    Each row of one part stands in no other. Parts lie beside the file while it is made.

    Raises:
        ContractError: a part breaks the contract, or two rows have the same key.
    """
    with atomic_path(path) as draft, tempfile.TemporaryDirectory(dir=Path(draft).parent, prefix=".parts-") as scratch:
        files = [_written(Path(scratch) / f"{n:05d}.parquet", check(part), key) for n, part in enumerate(parts)]
        n_rows = 0
        with pq.ParquetWriter(draft, files[0].schema_arrow, compression="zstd") as writer:
            for table in _merged(files, key):
                writer.write_table(table, row_group_size=ROWS_AT_ONCE)
                n_rows += len(table)
    return n_rows


def _written(path: Path, part: pd.DataFrame, key: str) -> pq.ParquetFile:
    pq.write_table(to_arrow(part.sort_values(key, kind="stable")), path, row_group_size=PART_ROWS, compression="lz4")
    return pq.ParquetFile(path)


def _merged(files: list[pq.ParquetFile], key: str) -> Iterator[pa.Table]:
    keys = pa.chunked_array([chunk for file in files for chunk in file.read(columns=[key])[key].chunks])
    order = pc.sort_indices(keys).to_numpy().astype(np.int64)
    if len(pc.unique(keys)) < len(keys):
        raise ContractError(f"a table in parts: expected each {key} once, found one twice; run the stage again")
    sizes = [file.metadata.num_rows for file in files]
    part = np.repeat(np.arange(len(files)), sizes)
    first = np.cumsum([0, *sizes])
    for begin in range(0, max(len(order), 1), ROWS_AT_ONCE):
        rows = order[begin : begin + ROWS_AT_ONCE]
        whose = part[rows]
        found = [_rows(file, np.sort(rows[whose == n]) - first[n]) for n, file in enumerate(files)]
        stacked = np.argsort(np.lexsort((rows, whose)))  # parts stand one after the other, each in its own order
        yield pa.concat_tables(found).take(stacked).combine_chunks()


def _rows(file: pq.ParquetFile, places: Ints) -> pa.Table:
    """Neighbouring rows of a part: a copy, for a slice would keep the whole groups of every part in memory."""
    if not len(places):
        return file.schema_arrow.empty_table()
    low, high = int(places[0]), int(places[-1]) + 1
    first, last = low // PART_ROWS, (high - 1) // PART_ROWS
    groups = file.read_row_groups(range(first, last + 1))
    return groups.take(np.arange(low, high) - first * PART_ROWS)
