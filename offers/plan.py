"""A week's plan: who gets which offer, when, by which channel; limits kept, control drawn, guard heard."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from contracts.lots import is_universal, lot
from contracts.tables import PLAN
from contracts.wave_tables import FOLLOW_UP
from offers.catalogue import NEVER_WITHHELD, NONE, Offer
from offers.contacts import n_unanswered
from offers.control import draw_control
from offers.economics import beliefs, cautious, priced
from offers.eligibility import candidates, customers_of, out_of_play, speakable
from offers.exploration import Explored, explore, nobody, within_what_is_left
from offers.guard.findings import guard_report, refuse
from offers.guard.inspection import forbidden_columns, inspect
from offers.limits import Limits, limits_of, problem_of
from offers.optimiser.choice import Choice, choose
from offers.optimiser.dominance import undominated
from offers.optimiser.problem import Problem
from offers.optimiser.solving import FULL, Effort
from offers.passed_over import passed_over
from offers.sentences import messages, why
from offers.setting import Setting
from offers.timing import last_days
from offers.why_none import why_none

TERMS = (
    "offer", "channel", "mechanic", "offer_cost", "price_benefit", "benefit", "effect", "effect_low", "effect_high",
    "expected_profit", "expected_profit_low", "expected_profit_high", "needs_score", "save", "harm", "harm_high",
    "gain", "extra", "benefit_cost", "contact_cost", "taught_cost", "permission_cost",
)  # fmt: skip
DRAWN_NONE = (
    "Drawn at random to be left alone this week, beside others who were drawn an offer: so that offers are compared."
)
AMOUNTS = ("offer_cost", "price_benefit", "benefit", "expected_profit", "expected_profit_low", "expected_profit_high")


@dataclass(frozen=True)
class Made:
    """A finished plan (PLAN), what the guard found in it (`findings.guard_report`), and what was weighed for it."""

    plan: pd.DataFrame
    guard: dict[str, Any]
    weighed: Weighed


@dataclass(frozen=True)
class Weighed:
    """What the week was chosen from, and what was chosen.

    `customers` one row each; `worth` every permitted (customer, offer, channel) with its terms; `open_to` those that no
    other beats, in the order in which ties are resolved, which the problem's candidates follow. `explored` are the
    customers for whom a lot decided beforehand; they stand in `worth` alone.
    """

    customers: pd.DataFrame
    worth: pd.DataFrame
    open_to: pd.DataFrame
    bounds: Limits
    problem: Problem
    choice: Choice
    explored: Explored = field(default_factory=nobody)


def weigh(
    scores: pd.DataFrame,
    portraits: pd.DataFrame,
    setting: Setting,
    *,
    effort: Effort = FULL,
    judge: Callable[[pd.DataFrame, pd.DataFrame], pd.DataFrame] | None = None,
) -> Weighed:
    """Price what is permitted, let exploration draw, and choose for all others, within every limit.

    A `judge` gets the priced candidates and the customers and says what the candidates are worth instead.
    """
    customers = reachable(scores, portraits, setting)
    worth = valued(customers, setting)
    worth = judge(worth, customers) if judge else worth
    bounds = limits_of(worth, customers, setting.catalogue, setting.rules.groups, setting.limits)
    explored = explore(worth, customers, bounds, setting)
    free = worth[~worth["customer"].isin(explored.drawn["customer"])]
    open_to = in_order_of_headroom(undominated(cautious(free, setting.limits.caution)), customers, setting)
    left = within_what_is_left(bounds, worth, explored)
    problem = problem_of(open_to.assign(expected_profit=open_to["weight"]), left)
    return Weighed(customers, worth, open_to, left, problem, choose(problem, effort=effort), explored)


def valued(customers: pd.DataFrame, setting: Setting) -> pd.DataFrame:
    """What is permitted to the customers, with every term of its worth: one row a (customer, offer, channel)."""
    held = beliefs(setting.catalogue, sorted(set(customers["group"])), setting.learned)
    return priced(candidates(customers, setting), customers, setting.catalogue, held)


def reachable(scores: pd.DataFrame, portraits: pd.DataFrame, setting: Setting) -> pd.DataFrame:
    """The week's customers (`customers_of`), with words for what may be named, and what is left to act on.

    `p_savable` falls with each message that was answered by no purchase: whoever could be won back mostly was by the
    first; those who remain are rather lost. `is_out`: whom experiments keep out of this week's plan.
    """
    customers = speakable(customers_of(portraits, scores, setting.catalogue), setting.words)
    left = setting.limits.repeat_factor ** n_unanswered(customers, setting.sent, setting.catalogue)
    return customers.assign(
        p_savable=customers["p_savable"] * left,
        is_out=out_of_play(customers, setting),
        is_followed=customers["customer_id"].isin(setting.followed),
    )


def make_plan(
    scores: pd.DataFrame, portraits: pd.DataFrame, setting: Setting, feature_names: Sequence[str] = ()
) -> Made:
    """The week's plan: one row per customer who is not gone.

    Its `guard` says whether the plan may be used: hand it to `findings.refuse` before writing the plan.
    Raises `GuardError` at once if an input carries a forbidden attribute.
    """
    refuse(guard_report(forbidden_columns({"scores": scores, "portraits": portraits}, feature_names, setting.limits)))
    weighed = weigh(scores, portraits, setting)
    plan = _finish(_rows(weighed, setting), setting)
    findings = inspect(plan, portraits, scores, setting, feature_names=feature_names)
    return Made(plan, guard_report(findings), weighed)


def in_order_of_headroom(worth: pd.DataFrame, customers: pd.DataFrame, setting: Setting) -> pd.DataFrame:
    """The candidates in the order in which equal profits are resolved: more headroom first, then the week's lots.

    Headroom orders treatments and never enters a risk or a profit. Lots, not ids, decide between the equal, and
    other customers in other weeks.
    """
    drawn = np.array([lot(name, setting.cutoff, setting.seed) for name in customers["customer_id"]], dtype=np.uint64)
    headroom = customers["headroom"].round().to_numpy(dtype=float)
    rank = np.empty(len(customers), dtype=np.int64)
    rank[np.lexsort((drawn, -headroom))] = np.arange(len(customers))
    order = np.argsort(rank[worth["customer"].to_numpy()], kind="stable")
    return worth.iloc[order].reset_index(drop=True)


def _rows(weighed: Weighed, setting: Setting) -> pd.DataFrame:
    """The customers with the terms of what was chosen or drawn for them (missing where nothing was), and why none."""
    customers = weighed.customers
    rows = _with_terms(customers, weighed)
    passed = passed_over(weighed.open_to, len(customers), weighed.bounds, weighed.choice, setting.catalogue)
    none = why_none(customers, setting, priced=weighed.worth, passed_over=passed)
    return rows.assign(why_none=none.mask(rows["purpose"] == "exploration", DRAWN_NONE))


def _with_terms(customers: pd.DataFrame, weighed: Weighed) -> pd.DataFrame:
    """The customers with the terms of what was chosen or drawn for them, its purpose, and exploration's lots."""
    chosen = weighed.open_to[weighed.choice.chosen].set_index("customer")[list(TERMS)]
    drawn = weighed.worth.loc[weighed.explored.offered["row"]].set_index("customer")[list(TERMS)]
    lots = weighed.explored.drawn.set_index("customer")[["propensity", "options"]]
    rows = customers.join(pd.concat([chosen, drawn]) if len(drawn) else chosen).join(lots).fillna({"options": ""})
    by_lot = rows.index.isin(lots.index)
    return rows.assign(purpose=np.where(by_lot, "exploration", np.where(rows["offer"].notna(), "plan", "")))


def _with_none(rows: pd.DataFrame) -> pd.DataFrame:
    """Whoever has no offer has 'none', by no channel, worth 0."""
    names = {name: rows[name].astype("object").fillna(NONE).astype("str") for name in ("offer", "mechanic")}
    channel = rows["channel"].astype("object").fillna("").astype("str")
    return rows.assign(**names, channel=channel, **rows[list(AMOUNTS)].astype("float64").fillna(0.0))


def assigned(weighed: Weighed, setting: Setting) -> pd.DataFrame:
    """Whom the plan selected or exploration drew, with arm and days and without words: for replays of many weeks."""
    # only the rows of whom something was decided for: joining a week's terms to all others would take longest
    decided = np.union1d(weighed.open_to.loc[weighed.choice.chosen, "customer"], weighed.explored.drawn["customer"])
    rows = _with_terms(weighed.customers.loc[decided], weighed)
    rows = _with_none(rows[rows["purpose"] != ""])
    rows = rows.join(last_days(rows[rows["offer"] != NONE], setting.catalogue, setting.limits))
    return with_arms(rows, setting).assign(cutoff_on=pd.Timestamp(setting.cutoff))


def _finish(rows: pd.DataFrame, setting: Setting) -> pd.DataFrame:
    """PLAN from the customers with the terms of what was chosen for them."""
    has_offer, catalogue = rows["offer"].notna(), setting.catalogue
    rows = rows.assign(
        why_none=rows["why_none"].mask(has_offer, ""), cutoff_on=pd.Timestamp(setting.cutoff), offer_text=""
    )
    rows = _with_none(rows)
    rows["effect"] = rows["effect"].mask(~has_offer & rows["p_lapse"].notna(), 0.0).astype("float64")
    rows["codes"] = rows["offer"].map({offer.id: _codes(offer) for offer in catalogue.offers}).fillna("").astype("str")
    rows = rows.join(last_days(rows[has_offer], catalogue, setting.limits))
    rows.loc[has_offer, "offer_text"] = messages(rows[has_offer], catalogue, setting.words)
    rows = with_arms(rows, setting)
    rows["why"] = why(rows, setting.currency, setting.limits.newcomer_price)
    return PLAN(rows[list(PLAN.columns)])


def with_arms(rows: pd.DataFrame, setting: Setting) -> pd.DataFrame:
    """The rows (`customer_id`, `purpose`, `offer`, `mechanic`, `group`, `risk_band`) with `arm` and `propensity`.

    The universal control's arm is its own, and that of whoever was held back in a wave that still runs, unless
    something is put right; exploration's control drew none. Whom a running wave treats is followed up without a draw.
    """
    share = setting.limits.control_share
    universal = is_universal(rows["customer_id"], setting.cutoff, setting.seed, setting.limits.universal_share)
    awaited = rows["customer_id"].isin(setting.running.index)
    arm = pd.Series(np.select([universal, awaited], ["universal", "awaited"], NONE), index=rows.index)
    follows = (rows["purpose"] == "plan") & rows["customer_id"].isin(setting.followed)
    rows = rows.assign(purpose=rows["purpose"].mask(follows, FOLLOW_UP))
    selected = rows[rows["purpose"] == "plan"]
    held = draw_control(selected, setting.cutoff, setting.seed, share)
    arm[selected.index] = held.map({True: "control", False: "treated"})
    arm[follows] = "treated"
    drawn = rows["purpose"] == "exploration"
    arm[drawn] = (rows.loc[drawn, "offer"] == NONE).map({True: "control", False: "treated"})
    chance = pd.Series(np.where(arm == "control", share, 1 - share), index=rows.index).where(rows["purpose"] == "plan")
    owed = rows["mechanic"].isin(NEVER_WITHHELD)
    propensity = rows["propensity"].where(drawn, chance.mask(owed | follows, 1.0)).astype("float64")
    return rows.assign(arm=arm.astype("str"), propensity=propensity)


def _codes(offer: Offer) -> str:
    return ", ".join(component.code for component in offer.components)
