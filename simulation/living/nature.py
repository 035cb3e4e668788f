"""The true parameters of a living store, in one record: rhythm, leaving, prices, and what messages really do."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from zoneinfo import available_timezones

from contracts.errors import ParameterError, nearest

PRICE_MECHANICS = ("money_off", "percentage", "n_plus_one", "category_discount", "points", "threshold")
MECHANICS = (
    *PRICE_MECHANICS,
    *("free_service", "early_access", "upgrade", "recognition", "referral", "invitation", "service_recovery"),
    "personal_call",
)
TASTE_MECHANICS = ("category_discount", "early_access", "invitation")
"""Mechanics that speak of one kind of goods: they mean more to whoever keeps to one category."""
TYPES = ("persuadable", "sure thing", "lost cause", "sleeping dog")
LEVELS = ("full-price", "mixed", "promotion-led")
MAX_SHAPE = 4
ABOVE_ZERO = (
    *("customers", "burn_in_weeks", "world_weeks", "mean_gap_days", "rate_shape", "basket", "hazard_shape"),
    *("mean_life_days", "pause_mean_days", "shield_days", "recall_days", "promotion_every_weeks", "categories"),
)


@dataclass(frozen=True)
class Effect:
    """What one mechanic truly does, before the customer's own factors; all are shares from 0 to 1."""

    save: float = 0.15  # of the lately left it brings back, of the living it shields, where it reaches them
    harm: float = 0.004  # of the living whom it drives away
    redeem: float = 0.25  # of those who buy while it is valid, those who use it
    lift: float = 0.0  # by how much a purchase with the benefit is larger than the same one without


@dataclass(frozen=True)
class Nature:
    """Every true parameter. Shares lie in [0, 1]; days are local calendar days, counted from `first_day`; money is in
    `currency`. Customers' own values are drawn once, from the store's seed.

    Ties to the shop (purchases, and care visits where `purchase_share` is below 1) are a renewal process: gaps are
    Erlang (gamma with whole shapes) on the store's clock, which runs on through pauses and after leaving.
    """

    customers: int = 3000  # all who ever join, the newcomers of later years included
    first_day: date = date(2022, 1, 3)  # a Monday
    time_zone: str = "Europe/Berlin"
    currency: str = "EUR"
    margin_rate: float = 0.3  # of the list price
    burn_in_weeks: int = 60  # history before the first plan
    world_weeks: int = 170  # newcomers join over so many weeks from the first day

    # joining
    starter_share: float = 0.6  # had joined before the first day, and are alive on it
    oldest_days: float = 900.0  # starters joined at most so long before
    one_time_share: float = 0.25  # of newcomers: leave after the first purchase

    # rhythm
    mean_gap_days: float = 9.0  # mean customer's; rates are gamma over customers
    rate_shape: float = 2.5
    gap_bounds_days: tuple[float, float] = (3.0, 60.0)  # mean gaps are held within
    shape_shares: tuple[float, ...] = (0.4, 0.35, 0.25)  # customers whose gaps have shape 1, 2, 3 (, 4)
    purchase_share: float = 1.0  # of ties; the others are care visits
    weekday_weights: tuple[float, ...] = (0.9, 0.85, 0.9, 1.0, 1.3, 1.6, 0.45)  # from Monday
    yearly_amplitude: float = 0.12  # 1 + amplitude at the peak of the year
    yearly_peak_day: int = 340  # day of the year
    shock_sd: float = 0.06  # of the logarithm of a week's chance, the same for all customers
    pauses_per_year: float = 0.7  # silences that are no leaving
    pause_mean_days: float = 18.0  # geometric

    # leaving
    hazard_shape: float = 1.0  # gamma over customers
    mean_life_days: float = 420.0  # 1 / mean hazard a day, before all factors
    type_hazards: tuple[float, ...] = (1.3, 0.45, 1.5, 1.0)  # factor of each hidden type
    bad_share: float = 0.02  # of purchases, those that go badly
    bad_factor: float = 3.0  # on the hazard, for
    bad_days: int = 28  # days after
    complaint_share: float = 0.4  # of bad experiences, those that the customer complains about
    ended_factor: float = 1.3  # on the hazard after a price benefit has ended, for
    ended_days: int = 14  # days
    fatigue_factor: float = 1.12  # on the hazard, for each contact of the last 8 weeks beyond
    fatigue_free: int = 1  # so many

    # goods and prices
    categories: int = 12
    products_per_category: int = 12
    favourite_share: float = 0.6  # of lines, those of the favourite category, of the mean customer
    drift_share: float = 0.01  # of customers a week, those whose favourite category changes
    basket: float = 35.0  # list value of a purchase, mean over customers
    basket_sd: float = 0.45  # of its logarithm, over customers
    purchase_sd: float = 0.4  # of the logarithm of a customer's purchases
    level_shares: tuple[float, ...] = (0.4, 0.35, 0.25)  # customers who are full-price, mixed, promotion-led
    level_sensitivity: tuple[float, ...] = (0.1, 0.5, 0.9)  # share of their purchases that is bought reduced
    reduction: float = 0.3  # off the list price of what is bought reduced
    promotion_every_weeks: int = 6  # the shop's own promotion lasts a week
    promotion_pull: float = 0.4  # on its days a fully sensitive customer's clock runs faster by this share
    return_share: float = 0.02  # of purchases, undone later
    return_days: int = 21  # at most
    taught_step: float = 0.01  # share of purchases that moves to reduced ones with each price benefit received

    # messages
    consent_shares: Mapping[str, float] = field(
        default_factory=lambda: {"email": 0.7, "sms": 0.4, "letter": 1.0, "call": 0.4}
    )
    no_marketing_share: float = 0.04
    reach: Mapping[str, float] = field(
        default_factory=lambda: {"email": 0.6, "sms": 0.8, "letter": 0.85, "call": 0.7}
    )  # of contacts, those that come to be read in time; a factor on save and harm
    open_share: float = 0.45  # of messages, of the mean type
    unsubscribe_share: float = 0.004  # of contacts
    complained_share: float = 0.002  # of contacts
    permission_worth: float = 2.0  # worth of later contacts on a channel, in currency
    recall_days: int = 60  # a customer can be brought back so long after leaving
    shield_days: float = 28.0  # mean time of a shield, geometric
    contact_factor: float = 0.6  # on save, for each further contact of the last 4 weeks
    service_without_purchase: bool = False  # what is no price benefit is taken up by the living at once

    # hidden types, in the order of TYPES
    type_shares: tuple[float, ...] = (0.35, 0.35, 0.2, 0.1)
    type_saves: tuple[float, ...] = (2.0, 0.7, 0.15, 0.1)  # factor on save
    type_harms: tuple[float, ...] = (0.5, 0.5, 1.0, 6.0)  # factor on harm
    type_opens: tuple[float, ...] = (1.5, 1.0, 0.6, 0.2)  # factor on opening, if types are visible
    type_levels: tuple[tuple[float, ...], ...] = (
        (0.15, 0.65, 0.2),
        (0.5, 0.3, 0.2),
        (0.35, 0.25, 0.4),
        (0.75, 0.15, 0.1),
    )  # shares of price levels of each type, if types are visible
    type_visibility: float = 0.5  # 0: a type shows in nothing that the shop sees; 1: as said above

    # what mechanics do
    effects: Mapping[str, Effect] = field(default_factory=dict)
    default_effect: Effect = Effect()
    price_match: tuple[float, ...] = (0.5, 1.3, 1.1)  # factor on a price benefit's save, by price level
    service_match: tuple[float, ...] = (1.3, 0.9, 0.7)  # the same of all other benefits
    taste_match: float = 0.6  # save of taste mechanics is larger by up to this half and half, by focus on a category
    reversal_week: int | None = None  # after the first plan: from then on the strongest mechanic is the weakest
    reversal_harm: float = 0.03  # of those that were above the middle, from then on
    only_low_risk: bool = False  # save acts only where the probability of having left is at most
    low_risk_at: float = 0.12  # this

    def __post_init__(self) -> None:
        refuse_impossible(self)

    def effect(self, mechanic: str, week: int) -> Effect:
        """What a mechanic does in a week, counted from the first day; a reversal mirrors the order of the mechanics."""
        if self.reversal_week is None or week < self.burn_in_weeks + self.reversal_week:
            return self.effects.get(mechanic, self.default_effect)
        order = sorted(MECHANICS, key=lambda name: (self.effects.get(name, self.default_effect).save, name))
        rank = order.index(mechanic)
        own = self.effects.get(mechanic, self.default_effect)
        mirrored = self.effects.get(order[-1 - rank], self.default_effect)
        harm = self.reversal_harm if rank >= len(order) // 2 else own.harm
        return dataclasses.replace(own, save=mirrored.save, harm=harm)


def refuse_impossible(nature: Nature) -> None:
    """Raise `ParameterError` for the first parameter that cannot be."""
    for one in dataclasses.fields(nature):
        name, value = one.name, getattr(nature, one.name)
        if name.endswith("_share") and not 0 <= value <= 1:
            raise ParameterError(f"living store: {name}: expected a share from 0 to 1, got {value}")
        if name in ABOVE_ZERO and not value > 0:
            raise ParameterError(f"living store: {name}: expected a number above 0, got {value}")
        if name in ("shape_shares", "level_shares", "type_shares") and abs(sum(value) - 1) > 1e-9:
            raise ParameterError(f"living store: {name}: expected shares that sum to 1, got {value}")
    _refuse_unfit(nature)


def _refuse_unfit(nature: Nature) -> None:
    """The parameters that hang together."""
    for mechanic in nature.effects:
        if mechanic not in MECHANICS:
            raise ParameterError(f"living store: effects: unknown mechanic '{mechanic}'{nearest(mechanic, MECHANICS)}")
    if nature.time_zone not in available_timezones():
        hint = nearest(nature.time_zone, available_timezones())
        raise ParameterError(f"living store: time_zone: expected an IANA name, got '{nature.time_zone}'{hint}")
    if nature.first_day.weekday() != 0:
        raise ParameterError(f"living store: first_day: expected a Monday, got {nature.first_day}")
    if not 1 <= len(nature.shape_shares) <= MAX_SHAPE:
        raise ParameterError(f"living store: shape_shares: expected 1 to {MAX_SHAPE}, got {len(nature.shape_shares)}")
    if set(nature.consent_shares) != set(nature.reach):
        raise ParameterError("living store: consent_shares and reach: expected the same channels in both")
    _refuse_odd_types(nature)


def _refuse_odd_types(nature: Nature) -> None:
    """Each hidden type has its own factors."""
    for name in ("type_hazards", "type_saves", "type_harms", "type_opens", "type_levels"):
        if len(getattr(nature, name)) != len(TYPES):
            raise ParameterError(f"living store: {name}: expected one for each of {', '.join(TYPES)}")
