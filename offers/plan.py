"""A week's plan: who gets which offer, when, by which channel; limits kept, control drawn, guard heard."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from contracts.tables import PLAN
from offers.catalogue import NONE, Offer
from offers.control import draw_control, lot
from offers.economics import beliefs, priced
from offers.eligibility import candidates, customers_of, speakable
from offers.guard.findings import guard_report, refuse
from offers.guard.inspection import forbidden_columns, inspect
from offers.limits import Limits, limits_of, problem_of
from offers.optimiser.choice import Choice, choose
from offers.optimiser.dominance import undominated
from offers.optimiser.problem import Problem
from offers.passed_over import passed_over
from offers.sentences import messages, why
from offers.setting import Setting
from offers.timing import last_days
from offers.why_none import why_none

TERMS = (
    "offer", "channel", "mechanic", "offer_cost", "price_benefit", "benefit", "effect", "effect_low", "effect_high",
    "expected_profit", "expected_profit_low", "expected_profit_high", "needs_score", "save", "harm", "gain", "extra",
    "benefit_cost", "contact_cost", "taught_cost", "permission_cost",
)  # fmt: skip
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
    other beats, in the order in which ties are resolved, which the problem's candidates follow.
    """

    customers: pd.DataFrame
    worth: pd.DataFrame
    open_to: pd.DataFrame
    bounds: Limits
    problem: Problem
    choice: Choice


def weigh(scores: pd.DataFrame, portraits: pd.DataFrame, setting: Setting) -> Weighed:
    """Price what is permitted and choose, within every limit."""
    catalogue = setting.catalogue
    customers = speakable(customers_of(portraits, scores, catalogue), setting.words)
    held = beliefs(catalogue, sorted(set(customers["group"])))
    worth = priced(candidates(customers, setting), customers, catalogue, held)
    open_to = in_order_of_headroom(undominated(worth), customers, setting)
    bounds = limits_of(open_to, customers, catalogue, setting.rules.groups, setting.limits)
    problem = problem_of(open_to, bounds)
    return Weighed(customers, worth, open_to, bounds, problem, choose(problem))


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
    """The customers with the terms of what was chosen for them (missing where nothing was), and why none."""
    customers, choice = weighed.customers, weighed.choice
    chosen = weighed.open_to[choice.chosen]
    rows = customers.join(chosen.set_index("customer")[list(TERMS)])
    passed = passed_over(weighed.open_to, len(customers), weighed.bounds, choice, setting.catalogue)
    return rows.assign(why_none=why_none(customers, setting, priced=weighed.worth, passed_over=passed))


def _finish(rows: pd.DataFrame, setting: Setting) -> pd.DataFrame:
    """PLAN from the customers with the terms of what was chosen for them."""
    has_offer, catalogue = rows["offer"].notna(), setting.catalogue
    rows = rows.assign(
        why_none=rows["why_none"].mask(has_offer, ""), cutoff_on=pd.Timestamp(setting.cutoff), offer_text="", arm=NONE
    )
    rows[["offer", "mechanic"]] = rows[["offer", "mechanic"]].astype("object").fillna(NONE).astype("str")
    rows["channel"] = rows["channel"].astype("object").fillna("").astype("str")
    rows[list(AMOUNTS)] = rows[list(AMOUNTS)].astype("float64").fillna(0.0)
    rows["effect"] = rows["effect"].mask(~has_offer & rows["p_lapse"].notna(), 0.0).astype("float64")
    rows["codes"] = rows["offer"].map({offer.id: _codes(offer) for offer in catalogue.offers}).fillna("").astype("str")
    selected = rows[has_offer]
    rows = rows.join(last_days(selected, catalogue, setting.limits))
    rows.loc[has_offer, "offer_text"] = messages(rows[has_offer], catalogue, setting.words)
    held = draw_control(selected, setting.cutoff, setting.seed, setting.limits.control_share)
    rows.loc[has_offer, "arm"] = held.map({True: "control", False: "treated"}).astype("str")
    rows["why"] = why(rows, setting.currency, setting.limits.newcomer_price)
    return PLAN(rows[list(PLAN.columns)])


def _codes(offer: Offer) -> str:
    return ", ".join(component.code for component in offer.components)
