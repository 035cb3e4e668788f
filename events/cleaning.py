"""Cleaning rules as data: which source lines are no purchases, and why. Every line ends as accepted or rejected."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from contracts.errors import SourceError


@dataclass(frozen=True)
class Rule:
    """A reason to reject a line. `breaks` gives a flag a line; the first rule that a line breaks is the one kept."""

    code: str
    sentence: str
    breaks: Callable[[pd.DataFrame], pd.Series]


RULES = (
    Rule("no_customer", "the line names no customer", lambda lines: lines["customer_id"].isna()),
    Rule("no_instant", "the line has no readable instant", lambda lines: lines["ordered_at"].isna()),
    Rule("not_paid", "nothing was paid (amount of 0 or less)", lambda lines: ~(lines["amount"] > 0)),
    Rule("bad_quantity", "the quantity is below 0", lambda lines: lines["quantity"] < 0),
)


@dataclass(frozen=True)
class Cleaned:
    """Accepted purchase lines, and the rejected ones with the rule that each breaks. Together: every source line."""

    purchases: pd.DataFrame
    rejects: pd.DataFrame


def clean(lines: pd.DataFrame, rules: tuple[Rule, ...] = RULES) -> Cleaned:
    """Split canonical lines by the rules; no line is changed, none is lost.

    Raises:
        SourceError: no line is left.
    """
    reason = pd.Series("", index=lines.index, dtype="str")
    for rule in rules:
        reason = reason.mask(rule.breaks(lines) & (reason == ""), rule.code)
    purchases = lines[reason == ""].sort_values(["ordered_at", "line_id"], ignore_index=True)
    if purchases.empty:
        raise SourceError(f"none of {len(lines)} lines is a purchase; expected customer, time and an amount above 0")
    rejects = lines.loc[reason != "", ["line_id", "customer_id", "order_id"]].assign(rule=reason[reason != ""])
    return Cleaned(purchases, rejects.reset_index(drop=True))


def _draw(customer_id: str) -> float:
    """A number in [0, 1) that depends on the id alone."""
    return int.from_bytes(hashlib.sha256(customer_id.encode()).digest()[:8], "big") / 2**64


def sampled_customers(customer_ids: pd.Series, about: int) -> set[str]:
    """About that many customers, drawn by hash: the same ones on every machine and for every order of the rows."""
    known = customer_ids.dropna().unique().tolist()
    return {name for name in known if _draw(name) * len(known) < about}
