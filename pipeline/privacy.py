"""Erasing and disclosing one customer, over every store that the product owns.

Erasure works at once and without the pipeline: the event store, the stages' tables, DVC's cache and published weeks
are rewritten or deleted, a keyed tombstone keeps the customer out of later ingests, and the audit log notes a keyed
hash. The next `regulars run` rebuilds what the pipeline needs. Twice is as once; a killed run is finished by another.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from contracts import files
from contracts.errors import UnknownNameError
from contracts.params import load_params
from events.erasure import WHO, erase, held_lines
from events.lines import keyed_hash
from events.manifest import MANIFEST, part_names, read_manifest
from events.people import whole_persons
from events.recipe import needed_key
from events.store import read_side
from events.tombstones import Erased, read_tombstones, refuse_foreign, write_tombstones
from pipeline.desk import erase_at_desk, held_at_desk, ids_at_desk
from pipeline.inbox import EXCLUDED, KEPT_WAVES, RECORDED, TOMBSTONES, WAVES_FOLDER
from pipeline.release import only_one
from serving.erasure import erase_from_weeks, published_rows

STORE = Path("data") / "events"
AUDIT_LOG = Path("ledger") / "erasures.jsonl"
OUTPUTS = ("data", "audit", "artifacts", "reports")
TABLES = (*OUTPUTS, WAVES_FOLDER, KEPT_WAVES, RECORDED)
CACHE = Path(".dvc") / "cache"
TEMPORARY = Path(".dvc") / "tmp"
MARK = b'<meta name="holds" content="customers\' rows">'
"""What the head of a page says that shows rows of customers."""


def held_under(root: Path, customer: str) -> set[str]:
    """Every id under which a person may be held: as given, hashed if ids are, and all ids that are the same person."""
    names = {given_id(customer)}
    if load_params(root / "params.yaml").ingest.hash_ids:
        names |= {keyed_hash(needed_key("ingest.hash_ids"), name) for name in names}
    if (root / STORE / MANIFEST).exists():
        names = whole_persons(read_side(root / STORE, "customers"), names)
    return names


def given_id(customer: str) -> str:
    """An id as reading would give it: without blanks around, `12346.0` as 12346."""
    return re.sub(r"^(\d+)\.0$", r"\1", customer.strip())


def forget(root: Path, customer: str, now: datetime) -> dict[str, int]:
    """Erase a customer everywhere; return the rows or files taken out by place.

    Whoever a tombstone stands for is erased, so that repeating the command also finishes one that was killed.

    Raises:
        ParameterError: no secret for the tombstone, or another one than before.
        UnknownNameError: nothing is held of this customer, and no tombstone stands for them.
    """
    key = needed_key("forgetting a customer")
    names = held_under(root, customer)
    with only_one(root):
        tombstones = read_tombstones(root / TOMBSTONES)
        refuse_foreign(tombstones, key)
        held = _everyone(root) | ids_at_desk(root)
        if not names & held and not any(tombstones.holds(name, key) for name in names):
            raise UnknownNameError("nothing is held of this customer; expected an id of the shop's data")
        for name in sorted(names):
            tombstones = tombstones.with_one_more(name, key)
        write_tombstones(root / TOMBSTONES, tombstones)
        erased = {name for name in held if tombstones.holds(name, key)}
        return _erased_and_logged(root, names | erased, names, Erased(tombstones, key), now)


def finish_erasures(root: Path, now: datetime) -> int:
    """Erase everyone whom a tombstone stands for and some place still names, as after a restore; return how many."""
    key = needed_key("erasing again who was erased")
    with only_one(root):
        tombstones = read_tombstones(root / TOMBSTONES)
        refuse_foreign(tombstones, key)
        held = _everyone(root) | ids_at_desk(root)
        erased = {name for name in held if tombstones.holds(name, key)}
        if erased:
            _erased_and_logged(root, erased, erased, Erased(tombstones, key), now)
    return len(erased)


def _erased_and_logged(
    root: Path, erased: set[str], logged: set[str], is_erased: Erased, now: datetime
) -> dict[str, int]:
    removed = _erased_everywhere(root, erased, is_erased, now)
    removed["desk rows"] = erase_at_desk(root, erased)
    _log(root, sorted(keyed_hash(is_erased.key, name) for name in logged), removed, now)
    return removed


def _everyone(root: Path) -> set[str]:
    """Every id that any store, output, cache or published week names."""
    found: set[str] = set()
    tables = (
        *_outputs(root),
        *_cached(root),
        *(root / "published").rglob("*.parquet"),
        *(root / STORE).rglob("*.parquet"),
    )
    for path in tables:
        present = [name for name in WHO if name in pq.read_schema(path).names]
        for column in pq.read_table(path, columns=present).columns if present else []:
            found.update(str(name) for name in pc.unique(column).to_pylist() if name is not None)
    return found


def _erased_everywhere(root: Path, erased: set[str], is_erased: Erased, now: datetime) -> dict[str, int]:
    removed = {"event store rows": erase(root / STORE, is_erased) if (root / STORE / MANIFEST).exists() else 0}
    issued = erase_from_weeks(root / "published", erased, {"released_at": now.isoformat(timespec="seconds")})
    removed["published revisions issued anew"] = len(issued)
    removed["cached files deleted"] = sum(_delete(path) for path in _cached(root) if _names(path, erased))
    removed["pages deleted"] = sum(_delete(path) for path in _pages(root)) if erased else 0
    removed["output rows"] = sum(_rewrite(path, erased) for path in _outputs(root))
    removed["accounts taken off inbox/excluded.txt"] = _unlist(root / EXCLUDED, is_erased)
    removed["drafts deleted"] = _sweep_drafts(root)
    return removed


def _unlist(path: Path, is_erased: Erased) -> int:
    if not path.exists():
        return 0
    lines = files.read_text(path).removesuffix("\n").split("\n")
    kept = [line for line in lines if not is_erased(line.strip())]
    if len(kept) < len(lines):
        files.write_text(path, "".join(f"{line}\n" for line in kept))
    return len(lines) - len(kept)


def _outputs(root: Path) -> Iterator[Path]:
    """The stages' tables, and the experiments of published weeks; the event store has its own way.

    What killed writers left is no table, and may be half of one.
    """
    others = {root / STORE, *_draft_folders(root)}
    for folder in TABLES:
        for path in sorted((root / folder).rglob("*.parquet")):
            if others.isdisjoint(path.parents):
                yield path


def _draft_folders(root: Path) -> list[Path]:
    return [path for path in (root / "data").glob(".*") if path.is_dir()]


def _cached(root: Path) -> Iterator[Path]:
    """DVC's copies: files of the cache (whatever their name), and tables of temporary experiments."""
    yield from (path for path in _tables_at_dvc(root) if _is_whole(path))


def _tables_at_dvc(root: Path) -> Iterator[Path]:
    for folder in (CACHE, TEMPORARY):
        yield from (path for path in sorted((root / folder).rglob("*")) if path.is_file() and _is_parquet(path))


def _pages(root: Path) -> Iterator[Path]:
    """Pages that hold customers' rows, among the outputs and DVC's copies: deleted whole; the next run makes them."""
    for folder in (*OUTPUTS, CACHE, TEMPORARY):
        for path in sorted((root / folder).rglob("*")):
            if path.is_file() and MARK in _head(path):
                yield path


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(400)


def _is_parquet(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == b"PAR1"


def _is_whole(path: Path) -> bool:
    """Whether a table has its end, where what it holds is described; a killed writer leaves none."""
    with path.open("rb") as file:
        file.seek(-min(4, path.stat().st_size), os.SEEK_END)
        return file.read() == b"PAR1"


def _about(table: pa.Table, names: set[str]) -> pa.ChunkedArray:
    wanted = pa.array(sorted(names), pa.string())
    return pc.fill_null(pc.is_in(pc.cast(table.column("customer_id"), pa.string()), value_set=wanted), False)


def _names(path: Path, names: set[str]) -> bool:
    if "customer_id" not in pq.read_schema(path).names:
        return False
    return bool(pc.any(_about(pq.read_table(path, columns=["customer_id"]), names)).as_py())


def _delete(path: Path) -> int:
    path.unlink()
    return 1


def _rewrite(path: Path, names: set[str]) -> int:
    """A table without the customers' rows, in one step; DVC sees that it changed and rebuilds it next time."""
    if not _names(path, names):
        return 0
    table = pq.read_table(path)
    about = _about(table, names)
    with files.atomic_path(path) as draft:
        pq.write_table(table.filter(pc.invert(about)), draft, compression="zstd")
    return int(pc.sum(about).as_py())


def _sweep_drafts(root: Path) -> int:
    """What killed writers left: folders in `data/`, tables beside their targets, half of one among DVC's copies."""
    folders = _draft_folders(root)
    tables = [path for place in TABLES for path in (root / place).rglob(".*.parquet.*")]
    tables += [path for path in _tables_at_dvc(root) if not _is_whole(path)]
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
    for table in tables:
        table.unlink(missing_ok=True)
    return len(folders) + len(tables)


def _log(root: Path, hashes: list[str], removed: dict[str, int], now: datetime) -> None:
    entry = {"at": now.astimezone(UTC).isoformat(timespec="seconds"), "customer_hashes": hashes, "removed": removed}
    path = root / AUDIT_LOG
    path.parent.mkdir(parents=True, exist_ok=True)
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    files.write_text(path, before + json.dumps(entry) + "\n")


def _lines_of(root: Path, name: str) -> dict[str, pd.DataFrame]:
    return held_lines(root / STORE, name) if (root / STORE / MANIFEST).exists() else {}


def disclose(root: Path, customer: str) -> dict[str, Any]:
    """All that is held of a customer, as plain data: every row of the store, outputs, published weeks, the desk."""
    names = sorted(held_under(root, customer))
    tables: dict[str, list[dict[str, Any]]] = {}
    for name in names:
        for title, rows in _lines_of(root, name).items():
            tables.setdefault(f"events/{title}", []).extend(_plain(rows))
        for path in _outputs(root):
            if _names(path, {name}):
                rows = files.read_table(path).query("customer_id == @name")
                tables.setdefault(path.relative_to(root).as_posix(), []).extend(_plain(rows))
        for row in published_rows(root / "published", name):
            tables.setdefault("published", []).extend(_plain(pd.DataFrame([row])))
        for title, recorded in held_at_desk(root, name).items():
            tables.setdefault(f"desk/{title}", []).extend(recorded)
    if not tables:
        raise UnknownNameError("nothing is held of this customer; expected an id of the shop's data")
    parts = read_manifest(root / STORE)["parts"] if (root / STORE / MANIFEST).exists() else []
    return {
        "held_under": sorted(names),
        "source_files": part_names(parts),
        "tables": tables,
    }


def _plain(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as JSON values; empty cells are left out."""
    listed = json.loads(rows.to_json(orient="records", date_format="iso", date_unit="s"))
    return [{key: value for key, value in row.items() if value not in (None, "")} for row in listed]


def write_private(path: Path, text: str) -> None:
    """Write a file that its owner alone can read."""
    files.write_text(path, "")
    path.chmod(0o600)
    path.write_text(text, encoding="utf-8")
