"""Portraits, the week's plan and its limits, the published list."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from contracts.params.base import Count, Money, Rising, Section, Share


class Portray(Section):
    """Thresholds of tiers, states and labels (what a tier is: docs/glossary.md)."""

    returning_days: Count = Field(description="purchase days from which a customer is 'returning'")
    regular_days: Count = Field(description="purchase days from which a steady customer is 'regular'")
    devoted_days: Count = Field(description="purchase days from which a steady customer is 'devoted'")
    steady_gap_cv: Money = Field(description="a rhythm is steady if the gaps' coefficient of variation is at most this")
    lapsing_gap_multiple: Money = Field(description="lapsing: a silence longer than this many usual gaps")
    lapsing_min_days: Count = Field(description="lapsing: a silence of at least this many days")
    value_tier_shares: Annotated[list[Share], Rising] = Field(
        description="by spend: 'top' is the first share of customers, 'middle' goes on to the second",
        min_length=2,
        max_length=2,
    )
    habit_share: Share = Field(description="share of purchases on one weekday part or hour part that makes a habit")
    promotion_shares: Annotated[list[Share], Rising] = Field(
        description="discount shares from which a customer is 'mixed' and 'promotion-led'", min_length=2, max_length=2
    )
    unnamed_categories: list[str] = Field(description="categories that no message names: no goods, or a private matter")
    unnamed_product_types: list[str] = Field(description="product types that no message names")

    @model_validator(mode="after")
    def _tiers_rise(self) -> Portray:
        if not self.returning_days < self.regular_days <= self.devoted_days:
            raise ValueError("expected returning_days < regular_days <= devoted_days")
        return self


class Plan(Section):
    """Limits of a week's plan; the offers themselves stand in offers.yaml."""

    budget: Money = Field(description="expected cost of a week's plan at most, in store currency")
    capacity: Count = Field(description="customers contacted in a week at most")
    rest_days: Annotated[int, Field(ge=0)] = Field(description="days without contact after the last one")
    control_share: Annotated[float, Field(ge=0, lt=1)] = Field(
        description="share of the selected who are left alone, at random, to measure the effect"
    )
    parity_tolerance: Money = Field(
        description="guard: how much mean benefit may fall from a tier to the next, in currency"
    )
    min_cell: Count = Field(description="guard: smallest cell that is judged by itself; smaller ones are merged")
    newcomer_price: str | None = Field(description="the best public newcomers' price; an entitlement of every regular")
    forbidden_attributes: list[str] = Field(
        description="columns that may never reach a feature, label, audience or plan"
    )
    send_after_days: Annotated[int, Field(ge=0)] = Field(description="days from the week's Monday to the send day")
    act_within_days: Count = Field(description="days from the send day to act by")


class Publish(Section):
    """The week's list."""

    list_size: Count = Field(description="rows of the working list at most")
