"""Building the event store: only new files are read, only touched buckets are written, and the manifest swaps it all.

Every file is named by its content and written beside the old ones; the manifest then names the new set in one step,
and what it no longer names is deleted. A kill at any moment leaves the old store or the new one.
"""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from filelock import FileLock, Timeout

from contracts import files, windows
from contracts.errors import ContractError, SourceError, StateError
from contracts.event_tables import LINE_TABLES, OPTIONAL_OF_LINES, REJECTS, SIDE_TABLES
from contracts.executor import ALONE, Crew
from contracts.table import Table
from events.cleaning import Cleaned, Shop, clean
from events.lines import Door, line_columns, stored_id, translated
from events.manifest import Bucket, compose, files_of, manifest_digest, part_names, read_manifest, write_manifest
from events.products import described_products
from events.sources import Source
from events.staging import Staged, stage

NAME_LENGTH = 16
LOCK_SECONDS = 600.0
NOT_COUNTED = ("duplicate", "filtered")
"""Rejects that say nothing about the quality of the data."""


@dataclass(frozen=True)
class Recipe:
    """All that decides what a store is made of beside its files: rules and code. Another reads every file anew."""

    shop: Shop
    door: Door
    digest: str
    erasures: str = ""


@dataclass(frozen=True)
class _Work:
    """One bucket to build."""

    number: int
    staged: tuple[Path, ...]
    old: Mapping[str, Path]
    present: frozenset[str]
    shop: Shop
    folder: Path
    columns: frozenset[str]
    forgotten: Callable[[str], bool]


def build_store(source: Source, folder: Path, recipe: Recipe, crew: Crew = ALONE) -> dict[str, Any]:
    """Bring the store in `folder` up to what the source holds now; return its manifest.

    The result is the same, byte for byte, whether it was reached at once or file by file, and whoever did the work:
    the crew reads the parts and builds the buckets.

    Raises:
        SourceError: no line is a purchase, or too many lines are rejected; the old store stays.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with only_one(folder):
        return _build(source, folder.absolute(), recipe, crew)


@contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Hold the store's lock: two that change it at once would sweep away each other's files."""
    try:
        with FileLock(folder.parent / f".{folder.name}.lock", timeout=LOCK_SECONDS):
            yield
    except Timeout:
        raise StateError(
            f"another ingest has held {folder} for {LOCK_SECONDS:.0f} s; wait for it, then run again"
        ) from None


def _build(source: Source, folder: Path, recipe: Recipe, crew: Crew) -> dict[str, Any]:
    _sweep(folder)
    old = _usable(folder, recipe)
    known = {part["source"]: part for part in old["parts"] if "same_as" not in part} if old else {}
    parts = {part.source: part for part in source.parts}
    draft = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        new = [part for name, part in sorted(parts.items()) if name not in known]
        staged = stage(new, draft, recipe.door, crew)
        n_lines, n_erased = staged.n_lines, staged.n_erased
        for name in set(known) & set(parts):
            n_lines[name], n_erased[name] = known[name]["lines"], known[name]["erased"]
        gone = set(known) - set(parts)
        is_whole = bool(gone) or _hangs_on_today(old, folder, recipe)
        work = _work(old, staged, frozenset(parts), folder, recipe, is_whole=is_whole)
        built = _buckets(old, work, recipe.door.n_buckets, crew)
        for bucket in built:
            n_erased.update(bucket.erased)
        facts = _facts(source, (n_lines, n_erased), built, folder, recipe)
        _refuse_poor(facts, recipe.shop)
        put_in_force(folder, facts, {"recipe": recipe.digest, "erasures": recipe.erasures})
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return facts


def _usable(folder: Path, recipe: Recipe) -> dict[str, Any] | None:
    """The store that can be added to: whole, and made by the same recipe."""
    try:
        facts = read_manifest(folder)
        said = files.read_json(recipe_path(folder))
        same = said["recipe"] == recipe.digest and said["manifest"] == manifest_digest(folder)
        whole = all(_is_as_named(folder / name) for name in files_of(facts))
    except (SourceError, ContractError, KeyError, TypeError, OSError):
        return None
    return facts if same and whole else None


def _is_as_named(path: Path) -> bool:
    """Whether a file's bytes are those that its name tells: a damaged one is built anew."""
    return path.is_file() and path.stem.endswith(f"-{files.digest(path.read_bytes())[:NAME_LENGTH]}")


def recipe_path(folder: Path) -> Path:
    """Beside the store, since a recipe may change without any change in what it makes."""
    return folder.parent / f".{folder.name}.recipe.json"


def _hangs_on_today(old: Mapping[str, Any] | None, folder: Path, recipe: Recipe) -> bool:
    """Whether known lines may fare differently today: dates too late, lines grown too old, customers erased since."""
    if old is None:
        return False
    erasures = files.read_json(recipe_path(folder)).get("erasures")
    dated = recipe.shop.keep_from is not None or "after_extract" in old["rejected_by_rule"]
    return dated or erasures != recipe.erasures


def _work(
    old: Mapping[str, Any] | None,
    staged: Staged,
    present: frozenset[str],
    folder: Path,
    recipe: Recipe,
    *,
    is_whole: bool,
) -> list[_Work]:
    """The buckets to build: those with new lines, or all."""
    work = []
    for number in range(recipe.door.n_buckets):
        before, new = old["buckets"][number] if old else None, staged.bucket(number)
        if before and not is_whole and not new:
            continue
        named = {name: folder / file for name, file in before["files"].items()} if before else {}
        work.append(_Work(number, new, named, present, recipe.shop, folder, recipe.door.columns, recipe.door.forgotten))
    return work


def _buckets(old: Mapping[str, Any] | None, work: list[_Work], n_buckets: int, crew: Crew) -> list[Bucket]:
    """Every bucket: those to build, and the others as they were."""
    numbers = [one.number for one in work]
    built = dict(zip(numbers, crew.map(_build_bucket, work), strict=True))
    before = old["buckets"] if old else []
    return [built.get(number) or _kept(before[number]) for number in range(n_buckets)]


def _kept(before: Mapping[str, Any]) -> Bucket:
    return Bucket(before["files"], {key: value for key, value in before.items() if key != "files"})


def _build_bucket(work: _Work) -> Bucket:
    lines = [_as_lines(files.arrow_table(path).to_pandas(), work.columns) for path in work.staged]
    dropped: Counter[str] = Counter()
    for path in work.old.values():
        before = files.read_table(path)
        before = before[before["source"].isin(work.present)]
        ids = before["customer_id"].dropna().unique()
        erased = before["customer_id"].isin([name for name in ids if work.forgotten(name)])
        dropped.update(before.loc[erased, "source"])
        lines.append(_as_lines(before[~erased], work.columns))
    cleaned = clean(
        pd.concat(lines, ignore_index=True) if lines else _as_lines(REJECTS.empty(), work.columns), work.shop
    )
    dropped.update(cleaned.too_old)
    frames = {"purchases": cleaned.purchases, "returns": cleaned.returns, "rejects": cleaned.rejects}
    named = {
        name: write_named(work.folder, f"{name}/{work.number:04d}", frames[name], LINE_TABLES[name]) for name in frames
    }
    return Bucket(named, bucket_facts(cleaned), dict(dropped))


def _as_lines(frame: pd.DataFrame, columns: frozenset[str]) -> pd.DataFrame:
    """Stored rows as lines again: the columns that reading gave, without what cleaning added."""
    wanted = line_columns(columns)
    if "problem" not in frame.columns:
        frame = frame.assign(problem="")
    return frame[wanted].astype({name: str(REJECTS.columns[name].dtype) for name in wanted})


def bucket_facts(cleaned: Cleaned) -> dict[str, Any]:
    """A bucket's sums for the manifest."""
    kept = pd.concat([cleaned.purchases["repair"], cleaned.returns["repair"]])
    bought = cleaned.purchases["ordered_on"]
    codes = Counter(code for text, n in kept.value_counts().items() for code in str(text).split(",") * int(n) if code)
    n_repaired = int((kept != "").sum())
    return {
        "lines": len(kept) + len(cleaned.rejects),
        "accepted": len(kept) - n_repaired,
        "repaired": n_repaired,
        "returns": len(cleaned.returns),
        "rejected": len(cleaned.rejects),
        "rejected_by_rule": {
            str(rule): int(n) for rule, n in cleaned.rejects["rule"].value_counts().sort_index().items()
        },
        "repaired_by_code": dict(sorted(codes.items())),
        "customers": int(cleaned.purchases["customer_id"].nunique()),
        "orders": int(cleaned.purchases[["customer_id", "order_id"]].drop_duplicates().shape[0]),
        "first_sale_on": bought.min().date().isoformat() if len(bought) else None,
        "last_sale_on": bought.max().date().isoformat() if len(bought) else None,
        "has_hours": bool((cleaned.purchases["ordered_hour"] != 0).any()),
    }


def write_named(folder: Path, stem: str, frame: pd.DataFrame, table: Table) -> str:
    """Write a table as `<stem>-<hash of its bytes>.parquet`; return that name, relative to the folder."""
    (folder / stem).parent.mkdir(parents=True, exist_ok=True)
    buffer = pa.BufferOutputStream()
    pq.write_table(files.to_arrow(table(frame)), buffer, compression="zstd")
    content = buffer.getvalue().to_pybytes()
    name = f"{stem}-{files.digest(content)[:NAME_LENGTH]}.parquet"
    if not _is_as_named(folder / name):
        with files.atomic_path(folder / name) as draft:
            draft.write_bytes(content)
    return name


def _facts(
    source: Source,
    counts: tuple[Mapping[str, int], Mapping[str, int]],
    buckets: list[Bucket],
    folder: Path,
    recipe: Recipe,
) -> dict[str, Any]:
    parts: list[dict[str, Any]] = [
        {
            "name": part.name,
            "source": part.source,
            "digest": part.digest,
            "lines": counts[0].get(part.source, 0),
            "erased": counts[1].get(part.source, 0),
        }
        for part in source.parts
    ]
    listed = sorted(parts, key=lambda part: str(part["name"]))
    once = part_names(listed)
    for part in listed:
        if once[part["source"]] != part["name"]:
            part |= {"lines": 0, "erased": 0, "same_as": once[part["source"]]}
    side = {name: _side_table(name, frame, recipe.door) for name, frame in source.side.items()}
    describes = "products" not in side
    if describes:
        side["products"] = described_products(folder / bucket.files["purchases"] for bucket in buckets)
    tables = {}
    for name, table in SIDE_TABLES.items():
        frame = side.get(name)
        if frame is not None and (len(frame) or name in source.side):
            tables[name] = write_named(folder, f"tables/{name}", frame, table)
    absent = sorted(set(OPTIONAL_OF_LINES) - source.columns - {"known_at", "currency"})
    if not any(bucket.facts["has_hours"] for bucket in buckets):
        absent.append("hour")
    if not recipe.door.makes_orders:
        absent.append("order_id")
    absent += [name for name in SIDE_TABLES if name not in tables]
    return compose(
        source.name,
        listed,
        buckets,
        tables,
        time_zone=recipe.shop.time_zone,
        absent=sorted(absent),
        describes_products=describes,
    )


def _side_table(name: str, frame: pd.DataFrame, door: Door) -> pd.DataFrame:
    """A further table under stored ids, without erased customers' rows.

    A person's several ids each keep their row in `customers`; elsewhere they count as the one that `same_as` names.
    """
    person = replace(door, same_as={}) if name == "customers" else door
    for column in ("customer_id", "with_customer_id", "same_as"):
        if column not in frame.columns:
            continue
        stored = translated(frame[column], lambda given: stored_id(given, person))
        given = frame[column]
        erased = {name for name in {*stored.dropna(), *given.dropna()} if door.forgotten(name)}
        frame = frame.assign(**{column: stored})[~stored.isin(erased) & ~given.isin(erased)]
    return frame.drop_duplicates(list(SIDE_TABLES[name].key), ignore_index=True)


def _refuse_poor(facts: Mapping[str, Any], shop: Shop) -> None:
    """Stop before the old store is replaced by one that cannot be right."""
    if not facts["orders"]:
        raise SourceError(
            f"none of {facts['lines_in']:,} lines is a purchase ({_why_none(facts)}); "
            "expected customer, time and an amount above 0; check ingest.format, or run `regulars check`"
        )
    ignored = sum(facts["rejected_by_rule"].get(rule, 0) for rule in NOT_COUNTED)
    judged = facts["lines_in"] - facts["lines_erased"] - ignored
    share = (facts["lines_rejected"] - ignored) / max(judged, 1)
    if share > shop.rules.max_reject_share:
        worst = sorted(facts["rejected_by_rule"].items(), key=lambda item: -item[1])[:3]
        named = ", ".join(f"{rule} {n:,}" for rule, n in worst)
        raise SourceError(
            f"{share:.1%} of {judged:,} lines are rejected ({named}); expected at most "
            f"{shop.rules.max_reject_share:.0%}; mend the source, or raise ingest.rules.max_reject_share"
        )


def _why_none(facts: Mapping[str, Any]) -> str:
    """What became of lines of which none is a purchase."""
    if not facts["lines_in"]:
        return "the source has no row"
    if facts["rejected_by_rule"]:
        rule, n = max(facts["rejected_by_rule"].items(), key=lambda item: item[1])
        return f"most break the rule {rule}: {n:,}"
    return (
        f"{facts['lines_erased']:,} are erased customers' or older than ingest.rules.retention_days, "
        f"{facts['lines_returned']:,} give something back"
    )


def put_in_force(folder: Path, facts: Mapping[str, Any], made_by: Mapping[str, str]) -> None:
    """Make a manifest the store, say by which recipe and erasures, and delete what it no longer names."""
    write_manifest(folder, facts)
    files.write_json(recipe_path(folder), {**made_by, "manifest": manifest_digest(folder)})
    _sweep(folder)


def _sweep(folder: Path) -> None:
    """Delete what no manifest names: leavings of a killed run, and files that a new manifest has replaced."""
    for draft in folder.parent.glob(f".{folder.name}.*"):
        if draft.is_dir():
            shutil.rmtree(draft, ignore_errors=True)
    try:
        named = files_of(read_manifest(folder))
    except (SourceError, ContractError):
        named = set()
    for path in folder.rglob("*"):
        relative = path.relative_to(folder).as_posix()
        if path.is_file() and relative != "manifest.json" and relative not in named:
            path.unlink()


def last_day(extract_on: date | None, today: date) -> date:
    """The last local day that data can speak of: as declared, else the day of the ingest."""
    return extract_on or today


def keep_from(retention_days: int | None, last_on: date) -> date | None:
    """The first local day whose lines are kept; None keeps all."""
    return windows.day_of(windows.day_number(last_on) - retention_days) if retention_days else None
