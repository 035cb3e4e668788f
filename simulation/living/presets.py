"""Plausible shops, and some nasty ones: the truth of each, the terms that it works under, and its catalogue.

Benefits, costs and stakes are in proportion to the shop; the declared guesses of the catalogues are the same whatever
the truth. Budgets and capacities let about a fifth of the customers at risk be treated in a week.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

from simulation.living.nature import MECHANICS, Effect, Nature

SHOPS = Path(__file__).parent / "shops"


@dataclass(frozen=True)
class Preset:
    """A simulated shop. Money is in `nature.currency`; the label is flat: lapsed = no tie within `horizon_days`."""

    nature: Nature
    horizon_days: int
    value_horizon_days: int
    min_purchase_days: int  # days with a purchase from which a customer is judged
    active_days: int  # and the last tie lies at most so many days back
    budget: float  # a week, expected cost of benefits and contacts
    capacity: int  # customers contacted a week
    rest_days: int
    catalogue: str  # folder below `shops`
    says: str
    label: str = "flat"

    @property
    def folder(self) -> Path:
        """Where offers.yaml, portraits.yaml and words.yaml stand."""
        return SHOPS / self.catalogue


GROCERY = Nature(
    effects={
        "money_off": Effect(save=0.24, harm=0.004, redeem=0.25, lift=0.05),
        "threshold": Effect(save=0.16, harm=0.004, redeem=0.15, lift=0.25),
        "points": Effect(save=0.10, harm=0.003, redeem=0.45, lift=0.03),
        "free_service": Effect(save=0.22, harm=0.003, redeem=0.15),
        "early_access": Effect(save=0.14, harm=0.002, redeem=0.45),
        "invitation": Effect(save=0.17, harm=0.003, redeem=0.2),
        "recognition": Effect(save=0.09, harm=0.001, redeem=0.55),
    }
)

FASHION = Nature(
    margin_rate=0.5,
    world_weeks=190,
    burn_in_weeks=78,
    mean_gap_days=40.0,
    rate_shape=3.0,
    gap_bounds_days=(15.0, 120.0),
    shape_shares=(0.5, 0.35, 0.15),
    one_time_share=0.35,
    yearly_amplitude=0.2,
    weekday_weights=(0.8, 0.8, 0.9, 1.0, 1.3, 2.0, 0.2),
    pauses_per_year=0.5,
    pause_mean_days=21.0,
    mean_life_days=800.0,
    bad_share=0.05,
    bad_days=42,
    basket=70.0,
    purchase_sd=0.5,
    return_share=0.06,
    recall_days=130,
    shield_days=60.0,
    permission_worth=4.0,
    promotion_every_weeks=10,
    effects={
        "money_off": Effect(save=0.2, harm=0.004, redeem=0.2, lift=0.08),
        "threshold": Effect(save=0.14, harm=0.004, redeem=0.12, lift=0.3),
        "points": Effect(save=0.1, harm=0.003, redeem=0.45, lift=0.03),
        "free_service": Effect(save=0.16, harm=0.002, redeem=0.25),
        "early_access": Effect(save=0.24, harm=0.003, redeem=0.45, lift=0.1),
        "invitation": Effect(save=0.18, harm=0.003, redeem=0.2),
        "recognition": Effect(save=0.08, harm=0.001, redeem=0.5),
    },
)

HOTEL = Nature(
    customers=2000,
    margin_rate=0.4,
    world_weeks=215,
    burn_in_weeks=104,
    mean_gap_days=60.0,
    rate_shape=3.0,
    gap_bounds_days=(20.0, 180.0),
    shape_shares=(0.4, 0.3, 0.2, 0.1),
    one_time_share=0.4,
    yearly_amplitude=0.25,
    yearly_peak_day=200,
    weekday_weights=(1.0, 1.0, 1.0, 1.0, 1.3, 1.3, 0.7),
    pauses_per_year=0.4,
    pause_mean_days=30.0,
    mean_life_days=900.0,
    bad_share=0.06,
    bad_days=60,
    basket=240.0,
    reduction=0.25,
    return_share=0.03,
    promotion_every_weeks=13,
    recall_days=180,
    shield_days=90.0,
    permission_worth=10.0,
    effects={
        "money_off": Effect(save=0.17, harm=0.004, redeem=0.2, lift=0.05),
        "threshold": Effect(save=0.14, harm=0.004, redeem=0.15, lift=0.2),
        "points": Effect(save=0.12, harm=0.003, redeem=0.45),
        "free_service": Effect(save=0.14, harm=0.002, redeem=0.4),
        "upgrade": Effect(save=0.24, harm=0.002, redeem=0.25, lift=0.1),
        "invitation": Effect(save=0.12, harm=0.003, redeem=0.2),
        "recognition": Effect(save=0.18, harm=0.001, redeem=0.5),
    },
)

DOORS = Nature(
    customers=300,
    margin_rate=0.35,
    world_weeks=280,
    burn_in_weeks=156,
    starter_share=0.5,
    mean_gap_days=110.0,
    rate_shape=4.0,
    gap_bounds_days=(50.0, 300.0),
    shape_shares=(0.3, 0.4, 0.3),
    purchase_share=0.15,
    one_time_share=0.2,
    weekday_weights=(1.0, 1.0, 1.0, 1.0, 1.0, 0.6, 0.0),
    pauses_per_year=0.1,
    pause_mean_days=40.0,
    mean_life_days=1100.0,
    bad_share=0.08,
    bad_days=120,
    categories=12,
    basket=1500.0,
    basket_sd=0.5,
    reduction=0.12,
    level_shares=(0.6, 0.3, 0.1),
    return_share=0.0,
    promotion_every_weeks=26,
    recall_days=270,
    shield_days=180.0,
    permission_worth=10.0,
    service_without_purchase=True,
    effects={
        "free_service": Effect(save=0.3, harm=0.002, redeem=0.25),
        "early_access": Effect(save=0.1, harm=0.001, redeem=0.4),
        "invitation": Effect(save=0.14, harm=0.002, redeem=0.2),
        "recognition": Effect(save=0.14, harm=0.001, redeem=0.5),
        "money_off": Effect(save=0.08, harm=0.004, redeem=0.5),
        "threshold": Effect(save=0.08, harm=0.004, redeem=0.4),
    },
)


def _all_harm() -> Nature:
    """No offer keeps anybody; each drives some away, the price offers fewer."""
    harms = {name: 0.03 + 0.03 * nth / (len(MECHANICS) - 1) for nth, name in enumerate(MECHANICS)}
    redeem = {name: GROCERY.effects.get(name, GROCERY.default_effect).redeem for name in MECHANICS}
    effects = {name: Effect(save=0.0, harm=harms[name], redeem=redeem[name]) for name in MECHANICS}
    return dataclasses.replace(GROCERY, effects=effects, type_harms=(1.0, 1.0, 1.0, 2.0))


def _grocery(nature: Nature, says: str) -> Preset:
    return Preset(
        nature=nature,
        horizon_days=28,
        value_horizon_days=91,
        min_purchase_days=3,
        active_days=90,
        budget=50.0,
        capacity=45,
        rest_days=14,
        catalogue="grocery",
        says=says,
    )


PRESETS: dict[str, Preset] = {
    "grocery": _grocery(GROCERY, "A grocery: frequent small purchases, customers who drift away unseen."),
    "fashion": Preset(
        nature=FASHION,
        horizon_days=91,
        value_horizon_days=182,
        min_purchase_days=3,
        active_days=182,
        budget=80.0,
        capacity=50,
        rest_days=21,
        catalogue="fashion",
        says="A fashion shop: a purchase every six weeks, much of it reduced, first looks worth more than money.",
    ),
    "hotel": Preset(
        nature=HOTEL,
        horizon_days=120,
        value_horizon_days=240,
        min_purchase_days=3,
        active_days=240,
        budget=120.0,
        capacity=40,
        rest_days=28,
        catalogue="hotel",
        says="A hotel: guests every two months, large stakes, an upgrade works better than a price.",
    ),
    "doors": Preset(
        nature=DOORS,
        horizon_days=182,
        value_horizon_days=364,
        min_purchase_days=1,
        active_days=364,
        budget=50.0,
        capacity=8,
        rest_days=56,
        catalogue="doors",
        says="Doors and windows with 300 members: purchases once in years, care visits keep the tie.",
    ),
    "all_harm": _grocery(_all_harm(), "The grocery where every offer only drives customers away."),
    "low_risk_only": _grocery(
        dataclasses.replace(GROCERY, only_low_risk=True),
        "The grocery where offers act only on those who are most likely still here.",
    ),
    "reversal": _grocery(
        dataclasses.replace(GROCERY, reversal_week=26),
        "The grocery where from week 26 on the strongest offers are the weakest, and harm.",
    ),
    "one_time": _grocery(
        dataclasses.replace(GROCERY, one_time_share=0.9, starter_share=0.25),
        "The grocery whose newcomers mostly buy once: nine in ten never come again.",
    ),
}
