"""Labels by the rules of `portraits.yaml`, each with a sentence of evidence in the customer's own numbers."""

from __future__ import annotations

import string
from collections.abc import Sequence

import pandas as pd

from contracts.portrait_conditions import plain_number
from contracts.portrait_facts import FACTS
from contracts.portrait_rules import LabelRule
from portraits.conditions import meets_all


def label_customers(facts: pd.DataFrame, rules: Sequence[LabelRule]) -> pd.DataFrame:
    """One row per customer: `labels` joined by '; ' and `evidence`, a sentence a label, joined by ' '."""
    names: list[list[str]] = [[] for _ in range(len(facts))]
    said: list[list[str]] = [[] for _ in range(len(facts))]
    for rule in rules:
        given = meets_all(facts, rule.when, rule.reads).nonzero()[0]
        for position, sentence in zip(given, sentences(rule.says, facts.iloc[given]), strict=True):
            names[position].append(rule.name)
            said[position].append(sentence)
    return pd.DataFrame(
        {
            "labels": pd.Series(["; ".join(given) for given in names], index=facts.index, dtype="str"),
            "evidence": pd.Series([" ".join(given) for given in said], index=facts.index, dtype="str"),
        }
    )


def sentences(says: str, facts: pd.DataFrame) -> list[str]:
    """The sentence for each row, its fields filled in; the facts it names must be known.

    >>> sentences("{n_visits} visits, {late_share:.0%} late.", pd.DataFrame({"n_visits": [4.0], "late_share": 0.5}))
    ['4 visits, 50% late.']
    """
    columns = []
    for literal, name, form, _ in string.Formatter().parse(says):
        columns.append([literal] * len(facts))
        if name is not None:
            columns.append(_written(facts[name], form or ""))
    return ["".join(pieces) for pieces in zip(*columns, strict=True)]


def _written(values: pd.Series, form: str) -> list[str]:
    if FACTS[str(values.name)].kind != "number":
        return [str(value) for value in values]
    return [format(value, form) if form else plain_number(value) for value in values.astype("float64")]
