"""Shops for tests of offers: portraits and scores drawn at random, far from any real shop, and their setting."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from contracts.params import Plan, load_params
from contracts.portrait_rules import load_portrait_rules
from contracts.tables import PORTRAITS, SCORES, STATES, TIERS
from contracts.words import Words
from offers.catalogue import Catalogue
from offers.catalogue_file import load_catalogue
from offers.contacts import ledger
from offers.setting import Setting

ROOT = Path(__file__).parents[1]
CUTOFF = date(2018, 1, 1)
PLAN = load_params(ROOT / "params.yaml").plan
RULES = load_portrait_rules(ROOT / "portraits.yaml")
CATALOGUE = load_catalogue(ROOT / "offers.yaml")
WORDS = Words({"DAIRY": "milk and cheese", "MILK": "milk"})
GROUPS = ("regulars at risk", "trusted regulars", "wavering regulars")
CHANNELS = ("", "email", "email,sms,call")


def setting_of(
    plan: Plan = PLAN, catalogue: Catalogue = CATALOGUE, sent: pd.DataFrame | None = None, **changes: Any
) -> Setting:
    """A setting with the shipped files; `changes` replace its other fields."""
    given: dict[str, Any] = {
        "catalogue": catalogue,
        "rules": RULES,
        "limits": plan,
        "words": WORDS,
        "cutoff": CUTOFF,
        "currency": "EUR",
        "seed": 1,
        "value_horizon_days": 91,
    }
    if sent is not None:
        given["sent"] = ledger(sent)
    return Setting(**{**given, **changes})


def drawn_shop(seed: int, n: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """PORTRAITS and SCORES of `n` customers; some are gone, some have no score or no reasons."""
    rng = np.random.default_rng(seed)
    portraits = drawn_portraits(rng, n)
    scores = drawn_scores(rng, portraits["customer_id"])
    has_score = (portraits["state"] != "gone") & (rng.random(n) < 0.8)
    return PORTRAITS(portraits), SCORES(scores[has_score])


def drawn_portraits(rng: np.random.Generator, n: int) -> pd.DataFrame:
    monday = pd.Timestamp(CUTOFF)

    def days_ago(low: int, high: int) -> pd.Series:
        return pd.Series(monday - pd.to_timedelta(rng.integers(low, high, n), unit="D"))

    last = days_ago(1, 60)
    gap = rng.integers(3, 40, n).astype(float)
    due = last + pd.to_timedelta(gap, unit="D")
    return pd.DataFrame(
        {
            "customer_id": [f"c{k}" for k in rng.permutation(n)],
            "cutoff_on": monday,
            "tier": rng.choice(TIERS, n),
            "state": rng.choice(STATES, n, p=[0.6, 0.3, 0.1]),
            "value_tier": rng.choice(["top", "middle", "base"], n),
            "group": rng.choice(GROUPS, n),
            "treatment": "an offer that fits",
            "promise": "We look after you.",
            "labels": rng.choice(["", "weekend shopper", "weekend shopper; has a favourite"], n),
            "evidence": "",
            "promotion_sensitivity": rng.choice(["full-price", "mixed", "promotion-led"], n),
            "favourite_category": rng.choice(["DAIRY", ""], n),
            "matched_product": rng.choice(["MILK", "OAT MLK", ""], n),
            "due_product": rng.choice(["MILK", "OAT MLK", ""], n),
            "n_purchase_days": 5,
            "last_purchase_on": last,
            "usual_gap_days": gap,
            "next_due_on": due,
            "last_contact_on": days_ago(1, 60).where(rng.random(n) < 0.4),
            "last_offer": "",
            "last_outcome": "",
            "consented_channels": rng.choice(CHANNELS, n),
            "no_marketing": rng.random(n) < 0.05,
            "interaction": rng.choice(["unknown", "induced", "sticky"], n),
            "payer": rng.choice(["unknown", "self", "employer"], n),
            "spend": rng.gamma(2, 100, n),
            "spend_ever": rng.gamma(2, 400, n),
            "headroom": rng.gamma(2, 50, n),
            "first_purchase_on": days_ago(60, 1200),
            "joined_on": days_ago(60, 1200).where(rng.random(n) < 0.5),
            "due_from_on": (due - pd.Timedelta(days=3)).where(gap > 5),
            "due_until_on": (due + pd.Timedelta(days=6)).where(gap > 5),
            "goes_with_product": rng.choice(["MILK", ""], n),
            "within_price_product": rng.choice(["MILK", ""], n),
            "lapsed_product": rng.choice(["MILK", ""], n),
            "has_open_complaint": rng.random(n) < 0.05,
            "asked_channel": rng.choice(["", "email", "letter"], n, p=[0.8, 0.1, 0.1]),
            "answered_channel": rng.choice(["", "email", "sms"], n, p=[0.8, 0.1, 0.1]),
        }
    )


def drawn_scores(rng: np.random.Generator, customers: pd.Series) -> pd.DataFrame:
    n = len(customers)
    p_lapse, stake = rng.random(n), rng.gamma(2, 40, n)
    return pd.DataFrame(
        {
            "customer_id": customers,
            "cutoff_on": pd.Timestamp(CUTOFF),
            "p_lapse": p_lapse,
            "p_lapse_week_before": np.nan,
            "change": "new",
            "risk_band": np.select([p_lapse >= 0.6, p_lapse >= 0.3], ["high", "medium"], "low"),
            "value_at_stake": stake,
            "value_at_stake_low": stake / 2,
            "value_at_stake_high": stake * 2,
            "expected_loss": p_lapse * stake,
            "reasons": rng.choice(["Away for long.", ""], n, p=[0.8, 0.2]),
            "model_version": "0" * 12,
            "model_grade": "model",
            "redeem_odds": rng.choice([0.5, 1.0, 3.0], n),
        }
    )


def drawn_contacts(seed: int, customers: pd.Series, n: int) -> pd.DataFrame:
    """`n` messages of the last half-year to some of the customers, by offers of the catalogue and by others."""
    rng = np.random.default_rng(seed)
    offers = [offer.id for offer in CATALOGUE.offers]
    sent = pd.Timestamp(CUTOFF) - pd.to_timedelta(rng.integers(1, 182, n), unit="D")
    return pd.DataFrame(
        {
            "customer_id": rng.choice(customers, n),
            "sent_on": pd.Series(sent).astype("datetime64[us]"),
            "offer": rng.choice(["", *offers], n),
            "channel": rng.choice(["", "email", "sms", "letter"], n),
        }
    )
