"""Customers who show what the plan does: a few, one of each kind, each in the words of their own row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd

from offers.catalogue import NONE
from offers.why_none import HARMS, LEFT_ALONE, NOTHING_PAYS

Plain = dict[str, Any]
SHOWN = (
    "customer_id", "tier", "state", "group", "labels", "evidence", "offer", "channel", "offer_text", "why", "promise",
)  # fmt: skip
FROM_PORTRAIT = ("tier", "state", "group", "promise", "labels", "evidence")
CHOSEN_BY = ("customer_id", "offer", "expected_profit", "why_none")
N_BY_OFFER = 6
EvidenceOf = Callable[[Sequence[str]], pd.Series]


def examples(plan: pd.DataFrame, portraits: pd.DataFrame, evidence: EvidenceOf | None = None) -> list[Plain]:
    """One record an example: `kind` and the row's texts. Controls are none: what was held back is not shown.

    `evidence` is that of some customers' labels, by id; without, the portraits have it.
    """
    chosen = _middle_ones(plan)
    names = [name for name in ("customer_id", *FROM_PORTRAIT) if name in portraits.columns]
    known = portraits.loc[portraits["customer_id"].isin(chosen.values()), names].set_index("customer_id")
    known = known.assign(evidence=evidence(list(known.index))) if evidence else known
    rows = plan[plan["customer_id"].isin(chosen.values())].set_index("customer_id", drop=False).join(known)
    return [{"kind": kind, **{name: str(rows.at[who, name]) for name in SHOWN}} for kind, who in chosen.items()]


def _middle_ones(plan: pd.DataFrame) -> dict[str, str]:
    """The customer in the middle of each kind, neither the best nor the worst case: their id by the kind's name."""
    rows = plan.loc[plan["arm"] != "control", list(CHOSEN_BY)].sort_values("customer_id")
    treated = rows[rows["offer"] != NONE].sort_values("expected_profit", ascending=False, kind="stable")
    kinds = {f"gets '{offer}'": part for offer, part in list(treated.groupby("offer", sort=False))[:N_BY_OFFER]}
    for kind, text in (
        ("deliberately left alone", LEFT_ALONE),
        ("left in peace: contact would do harm", HARMS),
        ("nothing pays", NOTHING_PAYS),
        ("resting", "Contacted less than"),
        ("passed over", "Others had more to gain"),
    ):
        kinds[kind] = rows[rows["why_none"].str.startswith(text)]
    return {kind: str(part["customer_id"].iloc[len(part) // 2]) for kind, part in kinds.items() if len(part)}
