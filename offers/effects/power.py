"""Before a wave: the smallest fall in lapses that it would show, after how many weeks, and what learning it costs.

With n treated and m controls a week, pooled over k weeks, the estimate has variance v·(1/(kn) + 1/(km)), where v is
the mean of p(1 − p): what is left of an outcome's variance once its probability p is adjusted for. A two-sided test at
5 % shows an effect of (1.960 + 0.842) standard errors in 80 of 100 experiments (the textbook's sample-size formula).
"""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from offers.effects.rows import Floats

Z_TWO_SIDED, Z_POWER = 1.959963984540054, 0.8416212335729143
MOST_WEEKS = 104
CURVE_WEEKS = 52
EVERYTHING = "all offers"


def detectable(n_treated: float, n_control: float, p_lapse: Floats, weeks: int | Floats = 1) -> Floats:
    """Smallest fall in the lapse rate (a share) shown with 80 % power at 5 %, one number for each of `weeks`.

    `n_treated` and `n_control` are customers a week; unknown probabilities (NaN) count as an even chance. Infinite
    without treated or controls.
    """
    known = np.where(np.isnan(p_lapse), 0.5, p_lapse)
    variance = float((known * (1 - known)).mean()) if len(known) else 0.25
    if min(n_treated, n_control) <= 0:
        return np.full(np.shape(weeks), math.inf)
    one_week = (Z_TWO_SIDED + Z_POWER) * math.sqrt(variance * (1 / n_treated + 1 / n_control))
    return np.asarray(one_week / np.sqrt(weeks))


def power(selected: pd.DataFrame, control_share: float, smallest_effect: float) -> pd.DataFrame:
    """One row an offer, and 'all offers' first: what weeks like this one would show, and cost.

    `selected` has a row a customer whom the plan selected: `offer`, `p_lapse`, `expected_profit` (currency, missing
    where no score says). Columns: `n_treated`, `n_control` (expected, a week), `one_week` (smallest fall that a single
    week shows, a share), `weeks` (until `smallest_effect` is shown; missing beyond two years), `forgone` (expected
    profit of the controls a week, currency), `sentence`.
    """
    parts = [(EVERYTHING, selected), *((str(name), part) for name, part in selected.groupby("offer", sort=True))]
    return pd.DataFrame(
        [_row(name, part, control_share, smallest_effect) for name, part in parts if len(part)],
        columns=["offer", "n_treated", "n_control", "one_week", "weeks", "forgone", "sentence"],
    )


def _row(name: str, part: pd.DataFrame, control_share: float, smallest: float) -> dict[str, object]:
    n_control = control_share * len(part)
    n_treated = len(part) - n_control
    one_week = float(detectable(n_treated, n_control, part["p_lapse"].to_numpy(dtype=np.float64)))
    needed = (one_week / smallest) ** 2
    weeks = math.ceil(needed - 1e-9) if needed <= MOST_WEEKS else math.nan
    return {
        "offer": name,
        "n_treated": n_treated,
        "n_control": n_control,
        "one_week": one_week,
        "weeks": weeks,
        "forgone": control_share * float(part["expected_profit"].fillna(0.0).sum()),
        "sentence": _sentence(n_treated, n_control, one_week, weeks, smallest),
    }


def _sentence(n_treated: float, n_control: float, one_week: float, weeks: float, smallest: float) -> str:
    if math.isinf(one_week):
        return "nothing would ever be seen: without both treated and controls there is nothing to compare"
    with_ = f"with {_whole(n_control, 'control')} and {n_treated:,.0f} treated a week, as in the latest wave, "
    alone = f" (one week alone: {100 * one_week:.1f} points)"
    if math.isnan(weeks):
        return f"{with_}a fall of {100 * smallest:.1f} points in lapses would not be seen within two years{alone}"
    return f"{with_}a fall of {100 * smallest:.1f} points in lapses would be seen after {_whole(weeks, 'week')}{alone}"


def _whole(number: float, word: str) -> str:
    shown = f"{number:,.0f}"
    return f"{shown} {word}{'' if shown == '1' else 's'}"


def curve(selected: pd.DataFrame, control_share: float) -> list[dict[str, float]]:
    """Smallest fall shown after each number of weeks, over all offers; empty without treated or controls."""
    n = len(selected)
    at = np.arange(1, CURVE_WEEKS + 1, dtype=np.float64)
    p_lapse = selected["p_lapse"].to_numpy(dtype=np.float64)
    falls = detectable((1 - control_share) * n, control_share * n, p_lapse, at)
    return [{"weeks": int(k), "effect": float(fall)} for k, fall in zip(at, falls, strict=True) if math.isfinite(fall)]


def selected_of(waves: pd.DataFrame) -> pd.DataFrame:
    """Those whom the plan selected in the latest wave of a table WAVES, as `power` wants them."""
    latest: pd.DataFrame = waves[(waves["cutoff_on"] == waves["cutoff_on"].max()) & (waves["purpose"] == "plan")]
    return latest.assign(expected_profit=expected_profit(latest))


def expected_profit(rows: pd.DataFrame) -> pd.Series:
    """Effect × value at stake − cost of benefit and contact, currency; missing where no score says."""
    found: pd.Series = rows["effect"] * rows["value_at_stake"] - rows["offer_cost"]
    return found


def exploration_profit(waves: pd.DataFrame) -> float:
    """Expected profit of what exploration drew in the latest wave, currency; below 0 it is the price of learning."""
    latest = waves[(waves["cutoff_on"] == waves["cutoff_on"].max()) & (waves["purpose"] == "exploration")]
    return float(expected_profit(latest[latest["arm"] == "treated"]).fillna(0.0).sum())
