"""The offer catalogue: `offers.yaml` as typed records, refused with one line when something in it is not allowed.

An offer only gives: every worth and cost is at least 0, and no field can say a surcharge or take something away.
"""

from __future__ import annotations

import string
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from contracts.errors import nearest
from contracts.params import Count, Money, Share
from contracts.tables import GROUPS

Mechanic = Literal[
    "money_off", "percentage", "n_plus_one", "category_discount", "points", "threshold", "free_service", "early_access",
    "upgrade", "recognition", "referral", "invitation", "service_recovery", "personal_call",
]  # fmt: skip
Tier = Literal["new", "returning", "regular", "devoted"]
State = Literal["active", "lapsing"]
ValueTier = Literal["top", "middle", "base"]
Sensitivity = Literal["full-price", "mixed", "promotion-led", "unknown"]
RiskBand = Literal["low", "medium", "high", "unscored"]
Identifier = Annotated[str, Field(pattern="^[a-z][a-z0-9_]*$")]

NONE = "none"
# Plain reductions: whoever has been taught to wait for them gets no more of them (DOMAIN section 4).
DEEPER_DISCOUNTS = ("money_off", "percentage", "n_plus_one", "category_discount")
NEVER_WITHHELD = ("service_recovery",)
BODY_FIELDS = ("favourite_category", "matched_product", "due_product", "valid_until", "promise")
FRAME_FIELDS = ("name", "sender", "text", "stop")
ALL_TIERS: tuple[Tier, ...] = ("new", "returning", "regular", "devoted")
LIVING: tuple[State, ...] = ("active", "lapsing")


def known_groups(names: tuple[str, ...]) -> tuple[str, ...]:
    """The names, if each is one of portraits' groups; `ValueError` with the nearest right name otherwise."""
    for name in names:
        if name not in GROUPS:
            raise ValueError(f"unknown group '{name}'{nearest(name, GROUPS)}; groups are {', '.join(GROUPS)}")
    return names


class Record(BaseModel):
    """A part of the catalogue; immutable, and strict about its keys and numbers."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Prior(Record):
    """A Beta prior of a share: its mean and its strength, in customers' worth of evidence."""

    mean: Annotated[float, Field(ge=0, lt=1)]
    strength: Annotated[float, Field(gt=0)]

    @property
    def variance(self) -> float:
        """Variance of Beta(mean·strength, (1 − mean)·strength)."""
        return self.mean * (1 - self.mean) / (self.strength + 1)


class Gain(Record):
    """Expected margin of an offer that no risk score can judge, in store currency, with a 95 % interval."""

    mean: float
    low: float
    high: float

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not self.low <= self.mean <= self.high:
            raise ValueError(f"expected low <= mean <= high, got {self.low}, {self.mean}, {self.high}")
        return self


class Audience(Record):
    """Who may get an offer, by behaviour alone. A list that is left out admits all."""

    tiers: tuple[Tier, ...] = Field(default=ALL_TIERS, min_length=1)
    states: tuple[State, ...] = Field(default=LIVING, min_length=1)
    value_tiers: tuple[ValueTier, ...] = Field(default=("top", "middle", "base"), min_length=1)
    promotion_sensitivity: tuple[Sensitivity, ...] = Field(
        default=("full-price", "mixed", "promotion-led", "unknown"), min_length=1
    )
    risk_bands: tuple[RiskBand, ...] = Field(default=("low", "medium", "high", "unscored"), min_length=1)
    groups: tuple[str, ...] | None = Field(default=None, description="names of portraits' groups; none means all")

    @field_validator("groups")
    @classmethod
    def _known_groups(cls, groups: tuple[str, ...] | None) -> tuple[str, ...] | None:
        return groups if groups is None else known_groups(groups)


class Channel(Record):
    """A way to reach a customer."""

    id: Identifier
    name: str
    cost: Money = Field(description="of one contact, store currency")
    capacity: Annotated[int, Field(ge=0)] = Field(description="contacts a week at most")
    needs_consent: bool
    states: tuple[State, ...] = Field(default=LIVING, min_length=1, description="whom the channel reaches at all")
    reach: Share = Field(description="share of would-be lapsers whom it reaches in time")
    permission_loss: Share = Field(description="probability that one contact costs the permission")
    permission_worth: Money = Field(description="worth of later contacts on this channel, store currency")
    stop_text: Annotated[str, Field(min_length=10, description="how to stop, said in every message")]


class Offer(Record):
    """One thing that the shop may give. Amounts in store currency, per customer who takes it up unless said."""

    id: Identifier
    code: Annotated[str, Field(pattern="^[A-Z0-9-]{3,16}$")] = Field(description="what the till knows it by")
    mechanic: Mechanic
    text: Annotated[str, Field(min_length=20)] = Field(description="one matter; fields: " + ", ".join(BODY_FIELDS))
    channels: tuple[str, ...] = Field(min_length=1)
    audience: Audience = Audience()
    price_worth: Money = Field(description="price benefit to the customer")
    other_worth: Money = Field(description="worth to the customer of service, access or recognition")
    cost: Money = Field(description="to the shop")
    redeem: Share = Field(description="probability that it is taken up")
    save: Prior = Field(description="share of would-be lapsers whom it keeps")
    harm: Prior = Field(description="share of would-be stayers whom the contact drives away")
    taught: Money = Field(description="margin lost because a full-price customer learns to wait, per contact")
    extra: Money = Field(default=0.0, description="margin beyond retention; 0 until an experiment shows it")
    needs_score: bool = Field(default=True, description="chosen by risk: only for scored and explained customers")
    assumed_gain: Gain | None = Field(default=None, description="for customers without a score")
    capacity: Annotated[int, Field(ge=0)] | None = Field(default=None, description="customers a week at most")
    valid_days: Count = Field(description="days that the benefit stays good after the last day to act")
    disclosure: str = Field(default="", description="shown with the price")

    @property
    def is_price(self) -> bool:
        """Whether it changes what the customer pays."""
        return self.price_worth > 0

    @property
    def fields(self) -> frozenset[str]:
        """The customer's facts that its text names."""
        return template_fields(self.text)

    @field_validator("text")
    @classmethod
    def _closed_fields(cls, text: str) -> str:
        for name in template_fields(text) - set(BODY_FIELDS):
            raise ValueError(
                f"unknown field '{{{name}}}'{nearest(name, BODY_FIELDS)}; fields are {', '.join(BODY_FIELDS)}"
            )
        return text

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if not self.price_worth + self.other_worth > 0:
            raise ValueError("expected a benefit: price_worth or other_worth above 0")
        if self.needs_score == (self.assumed_gain is not None):
            raise ValueError("expected assumed_gain exactly where needs_score is false")
        if self.mechanic in DEEPER_DISCOUNTS and "promotion-led" in self.audience.promotion_sensitivity:
            raise ValueError(
                f"a {self.mechanic} may not go to 'promotion-led' customers; offer them a threshold or service"
            )
        if self.is_price and self.audience.groups is not None:
            raise ValueError(
                "a price benefit may not name groups, for a group can hide a tier; name value tiers or states"
            )
        if self.is_price and "valid_until" not in self.fields:
            raise ValueError("a price benefit announces its end; put {valid_until} into its text")
        return self


class Catalogue(Record):
    """All of `offers.yaml`."""

    sender: Annotated[str, Field(min_length=2)]
    message: str = Field(description="the frame of every message; fields: " + ", ".join(FRAME_FIELDS))
    left_alone: tuple[str, ...] = Field(default=(), description="groups that are deliberately not contacted")
    channels: tuple[Channel, ...] = Field(min_length=1, description="in the shop's order of preference")
    offers: tuple[Offer, ...] = Field(min_length=1)

    @field_validator("left_alone")
    @classmethod
    def _known_left_alone(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        return known_groups(names)

    @field_validator("message")
    @classmethod
    def _whole_frame(cls, message: str) -> str:
        if template_fields(message) != set(FRAME_FIELDS):
            needed = ", ".join(f"{{{name}}}" for name in FRAME_FIELDS)
            raise ValueError(
                f"a message greets, names the sender, carries one matter and says how to stop: expected {needed}"
            )
        return message

    @model_validator(mode="after")
    def _names_agree(self) -> Self:
        known = [channel.id for channel in self.channels]
        for what, names in (
            ("channel", known),
            ("offer", [o.id for o in self.offers]),
            ("code", [o.code for o in self.offers]),
        ):
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise ValueError(f"{what} '{twice[0]}' stands twice; expected each once")
        for offer in self.offers:
            if offer.id == NONE:
                raise ValueError("'none' is always open and needs no entry")
            for name in offer.channels:
                if name not in known:
                    raise ValueError(f"offer '{offer.id}': unknown channel '{name}'{nearest(name, known)}")
        return self

    def offer(self, name: str) -> Offer:
        """The offer of this id."""
        return next(offer for offer in self.offers if offer.id == name)

    def channel(self, name: str) -> Channel:
        """The channel of this id."""
        return next(channel for channel in self.channels if channel.id == name)


def template_fields(text: str) -> frozenset[str]:
    """The names in braces; attribute access, indexing, formats and empty braces are refused.

    >>> sorted(template_fields("{text} until {valid_until}"))
    ['text', 'valid_until']
    """
    found = set()
    for _, name, spec, conversion in string.Formatter().parse(text):
        if name is None:
            continue
        if not name.isidentifier() or spec or conversion:
            raise ValueError(f"expected plain fields such as {{valid_until}}, got '{{{name}}}'")
        found.add(name)
    return frozenset(found)
