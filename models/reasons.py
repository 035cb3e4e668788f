"""Why a customer's risk is what it is: the model's own contributions by topic, in the customer's own numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from features.catalogue import BY_NAME
from models.risk import Floats

Numbers = Mapping[str, float]


Sentence = str | None
LOW_RATE = 4.0
ON_PROMOTION_SHARE = 0.2
NARROWED_SHARE = 0.4
CLEARLY_LESS = 0.85
"""A recent number points to a risk only if it lies below this share of the usual one."""
RECENT_WINDOW = ("visits", "trend", "spend", "variety")
"""Topics that compare the last 4 weeks: with no purchase in them they all say the same, so only one is told."""


@dataclass(frozen=True)
class Topic:
    """A group of feature families that is told in one sentence. `reads` are the features whose numbers it says.

    `say` gives the sentence, or None where the customer's own numbers do not point to a risk: the model may have found
    one there, but a reason that argues for staying helps nobody.
    """

    name: str
    families: tuple[str, ...]
    reads: tuple[str, ...]
    say: Callable[[Numbers, str], Sentence]


def _plural(n: float, one: str, many: str) -> str:
    return f"{n:.0f} {one if round(n) == 1 else many}"


def _days(n: float) -> str:
    return _plural(n, "day", "days")


def _every(n: float) -> str:
    return "every day" if round(n) == 1 else f"every {n:.0f} days"


def _silence(x: Numbers, _: str) -> Sentence:
    usual, silence = x["gap_median_days"], x["days_since_last_purchase"]
    if np.isnan(silence) or silence <= usual:
        return None
    usually = "" if np.isnan(usual) else f", usually {_every(usual)}"
    return f"no purchase for {_days(silence)}{usually}"


def _visits(x: Numbers, _: str) -> Sentence:
    recent, usual = x["purchase_days_28d"], x["purchase_day_rate_life"] * 28
    if recent < CLEARLY_LESS * usual:
        said = _plural(recent, "purchase day", "purchase days")
        return f"{said} in the last 4 weeks, {usual:.1f} in 4 weeks over all time"
    return f"comes seldom: about {usual:.1f} purchase days in 4 weeks over all time" if usual < LOW_RATE else None


def _trend(x: Numbers, _: str) -> Sentence:
    recent = x["purchase_days_28d"]
    before = x["purchase_days_56d"] - recent
    if not recent < before:
        return None
    return f"{_plural(recent, 'purchase day', 'purchase days')} in the last 4 weeks after {before:.0f} in the 4 before"


def _spend(x: Numbers, currency: str) -> Sentence:
    recent, usual = x["amount_28d"], x["amount_life"] / max(x["tenure_days"], 28.0) * 28
    said = f"{recent:.0f} {currency} in the last 4 weeks, {usual:.0f} {currency} in 4 weeks over all time"
    return said if recent < CLEARLY_LESS * usual else None


def _basket(x: Numbers, currency: str) -> Sentence:
    recent, usual = x["amount_per_purchase_day_91d"], x["amount_per_purchase_day_life"]
    said = f"{recent:.0f} {currency} a purchase day in the last 13 weeks, {usual:.0f} {currency} over all time"
    return said if recent < CLEARLY_LESS * usual else None


def _variety(x: Numbers, _: str) -> Sentence:
    recent, before = x["distinct_categories_28d"], x["distinct_categories_91d"]
    if not recent < NARROWED_SHARE * before:
        return None
    return f"{_plural(recent, 'category', 'categories')} bought in the last 4 weeks, {before:.0f} in the last 13"


def _promotion(x: Numbers, _: str) -> Sentence:
    share = x["discount_share_91d"]
    return (
        f"buys on promotion: {share:.0%} off list price in the last 13 weeks" if share >= ON_PROMOTION_SHARE else None
    )


def _campaigns(x: Numbers, _: str) -> Sentence:
    received = x["campaigns_received_91d"]
    if not (received > 0 and x["coupons_redeemed_91d"] == 0):
        return None
    return f"{_plural(received, 'campaign', 'campaigns')} received in the last 13 weeks, no coupon redeemed"


def _returns(x: Numbers, _: str) -> Sentence:
    given_back = x["return_lines_91d"]
    return f"{_plural(given_back, 'item', 'items')} returned in the last 13 weeks" if given_back > 0 else None


def _experience(x: Numbers, _: str) -> Sentence:
    made = x["complaints_182d"]
    return f"{_plural(made, 'complaint', 'complaints')} made in the last 26 weeks" if made > 0 else None


def _untold(_: Numbers, __: str) -> Sentence:
    """What is learned from, but is no reason that a customer could be told."""
    return None


TOPICS = (
    Topic("silence", ("recency", "gaps", "btyd"), ("days_since_last_purchase", "gap_median_days"), _silence),
    Topic("visits", ("frequency", "decay", "rhythm"), ("purchase_days_28d", "purchase_day_rate_life"), _visits),
    Topic("trend", ("trend", "season"), ("purchase_days_28d", "purchase_days_56d"), _trend),
    Topic("spend", ("monetary",), ("amount_28d", "amount_life", "tenure_days"), _spend),
    Topic("basket", ("basket",), ("amount_per_purchase_day_91d", "amount_per_purchase_day_life"), _basket),
    Topic("variety", ("variety",), ("distinct_categories_28d", "distinct_categories_91d"), _variety),
    Topic("promotion", ("promotion",), ("discount_share_91d",), _promotion),
    Topic("campaigns", ("campaigns",), ("campaigns_received_91d", "coupons_redeemed_91d"), _campaigns),
    Topic("returns", ("returns",), ("return_lines_91d",), _returns),
    Topic("experience", ("experience",), ("complaints_182d",), _experience),
    Topic("untold", ("price", "channel", "interaction", "calendar"), (), _untold),
)
READ_BY_REASONS = tuple(dict.fromkeys(name for topic in TOPICS for name in topic.reads))
"""Features that sentences tell of, whether or not a model reads them."""
NO_SINGLE_SIGN = "no single sign: the risk follows from the whole pattern of purchases"
LOWER_RISK = "lower risk than most"


def topic_contributions(contributions: Floats, features: Sequence[str]) -> Floats:
    """Log-odds by topic: shape (rows, topics). A feature belongs to just one topic, a trial feature to none."""
    place = {family: position for position, topic in enumerate(TOPICS) for family in topic.families}
    families = [BY_NAME[name].family if name in BY_NAME else "" for name in features]
    topics = np.array([place.get(family, -1) for family in families], dtype=np.int64)
    totals = np.zeros((len(contributions), len(TOPICS)))
    for position in range(len(TOPICS)):
        totals[:, position] = contributions[:, :-1][:, topics == position].sum(axis=1)
    return totals


def _tellable(columns: Sequence[str]) -> list[int]:
    return [position for position, topic in enumerate(TOPICS) if set(topic.reads) <= set(columns)]


def reasons(
    frame: pd.DataFrame, contributions: Floats, features: Sequence[str], n_reasons: int, currency: str
) -> list[str]:
    """Up to `n_reasons` sentences a row, the strongest first, joined by '; '.

    Only topics that raise the risk, and whose own numbers point to one, are told. Where there is none, that is said.
    """
    tellable = _tellable(list(frame.columns))
    totals = topic_contributions(contributions, features)[:, tellable]
    raised = contributions[:, :-1].sum(axis=1) > 0
    records: list[dict[str, float]] = [dict(zip(frame.columns, row, strict=True)) for row in frame.to_numpy()]
    texts = []
    for numbers, weights, is_raised in zip(records, totals, raised, strict=True):
        ranked = [TOPICS[tellable[int(place)]] for place in np.argsort(-weights, kind="stable") if weights[place] > 0]
        told = _told(ranked, numbers, currency)[:n_reasons]
        texts.append("; ".join(told) or (NO_SINGLE_SIGN if is_raised else LOWER_RISK))
    return texts


def _told(ranked: Sequence[Topic], numbers: Numbers, currency: str) -> list[str]:
    """The topics' sentences in order, without those that would say the same emptiness twice."""
    is_empty = numbers.get("purchase_days_28d") == 0
    said: list[str] = []
    recent_window_told = False
    for topic in ranked:
        sentence = topic.say(numbers, currency)
        repeats = is_empty and recent_window_told and topic.name in RECENT_WINDOW
        if sentence is None or repeats:
            continue
        said.append(sentence)
        recent_window_told |= topic.name in RECENT_WINDOW
    return said
