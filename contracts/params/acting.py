"""Portraits, the week's plan and its limits, the published list."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from contracts.params.base import Count, Days, Money, Rising, Section, Share


class Portray(Section):
    """Thresholds of tiers, states and value (what a tier is: docs/glossary.md); portraits.yaml has those of labels."""

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


class Cap(Section):
    """A rolling cap: at most so many contacts with one customer within so many days."""

    contacts: Count
    days: Days


class Plan(Section):
    """Limits of a week's plan; the offers themselves stand in offers.yaml, the groups in portraits.yaml."""

    budget: Money = Field(description="expected cost of a week's plan at most, in store currency")
    capacity: Count = Field(description="customers contacted in a week at most")
    regulars_share: Share = Field(
        default=0.1, description="share of budget and of contacts kept for regulars who are not at risk"
    )
    rest_days: Annotated[int, Field(ge=0)] = Field(description="days without contact after the last one")
    caps: tuple[Cap, ...] = Field(default=(), description="rolling caps on contacts with one customer")
    control_share: Annotated[float, Field(ge=0, lt=1)] = Field(
        description="share of the selected who are left alone, at random, to measure the effect"
    )
    universal_share: Annotated[float, Field(ge=0, le=0.2)] = Field(
        default=0.02, description="share of all customers who get no marketing for a year, to measure all of it"
    )
    exploration_share: Annotated[float, Field(ge=0, le=0.5)] = Field(
        default=0.05, description="share of budget and contacts given to offers drawn at random, to learn from"
    )
    repeat_factor: Share = Field(
        default=0.8, description="what each message since the last purchase leaves of the risk that one more can act on"
    )
    caution: Annotated[float, Field(ge=0, le=3)] = Field(
        default=0.0, description="standard errors of its profit that an offer must earn beyond 0 to be chosen"
    )
    harm_at_worst: Share = Field(
        default=0.06,
        description="share of those who would have stayed that an offer is taken to drive away in the stated price of "
        "experiments, or the upper end of what is believed, if that is more",
    )
    margin_floor: Share = Field(
        default=0.0, description="margin, as a share of the basket, that must be left after a price benefit"
    )
    max_price_benefits_in_a_row: Count = Field(
        default=2, description="after so many price benefits in a row the next contact carries none"
    )
    parity_tolerance: Money = Field(
        description="guard: how much mean benefit may fall from a tier to the next, in currency"
    )
    min_cell: Count = Field(description="guard: smallest cell that is judged by itself; smaller ones are merged")
    newcomer_price: str | None = Field(description="the best public newcomers' price; an entitlement of every regular")
    forbidden_attributes: list[str] = Field(
        description="columns that may never reach a feature, label, audience or plan"
    )
    send_after_days: Annotated[int, Field(ge=0)] = Field(
        description="days from the week's Monday to the first send day"
    )
    send_within_days: Annotated[int, Field(ge=0)] = Field(
        default=0, description="days by which sending may wait until shortly before the next purchase is due"
    )
    lead_days: Annotated[int, Field(ge=0)] = Field(
        default=2, description="days before the next purchase is due on which a message should arrive"
    )
    act_within_days: Count = Field(description="days from the send day to act by")
    notice_days: Count = Field(default=3, description="days before a price benefit ends on which its end is announced")
    follow_up_days: Count = Field(default=1, description="days after its end on which it is followed up")


class Collect(Section):
    """How experiments are read. Shares of lapses are differences of probability, from -1 to 1."""

    half_life_weeks: Annotated[float, Field(gt=0)] = Field(
        default=52.0, description="age at which a wave counts half for what is believed of an offer"
    )
    min_arm: Count = Field(default=50, description="customers of each arm below which the verdict is 'too early'")
    smallest_effect: Annotated[float, Field(gt=0, lt=1)] = Field(
        default=0.02, description="fall in lapses that matters: an offer whose interval lies below it does nothing"
    )
    false_discovery_rate: Annotated[float, Field(gt=0, lt=1)] = Field(
        default=0.05, description="share of false 'works' and 'harms' among offers (Benjamini-Hochberg)"
    )
    group_sd: Annotated[float, Field(gt=0)] = Field(
        default=0.5, description="how far groups differ in an offer's effect, as a share of its prior's spread"
    )


class Publish(Section):
    """The week's list."""

    list_size: Count = Field(description="rows of the working list at most")
