"""Taking one customer out of the event store, at once and without the source: the store is then as if rebuilt."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from contracts import files
from contracts.errors import SourceError
from contracts.event_tables import LINE_TABLES, SIDE_TABLES
from events.building import bucket_facts, put_in_force, recipe_path, write_named
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


def erase(folder: Path, customer_id: str) -> int:
    """Rewrite the store without a customer (as stored); return the rows that were taken out. Twice is as once."""
    n_held = sum(len(rows) for rows in held_lines(folder, customer_id).values())
    if not n_held:
        return 0
    facts = read_manifest(folder)
    recipe = _recipe(folder)
    buckets = [_bucket(folder, number, facts, customer_id) for number in range(len(facts["buckets"]))]
    tables = {name: _side(folder, name, file, customer_id) for name, file in facts["tables"].items()}
    if facts["describes_products"]:
        products = described_products(folder / bucket.files["purchases"] for bucket in buckets)
        tables["products"] = write_named(folder, "tables/products", products, SIDE_TABLES["products"])
    made = compose(
        facts["source"],
        facts["parts"],
        buckets,
        tables,
        time_zone=facts["time_zone"],
        absent=facts["absent"],
        describes_products=facts["describes_products"],
    )
    put_in_force(folder, made, recipe)
    return n_held


def _recipe(folder: Path) -> str:
    """The recipe that the store was made by, if it is known; '' makes the next ingest read everything anew."""
    try:
        said = files.read_json(recipe_path(folder))
    except SourceError:
        return ""
    return str(said["recipe"]) if said.get("manifest") == manifest_digest(folder) else ""


def _bucket(folder: Path, number: int, facts: dict[str, Any], customer_id: str) -> Bucket:
    before = facts["buckets"][number]
    if number != bucket_of(customer_id, len(facts["buckets"])):
        return Bucket(before["files"], {key: value for key, value in before.items() if key != "files"})
    kept = {}
    for name in LINE_TABLES:
        frame = files.read_table(folder / before["files"][name], LINE_TABLES[name])
        kept[name] = frame[~_is_about(frame, customer_id)].reset_index(drop=True)
    named = {
        name: write_named(folder, f"{name}/{number:04d}", frame, LINE_TABLES[name]) for name, frame in kept.items()
    }
    return Bucket(named, bucket_facts(Cleaned(**kept)))


def _side(folder: Path, name: str, file: str, customer_id: str) -> str:
    frame = files.read_table(folder / file, SIDE_TABLES[name])
    about = _is_about(frame, customer_id)
    return (
        write_named(folder, f"tables/{name}", frame[~about].reset_index(drop=True), SIDE_TABLES[name])
        if about.any()
        else file
    )
