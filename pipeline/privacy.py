"""Erasing and disclosing one customer, over every store that the product owns.

Erasure works at once and without the pipeline: the event store, the stages' tables, DVC's cache and published weeks
are rewritten or deleted, a keyed tombstone keeps the customer out of later ingests, and the audit log notes a keyed
hash. The next `regulars run` rebuilds what the pipeline needs. Twice is as once; a killed run is finished by another.
"""

from __future__ import annotations

import json
import shutil
from collections import Counter
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
from events.erasure import erase, held_lines
from events.lines import keyed_hash
from events.manifest import MANIFEST, read_manifest
from events.recipe import needed_key
from events.store import read_side
from events.tombstones import read_tombstones, refuse_foreign, write_tombstones
from pipeline.inbox import TOMBSTONES
from pipeline.release import only_one
from serving.erasure import erase_from_weeks, published_rows

STORE = Path("data") / "events"
AUDIT_LOG = Path("ledger") / "erasures.jsonl"
OUTPUTS = ("data", "audit", "artifacts", "reports")
CACHE = Path(".dvc") / "cache"
TEMPORARY = Path(".dvc") / "tmp"


def stored_ids(root: Path, customer: str) -> list[str]:
    """The ids under which a person is stored: as given or hashed, and the one that their purchases count under."""
    names = [customer]
    if load_params(root / "params.yaml").ingest.hash_ids:
        names = [keyed_hash(needed_key("ingest.hash_ids"), customer)]
    if (root / STORE / MANIFEST).exists():
        customers = read_side(root / STORE, "customers")
        if "same_as" in customers.columns:
            others = customers.loc[customers["customer_id"].isin(names) & customers["same_as"].notna(), "same_as"]
            names += [name for name in others if name not in names]
            others = customers.loc[customers["same_as"].isin(names), "customer_id"]
            names += [name for name in others if name not in names]
    return names


def forget(root: Path, customer: str, now: datetime) -> dict[str, int]:
    """Erase a customer everywhere; return the rows or files taken out by place.

    Raises:
        ParameterError: no secret for the tombstone, or another one than before.
        UnknownNameError: nothing is held of this customer, and no tombstone stands for them.
    """
    key = needed_key("forgetting a customer")
    names = stored_ids(root, customer)
    with only_one(root):
        tombstones = read_tombstones(root / TOMBSTONES)
        refuse_foreign(tombstones, key)
        is_known = any(tombstones.holds(name, key) for name in names)
        if not is_known and not any(_is_held(root, name) for name in names):
            raise UnknownNameError("nothing is held of this customer; expected an id of the shop's data")
        for name in names:
            tombstones = tombstones.with_one_more(name, key)
        write_tombstones(root / TOMBSTONES, tombstones)
        removed: Counter[str] = Counter()
        for name in names:
            removed.update(_erased_everywhere(root, name, now))
        _log(root, [keyed_hash(key, name) for name in names], removed, now)
    return dict(removed)


def _is_held(root: Path, name: str) -> bool:
    return bool(_lines_of(root, name)) or bool(published_rows(root / "published", name))


def _lines_of(root: Path, name: str) -> dict[str, pd.DataFrame]:
    return held_lines(root / STORE, name) if (root / STORE / MANIFEST).exists() else {}


def _erased_everywhere(root: Path, name: str, now: datetime) -> dict[str, int]:
    removed = {"event store rows": erase(root / STORE, name) if (root / STORE / MANIFEST).exists() else 0}
    issued = erase_from_weeks(root / "published", name, {"released_at": now.isoformat(timespec="seconds")})
    removed["published revisions issued anew"] = len(issued)
    removed["cached files deleted"] = sum(_delete(path) for path in _cached(root) if _names(path, name))
    removed["output rows"] = sum(_rewrite(path, name) for path in _outputs(root))
    removed["drafts deleted"] = _sweep_drafts(root)
    return removed


def _outputs(root: Path) -> Iterator[Path]:
    """The stages' tables; the event store has its own way."""
    for folder in OUTPUTS:
        for path in sorted((root / folder).rglob("*.parquet")):
            if STORE not in path.relative_to(root).parents:
                yield path


def _cached(root: Path) -> Iterator[Path]:
    """DVC's copies: files of the cache (whatever their name), and tables of temporary experiments."""
    yield from (path for path in sorted((root / CACHE).rglob("*")) if path.is_file() and _is_parquet(path))
    yield from (path for path in sorted((root / TEMPORARY).rglob("*")) if path.is_file() and _is_parquet(path))


def _is_parquet(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == b"PAR1"


def _about(table: pa.Table, name: str) -> pa.ChunkedArray:
    return pc.fill_null(pc.equal(pc.cast(table.column("customer_id"), pa.string()), name), False)


def _names(path: Path, name: str) -> bool:
    if "customer_id" not in pq.read_schema(path).names:
        return False
    return bool(pc.any(_about(pq.read_table(path, columns=["customer_id"]), name)).as_py())


def _delete(path: Path) -> int:
    path.unlink()
    return 1


def _rewrite(path: Path, name: str) -> int:
    """A table without the customer's rows, in one step; DVC sees that it changed and rebuilds it next time."""
    if not _names(path, name):
        return 0
    table = pq.read_table(path)
    about = _about(table, name)
    with files.atomic_path(path) as draft:
        pq.write_table(table.filter(pc.invert(about)), draft, compression="zstd")
    return int(pc.sum(about).as_py())


def _sweep_drafts(root: Path) -> int:
    """Folders that killed stages left beside their outputs."""
    drafts = [path for path in (root / "data").glob(".*") if path.is_dir()]
    for draft in drafts:
        shutil.rmtree(draft, ignore_errors=True)
    return len(drafts)


def _log(root: Path, hashes: list[str], removed: Counter[str], now: datetime) -> None:
    entry = {
        "at": now.astimezone(UTC).isoformat(timespec="seconds"),
        "customer_hashes": hashes,
        "removed": dict(removed),
    }
    path = root / AUDIT_LOG
    path.parent.mkdir(parents=True, exist_ok=True)
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    files.write_text(path, before + json.dumps(entry) + "\n")


def disclose(root: Path, customer: str) -> dict[str, Any]:
    """All that is held of a customer, as plain data: every row of the store, every output, every published week."""
    names = stored_ids(root, customer)
    tables: dict[str, list[dict[str, Any]]] = {}
    for name in names:
        for title, rows in _lines_of(root, name).items():
            tables.setdefault(f"events/{title}", []).extend(_plain(rows))
        for path in _outputs(root):
            if _names(path, name):
                rows = files.read_table(path).query("customer_id == @name")
                tables.setdefault(path.relative_to(root).as_posix(), []).extend(_plain(rows))
        for row in published_rows(root / "published", name):
            tables.setdefault("published", []).extend(_plain(pd.DataFrame([row])))
    if not tables:
        raise UnknownNameError("nothing is held of this customer; expected an id of the shop's data")
    sources = read_manifest(root / STORE)["parts"] if (root / STORE / MANIFEST).exists() else []
    return {
        "held_under": names,
        "source_files": {part["source"]: part["name"] for part in sources},
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
