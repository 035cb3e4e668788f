"""What tiles and filters say of a week's list, counted once when it is loaded: no page walks the list."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pandas as pd
import sqlalchemy as sa

from contracts.files import digest
from serving.desk.schema import documents, entries, weeks

KIND = "counts"
MONEY = ("value_at_stake", "value_at_stake_low", "value_at_stake_high", "expected_loss", "offer_cost")
"""Amounts that are added up. The sums of the intervals' ends are wide: as if all estimates erred to one side."""
COUNTED = ("group", "tier", "risk_band", "change", "offer", "channel")


def counts(listed: pd.DataFrame) -> dict[str, Any]:
    """How many listed customers each group, tier, band, change, offer, channel and label has; money, also by group."""
    by = {name: {str(key): int(n) for key, n in listed[name].value_counts().items()} for name in COUNTED}
    by["label"] = _label_counts(listed["labels"])
    return {"n_listed": len(listed), **by, **_sums(listed), "groups": _group_sums(listed)}


def _label_counts(labels: pd.Series) -> dict[str, int]:
    each = labels.str.split(";").explode().str.strip()
    return {str(key): int(n) for key, n in each[each.fillna("") != ""].value_counts().items()}


def _sums(rows: pd.DataFrame) -> dict[str, float]:
    return {name: round(float(rows[name].sum()), 2) for name in MONEY}


def _group_sums(listed: pd.DataFrame) -> list[dict[str, Any]]:
    """One record a group, the most at stake first: pages show it without walking the list."""
    found = [
        {
            "group": str(name),
            "promise": str(rows["promise"].iloc[0]),
            "n": len(rows),
            "n_offers": int((rows["offer"] != "none").sum()),
            **_sums(rows),
        }
        for name, rows in listed.groupby("group", sort=True)
    ]
    return sorted(found, key=lambda one: -one["value_at_stake"])


def labels_of(joined: str) -> set[str]:
    """The labels that a published row joins."""
    return {part.strip() for part in joined.split(";")} - {""}


def without(told: dict[str, Any], row: Mapping[str, Any]) -> dict[str, Any]:
    """A week's counts without one listed customer, as if the row had never been in it."""
    by = {name: _one_less(told[name], str(row[name])) for name in COUNTED}
    by["label"] = _several_less(told["label"], labels_of(row["labels"]))
    groups = [_group_without(one, row) if one["group"] == row["group"] else one for one in told["groups"]]
    kept = sorted((one for one in groups if one["n"]), key=lambda one: -one["value_at_stake"])
    return {**told, "n_listed": told["n_listed"] - 1, **by, **_less_money(told, row), "groups": kept}


def _one_less(counted: Mapping[str, int], name: str) -> dict[str, int]:
    return {key: n - (key == name) for key, n in counted.items() if n > (key == name)}


def _several_less(counted: Mapping[str, int], names: set[str]) -> dict[str, int]:
    return {key: n - (key in names) for key, n in counted.items() if n > (key in names)}


def _less_money(told: Mapping[str, Any], row: Mapping[str, Any]) -> dict[str, float]:
    return {name: round(told[name] - (row[name] or 0.0), 2) for name in MONEY}


def _group_without(one: dict[str, Any], row: Mapping[str, Any]) -> dict[str, Any]:
    less = {"n": one["n"] - 1, "n_offers": one["n_offers"] - (row["offer"] != "none")}
    return {**one, **less, **_less_money(one, row)}


def of_customer(customer_id: str) -> sa.ColumnElement[bool]:
    """A customer's entries of every week, found by the index that begins with the week."""
    return entries.c.week_id.in_(sa.select(weeks.c.id)) & (entries.c.customer_id == customer_id)


def forget(connection: sa.Connection, customer_id: str) -> None:
    """Take a customer out of the counts of every week whose list holds them; before their entries are deleted."""
    where = of_customer(customer_id) & entries.c.is_work
    for week_id, facts in connection.execute(sa.select(entries.c.week_id, entries.c.facts).where(where)).all():
        own = weeks.c.id == week_id
        connection.execute(weeks.update().where(own).values(n_listed=weeks.c.n_listed - 1))
        _rewrite(connection, week_id, json.loads(facts))


def _rewrite(connection: sa.Connection, week_id: int, row: Mapping[str, Any]) -> None:
    where = (documents.c.week_id == week_id) & (documents.c.kind == KIND)
    held = connection.execute(sa.select(documents.c.body).where(where)).scalar()
    if held is None:
        return
    text = json.dumps(without(json.loads(held), row), ensure_ascii=False, sort_keys=True)
    connection.execute(documents.update().where(where).values(body=text, content_hash=digest(text)))
