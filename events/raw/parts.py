"""Purchase files as parts: each with a name, a content hash, and its rows in frames, whatever the file's form."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path

import pandas as pd

from contracts.errors import SourceError
from events.raw.parquet_files import read_parquet
from events.raw.remote import RemoteFile, find_remote, is_remote, local_copy
from events.raw.text_files import read_text
from events.raw.unpacking import damage_told, digest_of, kind_of

TABLES = (".csv", ".tsv", ".txt", ".psv", ".parquet", ".xlsx")
PACKED = (".gz", ".bz2", ".xz", ".zst", ".zip")


@dataclass(frozen=True)
class Part:
    """One file, or one sheet of a workbook with several.

    `name` is the file's path below the folder, for people. `digest` is the SHA-256 of its bytes (of digest and title
    for one of several sheets: no two parts share a digest unless their content is the same). `chunks()` reads the rows
    from the beginning: frames with the source's own columns and two more, `source_line` (int64) and `damage` (str).
    Both may raise `SourceError` if the file as a whole cannot be read.
    """

    name: str
    digest: str
    chunks: Callable[[], Iterator[pd.DataFrame]]


def _is_hidden(name: str) -> bool:
    return any(piece.startswith((".", "~$", "__MACOSX")) for piece in name.split("/"))


def _is_wanted(name: str, include: Sequence[str]) -> bool:
    if include:
        return any(fnmatchcase(name, pattern) for pattern in include)
    return name.lower().endswith((*TABLES, *PACKED))


def _files(root: Path, include: Sequence[str]) -> list[tuple[str, Path]]:
    named = [(path.relative_to(root).as_posix(), path) for path in root.rglob("*")]
    wanted = [(name, path) for name, path in named if not _is_hidden(name) and _is_wanted(name, include)]
    return sorted((name, path) for name, path in wanted if path.is_file() and path.stat().st_size)


def _sheet_parts(path: Path, name: str, digest: str) -> list[Part]:
    from events.raw.spreadsheet_files import read_sheet, sheets_of  # noqa: PLC0415  (loads openpyxl)

    sheets = sheets_of(path, name)
    if len(sheets) == 1:
        return [Part(name, digest, partial(read_sheet, path, name, sheets[0]))]
    return [
        Part(
            f"{name}#{sheet.title}",
            digest_of_sheet(digest, sheet.title),
            partial(read_sheet, path, f"{name}#{sheet.title}", sheet),
        )
        for sheet in sheets
    ]


def digest_of_sheet(digest: str, title: str) -> str:
    """SHA-256 that names one of several sheets."""
    return hashlib.sha256(f"{digest}#{title}".encode()).hexdigest()


def _parts(path: Path, name: str) -> list[Part]:
    with damage_told(name, "purchase"):
        kind, digest = kind_of(path, name), digest_of(path)
    if kind == "excel":
        return _sheet_parts(path, name, digest)
    return [Part(name, digest, partial(read_parquet if kind == "parquet" else read_text, path, name))]


def _remote_parts(url: str, include: Sequence[str]) -> list[Part]:
    found = find_remote(url)
    wanted = [file for file in found if not _is_hidden(file.name) and _is_wanted(file.name, include)]
    if not wanted:
        named = ", ".join(include) if include else ", ".join(TABLES)
        raise SourceError(f"expected files ({named}) below {url}, found none; set ingest.path, include or tables")
    return [part for file in wanted for part in _parts_of_remote(file)]


def _parts_of_remote(file: RemoteFile) -> list[Part]:
    """One part; only a file that may be a workbook is fetched to be told its sheets."""
    names = [file.name]
    if file.name.lower().endswith((".xlsx", ".zip")):
        with local_copy(file.url, file.name) as copy:
            names = [part.name for part in _parts(copy, file.name)]
    several = len(names) > 1
    return [
        Part(name, digest_of_sheet(file.digest, name) if several else file.digest, partial(_fetched, file, name))
        for name in names
    ]


def _fetched(file: RemoteFile, name: str) -> Iterator[pd.DataFrame]:
    with local_copy(file.url, file.name) as copy:
        part = next(part for part in _parts(copy, file.name) if part.name == name)
        yield from part.chunks()


def find_parts(path: str | Path, include: Sequence[str] = ()) -> list[Part]:
    """The purchase files of a folder (and the folders in it), or one file, sorted by name; on disk or in storage.

    `include` are patterns of names below the folder (`*.csv`, `sales/*.xlsx`; a star also stands for further folders);
    without any, every file with a known suffix. Hidden files, lock files of office programs and files of no bytes are
    passed over. What a file is, is told by its bytes: a suffix may be wrong.

    Raises:
        SourceError: there is no such path or no such file, or a file cannot be opened or is no table.
    """
    if is_remote(path):
        return _remote_parts(str(path), include)
    root = Path(path)
    if root.is_file():
        return _parts(root.absolute(), root.name)
    if not root.is_dir():
        raise SourceError(f"expected a file or folder at {root}, found none; set ingest.path")
    files = _files(root.absolute(), include)  # whoever reads them may work in another folder
    if not files:
        wanted = ", ".join(include) if include else ", ".join(TABLES)
        raise SourceError(f"expected files ({wanted}) below {root}, found none; set ingest.path, include or tables")
    return [part for name, file in files for part in _parts(file, name)]
