"""Why a customer's risk is what it is: the model's own contributions by topic, in the customer's own numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from features.catalogue import BY_NAME
from models.risk import Floats

Numbers = Mapping[str, float]


@dataclass(frozen=True)
class Topic:
    """A group of feature families that is told in one sentence. `reads` are the features whose numbers it says."""

    name: str
    families: tuple[str, ...]
    reads: tuple[str, ...]
    say: Callable[[Numbers, str], str]


def _plural(n: float, one: str, many: str) -> str:
    return f"{n:.0f} {one if round(n) == 1 else many}"


def _days(n: float) -> str:
    return _plural(n, "day", "days")


def _silence(x: Numbers, _: str) -> str:
    usual = x["gap_median_days"]
    said = f"no purchase for {_days(x['days_since_last_purchase'])}"
    return said if np.isnan(usual) else f"{said}; usually every {_days(usual) if round(usual) != 1 else 'day'}"


def _visits(x: Numbers, _: str) -> str:
    usual = x["purchase_day_rate_life"] * 28
    recent = _plural(x["purchase_days_28d"], "purchase day", "purchase days")
    return f"{recent} in the last 4 weeks; {usual:.1f} in 4 weeks over all time"


def _trend(x: Numbers, _: str) -> str:
    before = x["purchase_days_56d"] - x["purchase_days_28d"]
    recent = _plural(x["purchase_days_28d"], "purchase day", "purchase days")
    return f"{recent} in the last 4 weeks after {before:.0f} in the 4 before"


def _spend(x: Numbers, currency: str) -> str:
    usual = x["amount_life"] / max(x["tenure_days"], 28.0) * 28
    return f"{x['amount_28d']:.0f} {currency} in the last 4 weeks; {usual:.0f} {currency} in 4 weeks over all time"


def _basket(x: Numbers, currency: str) -> str:
    if np.isnan(x["amount_per_order_91d"]):
        return "no order in the last 13 weeks"
    amount, lines = x["amount_per_order_91d"], x["lines_per_order_91d"]
    return f"orders of {amount:.0f} {currency} and {lines:.0f} lines on average in the last 13 weeks"


def _variety(x: Numbers, _: str) -> str:
    return (
        f"{_plural(x['distinct_categories_28d'], 'category', 'categories')} bought in the last 4 weeks; "
        f"{x['distinct_categories_91d']:.0f} in the last 13"
    )


def _promotion(x: Numbers, _: str) -> str:
    if np.isnan(x["discount_share_91d"]):
        return "nothing bought in the last 13 weeks, on promotion or off"
    return f"{x['discount_share_91d']:.0%} off list price on average in the last 13 weeks"


def _campaigns(x: Numbers, _: str) -> str:
    received = _plural(x["campaigns_received_91d"], "campaign", "campaigns")
    redeemed = _plural(x["coupons_redeemed_91d"], "coupon", "coupons")
    return f"{received} received and {redeemed} redeemed in the last 13 weeks"


TOPICS = (
    Topic("silence", ("recency", "gaps", "btyd"), ("days_since_last_purchase", "gap_median_days"), _silence),
    Topic("visits", ("frequency", "decay", "rhythm"), ("purchase_days_28d", "purchase_day_rate_life"), _visits),
    Topic("trend", ("trend", "season"), ("purchase_days_28d", "purchase_days_56d"), _trend),
    Topic("spend", ("monetary",), ("amount_28d", "amount_life", "tenure_days"), _spend),
    Topic("basket", ("basket",), ("amount_per_order_91d", "lines_per_order_91d"), _basket),
    Topic("variety", ("variety",), ("distinct_categories_28d", "distinct_categories_91d"), _variety),
    Topic("promotion", ("promotion",), ("discount_share_91d",), _promotion),
    Topic("campaigns", ("campaigns",), ("campaigns_received_91d", "coupons_redeemed_91d"), _campaigns),
)


def topic_contributions(contributions: Floats, features: Sequence[str]) -> Floats:
    """Log-odds by topic: shape (rows, topics). Every feature belongs to just one topic."""
    place = {family: position for position, topic in enumerate(TOPICS) for family in topic.families}
    topics = np.array([place[BY_NAME[name].family] for name in features], dtype=np.int64)
    totals = np.zeros((len(contributions), len(TOPICS)))
    for position in range(len(TOPICS)):
        totals[:, position] = contributions[:, :-1][:, topics == position].sum(axis=1)
    return totals


def _tellable(columns: Sequence[str]) -> list[int]:
    return [position for position, topic in enumerate(TOPICS) if set(topic.reads) <= set(columns)]


def reasons(
    frame: pd.DataFrame, contributions: Floats, features: Sequence[str], n_reasons: int, currency: str
) -> list[str]:
    """Up to `n_reasons` sentences a row, the strongest first, joined by '; ' with inner semicolons as commas.

    Only topics that raise the risk are told. Where none does, the most protective one is told as such.
    """
    tellable = _tellable(list(frame.columns))
    totals = topic_contributions(contributions, features)[:, tellable]
    records: list[dict[str, float]] = [dict(zip(frame.columns, row, strict=True)) for row in frame.to_numpy()]
    texts = []
    for numbers, weights in zip(records, totals, strict=True):
        strongest = np.argsort(-weights, kind="stable")[:n_reasons]
        ranked = [int(position) for position in strongest if weights[position] > 0]
        told = [TOPICS[tellable[position]].say(numbers, currency).replace(";", ",") for position in ranked]
        if not told:
            calmest = TOPICS[tellable[int(np.argmin(weights))]]
            told = ["lower risk than most: " + calmest.say(numbers, currency).replace(";", ",")]
        texts.append("; ".join(told))
    return texts
