"""What followed a wave's message: later messages to the treated within the same outcome window, and what they cost.

Controls of a wave are left alone until its window ends; the treated may be selected again by a later wave, without a
draw. So the difference between the arms is the effect of a first message and of whatever followed it, against none at
all; here is how much followed, so that learning can share the effect out among messages.
"""

from __future__ import annotations

import pandas as pd

from contracts.wave_tables import NONE

COST, EXPOSURE, MESSAGES = "follow_up_cost", "exposure", "n_messages"


def with_follow_ups(outcomes: pd.DataFrame, waves: pd.DataFrame) -> pd.DataFrame:
    """The rows of matured waves with three columns more, and `margin` less what follow-ups were expected to cost.

    `exposure`: sum over the row's own message and those of later waves in its window of reach × p_savable (own p_lapse
    without it); missing without a score. `n_messages`: their number, 0 for whoever was sent none. `follow_up_cost`:
    expected cost of the later ones, currency. `waves` (WAVES) must hold every wave that began before the windows ended.
    """
    if not len(outcomes):
        return outcomes.assign(**{COST: 0.0, EXPOSURE: 0.0, MESSAGES: 0})
    own = _messages(outcomes.reset_index(drop=True))
    later = _later(own, _messages(waves)).groupby("row")
    sent = own["is_sent"].astype("int64")
    cost = later["offer_cost"].sum().reindex(own.index, fill_value=0.0)
    return outcomes.assign(
        follow_up_cost=cost.to_numpy(),
        exposure=(own["dose"] + later["dose"].sum().reindex(own.index, fill_value=0.0)).to_numpy(),
        n_messages=(sent + later.size().reindex(own.index, fill_value=0)).to_numpy(dtype="int64"),
        margin=outcomes["margin"].to_numpy() - cost.to_numpy(),
    )


def _messages(rows: pd.DataFrame) -> pd.DataFrame:
    """One row a row: who, when, whether a message went out, its dose (reach × savable risk) and its expected cost."""
    is_sent = (rows["arm"] == "treated") & (rows["offer"] != NONE)
    savable = rows["p_savable"].fillna(rows["p_lapse"]) if "p_savable" in rows.columns else rows["p_lapse"]
    kept = rows[["customer_id", "cutoff_on", "horizon_days", "offer_cost"]]
    return kept.assign(is_sent=is_sent, dose=(savable * rows["reach"]).where(is_sent, 0.0))


def _later(own: pd.DataFrame, all_of_them: pd.DataFrame) -> pd.DataFrame:
    """Messages of later waves within the window of a row that was sent one (`row`: its place)."""
    firsts = own.loc[own["is_sent"], ["customer_id", "cutoff_on", "horizon_days"]].reset_index(names="row")
    sent = all_of_them.loc[all_of_them["is_sent"], ["customer_id", "cutoff_on", "dose", "offer_cost"]]
    both = firsts.merge(sent.rename(columns={"cutoff_on": "later_on"}), on="customer_id")
    after = (both["later_on"] - both["cutoff_on"]).dt.days
    return both[(after > 0) & (after < both["horizon_days"])]
