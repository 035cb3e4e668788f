"""What an offer to a customer is worth: OFFERS' formula term by term, with an interval from the catalogue's priors.

Expected incremental profit = gain + extra − redeem·cost − contact − taught − permission, where gain = effect·S and
effect = p0·save − (1 − p0)·harm; an offer that needs no score declares its gain instead. All in store currency.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from offers.catalogue import Catalogue

Z95 = 1.959963984540054


def offer_terms(catalogue: Catalogue) -> pd.DataFrame:
    """One row per (offer, channel) with every term that does not hang on the customer."""
    rows = [
        {
            "offer": offer.id,
            "channel": channel.id,
            "mechanic": offer.mechanic,
            "needs_score": offer.needs_score,
            "capped": offer.id if offer.capacity is not None else "",
            "save": offer.save.mean * channel.reach,
            "save_variance": offer.save.variance * channel.reach**2,
            "harm": offer.harm.mean,
            "harm_variance": offer.harm.variance,
            "assumed_gain": offer.assumed_gain.mean if offer.assumed_gain else 0.0,
            "assumed_gain_sd": (offer.assumed_gain.high - offer.assumed_gain.low) / (2 * Z95)
            if offer.assumed_gain
            else 0.0,
            "extra": offer.extra,
            "benefit_cost": offer.redeem * offer.cost,
            "contact_cost": channel.cost,
            "taught_if_full_price": offer.taught if offer.is_price else 0.0,
            "permission_cost": channel.permission_loss * channel.permission_worth,
            "price_benefit": offer.redeem * offer.price_worth,
            "benefit": offer.redeem * (offer.price_worth + offer.other_worth),
        }
        for offer in catalogue.offers
        for channel in map(catalogue.channel, offer.channels)
    ]
    return pd.DataFrame(rows)


def priced(candidates: pd.DataFrame, customers: pd.DataFrame, catalogue: Catalogue) -> pd.DataFrame:
    """The candidates with every term as a column, `effect`, `offer_cost` and `expected_profit` with its 95 % interval.

    `effect` is the fall of the lapse probability, missing without a score. The interval takes save and harm as
    independent Beta shares and the value at stake as normal; it covers what the shop does not
    know, not one customer's luck.
    """
    table = candidates.merge(offer_terms(catalogue), on=["offer", "channel"], how="left", validate="many_to_one")
    own = ["p_lapse", "value_at_stake", "value_at_stake_low", "value_at_stake_high", "promotion_sensitivity"]
    table = table.join(customers[own], on="customer")
    table["effect"] = table["p_lapse"] * table["save"] - (1 - table["p_lapse"]) * table["harm"]
    table["gain"] = (table["effect"] * table["value_at_stake"]).where(table["needs_score"], table["assumed_gain"])
    table["taught_cost"] = table["taught_if_full_price"].where(table["promotion_sensitivity"] == "full-price", 0.0)
    table["offer_cost"] = table["benefit_cost"] + table["contact_cost"]
    table["expected_profit"] = (
        table["gain"] + table["extra"] - table["offer_cost"] - table["taught_cost"] - table["permission_cost"]
    )
    spread = Z95 * np.sqrt(gain_variance(table))
    table["expected_profit_low"] = table["expected_profit"] - spread
    table["expected_profit_high"] = table["expected_profit"] + spread
    return table


def gain_variance(table: pd.DataFrame) -> pd.Series:
    """Variance of effect·S for independent effect and S: e²·Var S + S²·Var e + Var e·Var S."""
    p_lapse, stake = table["p_lapse"], table["value_at_stake"]
    effect_variance = p_lapse**2 * table["save_variance"] + (1 - p_lapse) ** 2 * table["harm_variance"]
    stake_variance = ((table["value_at_stake_high"] - table["value_at_stake_low"]) / (2 * Z95)) ** 2
    by_score = table["effect"] ** 2 * stake_variance + stake**2 * effect_variance + effect_variance * stake_variance
    return by_score.where(table["needs_score"], table["assumed_gain_sd"] ** 2)
