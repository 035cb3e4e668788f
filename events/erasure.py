"""Taking one customer out of the event store, at once and without the source: the store is then as if rebuilt."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from contracts import files
from contracts.errors import ContractError, SourceError
from contracts.event_tables import LINE_TABLES, SIDE_TABLES
from events.building import bucket_facts, only_one, put_in_force, recipe_path, write_named
from events.cleaning import Cleaned
from events.lines import bucket_of
from events.manifest import Bucket, compose, manifest_digest, read_manifest
from events.products import described_products

WHO = ("customer_id", "with_customer_id", "same_as")


def held_lines(folder: Path, customer_id: str) -> dict[str, pd.DataFrame]:
    """Every row that the store holds of a customer (as stored), by table; tables without any are left out."""
    facts = read_manifest(folder)
    bucket = facts["buckets"][bucket_of(customer_id, len(facts["buckets"]))]
    found = {name: files.read_table(folder / bucket["files"][name]) for name in LINE_TABLES}
    found |= {name: files.read_table(folder / file) for name, file in facts["tables"].items()}
    own = {name: frame[_is_about(frame, customer_id)] for name, frame in found.items()}
    return {name: frame for name, frame in own.items() if len(frame)}


def _is_about(frame: pd.DataFrame, customer_id: str) -> pd.Series:
    about = pd.Series(False, index=frame.index)
    for name in WHO:
        if name in frame.columns:
            about |= frame[name].eq(customer_id).fillna(False).astype(bool)
    return about


def erase(folder: Path, is_erased: Callable[[str], bool]) -> int:
    """Rewrite the store without erased customers; return the rows that were taken out. Twice is as once."""
    with only_one(folder):
        facts = read_manifest(folder)
        taken: Counter[str] = Counter()
        buckets = [_bucket(folder, number, before, is_erased, taken) for number, before in enumerate(facts["buckets"])]
        n_lines = taken.total()
        tables = {name: _side(folder, name, file, is_erased, taken) for name, file in facts["tables"].items()}
        if not taken:
            return 0
        if n_lines and facts["describes_products"]:
            products = described_products(folder / bucket.files["purchases"] for bucket in buckets)
            tables.pop("products", None)
            if len(products):
                tables["products"] = write_named(folder, "tables/products", products, SIDE_TABLES["products"])
        parts = [
            part if "same_as" in part else {**part, "erased": part["erased"] + taken[part["source"]]}
            for part in facts["parts"]
        ]
        made = compose(
            facts["source"],
            parts,
            buckets,
            tables,
            time_zone=facts["time_zone"],
            absent=facts["absent"],
            describes_products=facts["describes_products"],
        )
        put_in_force(folder, made, _made_by(folder))
    return taken.total()


def _made_by(folder: Path) -> dict[str, str]:
    """What the store was made by, if that is known; nothing makes the next ingest read everything anew."""
    try:
        said = files.read_json(recipe_path(folder))
        if said.pop("manifest") == manifest_digest(folder):
            return {str(name): str(value) for name, value in said.items()}
    except (SourceError, ContractError, KeyError, AttributeError, TypeError):
        pass
    return {"recipe": "", "erasures": ""}


def _erased_rows(frame: pd.DataFrame, is_erased: Callable[[str], bool]) -> pd.Series:
    about = pd.Series(False, index=frame.index)
    for name in WHO:
        if name in frame.columns:
            about |= frame[name].isin([given for given in frame[name].dropna().unique() if is_erased(given)])
    return about


def _bucket(
    folder: Path, number: int, before: dict[str, Any], is_erased: Callable[[str], bool], taken: Counter[str]
) -> Bucket:
    frames = {name: files.read_table(folder / before["files"][name], LINE_TABLES[name]) for name in LINE_TABLES}
    about = {name: _erased_rows(frame, is_erased) for name, frame in frames.items()}
    if not any(rows.any() for rows in about.values()):
        return Bucket(before["files"], {key: value for key, value in before.items() if key != "files"})
    for name, frame in frames.items():
        taken.update(frame.loc[about[name], "source"])
    kept = {name: frame[~about[name]].reset_index(drop=True) for name, frame in frames.items()}
    named = {
        name: write_named(folder, f"{name}/{number:04d}", frame, LINE_TABLES[name]) for name, frame in kept.items()
    }
    return Bucket(named, bucket_facts(Cleaned(kept["purchases"], kept["returns"], kept["rejects"])))


def _side(folder: Path, name: str, file: str, is_erased: Callable[[str], bool], taken: Counter[str]) -> str:
    frame = files.read_table(folder / file, SIDE_TABLES[name])
    about = _erased_rows(frame, is_erased)
    if not about.any():
        return file
    taken[f"table {name}"] += int(about.sum())
    return write_named(folder, f"tables/{name}", frame[~about].reset_index(drop=True), SIDE_TABLES[name])
