"""What an offer to a customer is worth: OFFERS' formula term by term, with an interval from the beliefs.

Expected incremental profit = gain + extra − redeem·cost − contact − taught − permission, where gain = effect·S and
effect = q·save − (1 − p0)·harm, with q the part of the risk p0 that a contact can act on (`p_savable`); an offer that
needs no score declares its gain instead. All in store currency.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import pandas as pd

from contracts.errors import ContractError
from offers.catalogue import Catalogue, Component, Offer

Doubles = npt.NDArray[np.float64]
Z95 = 1.959963984540054
DAYS_PER_YEAR = 365


OF_CUSTOMER = (
    "group", "p_lapse", "p_savable", "value_at_stake", "value_at_stake_low", "value_at_stake_high",
    "promotion_sensitivity", "redeem_odds",
)  # fmt: skip
HELD = (
    "offer", "group", "save", "save_variance", "harm", "harm_variance", "covariance", "learned_extra", "extra_variance",
)  # fmt: skip


def beliefs(catalogue: Catalogue, groups: Iterable[str], learned: pd.DataFrame | None = None) -> pd.DataFrame:
    """One row per (offer, group): mean and variance of `save` and `harm`, before any channel's reach.

    `learned` (BELIEFS) is what priors and experiments say together; where it has no row, the catalogue's priors hold,
    by group where it declares them. `learned_extra` is what is believed of margin beyond retention, in the declared
    one's place; missing before.
    """
    rows = []
    for offer in catalogue.offers:
        for group in groups:
            save, harm = offer.save_by_group.get(group, offer.save), offer.harm_by_group.get(group, offer.harm)
            rows.append((offer.id, group, save.mean, save.variance, harm.mean, harm.variance, 0.0, np.nan, 0.0))
    priors = pd.DataFrame(rows, columns=list(HELD))
    return priors if learned is None or learned.empty or not rows else _taught(priors, learned)


def _taught(priors: pd.DataFrame, learned: pd.DataFrame) -> pd.DataFrame:
    """The priors with what was learned in their places, number by number where there is one."""
    numbers = [name for name in HELD if name not in {"offer", "group"}]
    row = {pair: k for k, pair in enumerate(zip(learned["offer"], learned["group"], strict=True))}
    place = np.array([row.get(pair, -1) for pair in zip(priors["offer"], priors["group"], strict=True)])
    taught = learned.rename(columns={"extra": "learned_extra"})[numbers].to_numpy(dtype=np.float64)[place]
    is_taught = (place >= 0)[:, None] & ~np.isnan(taught)
    found = np.where(is_taught, taught, priors[numbers].to_numpy(dtype=np.float64))
    return priors[["offer", "group"]].assign(**dict(zip(numbers, found.T, strict=True)))


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


def redemption(component: Component, odds: Doubles) -> Doubles:
    """Probability that each customer takes the component up: the declared one, its odds times the customer's own.

    >>> points = Component(
    ...     code="X-1", mechanic="points", price_worth=1, other_worth=0, cost=1, redeem=0.2, valid_days=7
    ... )
    >>> redemption(points, np.array([1.0, 4.0])).tolist()
    [0.2, 0.5]
    """
    return odds * component.redeem / (1 - component.redeem + odds * component.redeem)


def benefit_costs(table: pd.DataFrame, catalogue: Catalogue) -> pd.Series:
    """Expected cost of the benefits of each row (`offer`, `redeem_odds`): each component as often as it is taken up."""
    cost, odds = np.zeros(len(table)), table["redeem_odds"].to_numpy(dtype=np.float64)
    codes, names = pd.factorize(table["offer"])
    code_of = {name: code for code, name in enumerate(names)}
    for offer in catalogue.offers:
        here = np.flatnonzero(codes == code_of.get(offer.id, len(names)))
        for component in offer.components:
            cost[here] += redemption(component, odds[here]) * component.cost
    return pd.Series(cost, index=table.index)


def priced(candidates: pd.DataFrame, customers: pd.DataFrame, catalogue: Catalogue, held: pd.DataFrame) -> pd.DataFrame:
    """The candidates with every term as a column, `effect`, `offer_cost` and `expected_profit` with its 95 % interval.

    `held` are the beliefs. `effect` is the fall of the lapse probability (`effect_low`, `effect_high`: 95 %), missing
    without a score. The interval takes the effect and the value at stake as independent and normal; it covers what the
    shop does not know, not one customer's luck.
    """
    table = looked_up(candidates, offer_terms(catalogue), ("offer", "channel"))
    known = customers if "p_savable" in customers.columns else customers.assign(p_savable=customers["p_lapse"])
    table = table.join(known[list(OF_CUSTOMER)], on="customer")
    table = looked_up(table, held, ("offer", "group"))
    table["save"] *= table["reach"]
    table["save_variance"] *= table["reach"] ** 2
    table["covariance"] *= table["reach"]
    table["effect"] = table["p_savable"] * table["save"] - (1 - table["p_lapse"]) * table["harm"]
    table["harm_high"] = table["harm"] + Z95 * np.sqrt(table["harm_variance"])
    table["gain"] = (table["effect"] * table["value_at_stake"]).where(table["needs_score"], table["assumed_gain"])
    table["taught_cost"] = table["taught_if_full_price"].where(table["promotion_sensitivity"] == "full-price", 0.0)
    table["benefit_cost"] = benefit_costs(table, catalogue)
    table["offer_cost"] = table["benefit_cost"] + table["contact_cost"]
    costs = table["offer_cost"] + table["taught_cost"] + table["permission_cost"]
    table["extra"] = table["extra"].where(table["learned_extra"].isna(), table["learned_extra"])
    table["expected_profit"] = table["gain"] + table["extra"] - costs
    return _with_intervals(table)


def looked_up(table: pd.DataFrame, found: pd.DataFrame, keys: tuple[str, str]) -> pd.DataFrame:
    """The table with the columns of the row of `found` that has both of its keys, missing where none has.

    A join of many rows to few: each pair of keys is looked up once, by number.
    """
    (one, ones), (other, others) = (pd.factorize(table[key]) for key in keys)
    row = {pair: k for k, pair in enumerate(zip(found[keys[0]], found[keys[1]], strict=True))}
    if len(row) < len(found):
        raise ContractError(f"expected one row for each {keys[0]} and {keys[1]}, got {len(found)} for {len(row)}")
    place = np.array([row.get((name, second), -1) for name in ones for second in others], dtype=np.int64)
    which = place[one * len(others) + other] if len(table) else place[:0]
    rest = found.drop(columns=list(keys)).reset_index(drop=True).reindex(which)
    return pd.concat([table.reset_index(drop=True), rest.reset_index(drop=True)], axis=1)


def cautious(table: pd.DataFrame, caution: float) -> pd.DataFrame:
    """The priced candidates with `weight`, what the choice counts: the expected profit less `caution` standard errors.

    Of what is put right nothing is deducted.
    """
    spread = (table["expected_profit_high"] - table["expected_profit_low"]) / (2 * Z95)
    return table.assign(weight=table["expected_profit"] - caution * spread.where(table["needs_score"], 0.0))


def at_worst(rows: pd.DataFrame, harm_at_worst: float, value_horizon_days: int) -> float:
    """What rows of a plan could lose at worst within a year, currency: the stated price of finding out what offers do.

    Every benefit and contact is paid for, nobody is saved, and harm is `harm_at_worst` (`plan.harm_at_worst`), or the
    upper 95 % end of what is believed (`harm_high`) if that is more, for stakes at their upper end. A belief rests on
    the catalogue until experiments are many, so that its interval alone would state too low a price. Who is driven away
    stays away: where the stake counts less than a year (`task.value_horizon_days`), a year's is taken in proportion.
    Rows without a score can lose their cost alone.
    """
    stake = rows["value_at_stake_high"] * max(1.0, DAYS_PER_YEAR / value_horizon_days)
    lost = (1 - rows["p_lapse"]) * rows["harm_high"].clip(lower=harm_at_worst) * stake
    return float((rows["offer_cost"] + lost.fillna(0.0)).sum())


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
    """Variance of q·save − (1 − p0)·harm, which experiments make dependent."""
    q, stay = table["p_savable"], 1 - table["p_lapse"]
    own = q**2 * table["save_variance"] + stay**2 * table["harm_variance"]
    found: pd.Series = (own - 2 * q * stay * table["covariance"]).clip(lower=0.0)
    return found


def gain_variance(table: pd.DataFrame) -> pd.Series:
    """Variance of effect·S for independent effect and S: e²·Var S + S²·Var e + Var e·Var S."""
    stake, of_effect = table["value_at_stake"], effect_variance(table)
    of_stake = ((table["value_at_stake_high"] - table["value_at_stake_low"]) / (2 * Z95)) ** 2
    by_score = table["effect"] ** 2 * of_stake + stake**2 * of_effect + of_effect * of_stake
    return by_score.where(table["needs_score"], table["assumed_gain_sd"] ** 2) + table["extra_variance"]
