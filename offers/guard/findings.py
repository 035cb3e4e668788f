"""What the guard found: one record a rule, with how many customers it concerns and the first of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pandas as pd

from contracts.errors import GuardError

N_LISTED = 10


@dataclass(frozen=True)
class Finding:
    """One rule's verdict. `customers` are the first that it concerns: for the guard's report, never for a log."""

    rule: str
    broken: bool
    detail: str = ""
    n_customers: int = 0
    customers: tuple[str, ...] = ()


def kept(rule: str) -> Finding:
    """A rule that holds."""
    return Finding(rule, broken=False)


def broken(rule: str, detail: str, customers: Iterable[str] = ()) -> Finding:
    """A rule that does not hold, with the customers whom it concerns."""
    names = sorted(set(customers))
    return Finding(rule, True, detail, len(names), tuple(names[:N_LISTED]))


def by_rows(rule: str, detail: str, rows: pd.DataFrame, wrong: pd.Series) -> Finding:
    """A rule that must hold for every row; `wrong` flags the rows that break it."""
    flags = wrong.fillna(True).astype(bool)
    return broken(rule, detail, rows.loc[flags, "customer_id"].astype("str")) if flags.any() else kept(rule)


def guard_report(findings: Iterable[Finding]) -> dict[str, Any]:
    """The findings as plain data: `passed`, the rules in order, and the breaches with their first customers."""
    listed = list(findings)
    breaches = [
        {"rule": f.rule, "detail": f.detail, "n_customers": f.n_customers, "first_customers": list(f.customers)}
        for f in listed
        if f.broken
    ]
    return {"passed": not breaches, "rules": list(dict.fromkeys(f.rule for f in listed)), "breaches": breaches}


def refuse(report: dict[str, Any], where: str = "") -> None:
    """Raise `GuardError` if the guard found a breach: rules and counts only, for ids never stand in a log."""
    if report["passed"]:
        return
    named = "; ".join(
        f"rule '{b['rule']}' broken"
        + (f" for {b['n_customers']} customers" if b["n_customers"] else "")
        + f" ({b['detail']})"
        for b in report["breaches"][:3]
    )
    more = f"; and {len(report['breaches']) - 3} more" if len(report["breaches"]) > 3 else ""
    place = f"; customers are listed in {where}" if where else ""
    raise GuardError(f"the loyalty guard stops this plan: {named}{more}{place}; nothing is published")
