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

    `offers`: one row an offer (`before`, `after`: customers selected). `moves`: one row a kind of move (`was`, `is`:
    'offer by channel' or 'none'), with its number of customers, the change of expected profit, and the ids of a few
    who are in neither plan a control: what was held back from somebody is not shown.
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
    return Difference(_totals(before, after), _offers(before, after), _moves(moved), len(both) - len(moved))


def _named(plan: pd.DataFrame) -> pd.DataFrame:
    what = (plan["offer"] + " by " + plan["channel"]).where(plan["offer"] != NONE, NONE)
    return plan[["customer_id", "expected_profit"]].assign(what=what, is_control=plan["arm"] == "control")


def _totals(before: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    rows = [("customers", len(before), len(after)), ("offers, controls among them", *map(_n_offers, (before, after)))]
    rows += [(name.replace("_", " "), float(before[name].sum()), float(after[name].sum())) for name in AMOUNTS]
    table = pd.DataFrame(rows, columns=["figure", "before", "after"])
    return table.assign(change=table["after"] - table["before"])


def _n_offers(plan: pd.DataFrame) -> int:
    return int((plan["offer"] != NONE).sum())


def _offers(before: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    counts = {"before": before["offer"].value_counts(), "after": after["offer"].value_counts()}
    table = pd.DataFrame(counts).fillna(0).astype("int64").rename_axis("offer").reset_index()
    return table[table["offer"] != NONE].sort_values("offer", ignore_index=True)


def _moves(moved: pd.DataFrame) -> pd.DataFrame:
    is_control = moved[["is_control_before", "is_control_after"]].fillna(False).astype(bool).any(axis=1)
    shown = moved.assign(shown=moved["customer_id"].where(~is_control)).sort_values("customer_id")
    groups = shown.groupby(["what_before", "what_after"], sort=True)
    table = groups.agg(
        n_customers=("customer_id", "size"),
        gain=("gain", "sum"),
        examples=("shown", lambda ids: ", ".join(list(ids.dropna())[:N_EXAMPLES])),
    )
    table = table.reset_index().rename(columns={"what_before": "was", "what_after": "is"})
    return table.sort_values(["n_customers", "was", "is"], ascending=[False, True, True], ignore_index=True)
