"""Rejected lines for people: how many by rule, and where each stands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from contracts.errors import UnknownNameError, nearest
from contracts.params import Inspect
from events.cleaning import BY_CODE
from events.manifest import part_names, read_manifest
from events.report.accounts import suspicious_accounts
from events.store import read_lines


def by_rule(store: Path) -> list[dict[str, Any]]:
    """One entry a rule that lines break: `rule`, `lines`, `sentence`, `remedy`; most lines first."""
    counts = sorted(read_manifest(store)["rejected_by_rule"].items(), key=lambda item: (-item[1], item[0]))
    return [
        {"rule": code, "lines": n, "sentence": BY_CODE[code].sentence, "remedy": BY_CODE[code].remedy}
        for code, n in counts
    ]


def rejected_lines(store: Path, rule: str, top: int) -> list[dict[str, Any]]:
    """The first lines that break a rule: `rule`, `file`, `line`, and what could not be read. No customer is named."""
    if rule not in BY_CODE:
        raise UnknownNameError(f"no rule '{rule}'{nearest(rule, BY_CODE)}")
    facts = read_manifest(store)
    named = part_names(facts["parts"])
    rows = read_lines(store, "rejects", facts, ["source", "source_line", "rule", "problem"])
    rows = rows[rows["rule"] == rule]
    rows = rows.assign(file=rows["source"].map(named)).sort_values(["file", "source_line"])
    return [
        {"rule": rule, "file": str(file), "line": int(line), "problem": str(problem)}
        for file, line, problem in rows[["file", "source_line", "problem"]].head(top).itertuples(index=False)
    ]


def odd_accounts(store: Path, limits: Inspect, top: int) -> list[dict[str, Any]]:
    """Accounts that buy as no person does: `customer_id`, `reason` with its numbers."""
    found = suspicious_accounts(store, limits)
    return [
        {str(key): value for key, value in row.items()}
        for row in found[["customer_id", "reason"]].head(top).to_dict("records")
    ]
