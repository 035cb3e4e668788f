"""Published weeks: immutable folders that are written once, found again, and never overwritten.

`published/<ISO week>/` is revision 1 and `published/<ISO week>/revision-N/` are later ones. A revision is a change in
row content, not in commit, clock or file bytes. A folder counts only if its manifest, which is written last, names
every file with its right size; so a killed writer leaves the last good revision in force.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from pathlib import Path
from typing import IO, Any

import pandas as pd
import pyarrow.parquet as pq

from contracts.errors import RegularsError, UnknownNameError, nearest
from contracts.files import atomic_folder, digest, digest_of_pieces, read_json, read_table, write_json, write_table
from contracts.pieces import write_pieces
from contracts.tables import AT_RISK, FULL_WEEK
from serving.sheets import sheets_of
from serving.weekly_list import Week

MANIFEST = "manifest.json"
MANIFEST_KEYS = {"week", "revision", "data_through", "row_hash", "counts", "params", "model_version", "model_grade"}
FORMAT = 1
DIGESTED_AT_ONCE = 1 << 20
_WEEK_NAME = re.compile(r"^\d{4}-W\d{2}$")
_REVISION_NAME = re.compile(r"^revision-(\d+)$")


@dataclass(frozen=True)
class Revision:
    """One valid published revision of a week: its folder, and its manifest as read."""

    folder: Path
    manifest: Mapping[str, Any]

    @property
    def week(self) -> str:
        """ISO week, as 2018-W01."""
        return str(self.manifest["week"])

    @property
    def number(self) -> int:
        """1 for the first revision of a week."""
        return int(self.manifest["revision"])

    @property
    def data_through(self) -> date:
        """The last day of data behind the week."""
        return date.fromisoformat(str(self.manifest["data_through"]))

    def at_risk(self) -> pd.DataFrame:
        """The working list: one row a customer to work on."""
        return read_table(self.folder / "at_risk.parquet", AT_RISK)

    def customers(self) -> pd.DataFrame:
        """The full table: one row a customer who ever bought."""
        return read_table(self.folder / "customers.parquet", FULL_WEEK)

    def customer(self, customer_id: str) -> pd.Series:
        """One customer's row of the full table, read without the others; `UnknownNameError` if there is none."""
        found = pq.read_table(self.folder / "customers.parquet", filters=[("customer_id", "==", customer_id)])
        if not found.num_rows:
            raise UnknownNameError(f"no customer '{customer_id}' in week {self.week}; expected an id of the full table")
        return FULL_WEEK(found.to_pandas(date_as_object=False)).iloc[0]


def row_digest(frame: pd.DataFrame) -> str:
    """SHA-256 over a table's names and values, whatever its file's bytes are; row order counts."""
    return digest(_header(frame), _text(frame))


def _header(frame: pd.DataFrame) -> str:
    return "\x1f".join(frame.columns)


def _text(frame: pd.DataFrame) -> str:
    text: str = frame.to_csv(index=False, header=False, lineterminator="\n", date_format="%Y-%m-%d")
    return text


def write_week(folder: Path, week: Week, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Write a built week as plain files (`at_risk.parquet`, `customers.parquet`, `week.json`) and return `week.json`.

    The result depends on the rows and facts alone: no clock, commit or run id.
    """
    named = {"week": week.name, "data_through": week.data_through.isoformat()}
    return write_rows(folder, named, [FULL_WEEK(week.customers)], lambda: AT_RISK(week.at_risk), facts)


def write_rows(
    folder: Path,
    named: Mapping[str, str],
    customers: Iterable[pd.DataFrame],
    at_risk: Callable[[], pd.DataFrame],
    facts: Mapping[str, Any],
) -> dict[str, Any]:
    """As `write_week`, of pieces of FULL_WEEK, one at least; the working list is asked for after the last of them."""
    with atomic_folder(folder) as draft, tempfile.TemporaryFile(dir=folder.parent) as spool:
        tally = _Tally(spool)
        write_pieces(draft / "customers.parquet", tally.passing(customers))
        listed = at_risk()
        write_table(draft / "at_risk.parquet", listed, AT_RISK)
        described = {
            **named,
            "model_version": tally.model[0],
            "model_grade": tally.model[1],
            "row_hash": digest(row_digest(listed), tally.row_digest()),
            "counts": _counts(len(listed), tally.n_rows, tally.n_of),
            **facts,
        }
        write_json(draft / "week.json", described)
    return described


@dataclass
class _Tally:
    """What pieces of the full table tell while they pass: rows by arm, the model; their text waits to be digested."""

    spool: IO[bytes]
    n_rows: int = 0
    n_of: Counter[str] = field(default_factory=Counter)
    model: tuple[str, str] = ("", "none")
    header: str = ""
    n_bytes: int = 0

    def passing(self, pieces: Iterable[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        """The pieces, counted."""
        with gzip.GzipFile(fileobj=self.spool, mode="wb", compresslevel=1) as out:
            for piece in pieces:
                self.header, raw = _header(piece), _text(piece).encode()
                out.write(raw)
                self.n_bytes, self.n_rows = self.n_bytes + len(raw), self.n_rows + len(piece)
                self.n_of.update(piece["arm"].tolist())
                if len(piece):
                    self.model = (str(piece["model_version"].iloc[0]), str(piece["model_grade"].iloc[0]))
                yield piece

    def row_digest(self) -> str:
        """`row_digest` of all rows."""
        self.spool.seek(0)
        with gzip.GzipFile(fileobj=self.spool) as text:
            return digest_of_pieces(self.header, self.n_bytes, iter(partial(text.read, DIGESTED_AT_ONCE), b""))


def _counts(n_listed: int, n_customers: int, n_of: Mapping[Any, int]) -> dict[str, int]:
    by_arm = {f"n_{arm}": int(n_of.get(arm, 0)) for arm in ("treated", "control", "universal", "awaited", "none")}
    return {"n_listed": n_listed, "n_customers": n_customers, **by_arm}


def publish(built: Path, published: Path, provenance: Mapping[str, Any]) -> tuple[Revision, bool]:
    """Publish the week that `write_week` left in `built`; say whether that made a new revision.

    Equal row content to the week's latest valid revision changes nothing at all. `provenance` is added to the manifest
    (commit, data hashes, time). The caller holds the lock: two writers of one week would choose the same number.
    """
    week: dict[str, Any] = read_json(built / "week.json")
    home = published / week["week"]
    latest = latest_revision(home, is_deep=True)
    if latest is not None and latest.manifest["row_hash"] == week["row_hash"]:
        return latest, False
    _sweep_drafts(published, week["week"])
    number = _next_number(home)
    target = home if number == 1 else home / f"revision-{number}"
    draft = published / f".{week['week']}.draft"
    draft.mkdir(parents=True)
    _fill(draft, built, {"format": FORMAT, **week, "revision": number, **provenance})
    draft.rename(target)
    return read_revision(target), True


def _fill(draft: Path, built: Path, manifest: dict[str, Any]) -> None:
    from serving.spreadsheets import csv_bytes, write_csv, xlsx_bytes  # noqa: PLC0415  (loads openpyxl)

    listed = read_table(built / "at_risk.parquet", AT_RISK)
    for name in ("at_risk.parquet", "customers.parquet"):
        shutil.copyfile(built / name, draft / name)
    (draft / "at_risk.csv").write_bytes(csv_bytes(listed))
    for name, sheet in sheets_of(built / "customers.parquet").items():
        write_csv(draft / f"{name}.csv", sheet)
    (draft / "at_risk.xlsx").write_bytes(xlsx_bytes(listed, manifest["week"]))
    written = sorted(path for path in draft.iterdir() if path.is_file())
    files = {path.name: {"bytes": path.stat().st_size, "sha256": file_sha256(path)} for path in written}
    write_json(draft / MANIFEST, {**manifest, "files": files})
    for name in files:
        _to_disk(draft / name)


def reissue(
    published: Path, latest: Revision, at_risk: pd.DataFrame, customers: pd.DataFrame, said: Mapping[str, Any]
) -> Revision:
    """Publish other rows of a week as its next revision; what is not about rows is taken over from the latest one."""
    counts = _counts(len(at_risk), len(customers), Counter(customers["arm"]))
    facts = {"counts": counts, "row_hash": digest(row_digest(at_risk), row_digest(customers))}
    kept = {key: value for key, value in latest.manifest.items() if key not in ("files", "revision", *facts)}
    home = published / latest.week
    _sweep_drafts(published, latest.week)
    number = _next_number(home)
    draft = published / f".{latest.week}.draft"
    built = draft / ".built"
    built.mkdir(parents=True)
    write_table(built / "at_risk.parquet", at_risk, AT_RISK)
    write_table(built / "customers.parquet", customers, FULL_WEEK)
    _fill(draft, built, {**kept, **facts, "revision": number, **said})
    shutil.rmtree(built)
    draft.rename(home / f"revision-{number}")
    return read_revision(home / f"revision-{number}")


def _to_disk(path: Path) -> None:
    """Force a file to the disk, so that a power cut after the rename cannot leave a named but empty file."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _sweep_drafts(published: Path, week: str) -> None:
    for left_over in published.glob(f".{week}.*"):
        shutil.rmtree(left_over)


def _next_number(home: Path) -> int:
    if not home.exists():
        return 1
    numbers = [int(match[1]) for path in home.iterdir() if (match := _REVISION_NAME.match(path.name))]
    return max([1, *numbers]) + 1


def week_of(built: Path) -> str:
    """The ISO week of a built week's folder."""
    return str(read_json(built / "week.json")["week"])


def weeks(published: Path) -> list[str]:
    """ISO weeks that have a valid revision, earliest first."""
    if not published.is_dir():
        return []
    names = sorted(path.name for path in published.iterdir() if _WEEK_NAME.match(path.name))
    return [name for name in names if latest_revision(published / name) is not None]


def find_week(published: Path, week: str | None = None) -> Revision:
    """The latest valid revision of a week, or of the latest week; `UnknownNameError` if there is none."""
    if week is None:
        known = weeks(published)
        if not known:
            raise UnknownNameError("expected a published week, found none; run `make run` first")
        week = known[-1]
    found = latest_revision(published / week) if _WEEK_NAME.match(week) else None
    if found is None:
        known = weeks(published)
        there = f"; there is {', '.join(known[-5:])}" if known else "; run `make run` first"
        raise UnknownNameError(f"no published week '{week}'{nearest(week, known) or there}")
    return found


def latest_revision(home: Path, *, is_deep: bool = False) -> Revision | None:
    """The latest valid revision in a week's folder, or None. `is_deep` compares the files' hashes, not only sizes."""
    if not home.is_dir():
        return None
    later = sorted(
        (path for path in home.iterdir() if _REVISION_NAME.match(path.name)),
        key=lambda path: int(path.name.removeprefix("revision-")),
        reverse=True,
    )
    return next((read_revision(folder) for folder in (*later, home) if is_valid(folder, is_deep=is_deep)), None)


def read_revision(folder: Path) -> Revision:
    """A revision with its manifest; the caller has checked that it is valid."""
    return Revision(folder, read_json(folder / MANIFEST))


def is_valid(folder: Path, *, is_deep: bool = False) -> bool:
    """Whether a folder holds a whole revision: a manifest, and every file that it names, as large as it says."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        files: dict[str, dict[str, Any]] = manifest["files"]
        if not files or any(Path(name).name != name for name in files) or MANIFEST_KEYS - set(manifest):
            return False
    except (OSError, ValueError, KeyError, TypeError, RegularsError):
        return False
    check: Callable[[Path, dict[str, Any]], bool] = _same_bytes if is_deep else _same_size
    return all((folder / name).is_file() and check(folder / name, said) for name, said in files.items())


def _same_size(path: Path, said: dict[str, Any]) -> bool:
    return bool(path.stat().st_size == said["bytes"])


def _same_bytes(path: Path, said: dict[str, Any]) -> bool:
    return bool(file_sha256(path) == said["sha256"])


def file_sha256(path: Path) -> str:
    """SHA-256 (hex) of a file's bytes, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
