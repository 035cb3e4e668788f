"""Reading and writing files: atomically, byte-identically for equal content, and with their contract checked."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from contracts.errors import ContractError, SourceError

PathLike = str | Path
FLOAT_DECIMALS = 6
DAYS = ("act_by", "valid_until", "data_through")
"""Columns of local days whose names do not end in `_on`."""


@contextmanager
def atomic_path(path: PathLike) -> Iterator[Path]:
    """Yield a path beside the target; on success it replaces the target in one step, on failure it is removed."""
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    os.close(handle)
    draft = Path(name)
    try:
        yield draft
        with draft.open("rb") as done:
            os.fsync(done.fileno())
        draft.chmod(0o666 & ~_umask())
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


@contextmanager
def atomic_folder(path: PathLike) -> Iterator[Path]:
    """Yield an empty folder beside the target; on success it takes the target's place."""
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        yield draft
        draft.chmod(0o777 & ~_umask())
        if target.exists():
            old = draft.with_name(draft.name + ".old")
            target.rename(old)
            draft.rename(target)
            shutil.rmtree(old)
        else:
            draft.rename(target)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def write_text(path: PathLike, text: str) -> None:
    """Write text (UTF-8, LF) atomically."""
    with atomic_path(path) as draft:
        draft.write_text(text, encoding="utf-8", newline="\n")


def read_text(path: PathLike) -> str:
    """Read text, without the mark that editors may put before it; what is missing or no text is one clear line."""
    try:
        return Path(path).read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise SourceError(f"expected the file {path}, found none; run `dvc repro` (or `make run`) first") from error
    except UnicodeDecodeError as error:
        raise ContractError(f"{path}: expected UTF-8 text, got other bytes; save it as UTF-8, or rebuild it") from error


def rounded(value: Any) -> Any:
    """The same plain data with every float rounded to six decimals, so that equal results are equal bytes."""
    if isinstance(value, float):
        return round(value, FLOAT_DECIMALS)
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [rounded(item) for item in value]
    return value


def write_json(path: PathLike, value: Any) -> None:
    """Write plain data as JSON with floats as they are (`rounded` first where bytes must not hang on noise)."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: PathLike) -> Any:
    """Read JSON; a missing or damaged file is one clear line."""
    try:
        return json.loads(read_text(path))
    except json.JSONDecodeError as error:
        raise ContractError(f"expected JSON in {path}, got line {error.lineno} that is not; rebuild it") from error


def write_table(path: PathLike, frame: pd.DataFrame, check: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    """Check a table against its contract and write it as Parquet, atomically, without index or writer's metadata."""
    with atomic_path(path) as draft:
        pq.write_table(to_arrow(check(frame)), draft, compression="zstd")


def to_arrow(frame: pd.DataFrame) -> pa.Table:
    """A table without index or metadata; columns of days become calendar dates."""
    table = pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(None)
    for position, field in enumerate(table.schema):
        is_day = field.name.endswith("_on") or field.name in DAYS
        if is_day and pa.types.is_timestamp(field.type):
            table = table.set_column(position, field.name, table.column(position).cast(pa.date32()))
    return table


def read_table(
    path: PathLike,
    check: Callable[[pd.DataFrame], pd.DataFrame] | None = None,
    columns: list[str] | None = None,
    *,
    rows: pc.Expression | None = None,
) -> pd.DataFrame:
    """Read a Parquet file (or folder of them, in name order) and check it, unless only some columns are asked for.

    `rows` names those to read: the others need no memory.
    """
    if not Path(path).exists():
        raise SourceError(f"expected the table {path}, found none; run `dvc repro` (or `make run`) first")
    found = arrow_table(path, columns) if rows is None else pq.read_table(path, columns=columns, filters=rows)
    frame = found.to_pandas(date_as_object=False)
    return frame if check is None or columns is not None else check(frame)


def arrow_table(path: PathLike, columns: Sequence[str] | None = None) -> pa.Table:
    """A Parquet file (or folder of them, in name order); with `columns`, these alone, in this order.

    A single file is read as a file: Arrow's way through data sets costs three times as much for the small ones here.

    Raises:
        ContractError: a file is damaged, or is no Parquet file.
    """
    try:
        if Path(path).is_dir():
            return pq.read_table(path, columns=None if columns is None else list(columns))
        with pq.ParquetFile(path) as file:
            return file.read() if columns is None else file.read(columns=list(columns)).select(list(columns))
    except pa.ArrowInvalid as error:
        raise ContractError(f"{path}: expected a Parquet table, got a damaged file; rebuild or restore it") from error


def digest(*parts: bytes | str) -> str:
    """SHA-256 (hex) over the parts, each preceded by its length."""
    total = hashlib.sha256()
    for part in parts:
        raw = part.encode() if isinstance(part, str) else part
        total.update(len(raw).to_bytes(8, "big") + raw)
    return total.hexdigest()


def digest_of_pieces(first: str, n_bytes: int, second: Iterable[bytes]) -> str:
    """As `digest` of two parts, the second of which has so many bytes and comes in pieces.

    >>> digest_of_pieces("a", 3, [b"b", b"cd"]) == digest("a", "bcd")
    True
    """
    total = hashlib.sha256(len(first.encode()).to_bytes(8, "big") + first.encode() + n_bytes.to_bytes(8, "big"))
    for piece in second:
        total.update(piece)
    return total.hexdigest()
