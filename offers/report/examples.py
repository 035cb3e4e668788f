"""Customers who show what the plan does: a few, one of each kind, each in the words of their own row."""

from __future__ import annotations

from typing import Any

import pandas as pd

from offers.catalogue import NONE
from offers.why_none import HARMS, LEFT_ALONE, NOTHING_PAYS

Plain = dict[str, Any]
SHOWN = (
    "customer_id", "tier", "state", "group", "labels", "evidence", "offer", "channel", "offer_text", "why", "promise",
)  # fmt: skip
N_BY_OFFER = 6


def examples(plan: pd.DataFrame, portraits: pd.DataFrame) -> list[Plain]:
    """One record an example: `kind` and the row's texts. Controls are none: what was held back is not shown."""
    own = ["customer_id", "tier", "state", "group", "promise", "labels", "evidence"]
    rows = plan[plan["arm"] != "control"].merge(portraits[own], on="customer_id").sort_values("customer_id")
    treated = rows[rows["offer"] != NONE].sort_values("expected_profit", ascending=False, kind="stable")
    found = []
    for offer, part in list(treated.groupby("offer", sort=False))[:N_BY_OFFER]:
        found.append(_record(f"gets '{offer}'", part))
    for kind, text in (
        ("deliberately left alone", LEFT_ALONE),
        ("left in peace: contact would do harm", HARMS),
        ("nothing pays", NOTHING_PAYS),
        ("resting", "Contacted less than"),
        ("passed over", "Others had more to gain"),
    ):
        found.append(_record(kind, rows[rows["why_none"].str.startswith(text)]))
    return [record for record in found if record]


def _record(kind: str, rows: pd.DataFrame) -> Plain:
    """The middle row of a kind: neither the best nor the worst case."""
    if not len(rows):
        return {}
    return {"kind": kind, **{name: str(rows[name].iloc[len(rows) // 2]) for name in SHOWN}}
