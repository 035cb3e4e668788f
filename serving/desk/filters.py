"""What of a week's list somebody wants to see, and in which order: one record that API, pages and commands fill in."""

from __future__ import annotations

from dataclasses import dataclass, fields

import sqlalchemy as sa

from contracts.errors import ParameterError, nearest
from contracts.tables import FULL_WEEK
from serving.desk.schema import claims, entries, entry_labels, users

SORTS = (
    "rank", "p_lapse", "value_at_stake", "expected_loss", "expected_profit", "last_purchase_on", "act_by", "customer_id"
)  # fmt: skip
CHANGES = ("new", "up", "same", "down", "left")
FIELDS = tuple(FULL_WEEK.columns)
"""The fields of one entry: the columns of the published full table."""
HIDDEN_FROM_VIEWERS = frozenset(
    {
        "offer_text", "codes", "evidence", "why", "reasons", "last_contact_on", "last_offer", "last_outcome",
        "consented_channels", "payer", "interaction", "spend", "spend_ever", "headroom", "entitlements",
        "has_open_complaint", "promotion_sensitivity", "no_marketing",
    }
)  # fmt: skip
"""What the role viewer does not see of a customer: messages, evidence, money, contacts."""
WORK_FIELDS = ("claimed_by", "since", "last_recorded")
"""What the desk adds to each published row: who works on it, what speaks against a message, what was recorded last."""


@dataclass(frozen=True)
class Filters:
    """Which entries: None means any. `claimed_by` is an account's name; `sort` a name of SORTS, '-' before it turns it.

    Whoever left the list since the week before is shown only by `change='left'`.
    """

    group: str | None = None
    tier: str | None = None
    state: str | None = None
    value_tier: str | None = None
    risk_band: str | None = None
    offer: str | None = None
    channel: str | None = None
    label: str | None = None
    change: str | None = None
    unclaimed: bool = False
    claimed_by: str | None = None
    sort: str = "rank"

    def refuse_unknown(self) -> None:
        """Raise `ParameterError` for a change or an order that there is not."""
        _changed(self.change)
        order(self.sort)

    def said(self) -> dict[str, str | bool]:
        """Only what is asked for, as plain data."""
        return {each.name: value for each in fields(self) if (value := getattr(self, each.name)) != each.default}


OWN_INDEX = ("group", "change", "offer", "channel")
"""Filters whose values may be as many as the shop likes, and each rare; the others are few and have no index."""
EQUAL = ("group", "tier", "state", "value_tier", "risk_band", "offer", "channel")


def condition(filters: Filters, week_id: int, week: str) -> sa.ColumnElement[bool]:
    """The rows of a week that the filters leave, as a condition on `entries`."""
    wanted = {name: getattr(filters, name) for name in EQUAL}
    parts = [entries.c[name] == value for name, value in wanted.items() if value is not None]
    if filters.label is not None:
        # asked of each row: a label may be a quarter of the list, too many to gather first
        own = (entry_labels.c.week_id == week_id) & (entry_labels.c.place == entries.c.place)
        of_label = sa.select(entry_labels.c.place).where(own, entry_labels.c.label == filters.label)
        parts.append(of_label.correlate(entries).exists())
    if filters.unclaimed:
        parts.append(~_claimed(week).exists())
    if filters.claimed_by is not None:
        # named the other way round, the few claims lead to their entries, instead of every entry asking for its claim
        by = sa.select(claims.c.customer_id).join(users, users.c.id == claims.c.user_id)
        parts.append(entries.c.customer_id.in_(by.where(claims.c.week == week, users.c.name == filters.claimed_by)))
    return sa.and_(entries.c.week_id == week_id, _changed(filters.change), *parts)


def _claimed(week: str) -> sa.Select[tuple[str]]:
    own = (claims.c.week == week) & (claims.c.customer_id == entries.c.customer_id)
    return sa.select(claims.c.customer_id).where(own).correlate(entries)


def _changed(change: str | None) -> sa.ColumnElement[bool]:
    if change is None:
        return entries.c.is_work
    if change not in CHANGES:
        raise ParameterError(
            f"change: expected one of {', '.join(CHANGES)}, got '{change[:20]}'{nearest(change, CHANGES)}"
        )
    return entries.c.change == change


def order(sort: str) -> tuple[sa.Column[object], bool]:
    """The column to sort by, and whether the greatest comes first."""
    name = sort.removeprefix("-")
    if name not in SORTS:
        raise ParameterError(f"sort: expected one of {', '.join(SORTS)}, got '{name[:20]}'{nearest(name, SORTS)}")
    return entries.c["place" if name == "rank" else name], sort.startswith("-")


def checked_fields(names: list[str] | None, *, is_viewer: bool) -> tuple[str, ...]:
    """The fields to show, in the order asked for: all by default, but for what a viewer does not see.

    Raises:
        ParameterError: there is no such field, or the viewer may not see it.
    """
    seen = tuple(name for name in (*FIELDS, *WORK_FIELDS) if not (is_viewer and name in HIDDEN_FROM_VIEWERS))
    for name in names or ():
        if name not in seen:
            raise ParameterError(f"fields: no field '{name[:40]}' to be shown{nearest(name, seen)}")
    return tuple(dict.fromkeys(names or seen))
