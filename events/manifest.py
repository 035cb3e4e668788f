"""The event store's manifest: which files are the store, what is in them, and the proof that no line was lost.

A reader follows the manifest and nothing else, so the moment in which it is replaced is the moment of change.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from contracts import windows
from contracts.errors import ContractError
from contracts.files import digest, read_json, read_text, write_json

MANIFEST = "manifest.json"
FORMAT = 2
WHOLE = {"parts", "buckets", "tables", "rejected_by_rule", "absent", "time_zone"}
SUMS = ("lines", "accepted", "repaired", "returns", "rejected", "customers", "orders")


@dataclass(frozen=True)
class Bucket:
    """One bucket's files (relative names by table), its sums, and the lines by source that were just erased from it."""

    files: dict[str, str]
    facts: dict[str, Any]
    erased: dict[str, int] = field(default_factory=dict)

    def plain(self) -> dict[str, Any]:
        """As JSON."""
        return {"files": self.files, **self.facts}


def compose(
    source: str,
    parts: list[dict[str, Any]],
    buckets: Iterable[Bucket],
    tables: dict[str, str],
    *,
    time_zone: str,
    absent: list[str],
    describes_products: bool,
) -> dict[str, Any]:
    """The manifest of a store; `lines_in` = accepted + repaired + rejected + erased, or it is not made.

    Raises:
        ContractError: the sums do not come out: a line was lost or made up.
    """
    listed = list(buckets)
    sums = {name: sum(bucket.facts[name] for bucket in listed) for name in SUMS}
    rules: Counter[str] = Counter()
    repairs: Counter[str] = Counter()
    for bucket in listed:
        rules.update(bucket.facts["rejected_by_rule"])
        repairs.update(bucket.facts["repaired_by_code"])
    lines_in = sum(part["lines"] for part in parts)
    erased = sum(part["erased"] for part in parts)
    ended = sums["accepted"] + sums["repaired"] + sums["rejected"]
    if sums["lines"] != ended or lines_in != ended + erased:
        raise ContractError(
            f"event store: {lines_in:,} lines came in, {ended:,} were stored and {erased:,} erased; the "
            "store is not written; run `dvc repro --force ingest`"
        )
    days = [
        (bucket.facts["first_sale_on"], bucket.facts["last_sale_on"]) for bucket in listed if bucket.facts["orders"]
    ]
    last = max((last for _, last in days), default=None)
    return {
        "format": FORMAT,
        "source": source,
        "time_zone": time_zone,
        "lines_in": lines_in,
        "lines_accepted": sums["accepted"],
        "lines_repaired": sums["repaired"],
        "lines_rejected": sums["rejected"],
        "lines_erased": erased,
        "lines_returned": sums["returns"],
        "rejected_by_rule": dict(sorted(rules.items())),
        "repaired_by_code": dict(sorted(repairs.items())),
        "customers": sums["customers"],
        "orders": sums["orders"],
        "first_sale_on": min((first for first, _ in days), default=None),
        "last_sale_on": last,
        "data_end_on": windows.data_end(date.fromisoformat(last)).isoformat() if last else None,
        "absent": absent,
        "describes_products": describes_products,
        "parts": parts,
        "tables": tables,
        "buckets": [bucket.plain() for bucket in listed],
    }


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a store; one of another format is one clear line."""
    facts: dict[str, Any] = read_json(folder / MANIFEST)
    if not isinstance(facts, dict) or facts.get("format") != FORMAT or not set(facts) >= WHOLE:
        raise ContractError(
            f"{folder}: expected a store of format {FORMAT}, got another; run `dvc repro --force ingest`"
        )
    return facts


def write_manifest(folder: Path, facts: Mapping[str, Any]) -> None:
    """Put the manifest in force."""
    write_json(folder / MANIFEST, dict(facts))


def manifest_digest(folder: Path) -> str:
    """SHA-256 of the manifest as it stands."""
    return digest(read_text(folder / MANIFEST))


def part_names(parts: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """File names by what stands in the lines' column `source`; of equal files the first."""
    return {part["source"]: part["name"] for part in reversed(parts)}


def files_of(facts: Mapping[str, Any]) -> set[str]:
    """Every file (relative name) that a manifest names."""
    names = {name for bucket in facts["buckets"] for name in bucket["files"].values()}
    return names | set(facts["tables"].values())
