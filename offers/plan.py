"""A week's plan: who gets which offer, when, by which channel; limits kept, control drawn, guard heard."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from contracts.params import Plan
from contracts.tables import PLAN
from contracts.words import Words
from offers.catalogue import NONE, Catalogue
from offers.control import draw_control, lot
from offers.economics import priced
from offers.eligibility import candidates, customers_of, is_rested, speakable, why_none
from offers.findings import guard_report, refuse
from offers.guard import forbidden_columns, inspect
from offers.limits import limits_of
from offers.optimiser import choose, undominated
from offers.passed_over import passed_over
from offers.report import summary
from offers.sentences import messages, why
from offers.timing import last_days, send_day

TERMS = (
    "offer", "channel", "mechanic", "offer_cost", "price_benefit", "benefit", "effect", "expected_profit",
    "expected_profit_low", "expected_profit_high", "needs_score", "save", "harm", "gain", "extra", "benefit_cost",
    "contact_cost", "taught_cost", "permission_cost",
)  # fmt: skip
AMOUNTS = ("offer_cost", "price_benefit", "benefit", "expected_profit", "expected_profit_low", "expected_profit_high")


def make_plan(
    scores: pd.DataFrame,
    portraits: pd.DataFrame,
    catalogue: Catalogue,
    cutoff: date,
    *,
    limits: Plan,
    currency: str,
    seed: int,
    words: Words,
    feature_names: Sequence[str] = (),
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """PLAN (one row per customer who is not gone) and a report of plain numbers, the guard's findings among them.

    The report's `guard.passed` says whether the plan may be used: hand it to `findings.refuse` before writing it.
    Raises `GuardError` at once if an input carries a forbidden attribute.
    """
    refuse(guard_report(forbidden_columns({"scores": scores, "portraits": portraits}, feature_names, limits)))
    send_on = send_day(cutoff, limits.send_after_days)
    customers = speakable(customers_of(portraits, scores, catalogue), words)
    rested = is_rested(customers, send_on, limits.rest_days)
    worth = priced(candidates(customers, catalogue, rested), customers, catalogue)
    open_to = in_order_of_lots(undominated(worth), customers, cutoff, seed)
    bounds = limits_of(open_to, customers, catalogue, limits)
    choice = choose(open_to["expected_profit"].to_numpy(dtype=float), open_to["customer"].to_numpy("int64"), bounds)
    chosen = open_to[choice.chosen]
    rows = customers.join(chosen.set_index("customer")[list(TERMS)])
    rows["why_none"] = why_none(
        customers,
        catalogue,
        rested=rested,
        priced=worth,
        passed_over=passed_over(open_to, len(customers), bounds, choice, catalogue),
        send_on=send_on,
        rest_days=limits.rest_days,
    )
    plan = _finish(rows, catalogue, cutoff, limits=limits, currency=currency, seed=seed, words=words)
    findings = inspect(plan, portraits, scores, catalogue, limits=limits, cutoff=cutoff, feature_names=feature_names)
    report = summary(plan, customers, worth, choice, catalogue=catalogue, limits=limits, currency=currency) | {
        "guard": guard_report(findings)
    }
    return plan, report


def in_order_of_lots(priced: pd.DataFrame, customers: pd.DataFrame, week_on: date, seed: int) -> pd.DataFrame:
    """The candidates in the order of their customers' lots of the week.

    Of customers with equal profit the solver takes whichever its order of search comes to; so the lot decides, not the
    id, and other customers in other weeks. (A tiny profit by lot would be lost in the solver's own tolerance.)
    """
    drawn = np.array([lot(name, week_on, seed) for name in customers["customer_id"]], dtype=np.uint64)
    order = np.argsort(drawn[priced["customer"].to_numpy()], kind="stable")
    return priced.iloc[order].reset_index(drop=True)


def _finish(
    rows: pd.DataFrame,
    catalogue: Catalogue,
    cutoff: date,
    *,
    limits: Plan,
    currency: str,
    seed: int,
    words: Words,
) -> pd.DataFrame:
    """PLAN from the customers with the terms of what was chosen for them (missing where nothing was)."""
    has_offer = rows["offer"].notna()
    rows = rows.assign(
        why_none=rows["why_none"].mask(has_offer, ""), cutoff_on=pd.Timestamp(cutoff), offer_text="", arm=NONE
    )
    rows[["offer", "mechanic"]] = rows[["offer", "mechanic"]].astype("object").fillna(NONE).astype("str")
    rows["channel"] = rows["channel"].astype("object").fillna("").astype("str")
    rows[list(AMOUNTS)] = rows[list(AMOUNTS)].astype("float64").fillna(0.0)
    rows["effect"] = rows["effect"].mask(~has_offer & rows["p_lapse"].notna(), 0.0).astype("float64")
    selected = rows[has_offer]
    valid_days = selected["offer"].map({offer.id: offer.valid_days for offer in catalogue.offers})
    rows = rows.join(last_days(send_day(cutoff, limits.send_after_days), limits.act_within_days, valid_days))
    rows.loc[has_offer, "offer_text"] = messages(rows[has_offer], catalogue, words)
    held = draw_control(selected, cutoff, seed, limits.control_share)
    rows.loc[has_offer, "arm"] = held.map({True: "control", False: "treated"}).astype("str")
    rows["why"] = why(rows, currency, limits.newcomer_price)
    return PLAN(rows[list(PLAN.columns)])
