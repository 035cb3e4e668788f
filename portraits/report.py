"""`reports/portraits.json`: who the customers are, in numbers, and how few of them carry the trade."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import date
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from contracts.portrait_rules import PortraitRules
from contracts.tables import INTERACTIONS, STATES, TIERS
from contracts.windows import day_numbers, rows_before, trailing
from portraits.look import HALF_YEAR_DAYS

TOP_SHARES = (0.01, 0.05, 0.1, 0.2, 0.5)
N_POINTS = 21
VALUE_TIERS = ("top", "middle", "base")
REPORTED = ("tier", "state", "value_tier", "interaction", "group", "labels", "spend")
"""The columns that `report` reads."""


def report(portraits: pd.DataFrame, rules: PortraitRules, recognised_share: float | None) -> dict[str, Any]:
    """Plain numbers of the rows of PORTRAITS: customers by tier, state, value tier, group, label; concentration."""
    n_by_group = portraits["group"].value_counts().reindex([one.name for one in rules.groups], fill_value=0)
    n_by_label: Counter[str] = Counter()
    for text, n in portraits["labels"].value_counts().items():  # few texts occur: each is taken apart once
        n_by_label.update(dict.fromkeys(str(text).split("; "), int(n)))
    return {
        "n_customers": len(portraits),
        "n_by_tier": _counts(portraits["tier"], TIERS),
        "n_by_state": _counts(portraits["state"], STATES),
        "n_by_value_tier": _counts(portraits["value_tier"], VALUE_TIERS),
        "n_by_interaction": _counts(portraits["interaction"], INTERACTIONS),
        "groups": [
            {"group": one.name, "treatment": one.treatment, "promise": one.promise, "n": int(n)}
            for one, n in zip(rules.groups, n_by_group, strict=True)
        ],
        "labels": [{"label": one.name, "about": one.about, "n": n_by_label[one.name]} for one in rules.labels],
        "concentration": concentration(portraits["spend"]),
        "recognised_share_of_sales": recognised_share,
    }


def _counts(values: pd.Series, names: tuple[str, ...]) -> dict[str, int]:
    counts = values.value_counts()
    return {name: int(counts.get(name, 0)) for name in names}


def concentration(spend: pd.Series) -> dict[str, Any]:
    """How much of the spend of the last half-year how few customers carry; of those who bought in it.

    `curve` holds points of the concentration curve: the share of spend (`of_spend`) of the share of customers who
    spend most (`of_customers`). Between two customers it is a straight line, so that 1 % of 50 customers is half of the
    first one's spend. `gini` is twice the area between the curve and equality: 0 if all spend alike.
    """
    spent = np.sort(spend[spend > 0].to_numpy(dtype=np.float64))[::-1]
    if not len(spent):
        return {"n_customers": 0, "top": [], "curve": [], "gini": None}
    grid = np.linspace(0, 1, N_POINTS)
    n = len(spent)
    gini = float(((n + 1 - 2 * np.arange(1, n + 1)) * spent).sum() / (n * spent.sum()))
    return {
        "n_customers": n,
        "top": _points(spent, np.array(TOP_SHARES)),
        "curve": _points(spent, grid),
        "gini": gini,
    }


def _points(spent: npt.NDArray[np.float64], shares: npt.NDArray[np.float64]) -> list[dict[str, float]]:
    reached = np.concatenate([[0.0], np.cumsum(spent)]) / spent.sum()
    found = np.interp(shares, np.linspace(0, 1, len(reached)), reached)
    return [{"of_customers": float(x), "of_spend": float(y)} for x, y in zip(shares, found, strict=True)]


class Recognised(NamedTuple):
    """Sales of the half-year that say whether the payer was recognised as a member: of those who were, and all.

    In whole cents, so that customers' sales add up in any order.
    """

    cents: int
    of_cents: int


def recognised(purchases: pd.DataFrame, cutoff: date, time_zone: str) -> Recognised | None:
    """Of some customers' purchases; None where they do not say. Sales that name no customer are not among them."""
    if "payer_recognised" not in purchases.columns:
        return None
    lines = rows_before(purchases, cutoff, time_zone)
    recent = lines[trailing(day_numbers(lines["ordered_on"]), cutoff, HALF_YEAR_DAYS)].dropna(subset="payer_recognised")
    if recent.empty:
        return None
    cents = (recent["amount"] * 100).round().astype("int64")
    return Recognised(int(cents[recent["payer_recognised"].astype("bool")].sum()), int(cents.sum()))


def recognised_share(parts: Iterable[Recognised | None]) -> float | None:
    """The share of sales whose payer was recognised, over all customers; None where the shop does not record it."""
    told = [part for part in parts if part is not None]
    return sum(part.cents for part in told) / sum(part.of_cents for part in told) if told else None
