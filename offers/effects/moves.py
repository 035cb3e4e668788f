"""What else a wave did: how customers meet the shop, what they pay at full price, what the benefit was wasted on."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd

from offers.effects.difference import adjusted
from offers.effects.rows import Flags, Floats, Rows, rows_of

Plain = dict[str, Any]
WAYS = ("forced", "induced", "sticky")
Z95 = 1.959963984540054


def moves(outcomes: pd.DataFrame) -> list[Plain]:
    """One record a pair of ways to meet the shop: share that moved from one to the other, treated less control.

    Of those whom the plan selected; shares are of the customers who met the shop in the first way before the cutoff:
    in as many days as after it, where the table tells, else by the portrait.
    """
    rows = rows_of(outcomes)
    known = "interaction_before" if "interaction_before" in outcomes.columns else "interaction"
    before, after = outcomes[known].to_numpy(), outcomes["interaction_after"].to_numpy()
    found = []
    for was in WAYS:
        at = ~rows.is_explored & np.asarray(before == was)
        for becomes in WAYS:
            if was != becomes and at.any():
                moved = np.asarray(after == becomes, dtype=np.float64)
                found.append({"was": was, "becomes": becomes, **_compared(rows, moved, at, is_share=True)})
    return found


def full_price(outcomes: pd.DataFrame) -> Plain:
    """Change of the share bought at full price (after − before): each arm's mean, and treated less control.

    Of customers who bought in both windows, for the others have no share; a treatment that makes more people buy
    changes who that is, so the difference is an association.
    """
    rows = rows_of(outcomes)
    change = (outcomes["full_price_share"] - outcomes["full_price_share_before"]).to_numpy(dtype=np.float64)
    at = ~rows.is_explored & ~np.isnan(change)
    arms = {
        name: _mean(change[at & arm], rows.weight[at & arm])
        for name, arm in (("treated", rows.treated), ("control", ~rows.treated))
    }
    return {**arms, **_compared(rows, np.nan_to_num(change), at, is_share=False)}


def cannibalised(outcomes: pd.DataFrame) -> Plain:
    """Cost of redeemed benefits that went to customers who would have bought anyway, currency, with a 95 % interval.

    The share who would have is the controls' buying rate (Wilson's interval); beside it, `by_score`, what the scores
    say of the redeemers themselves. Redeemers are keener than most, so that both are likely to be too low.
    """
    rows = rows_of(outcomes)
    cost = outcomes["benefit_cost"].to_numpy(dtype=np.float64)
    paid = ~rows.is_explored & rows.treated & outcomes["is_redeemed"].to_numpy(dtype=bool)
    control = ~rows.is_explored & ~rows.treated
    share, low, high = _wilson(1 - rows.lapsed[control], rows.weight[control])
    scored = paid & ~np.isnan(rows.p_lapse)
    total, of_scored = float(cost[paid].sum()), float(cost[scored].sum())
    stay = float((cost[scored] * (1 - rows.p_lapse[scored])).sum()) / of_scored if of_scored else math.nan
    return {
        "redeemed_cost": total,
        "n_redeemed": int(paid.sum()),
        "estimate": total * share,
        "low": total * low,
        "high": total * high,
        "share": share,
        "by_score": total * stay,
    }


def reasons(outcomes: pd.DataFrame) -> list[Plain]:
    """One record an offer and reason why it was not wanted: how many said so. An association, not an effect."""
    said = outcomes[outcomes["reason"] != ""]
    counted = said.groupby(["offer", "reason"], sort=True).size().reset_index(name="n")
    listed = zip(counted["offer"], counted["reason"], counted["n"], strict=True)
    return [{"offer": str(offer), "reason": str(reason), "n": int(n)} for offer, reason, n in listed]


def _compared(rows: Rows, y: Floats, at: Flags, *, is_share: bool) -> Plain:
    found = adjusted(rows.at(at), y[at], is_share=is_share, use_covariates=False)
    return {
        "n_treated": found.n_treated,
        "n_control": found.n_control,
        "treated_mean": found.treated_mean,
        "control_mean": found.control_mean,
        "estimate": found.estimate,
        "low": found.low,
        "high": found.high,
    }


def _mean(y: Floats, weight: Floats) -> Plain:
    """Weighted mean with a 95 % interval; missing with fewer than two rows."""
    if len(y) < 2:
        return {"n": len(y), "mean": math.nan, "low": math.nan, "high": math.nan}
    mean = float(np.average(y, weights=weight))
    spread = Z95 * math.sqrt(float((weight**2 * (y - mean) ** 2).sum())) / float(weight.sum())
    return {"n": len(y), "mean": mean, "low": mean - spread, "high": mean + spread}


def _wilson(y: Floats, weight: Floats) -> tuple[float, float, float]:
    """A share with Wilson's 95 % interval for as many rows as the weights are worth."""
    if not len(y):
        return math.nan, math.nan, math.nan
    n, share = float(weight.sum() ** 2 / (weight**2).sum()), float(np.average(y, weights=weight))
    middle = (share + Z95**2 / (2 * n)) / (1 + Z95**2 / n)
    spread = Z95 / (1 + Z95**2 / n) * math.sqrt(share * (1 - share) / n + Z95**2 / (4 * n**2))
    return share, middle - spread, middle + spread
