"""The waves of experiments: what a plan draws, which earlier waves still run, and what they sent."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd

from contracts.wave_tables import FOLLOW_UP, WAVES
from contracts.windows import days_until, iso_week
from offers.catalogue import NEVER_WITHHELD, NONE, Catalogue

UNSCORED = "unscored"
SAME_WEEK_DAYS = 14
"""A recorded contact so many days after a wave's Monday, or fewer, is the wave's own message."""
FROM_PLAN = (
    "customer_id", "purpose", "arm", "offer", "channel", "propensity", "options", "offer_cost", "price_benefit",
    "effect", "send_on", "valid_until", "p_savable",
)  # fmt: skip
FROM_CUSTOMER = ("customer_id", "group", "tier", "interaction")
FROM_SCORE = ("customer_id", "risk_band", "p_lapse", "value_at_stake", "model_version")


def wave_of(
    plan: pd.DataFrame, portraits: pd.DataFrame, scores: pd.DataFrame, catalogue: Catalogue, horizons: pd.Series
) -> pd.DataFrame:
    """WAVES of one week: whoever the plan selected or exploration drew; `horizons` are days by customer id.

    What puts something right is owed to everyone and no experiment.
    """
    return WAVES(wave_rows(plan, portraits, scores, catalogue, horizons))


def wave_rows(
    plan: pd.DataFrame, portraits: pd.DataFrame, scores: pd.DataFrame, catalogue: Catalogue, horizons: pd.Series
) -> pd.DataFrame:
    """The rows of `wave_of`, not yet checked."""
    is_drawn = (plan["purpose"] != "") & ~plan["mechanic"].isin(NEVER_WITHHELD)
    rows = plan.loc[is_drawn, [*FROM_PLAN, "cutoff_on"]]
    rows = rows.merge(portraits[list(FROM_CUSTOMER)], on="customer_id", how="left")
    rows = rows.merge(scores[list(FROM_SCORE)], on="customer_id", how="left")
    reach = {channel.id: channel.reach for channel in catalogue.channels} | {"": 0.0}
    cost = {channel.id: channel.cost for channel in catalogue.channels} | {"": 0.0}
    redeemed = {offer.id: sum(part.cost for part in offer.components) for offer in catalogue.offers} | {NONE: 0.0}
    rows = rows.assign(
        wave=iso_week(plan["cutoff_on"].iloc[0].date()) if len(plan) else "",
        reach=rows["channel"].map(reach).astype("float64"),
        contact_cost=rows["channel"].map(cost).astype("float64"),
        cost_if_redeemed=rows["offer"].map(redeemed).astype("float64"),
        horizon_days=rows["customer_id"].map(horizons).astype("int64"),
        risk_band=rows["risk_band"].astype("object").fillna(UNSCORED).astype("str"),
        model_version=rows["model_version"].astype("object").fillna("").astype("str"),
    )
    return rows.reset_index(drop=True)


def running(waves: pd.DataFrame, cutoff: date) -> pd.Series:
    """The day on which the outcome window of whoever a wave held back ends, by customer id.

    A wave runs from its Monday; its controls stay out of every campaign until then.
    """
    open_ = _open(waves, cutoff)
    open_ = open_[open_["arm"] == "control"]
    ends = open_["cutoff_on"] + pd.to_timedelta(open_["horizon_days"], unit="D")
    return ends.groupby(open_["customer_id"].to_numpy()).max()


def treated_still(waves: pd.DataFrame, cutoff: date) -> frozenset[str]:
    """Whom a wave treats whose window still runs: what they are sent until it ends follows that up, without a draw.

    Drawn anew each time, controls would pile up among those who are selected week after week. Learning knows what
    followed (features.follow_ups).
    """
    open_ = _open(waves, cutoff)
    is_sent = (open_["arm"] == "treated") & (open_["offer"] != NONE) & (open_["purpose"] != FOLLOW_UP)
    return frozenset(open_.loc[is_sent, "customer_id"])


def _open(waves: pd.DataFrame, cutoff: date) -> pd.DataFrame:
    """The rows of waves whose outcome window has begun and not ended."""
    age_days = days_until(waves["cutoff_on"], cutoff)
    return waves[(age_days > 0) & (age_days < waves["horizon_days"])]


def own_sends(waves: pd.DataFrame, recorded: pd.DataFrame, cutoff: date) -> pd.DataFrame:
    """What earlier waves sent, one row a message (`customer_id`, `sent_on`, `offer`, `channel`).

    Left out is what the shop's own records hold: a contact of that customer within the wave's first two weeks, with
    the wave's offer where contacts carry one.
    """
    treated = waves[
        (waves["arm"] == "treated") & (waves["offer"] != NONE) & (days_until(waves["cutoff_on"], cutoff) > 0)
    ]
    numbered = treated[["customer_id", "cutoff_on", "offer"]].assign(row=np.arange(len(treated)))
    both = numbered.merge(
        recorded[["customer_id", "sent_on", "offer"]], on="customer_id", how="inner", suffixes=("", "_recorded")
    )
    after = (both["sent_on"] - both["cutoff_on"]).dt.days
    is_same = (both["offer_recorded"] == both["offer"]) | bool((recorded["offer"] == "").all())
    is_known = np.zeros(len(treated), dtype=bool)
    is_known[both.loc[after.between(0, SAME_WEEK_DAYS) & is_same, "row"]] = True
    rows = treated[~is_known]
    sent = rows.rename(columns={"send_on": "sent_on"})[["customer_id", "sent_on", "offer", "channel"]]
    return sent.reset_index(drop=True)
