"""Why a customer has no offer, in one sentence: the first obstacle that they meet."""

from __future__ import annotations

import numpy as np
import pandas as pd

from contracts.lots import is_universal
from offers.catalogue import NONE
from offers.contacts import is_rested, under_caps
from offers.eligibility import UNSCORED, is_left_alone
from offers.setting import Setting

NO_MODEL_YET = (
    "No model yet: offers chosen by the probability of lapse wait until there are enough outcomes to learn from."
)
LEFT_ALONE = "Customers like this one are deliberately left alone: nothing needs mending."
NO_CHANNEL = "No channel that this customer permits can reach them."
CAPPED = "Contacted as often as the rolling caps allow; left to rest."
WITHOUT_MARKETING = "Drawn at random to get no marketing this year: so that all of it can be measured."
STILL_RUNNING = "In an experiment whose outcome is still awaited: nothing else is sent until it has ended."
COMPLAINT = "A complaint is open: it is put right before anything else is offered."
UNEXPLAINED = "Little is at stake, so the risk was not explained, and nothing is sent unexplained."
NOTHING_FITS = "No offer in the catalogue fits this customer."
HARMS = "Contact is expected to drive away more than it keeps: left in peace."
NOTHING_PAYS = "No offer is expected to bring more than it costs."


def why_none(customers: pd.DataFrame, setting: Setting, *, priced: pd.DataFrame, passed_over: pd.Series) -> pd.Series:
    """One sentence for each customer, true if the plan gives them nothing.

    `passed_over` says which limits stood in the way of those for whom an offer would have paid.
    """
    limits, send_on = setting.limits, setting.send_on
    best = priced.groupby("customer")["expected_profit"].max().reindex(range(len(customers)))
    is_scored = customers["p_lapse"].notna()
    by_rule = ~is_scored & (customers["risk_band"] != UNSCORED)
    rested = is_rested(customers, setting.sent, send_on, limits.rest_days)
    ids = customers["customer_id"]
    free = under_caps(customers["customer_id"], setting.sent, send_on, limits.caps)
    by_risk = any(offer.needs_score for offer in setting.catalogue.offers)
    known = [
        (customers["preferred_channel"] == NONE, NO_CHANNEL),
        (best.isna() & customers["has_open_complaint"], COMPLAINT),
        (is_left_alone(customers, setting.left_alone), LEFT_ALONE),
        (is_universal(ids, setting.cutoff, setting.seed, limits.universal_share), WITHOUT_MARKETING),
        (ids.isin(setting.running.index), STILL_RUNNING),
        (~rested, f"Contacted less than {limits.rest_days} days before {send_on:%Y-%m-%d}; left to rest."),
        (~free, CAPPED),
        (best.isna() & is_scored & ~customers["is_explained"], UNEXPLAINED),
        (best.isna() & by_rule & by_risk, NO_MODEL_YET),
        (best.isna(), NOTHING_FITS),
        ((best <= 0) & _contact_harms(customers, priced), HARMS),
        (best <= 0, NOTHING_PAYS),
    ]
    named = np.select(
        [np.asarray(condition, dtype=bool) for condition, _ in known],
        [text for _, text in known],
        passed_over.to_numpy(dtype=object),
    )
    return pd.Series(named, index=customers.index, dtype="str")


def _contact_harms(customers: pd.DataFrame, priced: pd.DataFrame) -> pd.Series:
    """For whom every open offer that is chosen by risk has an effect below 0."""
    best = priced[priced["needs_score"]].groupby("customer")["effect"].max().reindex(range(len(customers)))
    return best < 0
