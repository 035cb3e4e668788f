"""The feature catalogue as a page and as JSON, made from the records: `python -m features.documentation PAGE JSON`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from features.catalogue import FAMILIES, FEATURES
from features.plan import BASELINE_FAMILIES
from features.records import Feature
from features.vocabulary import AGGREGATIONS, SOURCES

ABOUT = {
    "recency": "How long the customer has been silent, and known.",
    "frequency": "How often the customer comes.",
    "monetary": "How much the customer spends.",
    "decay": "Frequency and spend in which the recent weighs more.",
    "gaps": "The customer's own distribution of days between purchases, and the present silence against it.",
    "rhythm": "Habits of week, weekday and hour, and how regular they are.",
    "trend": "More or less than before.",
    "basket": "What an order looks like.",
    "variety": "How many different things, how evenly, how new, and how loyal to a store.",
    "promotion": "How much is bought at a discount, and under benefits that have since ended (the promotion cliff).",
    "price": "Which price tier, and what was paid against newcomers' prices.",
    "returns": "What was given back.",
    "channel": "Channels of purchase, and who pays.",
    "campaigns": "Messages received, answered and ignored.",
    "interaction": "Contacts beside buying: forced (service), induced (attracted), sticky (unprompted).",
    "experience": "Complaints, refused returns, ratings.",
    "season": "The customer against the store as a whole, and the store against itself a year before.",
    "btyd": "Buy till you die: MBG/NBD, fitted at each cutoff to the purchase days before it.",
}


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
        "empty": None if feature.empty != 0 else 0,
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
        f"Families that baselines and reasons read are always computed: {', '.join(BASELINE_FAMILIES)}.",
        "How to add one: [adding-a-feature.md](adding-a-feature.md). Which ones the model reads, and why:",
        "[benchmarks/feature_selection.md](benchmarks/feature_selection.md).",
        "",
    ]
    for family in FAMILIES:
        rows = [feature for feature in FEATURES if feature.family == family]
        parts += [f"## {family} ({len(rows)})", "", ABOUT[family], ""]
        parts += ["| feature | unit | without rows | needs | meaning |", "|---|---|---|---|---|"]
        parts += [_row(feature) for feature in rows]
        parts.append("")
    return "\n".join([*parts, *_vocabulary()])


def _row(feature: Feature) -> str:
    empty = "0" if feature.empty == 0 else "empty"
    needs = ", ".join(f"`{need}`".replace("|", "` or `") for need in sorted(feature.needs)) or "–"
    return f"| `{feature.name}` | {feature.unit} | {empty} | {needs} | {feature.meaning} |"


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
