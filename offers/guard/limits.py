"""The guard's rules over a plan's sums: budgets, contacts, channels, groups, and the regulars' share."""

from __future__ import annotations

import pandas as pd

from contracts.params import Plan
from contracts.wave_tables import FOLLOW_UP
from offers.catalogue import NEVER_WITHHELD, NONE
from offers.guard.findings import Finding, broken, kept
from offers.setting import Setting

CENT = 1e-6
LOYAL = ("regular", "devoted")
Check = tuple[str, float, float, str]


def limit_findings(rows: pd.DataFrame, setting: Setting) -> list[Finding]:
    """Findings on every sum, over all who were selected, controls among them; but contacts are those of the treated."""
    offered = rows[rows["offer"] != NONE]
    counted = offered[~offered["mechanic"].isin(NEVER_WITHHELD)]  # nothing but slots of their own may withhold these
    checks = [*_plan_checks(counted, setting), *_catalogue_checks(offered, setting), *_group_checks(counted, setting)]
    found = [
        broken(rule, f"{what}: {used:.2f}, expected at most {most:.2f}") if used > most + CENT else kept(rule)
        for rule, used, most, what in checks
    ]
    return found + _group_minimums(counted, setting)


def _plan_checks(offered: pd.DataFrame, setting: Setting) -> list[Check]:
    limits = setting.limits
    at_risk = (offered["state"] == "lapsing") | (offered["risk_band"] == "high")
    others = offered[~(offered["tier"].isin(LOYAL) & ~at_risk)]
    share, rest = "regulars' share", 1 - limits.regulars_share
    treated = offered[offered["arm"] == "treated"]
    return [
        ("budget", float(offered["offer_cost"].sum()), limits.budget, "expected cost"),
        ("capacity", float(len(treated)), float(limits.capacity), "contacts"),
        (share, float(others["offer_cost"].sum()), rest * limits.budget, "expected cost of all others"),
        (share, _expected_treated(others, limits), rest * _treated_at_most(limits), "all others, as far as treated"),
    ]


def _expected_treated(rows: pd.DataFrame, limits: Plan) -> float:
    """Controls take no slot: whoever takes part in a draw counts by the chance to be treated, a follow-up as one."""
    n_followed = int((rows["purpose"] == FOLLOW_UP).sum())
    return n_followed + (len(rows) - n_followed) * (1 - limits.control_share)


def _treated_at_most(limits: Plan) -> float:
    """One contact is kept free for a draw that rounds up, unless nobody is held back."""
    return max(limits.capacity - 1.0, limits.capacity * (1 - limits.control_share))


def _catalogue_checks(offered: pd.DataFrame, setting: Setting) -> list[Check]:
    checks = []
    for channel in setting.catalogue.channels:
        n = float((offered["channel"] == channel.id).sum())
        checks.append(("channel capacity", n, float(channel.capacity), f"by {channel.id}"))
    for offer in setting.catalogue.offers:
        given = offered[offered["offer"] == offer.id]
        if offer.capacity is not None:
            checks.append(("offer capacity", float(len(given)), float(offer.capacity), f"of {offer.id}"))
        if offer.budget is not None:
            checks.append(("offer budget", float(given["offer_cost"].sum()), offer.budget, f"of {offer.id}"))
    return checks


def _group_checks(offered: pd.DataFrame, setting: Setting) -> list[Check]:
    return [
        ("group maximum", float((offered["group"] == group.name).sum()), float(group.at_most), f"'{group.name}'")
        for group in setting.rules.groups
        if group.at_most is not None
    ]


def _group_minimums(offered: pd.DataFrame, setting: Setting) -> list[Finding]:
    rule, found = "group minimum", []
    for group in setting.rules.groups:
        n = int((offered["group"] == group.name).sum())
        if n < group.at_least:
            found.append(broken(rule, f"'{group.name}': {n} with an offer, expected at least {group.at_least}"))
    return found or [kept(rule)]
