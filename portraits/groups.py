"""The handful of groups, value × risk × lifecycle, as ordered rules: the first that fits gives the group."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from contracts.tables import STATES, TIERS

UNSCORED = "unscored"
BANDS = ("low", "medium", "high", UNSCORED)
VALUE_TIERS = ("top", "middle", "base")


@dataclass(frozen=True)
class Group:
    """A treatment group: its name, the one-sentence promise to its customers, and who belongs to it."""

    name: str
    promise: str
    tiers: tuple[str, ...] = TIERS
    states: tuple[str, ...] = STATES
    bands: tuple[str, ...] = BANDS
    value_tiers: tuple[str, ...] = VALUE_TIERS
    at_risk: bool | None = field(default=None)  # lapsing, or in the high band; None: either

    def fits(self, table: pd.DataFrame) -> pd.Series:
        """Which rows (`tier`, `state`, `value_tier`, `risk_band`) the rule admits."""
        admitted = (
            table["tier"].isin(self.tiers)
            & table["state"].isin(self.states)
            & table["risk_band"].isin(self.bands)
            & table["value_tier"].isin(self.value_tiers)
        )
        if self.at_risk is None:
            return admitted
        return admitted & (((table["state"] == "lapsing") | (table["risk_band"] == "high")) == self.at_risk)


LOYAL = ("regular", "devoted")

GROUPS = (
    Group("gone", "We leave you in peace, and your place here stays open.", states=("gone",)),
    Group("newcomers", "We help you to find your way around before we ask for anything.", tiers=("new",)),
    Group(
        "top regulars at risk",
        "We notice when you are missing, and you are the first whom we look after.",
        tiers=LOYAL,
        value_tiers=("top",),
        at_risk=True,
    ),
    Group(
        "regulars at risk",
        "We notice when you are missing, and do our part to have you back.",
        tiers=LOYAL,
        at_risk=True,
    ),
    Group("drifting visitors", "We remind you once of what you liked here, and no more than that.", at_risk=True),
    Group(
        "wavering regulars",
        "We do not take you for granted, and look after what you come here for.",
        tiers=LOYAL,
        bands=("medium",),
    ),
    Group(
        "wavering visitors",
        "We show you once what may suit you here, and leave the choice to you.",
        bands=("medium",),
    ),
    Group(
        "trusted regulars",
        "We thank you and let you know first; nothing is asked of you.",
        tiers=LOYAL,
        value_tiers=("top",),
    ),
    Group("leave alone", "We keep things as you like them and do not disturb you."),
)


def assign_groups(table: pd.DataFrame) -> pd.DataFrame:
    """One row per customer with `group` and `promise`; every customer gets exactly one group.

    >>> one = pd.DataFrame([{"tier": "regular", "state": "lapsing", "risk_band": "low", "value_tier": "top"}])
    >>> assign_groups(one)["group"].item()
    'top regulars at risk'
    """
    first = np.select([group.fits(table).to_numpy() for group in GROUPS], range(len(GROUPS)), len(GROUPS) - 1)
    return pd.DataFrame(
        {
            "group": pd.Series([GROUPS[k].name for k in first], index=table.index, dtype="str"),
            "promise": pd.Series([GROUPS[k].promise for k in first], index=table.index, dtype="str"),
        }
    )
