"""Two plans of one shop side by side: what a change of labels, offers, budget or model did to whom."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from offers.catalogue import NONE

N_EXAMPLES = 3
COLUMNS = ("customer_id", "offer", "channel", "arm", "expected_profit", "offer_cost", "benefit", "price_benefit")
"""What of two tables PLAN is compared; plans of older versions hold these as well."""
AMOUNTS = ("expected_profit", "offer_cost", "benefit", "price_benefit")


@dataclass(frozen=True)
class Difference:
    """What differs. `totals`: one row a figure (`before`, `after`, `change`; customers or currency).

    `offers`: one row an offer (`before`, `after`: customers who get it). `moves`: one row a kind of move (`was`, `is`:
    'offer by channel', 'none' or 'control'), with its number of customers, the change of expected profit, and the ids
    of a few. What was held back from a control is not shown, and counts for nothing.
    """

    totals: pd.DataFrame
    offers: pd.DataFrame
    moves: pd.DataFrame
    n_same: int


def difference(before: pd.DataFrame, after: pd.DataFrame) -> Difference:
    """Compare two tables PLAN; a customer who stands in one alone was, or is, 'not in the plan'."""
    both = _named(before).merge(_named(after), on="customer_id", how="outer", suffixes=("_before", "_after"))
    both[["what_before", "what_after"]] = both[["what_before", "what_after"]].fillna("not in the plan")
    both["gain"] = both["expected_profit_after"].fillna(0.0) - both["expected_profit_before"].fillna(0.0)
    moved = both[both["what_before"] != both["what_after"]]
    given = [plan[plan["arm"] != "control"] for plan in (before, after)]
    return Difference(_totals(*given), _offers(*given), _moves(moved), len(both) - len(moved))


def _named(plan: pd.DataFrame) -> pd.DataFrame:
    what = (plan["offer"] + " by " + plan["channel"]).where(plan["offer"] != NONE, NONE)
    is_control = plan["arm"] == "control"
    profit = plan["expected_profit"].where(~is_control, 0.0)
    return plan[["customer_id"]].assign(what=what.mask(is_control, "control"), expected_profit=profit)


def _totals(before: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    rows = [("customers, without controls", len(before), len(after)), ("offers", *map(_n_offers, (before, after)))]
    rows += [(name.replace("_", " "), float(before[name].sum()), float(after[name].sum())) for name in AMOUNTS]
    table = pd.DataFrame(rows, columns=["figure", "before", "after"])
    return table.assign(change=table["after"] - table["before"])


def _n_offers(plan: pd.DataFrame) -> int:
    return int((plan["arm"] == "treated").sum())


def _offers(before: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    counts = {"before": before["offer"].value_counts(), "after": after["offer"].value_counts()}
    table = pd.DataFrame(counts).fillna(0).astype("int64").rename_axis("offer").reset_index()
    return table[table["offer"] != NONE].sort_values("offer", ignore_index=True)


def _moves(moved: pd.DataFrame) -> pd.DataFrame:
    groups = moved.sort_values("customer_id").groupby(["what_before", "what_after"], sort=True)
    table = groups.agg(
        n_customers=("customer_id", "size"),
        gain=("gain", "sum"),
        examples=("customer_id", lambda ids: ", ".join(list(ids)[:N_EXAMPLES])),
    )
    table = table.reset_index().rename(columns={"what_before": "was", "what_after": "is"})
    return table.sort_values(["n_customers", "was", "is"], ascending=[False, True, True], ignore_index=True)
