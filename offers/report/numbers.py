"""A week's plan in plain numbers: what it is worth, what it uses, who gets what. No customer is named."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from contracts.tables import TIERS
from offers.catalogue import NEVER_WITHHELD, NONE
from offers.economics import Z95, at_worst
from offers.optimiser.choice import Choice
from offers.optimiser.curve import Point
from offers.optimiser.words import in_words
from offers.plan import Made
from offers.setting import Setting

Plain = dict[str, Any]
OF_COST, OF_BUDGET = (0.0, 0.125, 0.25, 0.5, 0.75, 1.0), (1.0, 1.5, 2.0)
"""Budgets of the profit-against-budget curve, as shares of what the plan costs, and of the week's budget."""
COUNTED = (
    *("customer_id", "offer", "mechanic", "arm", "why_none"),
    *("offer_cost", "price_benefit", "benefit", "expected_profit"),
)
"""What is counted of all customers, of whom there may be millions; of those with an offer everything is."""
OF_EVERYONE = ("tier", "group", "promotion_sensitivity", "headroom", "p_lapse")
OF_PLANNED = (*OF_EVERYONE, "state", "risk_band", "value_tier", "value_at_stake", "first_purchase_on")


def beside(rows: pd.DataFrame, customers: pd.DataFrame, own: Sequence[str]) -> pd.DataFrame:
    """Rows of the plan with some columns of what is known of each customer.

    `is_owed`: what puts a complaint right; it stands beside the budget, and counts in no comparison of tiers.
    """
    found = rows.merge(customers[["customer_id", *own]], on="customer_id")
    return found.assign(is_owed=found["mechanic"].isin(NEVER_WITHHELD))


def summary(made: Made, setting: Setting) -> Plain:
    """Plain data: value, bound and gap; use of budget, contacts and channels; counts; mean benefit by tier."""
    choice, plan, customers = made.weighed.choice, made.plan, made.weighed.customers
    table = beside(plan[list(COUNTED)], customers, OF_EVERYONE)
    planned = beside(plan.loc[plan["offer"] != NONE], customers, OF_PLANNED)
    treated = planned[planned["arm"] == "treated"]  # a control's offer stands in the plan alone
    drawn = float(planned.loc[planned["purpose"] == "exploration", "expected_profit"].sum())
    low, high = total_interval(planned)
    low_treated, high_treated = total_interval(treated)
    return {
        "week_on": str(setting.cutoff),
        "currency": setting.currency,
        "n_customers": len(plan),
        "n_selected": len(planned),
        "n_treated": int((plan["arm"] == "treated").sum()),
        "n_control": int((planned["arm"] == "control").sum()),
        "n_universal": int((plan["arm"] == "universal").sum()),
        "exploration": _exploration(plan),
        "harm_at_worst": setting.limits.harm_at_worst,
        "price_of_experiments": at_worst(
            made_of(made, treated), setting.limits.harm_at_worst, setting.value_horizon_days
        ),
        "expected_profit": float(planned["expected_profit"].sum()),
        "expected_profit_low": low,
        "expected_profit_high": high,
        "expected_profit_treated": float(treated["expected_profit"].sum()),
        "expected_profit_treated_low": low_treated,
        "expected_profit_treated_high": high_treated,
        "expected_cost_treated": float(treated["offer_cost"].sum()),
        "expected_cost": float(planned.loc[~planned["is_owed"], "offer_cost"].sum()),
        "n_owed": int(planned["is_owed"].sum()),
        "expected_cost_owed": float(planned.loc[planned["is_owed"], "offer_cost"].sum()),
        **_choice_numbers(choice, drawn),
        **_use(planned, setting),
        "n_by_offer_and_tier": counts(treated, "offer", "tier"),
        "n_by_offer_and_channel": counts(treated, "offer", "channel"),
        "groups": groups(table, setting),
        "n_by_why_none": {
            str(text): int(n) for text, n in table.loc[table["offer"] == NONE, "why_none"].value_counts().items()
        },
        "mean_benefit_by_tier": {tier: benefit for tier in TIERS if (benefit := _means(table[table["tier"] == tier]))},
        "mean_benefit_by_promotion_sensitivity": {
            str(name): _means(part) for name, part in table.groupby("promotion_sensitivity", sort=True)
        },
        "offers_without_candidates": sorted(
            {offer.id for offer in setting.catalogue.offers} - set(made.weighed.worth["offer"])
        ),
    }


def made_of(made: Made, rows: pd.DataFrame) -> pd.DataFrame:
    """Rows of the plan with what is believed of their offer's harm (`harm_high`) and the stake's upper end."""
    terms = made.weighed.worth[["customer", "offer", "channel", "harm_high"]]
    ids = made.weighed.customers[["customer_id", "value_at_stake_high"]]
    known = terms.join(ids, on="customer").drop(columns="customer")
    return rows.merge(known, on=["customer_id", "offer", "channel"], how="left")


def _exploration(plan: pd.DataFrame) -> Plain:
    """What lots decided: how many drew an offer and none, and what those offers are expected to cost and to bring."""
    rows = plan[plan["purpose"] == "exploration"]
    return {
        "n_offered": int((rows["offer"] != NONE).sum()),
        "n_none": int((rows["offer"] == NONE).sum()),
        "expected_cost": float(rows["offer_cost"].sum()),
        "expected_profit": float(rows["expected_profit"].sum()),
    }


def _choice_numbers(choice: Choice, drawn: float) -> Plain:
    return {
        "expected_profit_bound": choice.bound + drawn,
        "relative_gap": choice.gap,
        "solved": choice.method,
        "binding_limits": list(choice.binding),
        "shadow_prices": dict(choice.prices),
        "room_left": {name: room for name, room in choice.slack.items() if np.isfinite(room)},
    }


def _use(planned: pd.DataFrame, setting: Setting) -> Plain:
    used = planned["channel"].value_counts()
    channels = setting.catalogue.channels
    return {
        "budget": setting.limits.budget,
        "capacity": setting.limits.capacity,
        "channels": {c.id: {"used": int(used.get(c.id, 0)), "capacity": c.capacity} for c in channels},
    }


def total_interval(planned: pd.DataFrame) -> tuple[float, float]:
    """95 % interval of the plan's expected profit.

    Beliefs about different offers are taken as independent, while all customers of an offer share the one about it.
    """
    deviation = (planned["expected_profit_high"] - planned["expected_profit_low"]) / (2 * Z95)
    by_offer = deviation.groupby(planned["offer"]).sum()
    spread = Z95 * float(np.sqrt((by_offer**2).sum()))
    mean = float(planned["expected_profit"].sum())
    return mean - spread, mean + spread


def groups(table: pd.DataFrame, setting: Setting) -> list[Plain]:
    """One record a group that has customers: what they get, what it costs and brings, most profit first.

    Offers, cost and profit are of the treated: what was held back from a control is told nowhere.
    """
    found = []
    for name, part in table.groupby("group", sort=True):
        rule, treated = setting.rules.group(str(name)), part[part["arm"] == "treated"]
        found.append(
            {
                "group": str(name),
                "treatment": rule.treatment,
                "promise": rule.promise,
                "n_customers": len(part),
                "n_treated": len(treated),
                "n_control": int((part["arm"] == "control").sum()),
                "n_by_offer": {str(offer): int(n) for offer, n in treated["offer"].value_counts().sort_index().items()},
                "expected_cost": float(treated["offer_cost"].sum()),
                "expected_profit": float(treated["expected_profit"].sum()),
                "mean_headroom": float(part["headroom"].mean()),
                "mean_p_lapse": None if part["p_lapse"].isna().all() else float(part["p_lapse"].mean()),
            }
        )
    return sorted(found, key=lambda record: (-record["expected_profit"], record["group"]))


def shadow_prices(made: Made, setting: Setting) -> list[str]:
    """What one unit more of each limit would bring, a sentence each."""
    return in_words(made.weighed.choice, made.weighed.problem.rows, setting.currency)


def curve_budgets(cost: float, budget: float) -> list[float]:
    """The budgets at which the curve is drawn: dense where money decides, sparse where it no longer does."""
    within = [share * min(cost, budget) for share in OF_COST]
    return sorted({*within, *(share * budget for share in OF_BUDGET if budget > 0)})


def curve(points: list[Point | None]) -> list[Plain]:
    """The profit-against-budget curve as plain data; a budget under which no plan is possible is left out."""
    return [
        {"budget": point.budget, "expected_profit": point.value, "expected_cost": point.cost, "bound": point.bound}
        for point in points
        if point is not None
    ]


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
        "benefit": float(rows["benefit"].where(~rows["is_owed"], 0.0).mean()),
        "price_benefit": float(rows["price_benefit"].where(~rows["is_owed"], 0.0).mean()),
    }
