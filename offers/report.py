"""A week's plan in plain numbers: what it is worth, what it uses, who gets what. No customer is named."""

from __future__ import annotations

from typing import Any

import pandas as pd

from contracts.params import Plan
from contracts.tables import TIERS
from offers.catalogue import NONE, Catalogue
from offers.optimiser import Choice


def summary(
    plan: pd.DataFrame,
    customers: pd.DataFrame,
    worth: pd.DataFrame,
    choice: Choice,
    *,
    catalogue: Catalogue,
    limits: Plan,
    currency: str,
) -> dict[str, Any]:
    """Plain data: value, bound and gap; use of budget, contacts and channels; counts; mean benefit by tier."""
    table = plan.merge(
        customers[["customer_id", "tier", "group", "risk_band", "promotion_sensitivity"]], on="customer_id"
    )
    planned = table[table["offer"] != NONE]
    treated = planned[planned["arm"] == "treated"]  # a control's offer stands in the plan alone
    used = planned["channel"].value_counts()
    return {
        "week_on": str(plan["cutoff_on"].iloc[0].date()) if len(plan) else "",
        "currency": currency,
        "n_customers": len(plan),
        "n_selected": len(planned),
        "n_treated": int((plan["arm"] == "treated").sum()),
        "n_control": int((plan["arm"] == "control").sum()),
        "expected_profit": choice.value,
        "expected_profit_bound": choice.bound,
        "relative_gap": choice.gap,
        "expected_profit_treated": float(plan.loc[plan["arm"] == "treated", "expected_profit"].sum()),
        "binding_limits": list(choice.binding),
        "expected_cost": float(planned["offer_cost"].sum()),
        "budget": limits.budget,
        "capacity": limits.capacity,
        "channels": {c.id: {"used": int(used.get(c.id, 0)), "capacity": c.capacity} for c in catalogue.channels},
        "n_by_offer_and_tier": counts(treated, "offer", "tier"),
        "n_by_offer_and_channel": counts(treated, "offer", "channel"),
        "n_by_group": {str(name): int(n) for name, n in planned["group"].value_counts().sort_index().items()},
        "n_by_why_none": {
            str(text): int(n) for text, n in table.loc[table["offer"] == NONE, "why_none"].value_counts().items()
        },
        "mean_benefit_by_tier": {tier: benefit for tier in TIERS if (benefit := _means(table[table["tier"] == tier]))},
        "mean_benefit_by_promotion_sensitivity": {
            str(name): _means(part) for name, part in table.groupby("promotion_sensitivity", sort=True)
        },
        "offers_without_candidates": sorted({offer.id for offer in catalogue.offers} - set(worth["offer"])),
    }


def counts(planned: pd.DataFrame, first: str, second: str) -> dict[str, dict[str, int]]:
    """How many rows for each pair of values, by name; pairs without a row are left out."""
    found: dict[str, dict[str, int]] = {}
    for (a, b), part in planned.groupby([first, second], sort=True):
        found.setdefault(str(a), {})[str(b)] = len(part)
    return found


def _means(rows: pd.DataFrame) -> dict[str, float]:
    if not len(rows):
        return {}
    return {
        "n_customers": len(rows),
        "benefit": float(rows["benefit"].mean()),
        "price_benefit": float(rows["price_benefit"].mean()),
    }
