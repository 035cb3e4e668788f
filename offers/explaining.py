"""Why one customer has this offer, or none, and what would have changed it: every number that the plan went by."""

from __future__ import annotations

import numpy as np
import pandas as pd

from offers.catalogue import NONE
from offers.economics import beliefs, priced
from offers.eligibility import obstacles
from offers.plan import Weighed
from offers.setting import Setting

NO_CONSENT = "no consent to"
NUMBERS = (
    "effect", "effect_low", "effect_high", "gain", "extra", "benefit_cost", "contact_cost", "taught_cost",
    "permission_cost", "expected_profit", "expected_profit_low", "expected_profit_high", "benefit",
)  # fmt: skip


def considered(customer_id: str, weighed: Weighed, setting: Setting) -> pd.DataFrame:
    """One row per offer and channel of the catalogue, for one customer, the most profitable first.

    `obstacle` (the first test that fails; '' if it was open), every term of the expected profit (missing where it could
    not be priced), `limits_cost` (what the plan's limits charge for it, at their prices) and `worth_to_plan`
    (profit less that; the plan takes the highest above 0), both missing where it was not open. Currency throughout.
    """
    position = int(np.flatnonzero(weighed.customers["customer_id"] == customer_id)[0])
    customer = weighed.customers.iloc[[position]].reset_index(drop=True)
    tested = obstacles(weighed.customers, position, setting)
    every = tested[["offer", "channel"]].assign(customer=0)
    held = beliefs(setting.catalogue, sorted(set(customer["group"])), setting.learned)
    terms = priced(every, customer, setting.catalogue, held)[["offer", "channel", "offer_cost", *NUMBERS]]
    table = tested.merge(terms, on=["offer", "channel"]).merge(_charges(weighed, position), how="left")
    table["worth_to_plan"] = table["expected_profit"] - table["limits_cost"]
    return table.sort_values(["expected_profit", "offer", "channel"], ascending=[False, True, True], ignore_index=True)


def picked(customer_id: str, weighed: Weighed) -> tuple[str, str]:
    """The (offer, channel) that was chosen for a customer; 'none' and '' for none."""
    position = int(np.flatnonzero(weighed.customers["customer_id"] == customer_id)[0])
    drawn = weighed.worth.loc[weighed.explored.offered["row"]]
    chosen = (
        pd.concat([weighed.open_to[weighed.choice.chosen], drawn])
        if len(drawn)
        else weighed.open_to[weighed.choice.chosen]
    )
    own = chosen[chosen["customer"] == position]
    return (str(own["offer"].iloc[0]), str(own["channel"].iloc[0])) if len(own) else (NONE, "")


def _charges(weighed: Weighed, position: int) -> pd.DataFrame:
    """What the plan's limits charge for each (offer, channel) that was open to a customer: prices × weights."""
    own = weighed.worth[weighed.worth["customer"] == position]
    kind, prices = weighed.bounds.kind[position], weighed.choice.prices
    pair = weighed.bounds.pair_of(own)
    cost = own["offer_cost"].to_numpy(dtype=float)
    charge = np.zeros(len(own))
    for row in weighed.bounds.rows:
        price = prices.get(row.name, 0.0)
        if row.per_contact is not None:
            charge += price * row.per_contact[kind, pair]
        if row.per_cost is not None:
            charge += price * row.per_cost[kind, pair] * cost
    return own[["offer", "channel"]].assign(limits_cost=charge)


def what_would_change(row: pd.Series, table: pd.DataFrame, setting: Setting) -> list[str]:
    """Sentences on what would have changed one plan row's decision (`offer`, `channel`), true at the week's prices."""
    if row["purpose"] == "exploration":
        return ["A lot decided for this customer this week, before the plan: nothing about them would have changed it."]
    said, currency = [], setting.currency
    open_to = table[table["obstacle"] == ""].sort_values("worth_to_plan", ascending=False, kind="stable")
    if row["offer"] != NONE:
        said.append(_runner_up(row, open_to, currency))
    elif len(open_to) and open_to["worth_to_plan"].iloc[0] <= 0:
        best = open_to.iloc[0]
        said.append(
            f"'{best['offer']}' by {best['channel']} was nearest: expected to bring {best['expected_profit']:.2f} "
            f"{currency}, {_limits(best['limits_cost'])}; with {-best['worth_to_plan']:.2f} more, or as much more "
            "room, it would have been chosen."
        )
    said += _with_consent(row, table, currency)
    owed = [offer.id for offer in setting.catalogue.offers if offer.is_never_withheld]
    blocked = table[(table["obstacle"] != "") & ~table["obstacle"].str.startswith(NO_CONSENT)]
    blocked = blocked[~blocked["offer"].isin(owed)]
    if row["offer"] == NONE and not len(open_to) and len(blocked):
        best = blocked.iloc[0]
        said.append(f"'{best['offer']}' by {best['channel']} is barred: {best['obstacle']}.")
    return [sentence for sentence in said if sentence]


def _runner_up(row: pd.Series, open_to: pd.DataFrame, currency: str) -> str:
    others = open_to[(open_to["offer"] != row["offer"]) | (open_to["channel"] != row["channel"])]
    mine = open_to[(open_to["offer"] == row["offer"]) & (open_to["channel"] == row["channel"])]
    if not len(others) or not len(mine):
        return "Nothing else was open to this customer."
    best, lead = others.iloc[0], mine["worth_to_plan"].iloc[0] - others["worth_to_plan"].iloc[0]
    return (
        f"Next came '{best['offer']}' by {best['channel']}, worth {lead:.2f} {currency} less to the plan "
        f"(expected to bring {best['expected_profit']:.2f}, {_limits(best['limits_cost'])})."
    )


def _limits(cost: float) -> str:
    """What the limits' prices say of an offer: a charge, or a credit where it helps to keep one of them."""
    if cost < 0:
        return f"and the week's limits credit {-cost:.2f} for it, as it helps fairness between tiers"
    return f"while the week's limits charge {cost:.2f} for it"


def _with_consent(row: pd.Series, table: pd.DataFrame, currency: str) -> list[str]:
    """The best offer that consent alone stands in the way of, if it would bring more than what is planned."""
    barred = table[table["obstacle"].str.startswith(NO_CONSENT) & (table["expected_profit"] > row["expected_profit"])]
    if not len(barred):
        return []
    best = barred.iloc[0]
    open_then = f"With consent to {best['channel']}, '{best['offer']}' would have been open"
    return [f"{open_then}, expected to bring {best['expected_profit']:.2f} {currency}."]
