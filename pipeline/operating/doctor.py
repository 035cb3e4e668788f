"""`regulars doctor`: a look at everything a weekly run stands on, each finding with its remedy. It changes nothing."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from importlib import metadata
from pathlib import Path
from typing import Literal

from contracts.errors import RegularsError
from contracts.params import load_params
from events.raw.parts import find_parts
from events.raw.remote import is_remote
from events.raw.sql import refuse_silent
from events.recipe import KEY_VARIABLE, key_from_environment
from events.tombstones import read_tombstones, refuse_foreign
from models.record import ledger
from models.record.champions import place, present
from models.record.tracking import has_store
from pipeline.desk import has_desk, the_desk
from pipeline.inbox import TOMBSTONES
from pipeline.operating import backup, weekly
from pipeline.planning import read_offers
from serving import published
from serving.desk import erasing
from serving.desk.database import address, is_up_to_date

State = Literal["well", "look", "ill"]
WELL: State = "well"
LOOK: State = "look"
ILL: State = "ill"
OLDEST_PYTHON = (3, 11)
LEAST_FREE_GIB = 2.0
DAYS_BETWEEN_RUNS = 8
"""A weekly run that is a day late is news; so is a backup of more than that."""
ILL_EXIT_CODE = 8


@dataclass(frozen=True)
class Finding:
    """One look: a code that stays, its state ('well', 'look' at it, 'ill': runs will fail), and what to do."""

    code: str
    state: State
    what: str
    to_do: str = ""

    def plain(self) -> dict[str, str]:
        """As JSON."""
        return asdict(self)


Check = Callable[[Path, datetime], Iterator[Finding]]


def findings(root: Path, now: datetime) -> Iterator[Finding]:
    """Every finding, in the order in which to mend them; what one look cannot do is a finding of its own."""
    for code, check in CHECKS.items():
        try:
            yield from check(root, now)
        except RegularsError as error:
            yield Finding(code, ILL, " ".join(str(error).split()), "mend what the line says")
        except (OSError, sqlite3.Error, ValueError, KeyError, TypeError) as error:
            yield Finding(
                code, ILL, f"could not be looked at: {type(error).__name__}: {error}", "restore it (`regulars restore`)"
            )


def _python(_: Path, __: datetime) -> Iterator[Finding]:
    said = ".".join(str(part) for part in sys.version_info[:3])
    if sys.version_info < OLDEST_PYTHON:
        yield Finding("PYTHON", ILL, f"Python {said}", "install 3.11 or newer, delete .venv, then `make setup`")
    else:
        yield Finding("PYTHON", WELL, f"Python {said} in {sys.prefix}")


def _packages(_: Path, __: datetime) -> Iterator[Finding]:
    from packaging.requirements import Requirement

    wanted = [Requirement(text) for text in metadata.requires("regulars") or []]
    wrong = [said for one in wanted if one.marker is None and (said := _amiss(one.name, str(one.specifier)))]
    if wrong:
        yield Finding("PACKAGES", ILL, "; ".join(wrong), "`make setup` installs the locked versions")
    else:
        n = sum(one.marker is None for one in wanted)
        yield Finding("PACKAGES", WELL, f"{n} packages as pyproject.toml wants them")


def _amiss(name: str, wanted: str) -> str:
    from packaging.specifiers import SpecifierSet

    try:
        found = metadata.version(name)
    except metadata.PackageNotFoundError:
        return f"{name} is missing"
    return "" if SpecifierSet(wanted).contains(found, prereleases=True) else f"{name} {found}, expected {wanted}"


def _libraries(_: Path, __: datetime) -> Iterator[Finding]:
    done = subprocess.run([sys.executable, "-c", "import lightgbm"], capture_output=True, text=True, check=False)
    if done.returncode:
        why = done.stderr.strip().splitlines()[-1:] or ["no reason given"]
        yield Finding("LIGHTGBM", ILL, why[0], "install the system library libgomp1 (Debian: apt-get install libgomp1)")
    else:
        yield Finding("LIGHTGBM", WELL, "LightGBM loads")


def _disk(root: Path, _: datetime) -> Iterator[Finding]:
    free = shutil.disk_usage(root).free / 2**30
    state = WELL if free >= LEAST_FREE_GIB else LOOK
    yield Finding(
        "DISK",
        state,
        f"{free:.1f} GiB free",
        "" if state == WELL else "make room: a run writes beside what it replaces",
    )


def _project(root: Path, _: datetime) -> Iterator[Finding]:
    if not (root / "dvc.yaml").is_file():
        yield Finding("PROJECT", ILL, f"no dvc.yaml in {root}", "run inside the project's folder")
        return
    params = load_params(root / "params.yaml")
    files = {
        name: root / f"{file}.yaml" for name, file in (("offers", "offers"), ("rules", "portraits"), ("words", "words"))
    }
    catalogue, rules, _words = read_offers(params, **files)
    yield Finding(
        "PROJECT", WELL, f"parameters, {len(catalogue.offers)} offers and {len(rules.groups)} groups are sound"
    )


def _source(root: Path, _: datetime) -> Iterator[Finding]:
    ingest = load_params(root / "params.yaml").ingest
    if ingest.source == "sql":
        refuse_silent()
        yield Finding("SOURCE", WELL, "the database of the purchases answers")
    elif ingest.source == "files":
        place = ingest.path if is_remote(ingest.path) else root / ingest.path
        n_files = len(find_parts(place, ingest.include))
        yield Finding("SOURCE", WELL, f"{n_files:,} files of purchases in {ingest.path}")
    else:
        yield Finding(
            "SOURCE", LOOK, f"the packaged example ({ingest.source})", "`regulars init FOLDER` reads your own"
        )


def _secret(root: Path, _: datetime) -> Iterator[Finding]:
    held = read_tombstones(root / TOMBSTONES)
    is_needed = bool(held.hashes) or load_params(root / "params.yaml").ingest.hash_ids
    key = key_from_environment()
    if is_needed and not key:
        yield Finding(
            "SECRET",
            ILL,
            f"{KEY_VARIABLE} is not set, and erased or hashed ids need it",
            f"set {KEY_VARIABLE} for the scheduler's user",
        )
    elif is_needed and key:
        refuse_foreign(held, key)
        yield Finding("SECRET", WELL, f"{KEY_VARIABLE} is that of the {len(held.hashes)} tombstones")


def _tracking(root: Path, _: datetime) -> Iterator[Finding]:
    if not has_store(root):
        yield Finding("TRACKING", LOOK, "no run is recorded yet", "`make run` makes the first release")
        return
    at = place(root)
    champion, entry = present(at), ledger.champion_entry(ledger.read_ledger(at.ledger))
    if champion is None:
        yield Finding(
            "TRACKING", LOOK, f"no champion of {at.model}", "`make run` makes the first release, or heals a lost one"
        )
    elif entry is None or entry.model_hash != champion.model_hash:
        yield Finding(
            "TRACKING",
            LOOK,
            "the registry's champion is not the ledger's",
            "`regulars weekly` takes it over, marked unknown; or `regulars rollback`",
        )
    else:
        review = "reviewed" if ledger.is_reviewed(ledger.read_ledger(at.ledger)) else "unreviewed"
        yield Finding("TRACKING", WELL, f"champion {champion.short}, {review}, since {entry.at[:10]}")


def _desk(root: Path, _: datetime) -> Iterator[Finding]:
    if not has_desk(root):
        yield Finding("DESK", LOOK, "no desk yet", "`make desk` opens it")
        return
    if is_up_to_date(address(root)):
        yield Finding("DESK", WELL, "the database answers, its tables are up to date")
    else:
        remedy = "back up; then the next `regulars serve` or `regulars weekly` brings them up to date"
        yield Finding("DESK", LOOK, "its tables are of another version", remedy)


def _erasures(root: Path, _: datetime) -> Iterator[Finding]:
    if not has_desk(root) or not is_up_to_date(address(root)):
        return
    with the_desk(root, is_loading=False) as desk, desk.reading() as connection:
        waiting = erasing.awaited(connection)
        since = erasing.waiting_since(connection)
    if waiting and since:
        said = f"{len(waiting)} asked for at the desk, since {since[:10]}, are not carried out elsewhere yet"
        yield Finding("ERASURES", LOOK, said, f"`regulars pull` with {KEY_VARIABLE} set carries them out")
    else:
        yield Finding("ERASURES", WELL, "none waits")


def _week(root: Path, now: datetime) -> Iterator[Finding]:
    known = published.weeks(root / "published")
    if not known:
        yield Finding("WEEK", LOOK, "no week is published", "`make run` publishes the first")
        return
    revision = published.latest_revision(root / "published" / known[-1], is_deep=True)
    if revision is None:
        yield Finding("WEEK", ILL, f"{known[-1]} is damaged", "`regulars release` publishes it again")
        return
    old = (now.date() - revision.data_through).days
    said = f"{revision.week} revision {revision.number}, whole; its data end {revision.data_through}, {old} days ago"
    if old > DAYS_BETWEEN_RUNS and load_params(root / "params.yaml").ingest.source != "complete_journey":
        yield Finding("WEEK", LOOK, said, "look whether the source still gets new purchases")
    else:
        yield Finding("WEEK", WELL, said)


def _schedule(root: Path, now: datetime) -> Iterator[Finding]:
    runs = weekly.past_runs(root)
    if not runs:
        yield Finding(
            "SCHEDULE",
            LOOK,
            "no weekly run is recorded",
            "let the scheduler call `regulars weekly` (docs: weekly operation)",
        )
        return
    last = runs[-1]
    old = (now - datetime.fromisoformat(last.started_at)).days
    said = f"last run {last.started_at[:16]} UTC, {last.sentence}"
    if last.outcome == "failed":
        yield Finding("SCHEDULE", ILL, said, "mend that, then `regulars weekly`")
    elif last.alerts:
        yield Finding("SCHEDULE", LOOK, said, "read reports/monitor/monitor.html")
    elif old > DAYS_BETWEEN_RUNS:
        yield Finding("SCHEDULE", LOOK, f"{said}; {old} days ago", "look whether the scheduler still calls it")
    else:
        yield Finding("SCHEDULE", WELL, said)


def _backups(root: Path, now: datetime) -> Iterator[Finding]:
    path = root / backup.LOG
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    if not lines:
        yield Finding(
            "BACKUP", LOOK, "no backup is recorded", "`regulars backup FILE` on another disk, from the scheduler"
        )
        return
    at = str(json.loads(lines[-1])["at"])
    old = (now - datetime.fromisoformat(at)).days
    yield Finding(
        "BACKUP",
        LOOK if old > DAYS_BETWEEN_RUNS else WELL,
        f"last backup {at[:10]}, {old} days ago",
        "" if old <= DAYS_BETWEEN_RUNS else "`regulars backup FILE`",
    )


def _rights(root: Path, _: datetime) -> Iterator[Finding]:
    secret = [path for path in (*root.glob("ledger/*.key"), root / "desk" / "desk.sqlite") if path.exists()]
    open_ = [path.relative_to(root).as_posix() for path in secret if path.stat().st_mode & 0o077]
    if os.name == "posix" and open_:
        yield Finding("RIGHTS", LOOK, f"others can read {', '.join(open_)}", f"chmod 600 {' '.join(open_)}")
    elif secret:
        yield Finding("RIGHTS", WELL, "keys and the desk's database are their owner's alone")


CHECKS: dict[str, Check] = {
    "PYTHON": _python,
    "PACKAGES": _packages,
    "LIGHTGBM": _libraries,
    "DISK": _disk,
    "PROJECT": _project,
    "SOURCE": _source,
    "SECRET": _secret,
    "TRACKING": _tracking,
    "WEEK": _week,
    "DESK": _desk,
    "ERASURES": _erasures,
    "SCHEDULE": _schedule,
    "BACKUP": _backups,
    "RIGHTS": _rights,
}
