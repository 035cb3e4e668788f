"""The labels: each a rule over a customer's facts, with one sentence of evidence in the customer's own numbers.

A label names behaviour only, in words fit for the customer to read. A new label touches the list below alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from contracts.params import Portray
from portraits.habits import DAY_PARTS

Rule = Callable[[pd.DataFrame, Portray], pd.Series]
EVEN_WEEKEND_SHARE = 2 / 7
FEW_VISITS = 5  # below this, a share of visits says nothing
COUPON_DAYS = 3
TRENDS = (0.6, 1.5)


@dataclass(frozen=True)
class Label:
    """A name, the rule that gives it, and the sentence that proves it (fields of the facts table in braces)."""

    name: str
    rule: Rule
    evidence: str


def _seen(facts: pd.DataFrame) -> pd.Series:
    return facts["n_visits"] >= FEW_VISITS


def _habit(column: str) -> Rule:
    return lambda facts, limits: _seen(facts) & (facts[column] >= limits.habit_share)


def _weekday(facts: pd.DataFrame, limits: Portray) -> pd.Series:
    return _seen(facts) & (facts["weekend_share"] <= EVEN_WEEKEND_SHARE * (1 - limits.habit_share))


def _steady(facts: pd.DataFrame, limits: Portray) -> pd.Series:
    return (facts["gap_cv"] <= limits.steady_gap_cv) & (facts["n_purchase_days"] >= limits.regular_days)


def _favourite(facts: pd.DataFrame, limits: Portray) -> pd.Series:
    often = facts["category_days"] >= limits.habit_share * facts["days_half_year"]
    return _seen(facts) & often & (facts["favourite_words"] != "")


def _trend(facts: pd.DataFrame) -> pd.Series:
    """Purchase days of the quarter over those of the one before; none for whoever stays away: that is said instead."""
    ratio = facts["days_quarter"] / facts["days_quarter_before"]
    return ratio.where((facts["days_quarter_before"] >= FEW_VISITS) & (facts["state"] == "active"))


LABELS = (
    Label(
        "new here",
        lambda facts, _: (facts["tier"] == "new") & (facts["state"] != "gone"),
        "Your first visit was on {first_on}; shopping days with us so far: {n_purchase_days}.",
    ),
    Label(
        "comes now and then",
        lambda facts, _: (facts["tier"] == "returning") & (facts["state"] != "gone"),
        "You have shopped with us on {n_purchase_days} days since {first_on}, at no fixed rhythm.",
    ),
    Label(
        "with us again and again",
        lambda facts, _: facts["tier"] == "devoted",
        "You have shopped with us on {n_purchase_days} days since {first_on}.",
    ),
    Label(
        "steady rhythm",
        _steady,
        "Your visits usually lie {usual_gap_words} apart, fairly evenly, over {n_purchase_days} shopping days so far.",
    ),
    Label(
        "away longer than usual",
        lambda facts, _: facts["state"] == "lapsing",
        "Your last visit was on {last_on}, {silence_days:.0f} days before {cutoff}; your usual break is shorter.",
    ),
    Label(
        "not seen for long",
        lambda facts, _: facts["state"] == "gone",
        "Your last visit was on {last_on}, {silence_days:.0f} days before {cutoff}.",
    ),
    Label(
        "comes more often",
        lambda facts, _: _trend(facts) >= TRENDS[1],
        "You shopped on {days_quarter} of the 91 days to {data_through}, on {days_quarter_before} of the 91 before.",
    ),
    Label(
        "comes less often",
        lambda facts, _: _trend(facts) <= TRENDS[0],
        "You shopped on {days_quarter} of the 91 days to {data_through}, on {days_quarter_before} of the 91 before.",
    ),
    Label(
        "weekend shopper",
        _habit("weekend_share"),
        "{weekend_share:.0%} of your {n_visits:.0f} visits since {since} fell on a Saturday or Sunday.",
    ),
    Label(
        "weekday shopper",
        _weekday,
        "Only {weekend_share:.0%} of your {n_visits:.0f} visits since {since} fell on a Saturday or Sunday.",
    ),
    *(
        Label(
            f"{part} shopper",
            _habit(f"{part}_share"),
            f"{{{part}_share:.0%}} of your {{n_visits:.0f}} visits since {{since}} began {hours}.",
        )
        for part, hours in zip(
            DAY_PARTS,
            (
                "between 5 and 12 in the morning",
                "between 12 and 5 in the afternoon",
                "between 5 and 9 in the evening",
                "between 9 in the evening and 5 in the morning",
            ),
            strict=True,
        )
    ),
    Label(
        "one favourite store",
        lambda facts, limits: _habit("store_share")(facts, limits) & (facts["n_stores"] > 1),
        "You went to the same shop on {store_share:.0%} of your {n_visits:.0f} visits since {since}.",
    ),
    Label(
        "small, frequent baskets",
        lambda facts, _: _seen(facts) & (facts["lines_per_visit"] <= facts["shop_lines_per_visit"] / 2),
        "You took {lines_per_visit:.0f} different items a visit since {since}; half of our customers take more than "
        "{shop_lines_per_visit:.0f}.",
    ),
    Label(
        "large baskets",
        lambda facts, _: _seen(facts) & (facts["lines_per_visit"] >= facts["shop_lines_per_visit"] * 2),
        "You took {lines_per_visit:.0f} different items a visit since {since}; half of our customers take fewer than "
        "{shop_lines_per_visit:.0f}.",
    ),
    Label(
        "buys without offers",
        lambda facts, _: _seen(facts) & (facts["promotion_sensitivity"] == "full-price"),
        "Since {since}, reductions took {discount:.2f} {currency} off a list price of {list_price:.2f} {currency}: "
        "{discount_share:.0%}.",
    ),
    Label(
        "enjoys offers",
        lambda facts, _: _seen(facts) & (facts["promotion_sensitivity"] == "promotion-led"),
        "Since {since}, reductions took {discount:.2f} {currency} off a list price of {list_price:.2f} {currency}: "
        "{discount_share:.0%}.",
    ),
    Label(
        "uses coupons",
        lambda facts, _: facts["coupon_days"] >= COUPON_DAYS,
        "You used coupons on {coupon_days} days since {since}.",
    ),
    Label(
        "likes our own brand",
        lambda facts, limits: _seen(facts) & (facts["own_brand_share"] >= limits.habit_share),
        "{own_brand_share:.0%} of the items that you bought since {since} were of our own brand.",
    ),
    Label(
        "has a favourite",
        _favourite,
        "You bought {favourite_words} on {category_days:.0f} of your {days_half_year} shopping days since {since}.",
    ),
)


def label_customers(facts: pd.DataFrame, limits: Portray) -> pd.DataFrame:
    """One row per customer: `labels` joined by '; ' and `evidence`, a sentence a label, joined by ' '."""
    n_customers = len(facts)
    names: list[list[str]] = [[] for _ in range(n_customers)]
    sentences: list[list[str]] = [[] for _ in range(n_customers)]
    for label in LABELS:
        given = label.rule(facts, limits).fillna(False).to_numpy(dtype=bool).nonzero()[0]
        for position, row in zip(given, facts.iloc[given].to_dict("records"), strict=True):
            names[position].append(label.name)
            sentences[position].append(label.evidence.format_map(row))
    return pd.DataFrame(
        {
            "labels": pd.Series(["; ".join(given) for given in names], index=facts.index, dtype="str"),
            "evidence": pd.Series([" ".join(given) for given in sentences], index=facts.index, dtype="str"),
        }
    )
