"""Aggregations over all customers of the cutoff: of the store as a whole, and of the model fitted to it."""

from __future__ import annotations

import math

import pandas as pd

from features import mbgnbd
from features.records import Feature
from features.reference.known import Known


def store_total(known: Known, feature: Feature, of: pd.Series) -> pd.Series:
    """Sum of the operand; missing if the window began before the first sale known."""
    window_days = feature.window_days or 0
    began_on = known.today - feature.skip_days - window_days
    is_known = feature.window_days is None or began_on >= known.lines["day"].min()
    return pd.Series(of.sum() if is_known else math.nan, index=known.customers)


def store_active(known: Known, _: Feature, of: pd.Series) -> pd.Series:
    """Number of customers whose operand is above 0."""
    return pd.Series((of > 0).sum(), index=known.customers)


def on_circle(known: Known, feature: Feature) -> pd.Series:
    """The time of the year."""
    turn = math.tau * known.today / 365.2425
    return pd.Series(math.sin(turn) if feature.measure == "season_sine" else math.cos(turn), index=known.customers)


def model_answer(known: Known, feature: Feature) -> pd.Series:
    """Answer of MBG/NBD for each customer, within the customer's horizon."""
    model, history, horizon = known.model, known.histories, known.horizon_days.to_numpy(dtype="float64")
    answers = {
        "p_alive": lambda: mbgnbd.p_alive(model, *history),
        "p_no_purchase": lambda: mbgnbd.p_no_purchase(model, *history, horizon),
        "expected_purchases": lambda: mbgnbd.expected_purchases(model, *history, horizon),
    }
    return pd.Series(answers[feature.measure](), index=known.customers)
