"""The event store: the canonical tables as files, and the facts about them that later stages rely on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd

from contracts import files, tables, windows
from events.cleaning import Cleaned, clean, sampled_customers
from events.complete_journey import RawStore

CONTRACTS = {
    "purchases": tables.PURCHASES,
    "rejects": tables.REJECTS,
    "products": tables.PRODUCTS,
    "campaigns": tables.CAMPAIGNS,
    "contacts": tables.CONTACTS,
    "coupons": tables.COUPONS,
    "responses": tables.RESPONSES,
}


@dataclass(frozen=True)
class Events:
    """What a shop knows: one frame a canonical table (see contracts/tables.py for what one row is)."""

    purchases: pd.DataFrame
    products: pd.DataFrame
    contacts: pd.DataFrame
    responses: pd.DataFrame
    first_sale_on: date
    data_end_on: date


def sample(raw: RawStore, about: int | None) -> RawStore:
    """The raw tables of about that many customers; all of them for None."""
    if about is None:
        return raw
    kept = sampled_customers(raw.lines["customer_id"], about)

    def of_kept(frame: pd.DataFrame) -> pd.DataFrame:
        return frame[frame["customer_id"].isin(kept)].reset_index(drop=True)

    return RawStore(
        of_kept(raw.lines), raw.products, raw.campaigns, of_kept(raw.contacts), raw.coupons, of_kept(raw.responses)
    )


def manifest(raw: RawStore, cleaned: Cleaned, source: str) -> dict[str, Any]:
    """Counts and dates of an ingest, and the proof that no line was lost."""
    purchases, rejects = cleaned.purchases, cleaned.rejects
    last_on = purchases["ordered_on"].max().date()
    return {
        "source": source,
        "lines_in": len(raw.lines),
        "lines_accepted": len(purchases),
        "lines_rejected": len(rejects),
        "rejected_by_rule": {str(rule): int(n) for rule, n in rejects["rule"].value_counts().sort_index().items()},
        "customers": int(purchases["customer_id"].nunique()),
        "orders": int(purchases["order_id"].nunique()),
        "first_sale_on": purchases["ordered_on"].min().date().isoformat(),
        "last_sale_on": last_on.isoformat(),
        "data_end_on": windows.data_end(last_on).isoformat(),
    }


def write_store(raw: RawStore, source: str, folder: str | Path) -> dict[str, Any]:
    """Clean the raw tables and write the store; the folder takes its place in one step. Returns the manifest."""
    cleaned = clean(raw.lines)
    facts = manifest(raw, cleaned, source)
    frames = {
        "purchases": cleaned.purchases,
        "rejects": cleaned.rejects,
        "products": raw.products,
        "campaigns": raw.campaigns,
        "contacts": raw.contacts,
        "coupons": raw.coupons,
        "responses": raw.responses,
    }
    with files.atomic_folder(folder) as draft:
        for name, frame in frames.items():
            files.write_table(draft / f"{name}.parquet", frame, CONTRACTS[name])
        files.write_json(draft / "manifest.json", facts)
    return facts


def read_store(folder: str | Path) -> Events:
    """Read the tables that stages need, each checked against its contract."""
    root = Path(folder)
    facts = files.read_json(root / "manifest.json")

    def table(name: str) -> pd.DataFrame:
        return files.read_table(root / f"{name}.parquet", CONTRACTS[name])

    return Events(
        table("purchases"),
        table("products"),
        table("contacts"),
        table("responses"),
        date.fromisoformat(facts["first_sale_on"]),
        date.fromisoformat(facts["data_end_on"]),
    )
