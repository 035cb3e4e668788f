"""The offer catalogue: `offers.yaml` as typed records, refused with one line when something in it is not allowed.

An offer only gives: every worth and cost is at least 0, and no field can say a surcharge or take something away.
"""

from __future__ import annotations

import string
from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from contracts.errors import nearest
from contracts.params.base import Count, Money, Section, Share
from offers.audience import ALL_BANDS, ALL_TIERS, Audience, Occasion
from offers.channel import Channel, Identifier

Mechanic = Literal[
    "money_off", "percentage", "n_plus_one", "category_discount", "points", "threshold", "free_service", "early_access",
    "upgrade", "recognition", "referral", "invitation", "service_recovery", "personal_call",
]  # fmt: skip
Code = Annotated[str, Field(pattern="^[A-Z0-9-]{3,16}$")]

NONE = "none"
# Plain reductions: whoever has been taught to wait for them gets no more of them.
DEEPER_DISCOUNTS = ("money_off", "percentage", "n_plus_one", "category_discount")
PRICE_MECHANICS = (*DEEPER_DISCOUNTS, "points", "threshold")
NEVER_WITHHELD = ("service_recovery",)
PRODUCT_FIELDS = (
    "favourite_category", "matched_product", "due_product", "goes_with_product", "within_price_product",
    "lapsed_product",
)  # fmt: skip
BODY_FIELDS = (*PRODUCT_FIELDS, "valid_until", "promise")
FRAME_FIELDS = ("name", "sender", "text", "stop")


class Prior(Section):
    """A Beta prior of a share: its mean and its strength, in customers' worth of evidence."""

    mean: Annotated[float, Field(ge=0, lt=1)]
    strength: Annotated[float, Field(gt=0)]

    @property
    def variance(self) -> float:
        """Variance of Beta(mean·strength, (1 − mean)·strength)."""
        return self.mean * (1 - self.mean) / (self.strength + 1)


class Gain(Section):
    """Expected margin of an offer that no risk score can judge, in store currency, with a 95 % interval."""

    mean: float
    low: float
    high: float

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not self.low <= self.mean <= self.high:
            raise ValueError(f"expected low <= mean <= high, got {self.low}, {self.mean}, {self.high}")
        return self


class Component(Section):
    """One benefit: amounts in store currency, per customer who takes it up."""

    code: Code = Field(description="what the till knows it by")
    mechanic: Mechanic
    price_worth: Money = Field(description="price benefit to the customer")
    other_worth: Money = Field(description="worth to the customer of service, access or recognition")
    cost: Money = Field(description="to the shop")
    redeem: Share = Field(description="probability that it is taken up")
    valid_days: Count = Field(description="days that the benefit stays good after the last day to act")

    @property
    def is_price(self) -> bool:
        """Whether it changes what the customer pays."""
        return self.price_worth > 0

    @property
    def price_benefit(self) -> float:
        """Expected worth of the price benefit to a customer who is offered it."""
        return self.redeem * self.price_worth

    @property
    def benefit(self) -> float:
        """Expected worth of all that it gives to a customer who is offered it."""
        return self.redeem * (self.price_worth + self.other_worth)

    @model_validator(mode="after")
    def _gives(self) -> Self:
        if not self.price_worth + self.other_worth > 0:
            raise ValueError("expected a benefit: price_worth or other_worth above 0")
        if self.mechanic in PRICE_MECHANICS and not (self.price_worth > 0 and self.other_worth == 0):
            raise ValueError(f"a {self.mechanic} is a price benefit; expected price_worth above 0 and other_worth 0")
        return self


class Offer(Component):
    """One thing that the shop may give, alone or bundled with further components; one message, one matter."""

    id: Identifier
    text: Annotated[str, Field(min_length=20)] = Field(description="one matter; fields: " + ", ".join(BODY_FIELDS))
    with_: tuple[Component, ...] = Field(default=(), alias="with", description="further components of a bundle")
    channels: tuple[str, ...] = Field(min_length=1)
    audience: Audience = Audience()
    occasion: Occasion | None = Field(default=None, description="given only when this occasion is near")
    basket: Money = Field(default=0.0, description="least value of the purchase on which a price benefit is used")
    save: Prior = Field(description="share of would-be lapsers whom it keeps")
    harm: Prior = Field(description="share of would-be stayers whom the contact drives away")
    save_by_group: Mapping[str, Prior] = Field(default_factory=dict, description="the same for groups that differ")
    harm_by_group: Mapping[str, Prior] = Field(default_factory=dict, description="the same for groups that differ")
    taught: Money = Field(description="margin lost because a full-price customer learns to wait, per contact")
    extra: Money = Field(default=0.0, description="margin beyond retention; 0 until an experiment shows it")
    needs_score: bool = Field(default=True, description="chosen by risk: only for scored and explained customers")
    assumed_gain: Gain | None = Field(default=None, description="for customers without a score")
    capacity: Annotated[int, Field(ge=0)] | None = Field(default=None, description="customers a week at most")
    budget: Money | None = Field(default=None, description="expected cost a week at most, store currency")
    again_after_days: Annotated[int, Field(ge=0)] = Field(default=0, description="not again within so many days")
    never_with: tuple[str, ...] = Field(default=(), description="offers that exclude this one while they last")
    days_after: Mapping[str, Count] = Field(default_factory=dict, description="only so many days after these offers")
    disclosure: str = Field(default="", description="shown with the price")

    @property
    def components(self) -> tuple[Component, ...]:
        """Everything it gives: itself, and what it is bundled with."""
        return (self, *self.with_)

    @property
    def is_never_withheld(self) -> bool:
        """Whether it puts something right: no rest, group, budget or control group stands in its way."""
        return self.mechanic in NEVER_WITHHELD

    @property
    def gives_price(self) -> bool:
        """Whether any component changes what the customer pays."""
        return any(component.is_price for component in self.components)

    @property
    def whole_price_benefit(self) -> float:
        """Expected worth of the price benefits of all components to a customer who is offered it."""
        return sum(component.price_benefit for component in self.components)

    @property
    def whole_benefit(self) -> float:
        """Expected worth of all components to a customer who is offered it."""
        return sum(component.benefit for component in self.components)

    @property
    def mechanics(self) -> tuple[Mechanic, ...]:
        """The mechanics of all components."""
        return tuple(component.mechanic for component in self.components)

    @property
    def fields(self) -> frozenset[str]:
        """The customer's facts that its text names."""
        return template_fields(self.text)

    @field_validator("text")
    @classmethod
    def _closed_fields(cls, text: str) -> str:
        for name in sorted(template_fields(text) - set(BODY_FIELDS)):
            raise ValueError(
                f"unknown field '{{{name}}}'{nearest(name, BODY_FIELDS)}; fields are {', '.join(BODY_FIELDS)}"
            )
        return text

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.needs_score == (self.assumed_gain is not None):
            raise ValueError("expected assumed_gain exactly where needs_score is false")
        deeper = [name for name in self.mechanics if name in DEEPER_DISCOUNTS]
        if deeper and "promotion-led" in self.audience.promotion_sensitivity:
            raise ValueError(
                f"a {deeper[0]} may not go to 'promotion-led' customers; offer them a threshold or service"
            )
        if self.occasion is not None and self.capacity is None:
            raise ValueError("an offer on an occasion needs a capacity of its own: no mass messages")
        return self

    @model_validator(mode="after")
    def _price_is_open(self) -> Self:
        audience = self.audience
        if not self.gives_price:
            return self
        if audience.groups is not None:
            raise ValueError(
                "a price benefit may not name groups, for a group can hide a tier; name value tiers or states"
            )
        if audience.is_everyone:
            raise ValueError("a price benefit for everyone is a mass discount; say in audience whom it fits")
        admitted = [tier in audience.tiers for tier in ALL_TIERS]
        if sorted(admitted) != admitted:
            raise ValueError(f"a price benefit that admits a tier admits every higher one, up to '{ALL_TIERS[-1]}'")
        if "unscored" in audience.risk_bands and len(set(audience.risk_bands)) < len(ALL_BANDS):
            raise ValueError("a price benefit for the unscored goes to newcomers; name all risk_bands beside it")
        if self.occasion is not None and self.occasion.kind != "calendar":
            raise ValueError("a price benefit may not hang on an anniversary, for it rests on how long they have come")
        return self

    @model_validator(mode="after")
    def _price_is_whole(self) -> Self:
        if not self.gives_price:
            return self
        if "valid_until" not in self.fields:
            raise ValueError("a price benefit announces its end; put {valid_until} into its text")
        if self.basket <= 0:
            raise ValueError("a price benefit needs basket: the least value of the purchase on which it is used")
        if sum(component.price_worth for component in self.components) > self.basket:
            raise ValueError(f"a price benefit cannot be worth more than its basket of {self.basket:g}")
        return self


class Catalogue(Section):
    """All of `offers.yaml`."""

    sender: Annotated[str, Field(min_length=2)]
    message: str = Field(description="the frame of every message; fields: " + ", ".join(FRAME_FIELDS))
    channels: tuple[Channel, ...] = Field(min_length=1, description="in the shop's order of preference")
    offers: tuple[Offer, ...] = Field(min_length=1)

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
        channels, offers = [channel.id for channel in self.channels], [offer.id for offer in self.offers]
        _refuse_twice("channel", channels)
        _refuse_twice("offer", offers)
        _refuse_twice("code", [component.code for offer in self.offers for component in offer.components])
        if NONE in offers:
            raise ValueError("'none' is always open and needs no entry")
        for offer in self.offers:
            _refuse_unknown(f"offer '{offer.id}': unknown channel", offer.channels, channels)
            _refuse_unknown(f"offer '{offer.id}': unknown offer", (*offer.never_with, *offer.days_after), offers)
            if offer.gives_price:
                self._refuse_narrow(offer)
        return self

    def _refuse_narrow(self, offer: Offer) -> None:
        """A price that hangs on another offer must not hang on that one's tiers or groups."""
        for name in (*offer.never_with, *offer.days_after):
            audience = self.offer(name).audience
            if audience.groups is not None or set(audience.tiers) != set(ALL_TIERS):
                raise ValueError(
                    f"offer '{offer.id}': a price benefit may not hang on '{name}', which is for some tiers or groups"
                )

    def offer(self, name: str) -> Offer:
        """The offer of this id."""
        return next(offer for offer in self.offers if offer.id == name)

    def channel(self, name: str) -> Channel:
        """The channel of this id."""
        return next(channel for channel in self.channels if channel.id == name)


def _refuse_twice(what: str, names: list[str]) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"{what} '{twice[0]}' stands twice; expected each once")


def _refuse_unknown(what: str, names: tuple[str, ...], known: list[str]) -> None:
    for name in names:
        if name not in known:
            raise ValueError(f"{what} '{name}'{nearest(name, known)}")


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
