"""Policies: what each week's customers are sent. Regulars' own plan, what the field does, and the oracle."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from contracts.params import Plan
from offers.catalogue import NONE, Offer
from offers.contacts import is_rested
from offers.optimiser.solving import QUICK
from offers.plan import assigned, reachable, valued, weigh
from offers.setting import Setting
from offers.timing import last_days
from simulation.living.store import LivingStore
from simulation.living.truth import expected


@dataclass(frozen=True)
class Monday:
    """What a policy is given: the week's tables and setting; `truth` (the store) is for the oracle alone."""

    scores: pd.DataFrame
    portraits: pd.DataFrame
    setting: Setting
    horizon_days: int
    value_horizon_days: int
    truth: LivingStore


Choose = Callable[[Monday], pd.DataFrame]


@dataclass(frozen=True)
class Policy:
    """A named policy: `choose` gives the week's drawn rows (as `offers.plan.assigned`); what it needs to know."""

    name: str
    says: str
    choose: Choose
    needs_model: bool = False
    learns: bool = False
    has_controls: bool = False

    def limits_of(self, limits: Plan) -> Plan:
        """The week's limits: rivals keep no universal control, and explore nothing."""
        if self.has_controls:
            return limits
        return limits.model_copy(update={"universal_share": 0.0, "exploration_share": 0.0})


def nobody(monday: Monday) -> pd.DataFrame:
    """No message at all."""
    return _none(monday)


def regulars(monday: Monday) -> pd.DataFrame:
    """The product's plan: beliefs, exploration, controls, every limit and fairness row."""
    return assigned(weigh(monday.scores, monday.portraits, monday.setting, effort=QUICK), monday.setting)


def oracle(monday: Monday) -> pd.DataFrame:
    """The same plan under the same limits, fairness rows and control draws, by each customer's true expectation."""

    def judge(worth: pd.DataFrame, customers: pd.DataFrame) -> pd.DataFrame:
        return truly_worth(worth, customers, monday)

    limits = monday.setting.limits.model_copy(update={"exploration_share": 0.0})
    setting = replace(monday.setting, limits=limits)
    return assigned(weigh(monday.scores, monday.portraits, setting, effort=QUICK, judge=judge), setting)


def truly_worth(worth: pd.DataFrame, customers: pd.DataFrame, monday: Monday) -> pd.DataFrame:
    """The candidates with the true expected profit and effect in the places of the believed ones."""
    if worth.empty:
        return worth
    offers = {offer.id: offer for offer in monday.setting.catalogue.offers}
    pairs = worth[["channel", "mechanic", "contact_cost"]].assign(
        customer_id=customers["customer_id"].to_numpy()[worth["customer"].to_numpy()],
        price_worth=worth["offer"].map({name: _whole(offer, "price_worth") for name, offer in offers.items()}),
        cost=worth["offer"].map({name: _whole(offer, "cost") for name, offer in offers.items()}),
    )
    known = expected(monday.truth, pairs, monday.horizon_days, monday.value_horizon_days)
    profit, effect = known["profit"].to_numpy(), known["effect"].to_numpy()
    return worth.assign(
        expected_profit=profit,
        expected_profit_low=profit,
        expected_profit_high=profit,
        effect=effect,
        effect_low=effect,
        effect_high=effect,
    )


def _whole(offer: Offer, name: str) -> float:
    """An amount of all that a bundle holds, as it is sent."""
    return sum(float(getattr(part, name)) for part in offer.components)


def everybody(monday: Monday) -> pd.DataFrame:
    """The mass coupon: the catalogue's first price offer to everyone who may be written to, whatever it costs."""
    coupon = next(offer for offer in monday.setting.catalogue.offers if offer.gives_price)
    customers = _customers(monday)
    rested = is_rested(customers, monday.setting.sent, monday.setting.send_on, monday.setting.limits.rest_days)
    channels = customers["preferred_channel"].where(customers["preferred_channel"].isin(coupon.channels))
    rows = customers[rested & channels.notna()]
    own = channels.loc[rows.index]  # pandas takes a longer column's index over where there is no row
    return _sent(rows.assign(channel=own, offer=coupon.id, mechanic=coupon.mechanic, offer_cost=0.0), monday)


def at_random(monday: Monday) -> pd.DataFrame:
    """Random offers to random customers, within budget and capacities."""
    worth, customers = _open_to(monday)
    key = int(monday.setting.cutoff.strftime("%Y%m%d"))
    order = np.random.default_rng([monday.setting.seed, key]).permutation(len(worth))
    return _filled(worth.iloc[order], customers, monday)


def highest_risk(monday: Monday) -> pd.DataFrame:
    """What churn products do: whoever is most likely to lapse comes first, with the strongest offer by its prior."""
    return _ranked(monday, "p_lapse")


def highest_loss(monday: Monday) -> pd.DataFrame:
    """The same by expected loss: probability times value at stake."""
    return _ranked(monday, "expected_loss")


def _ranked(monday: Monday, by: str) -> pd.DataFrame:
    worth, customers = _open_to(monday)
    key = worth["p_lapse"] if by == "p_lapse" else worth["p_lapse"] * worth["value_at_stake"]
    order = worth.assign(key=key).sort_values(["key", "save"], ascending=False, kind="stable")
    return _filled(order, customers, monday)


def _customers(monday: Monday) -> pd.DataFrame:
    return reachable(monday.scores, monday.portraits, monday.setting)


def _open_to(monday: Monday) -> tuple[pd.DataFrame, pd.DataFrame]:
    customers = _customers(monday)
    return valued(customers, monday.setting), customers


def _filled(ordered: pd.DataFrame, customers: pd.DataFrame, monday: Monday) -> pd.DataFrame:
    """The candidates taken in their order, one a customer, as long as budget and every capacity last."""
    limits = monday.setting.limits
    left = {channel.id: channel.capacity for channel in monday.setting.catalogue.channels}
    budget, taken, seen = limits.budget, [], set()
    fields = zip(ordered.index, ordered["customer"], ordered["channel"], ordered["offer_cost"], strict=True)
    for place, who, channel, cost in fields:
        if who in seen or left[channel] <= 0 or cost > budget:
            continue
        taken.append(place)
        seen.add(who)
        left[channel] -= 1
        budget -= cost
        if len(taken) >= limits.capacity:
            break
    picked = ordered.loc[taken].set_index("customer")
    terms = picked[["offer", "channel", "mechanic", "offer_cost", "contact_cost", "price_benefit", "effect"]]
    return _sent(customers.join(terms, how="inner"), monday)


def _sent(rows: pd.DataFrame, monday: Monday) -> pd.DataFrame:
    """Everyone treated, with the days of the offer; no control."""
    found = rows.assign(
        purpose="plan", arm="treated", propensity=1.0, options="", cutoff_on=pd.Timestamp(monday.setting.cutoff)
    )
    return found.join(last_days(found, monday.setting.catalogue, monday.setting.limits))


def _none(monday: Monday) -> pd.DataFrame:
    empty = monday.portraits.iloc[:0]
    never = pd.Series(pd.NaT, index=empty.index, dtype="datetime64[us]")
    return empty.assign(offer=NONE, channel="", mechanic=NONE, arm=NONE, send_on=never, valid_until=never)


POLICIES = {
    policy.name: policy
    for policy in (
        Policy("regulars", "Regulars", regulars, needs_model=True, learns=True, has_controls=True),
        Policy("oracle", "the oracle", oracle, has_controls=True),
        Policy("nobody", "contact nobody", nobody),
        Policy("everybody", "the mass coupon to everybody", everybody),
        Policy("random", "random offers to random customers", at_random),
        Policy("highest_risk", "highest risk first", highest_risk, needs_model=True),
        Policy("highest_loss", "highest expected loss first", highest_loss, needs_model=True),
    )
}
RIVALS = ("nobody", "everybody", "random", "highest_risk", "highest_loss")
