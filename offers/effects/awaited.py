"""What has not matured yet, and what the latest wave will be able to show."""

from __future__ import annotations

from datetime import date
from typing import Any

import pandas as pd

from contracts.wave_tables import FOLLOW_UP
from contracts.windows import days_until
from offers.effects.power import curve, exploration_profit, power, selected_of

Plain = dict[str, Any]


def running(waves: pd.DataFrame, outcomes: pd.DataFrame, cutoff: date) -> list[Plain]:
    """One record a wave and day on which its outcome windows end, of customers without an outcome yet.

    Follow-ups belong to the experiment of the wave that they follow. `days_left` until then, counted from the cutoff;
    0 or less: the windows have ended and the outcomes are due.
    """
    key = ["wave", "customer_id"]
    waves = waves[waves["purpose"] != FOLLOW_UP]
    seen = pd.MultiIndex.from_frame(outcomes[key])
    awaited = waves[~pd.MultiIndex.from_frame(waves[key]).isin(seen)]
    matures_on = awaited["cutoff_on"] + pd.to_timedelta(awaited["horizon_days"], unit="D")
    awaited = awaited.assign(matures_on=matures_on, days_left=-days_until(matures_on, cutoff))
    found = []
    for (matures, wave), part in awaited.groupby(["matures_on", "wave"], sort=True):
        found.append(
            {
                "wave": str(wave),
                "matures_on": f"{matures:%Y-%m-%d}",
                "days_left": int(part["days_left"].iloc[0]),
                "n_treated": int((part["arm"] == "treated").sum()),
                "n_control": int((part["arm"] == "control").sum()),
                "n_explored": int((part["purpose"] == "exploration").sum()),
            }
        )
    return found


def learning(waves: pd.DataFrame, smallest_effect: float) -> Plain | None:
    """What weeks like the latest wave would show, and what they cost; None before the first wave."""
    selected = selected_of(waves) if len(waves) else waves
    if not len(selected):
        return None
    control_share = float((selected["arm"] == "control").mean())
    table = power(selected, control_share, smallest_effect)
    return {
        "wave": str(selected["wave"].iloc[0]),
        "offers": table.to_dict("records"),
        "curve": curve(selected, control_share),
        "forgone": float(table["forgone"].iloc[0]),
        "exploration_profit": exploration_profit(waves),
        "n_without_score": int(selected["expected_profit"].isna().sum()),
    }
