"""The feature catalogue as a page and as JSON, made from the records: `python -m features.documentation PAGE JSON`."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Any

from features.catalogue import FEATURES
from features.plan import BASELINE_FAMILIES
from features.records import Feature
from features.vocabulary import AGGREGATIONS, FAMILIES, SOURCES

QUOTIENTS = ("per", "share", "rate", "ratio")


def record(feature: Feature) -> dict[str, Any]:
    """One feature as plain data."""
    low, high = feature.bounds
    return {
        "name": feature.name,
        "family": feature.family,
        "source": feature.source,
        "measure": feature.measure,
        "aggregation": feature.aggregation,
        "window_days": feature.window_days,
        "skip_days": feature.skip_days,
        "parameter": feature.parameter,
        "operands": [operand.name for operand in feature.operands],
        "unit": feature.unit,
        "dtype": "float32",
        "empty": None if math.isnan(feature.empty) else feature.empty,
        "low": None if low == -float("inf") else low,
        "high": None if high == float("inf") else high,
        "needs": sorted(feature.needs),
        "meaning": feature.meaning,
    }


def as_json() -> str:
    """All features, in the catalogue's order."""
    return json.dumps([record(feature) for feature in FEATURES], indent=1, ensure_ascii=False) + "\n"


def page() -> str:
    """The catalogue as Markdown."""
    parts = [
        "# Features",
        "",
        "Made by `make docs` from `features/catalogue.py`. One row of a feature table is one customer at one cutoff;",
        f"each of the {len(FEATURES)} features is one float32 column. A feature reads what happened, and was known,",
        "before the cutoff. What a shop does not record leaves out the features that need it, and the run says so.",
        f"Families that the baselines and the value at stake read are always computed: {', '.join(BASELINE_FAMILIES)}.",
        "How to add one: [adding-a-feature.md](adding-a-feature.md). Which ones the model reads, and why:",
        "[benchmarks/feature_selection.md](benchmarks/feature_selection.md).",
        "",
    ]
    for family in FAMILIES:
        rows = [feature for feature in FEATURES if feature.family == family]
        parts += [f"## {family} ({len(rows)})", "", FAMILIES[family], ""]
        parts += ["| feature | unit | without rows in its window | needs | meaning |", "|---|---|---|---|---|"]
        parts += [_row(feature) for feature in rows]
        parts.append("")
    return "\n".join([*parts, *_vocabulary()])


def _row(feature: Feature) -> str:
    empty = "from its parts" if feature.aggregation in QUOTIENTS else _said(feature.empty)
    needs = ", ".join(f"`{need}`".replace("|", "` or `") for need in sorted(feature.needs)) or "–"
    return f"| `{feature.name}` | {feature.unit} | {empty} | {needs} | {feature.meaning} |"


def _said(value: float) -> str:
    return "empty" if math.isnan(value) else f"{value:g}"


def _vocabulary() -> list[str]:
    """The sources and aggregations of which records are made."""
    return [
        "## Of which records are made",
        "",
        "| source | one row |",
        "|---|---|",
        *(f"| `{name}` | {source.row} |" for name, source in SOURCES.items()),
        "",
        "| aggregation | definition |",
        "|---|---|",
        *(f"| `{name}` | {one.definition} |" for name, one in AGGREGATIONS.items()),
        "",
    ]


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page(), encoding="utf-8")
    Path(sys.argv[2]).write_text(as_json(), encoding="utf-8")
