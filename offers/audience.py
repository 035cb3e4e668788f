"""Who may get an offer, by behaviour alone, and on which occasion."""

from __future__ import annotations

import calendar
from datetime import date, timedelta
from typing import Annotated, Literal, Self

import pandas as pd
from pydantic import Field, field_validator, model_validator

from contracts.params.base import Count, Section
from contracts.portrait_rules import LabelRule

Tier = Literal["new", "returning", "regular", "devoted"]
State = Literal["active", "lapsing"]
ValueTier = Literal["top", "middle", "base"]
Sensitivity = Literal["full-price", "mixed", "promotion-led", "unknown"]
RiskBand = Literal["low", "medium", "high", "unscored"]
Payer = Literal["unknown", "self", "employer", "gift", "mixed"]
Interaction = Literal["unknown", "forced", "induced", "sticky"]
Names = Annotated[tuple[str, ...], Field(min_length=1)]

ALL_TIERS: tuple[Tier, ...] = ("new", "returning", "regular", "devoted")
LIVING: tuple[State, ...] = ("active", "lapsing")
ALL_BANDS: tuple[RiskBand, ...] = ("low", "medium", "high", "unscored")
TASTES = frozenset(
    {
        "weekend_share", "morning_share", "afternoon_share", "evening_share", "late_share", "lines_per_visit",
        "shop_lines_per_visit", "category_days", "favourite_words", "own_brand_share", "promotion_sensitivity",
        "list_price", "discount", "discount_share", "reduced_share", "coupon_days", "lover_words", "lover_spend",
        "lover_share", "payer", "payer_words", "state",
    }
)  # fmt: skip
"""Facts of habit and taste, on which a price benefit may hang by a label. No other may: it could say how loyal
customers are, what they can pay, or which shop or device they use."""
AT_LEAST_ONLY = frozenset({"n_visits", "days_half_year"})
"""Facts that may ask for enough to go by; such a condition leaves out the less loyal alone."""
FRAME = frozenset({"cutoff", "data_through", "since", "currency"})


class Audience(Section):
    """Who may get an offer. A list that is left out admits all; all lists must admit the customer."""

    tiers: tuple[Tier, ...] = Field(default=ALL_TIERS, min_length=1)
    states: tuple[State, ...] = Field(default=LIVING, min_length=1)
    value_tiers: tuple[ValueTier, ...] = Field(default=("top", "middle", "base"), min_length=1)
    promotion_sensitivity: tuple[Sensitivity, ...] = Field(
        default=("full-price", "mixed", "promotion-led", "unknown"), min_length=1
    )
    risk_bands: tuple[RiskBand, ...] = Field(default=("low", "medium", "high", "unscored"), min_length=1)
    payers: tuple[Payer, ...] = Field(default=("unknown", "self", "employer", "gift", "mixed"), min_length=1)
    interactions: tuple[Interaction, ...] = Field(default=("unknown", "forced", "induced", "sticky"), min_length=1)
    groups: Names | None = Field(default=None, description="names of groups of portraits.yaml")
    labels: Names | None = Field(default=None, description="has at least one of these labels of portraits.yaml")
    without_labels: Names | None = Field(default=None, description="has none of these labels")

    @property
    def is_everyone(self) -> bool:
        """Whether it narrows nothing."""
        return all(_as_set(getattr(self, name)) == _as_set(getattr(Audience(), name)) for name in Audience.model_fields)


def _as_set(values: tuple[str, ...] | None) -> frozenset[str] | None:
    return None if values is None else frozenset(values)


def hidden_facts(rule: LabelRule, *, is_excluded: bool) -> list[str]:
    """The facts that bar a label from the audience of a price benefit (`is_excluded`: in `without_labels`)."""
    asks_enough = {
        condition.fact
        for condition in rule.when
        if condition.fact in AT_LEAST_ONLY and condition.comparator in {"at least", "more than"} and not condition.other
    }
    asked = {condition.fact for condition in rule.when}
    allowed = TASTES | FRAME | (frozenset() if is_excluded else AT_LEAST_ONLY)
    return sorted((set(rule.reads) - allowed) | ((asked & AT_LEAST_ONLY) - asks_enough))


CLOSED_LISTS = {
    "tier": "tiers",
    "state": "states",
    "value_tier": "value_tiers",
    "promotion_sensitivity": "promotion_sensitivity",
    "risk_band": "risk_bands",
    "payer": "payers",
    "interaction": "interactions",
}
"""Columns of a customer's row, and the audience's list that must hold its value."""


def has_any_label(labels: pd.Series, wanted: tuple[str, ...]) -> pd.Series:
    """Which rows of labels (joined by '; ') hold at least one of the wanted.

    >>> has_any_label(pd.Series(["weekend shopper; has a favourite", ""]), ("has a favourite",)).tolist()
    [True, False]
    """
    listed = "; " + labels + "; "
    found = pd.Series(False, index=labels.index)
    for name in wanted:
        found |= listed.str.contains(f"; {name}; ", regex=False)
    return found


class Occasion(Section):
    """A day that gives a reason to write: the same days every year, or an anniversary of the customer's own."""

    kind: Literal["calendar", "first_purchase", "joining"]
    days: tuple[Annotated[str, Field(pattern=r"^\d{2}-\d{2}$")], ...] = Field(
        default=(), description="month and day, as '12-06'; for calendar alone"
    )
    within_days: Count = Field(default=7, description="the day lies at most so many days after the send day")

    @field_validator("days")
    @classmethod
    def _real_days(cls, days: tuple[str, ...]) -> tuple[str, ...]:
        for day in days:
            try:
                date.fromisoformat(f"2024-{day}")
            except ValueError as error:
                raise ValueError(f"expected month and day, as '12-06', got '{day}'") from error
        return days

    @model_validator(mode="after")
    def _calendar_has_days(self) -> Self:
        if (self.kind == "calendar") != bool(self.days):
            raise ValueError("expected days exactly where kind is calendar")
        return self


def falls(occasion: Occasion, customers: pd.DataFrame, send_on: date) -> pd.Series:
    """For which customers (`first_purchase_on`, `joined_on`) the occasion falls on the send day or soon after."""
    window = [send_on + timedelta(days=k) for k in range(occasion.within_days + 1)]
    if occasion.kind == "calendar":
        is_near = any(f"{day:%m-%d}" in occasion.days for day in window)
        return pd.Series(is_near, index=customers.index)
    days = customers["first_purchase_on" if occasion.kind == "first_purchase" else "joined_on"]
    month_days = days.dt.strftime("%m-%d")
    found = pd.Series(False, index=customers.index)
    for day in window:
        found |= month_days.isin(_kept_on(day)) & (days.dt.year < day.year)
    return found


def _kept_on(day: date) -> list[str]:
    """Which month and day a day is the anniversary of; 29 February is kept on the 28th in other years."""
    own = f"{day:%m-%d}"
    return [own, "02-29"] if own == "02-28" and not calendar.isleap(day.year) else [own]
