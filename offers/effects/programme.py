"""All marketing together, against the customers who get none for a year: lapses, and margin in the horizon.

Both arms are as the lot drew them (intention to treat), whatever reached them. The difference is that of the arms'
means over all their customers' Mondays; its variance sums the residuals of each customer first, in whichever arm a
year's lot put them, with the factor n / (n − 1) of n customers an arm. Student's t has Welch and Satterthwaite's
degrees of freedom over the two arms. Customers are compared Monday by Monday as far as they were eligible then, so an
effect on who is eligible later is no part of it.
"""

from __future__ import annotations

import math
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd

from offers.effects.difference import COVERED
from offers.effects.rows import Flags, Floats, Ints, numbers
from offers.effects.sentences import points_in_words, signed

Plain = dict[str, Any]
FEWEST = 20
"""Customers in each arm from which there is an interval: it rests on a central limit theorem."""


def programme(rows: pd.DataFrame, currency: str, awaited: str = "") -> Plain:
    """What all marketing did. `rows` has a customer and Monday a row: `is_control`, `lapsed`, `margin`, `cutoff_on`.

    `awaited` is said where nothing has matured. Positive is good: fewer lapses than the control, more margin.
    """
    control = rows["is_control"].to_numpy(dtype=bool)
    customer = numbers(rows["customer_id"])
    lapsed = difference_of_arms(rows["lapsed"].to_numpy(dtype=np.float64), control, customer, is_share=True)
    margin = difference_of_arms(rows["margin"].to_numpy(dtype=np.float64), control, customer)
    retention = {"estimate": -lapsed["estimate"], "low": -lapsed["high"], "high": -lapsed["low"]}
    sizes = {"n_control": _n_customers(customer[control]), "n_others": _n_customers(customer[~control])}
    mondays = sorted(f"{day:%Y-%m-%d}" for day in rows["cutoff_on"].unique())
    return {
        "mondays": mondays,
        **sizes,
        "lapse_rate_others": lapsed["others"],
        "lapse_rate_control": lapsed["control"],
        "retention": retention,
        "margin": {name: margin[name] for name in ("estimate", "low", "high")},
        "sentence": _sentence(sizes, retention, margin, currency) if mondays else awaited,
    }


def what_is_awaited(waves: pd.DataFrame, universal_share: float, label_days: int) -> str:
    """Why nothing can be said of all marketing yet, and when it can; `label_days` is the longest horizon with grace."""
    if not universal_share:
        return "Nobody is left without marketing, so nothing can be compared; set plan.universal_share."
    if waves.empty:
        return "Awaited: a first published week, and after it the end of its outcome window."
    first_on: date = waves["cutoff_on"].min().date()
    due_on = first_on + timedelta(days=label_days)
    return f"Awaited: the end of the first outcome window since marketing began on {first_on}, due on {due_on}."


def difference_of_arms(y: Floats, control: Flags, customer: Ints, *, is_share: bool = False) -> dict[str, float]:
    """Mean of the others less mean of the control, with its 95 % interval clustered by customer; one element a row.

    Keys `estimate`, `low`, `high`, and the means `others` and `control`; missing (NaN) with nobody in an arm, the ends
    with fewer than `FEWEST` customers in one.
    """
    arms = (~control, control)
    means = [float(y[arm].mean()) if arm.any() else math.nan for arm in arms]
    estimate = means[0] - means[1]
    found = {"estimate": estimate, "low": math.nan, "high": math.nan, "others": means[0], "control": means[1]}
    sizes = [_n_customers(customer[arm]) for arm in arms]
    if min(sizes) < FEWEST:
        return found
    parts = np.zeros(len(y))
    for arm, mean, n, sign in zip(arms, means, sizes, (1, -1), strict=True):
        parts[arm] = sign * (y[arm] - mean) / arm.sum() * math.sqrt(n / (n - 1))
    variance = _variance(parts, customer)
    by_arm = [_variance(parts[arm], customer[arm]) for arm in arms]
    if is_share:
        short = [max(_least_variance(y[arm], n) - own, 0.0) for arm, n, own in zip(arms, sizes, by_arm, strict=True)]
        variance, by_arm = variance + sum(short), [own + more for own, more in zip(by_arm, short, strict=True)]
    reach = _quantile(by_arm, sizes) * math.sqrt(variance)
    return found | {"low": estimate - reach, "high": estimate + reach}


def _variance(parts: Floats, customer: Ints) -> float:
    return float((np.bincount(customer, parts) ** 2).sum())


def _least_variance(y: Floats, n: int) -> float:
    """Variance of the rate of an arm in which nobody lapsed, or all: that of one more of each (Agresti and Coull)."""
    if 0 < y.mean() < 1:
        return 0.0
    share = (y.mean() * n + 1) / (n + 2)
    return float(share * (1 - share) / n)


def _quantile(variances: list[float], sizes: list[int]) -> float:
    from scipy.special import stdtrit  # noqa: PLC0415

    below = sum(own**2 / (n - 1) for own, n in zip(variances, sizes, strict=True))
    freedom = sum(variances) ** 2 / below if below > 0 else float(sum(sizes) - 2)
    return float(stdtrit(freedom, (1 + COVERED) / 2))


def _n_customers(customer: Ints) -> int:
    return len(np.unique(customer))


def _sentence(sizes: Plain, retention: Plain, margin: dict[str, float], currency: str) -> str:
    if math.isnan(retention["low"]):
        return (
            f"All marketing together: too few to say ({sizes['n_control']:,} customers without marketing, "
            f"{sizes['n_others']:,} others; {FEWEST} of each are needed)."
        )
    money = f"{signed(margin['estimate'], 2)} ({signed(margin['low'], 2)} to {signed(margin['high'], 2)}) {currency}"
    return (
        f"All marketing together: {points_in_words(retention)} among {sizes['n_others']:,} customers than among "
        f"{sizes['n_control']:,} who got none, and {money} of margin a customer and horizon."
    )
