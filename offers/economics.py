"""What an offer to a customer is worth: OFFERS' formula term by term, with an interval from the beliefs.

Expected incremental profit = gain + extra − redeem·cost − contact − taught − permission, where gain = effect·S and
effect = p0·save − (1 − p0)·harm; an offer that needs no score declares its gain instead. All in store currency.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from offers.catalogue import Catalogue, Component, Offer

Z95 = 1.959963984540054


def beliefs(catalogue: Catalogue, groups: Iterable[str]) -> pd.DataFrame:
    """One row per (offer, group): mean and variance of `save` and `harm`, before any channel's reach.

    The catalogue's priors, by group where it declares them; what experiments teach takes their place here.
    """
    rows = []
    for offer in catalogue.offers:
        for group in groups:
            save, harm = offer.save_by_group.get(group, offer.save), offer.harm_by_group.get(group, offer.harm)
            rows.append((offer.id, group, save.mean, save.variance, harm.mean, harm.variance))
    return pd.DataFrame(rows, columns=["offer", "group", "save", "save_variance", "harm", "harm_variance"])


def offer_terms(catalogue: Catalogue) -> pd.DataFrame:
    """One row per (offer, channel) with every term that does not hang on the customer."""
    rows = [
        {
            "offer": offer.id,
            "channel": channel.id,
            "mechanic": offer.mechanic,
            "needs_score": offer.needs_score,
            "capped": offer.id if offer.capacity is not None or offer.budget is not None else "",
            "reach": channel.reach,
            "assumed_gain": offer.assumed_gain.mean if offer.assumed_gain else 0.0,
            "assumed_gain_sd": _gain_sd(offer),
            "extra": offer.extra,
            "contact_cost": channel.cost,
            "taught_if_full_price": offer.taught if offer.gives_price else 0.0,
            "permission_cost": channel.permission_loss * channel.permission_worth,
            "price_benefit": offer.whole_price_benefit,
            "benefit": offer.whole_benefit,
        }
        for offer in catalogue.offers
        for channel in map(catalogue.channel, offer.channels)
    ]
    return pd.DataFrame(rows)


def _gain_sd(offer: Offer) -> float:
    return (offer.assumed_gain.high - offer.assumed_gain.low) / (2 * Z95) if offer.assumed_gain else 0.0


def redemption(component: Component, odds: pd.Series) -> pd.Series:
    """Probability that each customer takes the component up: the declared one, its odds times the customer's own.

    >>> points = Component(
    ...     code="X-1", mechanic="points", price_worth=1, other_worth=0, cost=1, redeem=0.2, valid_days=7
    ... )
    >>> redemption(points, pd.Series([1.0, 4.0])).tolist()
    [0.2, 0.5]
    """
    taken: pd.Series = odds * component.redeem / (1 - component.redeem + odds * component.redeem)
    return taken


def benefit_costs(table: pd.DataFrame, catalogue: Catalogue) -> pd.Series:
    """Expected cost of the benefits of each row (`offer`, `redeem_odds`): each component as often as it is taken up."""
    cost = pd.Series(0.0, index=table.index)
    for offer in catalogue.offers:
        here = table["offer"] == offer.id
        odds = table.loc[here, "redeem_odds"]
        for component in offer.components:
            cost[here] += redemption(component, odds) * component.cost
    return cost


def priced(candidates: pd.DataFrame, customers: pd.DataFrame, catalogue: Catalogue, held: pd.DataFrame) -> pd.DataFrame:
    """The candidates with every term as a column, `effect`, `offer_cost` and `expected_profit` with its 95 % interval.

    `held` are the beliefs. `effect` is the fall of the lapse probability (`effect_low`, `effect_high`: 95 %), missing
    without a score. The interval takes save and harm as independent Beta shares and the value at stake as normal; it
    covers what the shop does not know, not one customer's luck.
    """
    table = candidates.merge(offer_terms(catalogue), on=["offer", "channel"], how="left", validate="many_to_one")
    own = ["group", "p_lapse", "value_at_stake", "value_at_stake_low", "value_at_stake_high", "promotion_sensitivity"]
    table = table.join(customers[[*own, "redeem_odds"]], on="customer")
    table = table.merge(held, on=["offer", "group"], how="left", validate="many_to_one")
    table["save"] *= table["reach"]
    table["save_variance"] *= table["reach"] ** 2
    table["effect"] = table["p_lapse"] * table["save"] - (1 - table["p_lapse"]) * table["harm"]
    table["gain"] = (table["effect"] * table["value_at_stake"]).where(table["needs_score"], table["assumed_gain"])
    table["taught_cost"] = table["taught_if_full_price"].where(table["promotion_sensitivity"] == "full-price", 0.0)
    table["benefit_cost"] = benefit_costs(table, catalogue)
    table["offer_cost"] = table["benefit_cost"] + table["contact_cost"]
    costs = table["offer_cost"] + table["taught_cost"] + table["permission_cost"]
    table["expected_profit"] = table["gain"] + table["extra"] - costs
    return _with_intervals(table)


def _with_intervals(table: pd.DataFrame) -> pd.DataFrame:
    spread = Z95 * np.sqrt(gain_variance(table))
    sway = Z95 * np.sqrt(effect_variance(table))
    return table.assign(
        effect_low=table["effect"] - sway,
        effect_high=table["effect"] + sway,
        expected_profit_low=table["expected_profit"] - spread,
        expected_profit_high=table["expected_profit"] + spread,
    )


def effect_variance(table: pd.DataFrame) -> pd.Series:
    """Variance of p0·save − (1 − p0)·harm for independent save and harm."""
    p_lapse = table["p_lapse"]
    found: pd.Series = p_lapse**2 * table["save_variance"] + (1 - p_lapse) ** 2 * table["harm_variance"]
    return found


def gain_variance(table: pd.DataFrame) -> pd.Series:
    """Variance of effect·S for independent effect and S: e²·Var S + S²·Var e + Var e·Var S."""
    stake, of_effect = table["value_at_stake"], effect_variance(table)
    of_stake = ((table["value_at_stake_high"] - table["value_at_stake_low"]) / (2 * Z95)) ** 2
    by_score = table["effect"] ** 2 * of_stake + stake**2 * of_effect + of_effect * of_stake
    return by_score.where(table["needs_score"], table["assumed_gain_sd"] ** 2)
