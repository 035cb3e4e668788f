"""The handful of groups, value × risk × lifecycle, as ordered rules: the first that fits gives the group."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from contracts.portrait_rules import GroupRule

UNSCORED = "unscored"
SAID = ("name", "treatment", "promise")


def fits(rule: GroupRule, table: pd.DataFrame) -> pd.Series:
    """Which rows (`tier`, `state`, `value_tier`, `risk_band`) the rule admits."""
    admitted = (
        table["tier"].isin(rule.tiers)
        & table["state"].isin(rule.states)
        & table["risk_band"].isin(rule.risk_bands)
        & table["value_tier"].isin(rule.value_tiers)
    )
    if rule.at_risk is None:
        return admitted
    return admitted & (((table["state"] == "lapsing") | (table["risk_band"] == "high")) == rule.at_risk)


def assign_groups(table: pd.DataFrame, rules: Sequence[GroupRule]) -> pd.DataFrame:
    """One row per customer with `group`, `treatment` and `promise`; every customer gets exactly one group.

    The last rule admits everyone: `PortraitRules` sees to it.
    """
    first = np.select([fits(rule, table).to_numpy() for rule in rules], range(len(rules)), len(rules) - 1)
    said = {name: [getattr(rules[k], name) for k in first] for name in SAID}
    return pd.DataFrame(said, index=table.index, dtype="str").rename(columns={"name": "group"})
