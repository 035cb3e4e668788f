"""Cleaning rules as data, and the cleaning of one bucket of lines: every line ends as purchase, return or reject.

The rules stand in order: the first that a line breaks is the one kept. No rule lets a later day change an earlier one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from contracts import windows
from contracts.params import Rules
from events.duplicates import is_repeated
from events.undoing import UNMATCHED, known_instants, matches

Flags = npt.NDArray[np.bool_]
EARLIEST_YEAR = 1990
CONTENT = ("customer_id", "ordered_at", "order_id", "product_id", "quantity", "amount")


@dataclass(frozen=True)
class Shop:
    """What rules need beside the lines: the shop's parameters, currency, zone, and the last possible local day."""

    rules: Rules
    currency: str
    time_zone: str
    extract_on: date
    excluded: frozenset[str] = frozenset()
    keep_from: date | None = None


Breaks = Callable[[pd.DataFrame, Shop], Flags]


@dataclass(frozen=True)
class Rule:
    """A cleaning rule. `breaks` marks the lines; None where reading or matching has marked them already."""

    code: str
    action: Literal["reject", "repair", "warn"]
    sentence: str
    remedy: str
    breaks: Breaks | None = None


def _column(lines: pd.DataFrame, name: str) -> pd.Series:
    return lines[name] if name in lines.columns else pd.Series(pd.NA, index=lines.index, dtype="object")


def _number(lines: pd.DataFrame, name: str) -> npt.NDArray[np.float64]:
    if name not in lines.columns:
        return np.full(len(lines), np.nan)
    return lines[name].to_numpy(dtype=np.float64, na_value=np.nan)


def _is(problem: str) -> Breaks:
    return lambda lines, _: (lines["problem"] == problem).to_numpy(dtype=bool)


def _is_damaged(lines: pd.DataFrame, _: Shop) -> Flags:
    return ~lines["problem"].isin(["", "filtered", "no_instant", "bad_amount", "bad_quantity"]).to_numpy(dtype=bool)


def _too_early(lines: pd.DataFrame, _: Shop) -> Flags:
    return np.asarray(lines["ordered_at"].dt.year < EARLIEST_YEAR, dtype=bool)


def _too_late(lines: pd.DataFrame, shop: Shop) -> Flags:
    return windows.is_after_day(lines["ordered_at"], shop.extract_on, shop.time_zone)


def _other_currency(lines: pd.DataFrame, shop: Shop) -> Flags:
    named = _column(lines, "currency").astype("object")
    return (named.notna() & (named != shop.currency)).to_numpy(dtype=bool)


def is_undoing(lines: pd.DataFrame) -> Flags:
    """Lines that give something back: an amount below 0, and a quantity below 0 where one is recorded."""
    amount, quantity = _number(lines, "amount"), _number(lines, "quantity")
    return (amount < 0) & (np.isnan(quantity) | (quantity < 0))


RULES = (
    Rule(
        "damaged_line",
        "reject",
        "the line cannot be split into its cells",
        "mend the line in the file, or export it again with quotes around texts",
        _is_damaged,
    ),
    Rule(
        "duplicate",
        "reject",
        "the same line stands in another file already (overlapping exports)",
        "nothing: it is counted once",
        lambda lines, _: is_repeated(lines),
    ),
    Rule(
        "filtered",
        "reject",
        "the row is no line of goods, by ingest.format.keep_rows (totals, taxes, shipping)",
        "nothing: you asked for it",
        _is("filtered"),
    ),
    Rule(
        "no_instant",
        "reject",
        "the line has no readable date",
        "check ingest.format.date_order, and the dates of these lines",
        lambda lines, _: ((lines["problem"] == "no_instant") | lines["ordered_at"].isna()).to_numpy(dtype=bool),
    ),
    Rule(
        "impossible_date",
        "reject",
        f"the date lies before {EARLIEST_YEAR}",
        "such dates are stand-ins for 'unknown'; correct them in the file",
        _too_early,
    ),
    Rule(
        "after_extract",
        "reject",
        "the date lies after the last day that the data can speak of",
        "correct the dates, or set ingest.rules.extract_on",
        _too_late,
    ),
    Rule(
        "no_customer",
        "reject",
        "the line names no customer",
        "nothing, if these are sales to people who are not known",
        lambda lines, _: lines["customer_id"].isna().to_numpy(dtype=bool),
    ),
    Rule(
        "bad_amount",
        "reject",
        "the amount cannot be read",
        "check ingest.format.decimal and thousands",
        lambda lines, _: (lines["problem"] == "bad_amount").to_numpy(dtype=bool) | np.isnan(_number(lines, "amount")),
    ),
    Rule(
        "bad_quantity",
        "reject",
        "the quantity cannot be read",
        "check ingest.format.decimal and thousands",
        _is("bad_quantity"),
    ),
    Rule(
        "other_currency",
        "reject",
        "the amount is in another currency than the shop's",
        "convert these amounts before they come in, or keep a project a currency",
        _other_currency,
    ),
    Rule(
        "not_goods",
        "reject",
        "the line is no goods (postage, charge, adjustment)",
        "change the list ingest.rules.non_goods",
        lambda lines, shop: _column(lines, "product_id").isin(shop.rules.non_goods).to_numpy(dtype=bool),
    ),
    Rule(
        "odd_cancellation",
        "reject",
        "the order is marked as one that undoes another, yet takes nothing back",
        "look at these lines, and at ingest.format.cancelled_order_prefix",
        lambda lines, _: lines["is_cancellation"].to_numpy(dtype=bool) & (_number(lines, "amount") > 0),
    ),
    Rule(
        "not_paid",
        "reject",
        "nothing was paid (an amount of 0, or below 0 for goods that were not given back)",
        "nothing, if these are gifts, samples or corrections of stock",
        lambda lines, _: ~(_number(lines, "amount") > 0) & ~is_undoing(lines),
    ),
    Rule(
        "negative_quantity",
        "reject",
        "the quantity is below 0, yet something was paid",
        "look at these lines in the file",
        lambda lines, _: _number(lines, "quantity") < 0,
    ),
    Rule(
        "excluded_account",
        "reject",
        "the account is one that inbox/excluded.txt names",
        "nothing: you asked for it",
        lambda lines, shop: lines["customer_id"].isin(shop.excluded).to_numpy(dtype=bool),
    ),
    Rule(
        "undone_same_day",
        "reject",
        "a purchase and its undoing within one local day: neither counts",
        "nothing",
    ),
    Rule(
        "order_made", "repair", "no order was named: a basket a customer and day", "map an order column if there is one"
    ),
    Rule("clock_gap", "repair", "a local time that summer time skips, moved on by the gap", "nothing"),
    Rule("clock_fold", "repair", "a local time that summer time repeats, taken as the first", "nothing"),
    Rule("excel_date", "repair", "a spreadsheet's serial number, read as the date that it stands for", "nothing"),
    Rule(
        "suspicious_account",
        "warn",
        "an account that buys as no person does (till, staff, wholesale)",
        "look at it (`regulars rejects --accounts`); to leave it out, add its id to inbox/excluded.txt",
    ),
)
BY_CODE = {rule.code: rule for rule in RULES}
_UNDOINGS_PASS = ("negative_quantity",)


@dataclass(frozen=True)
class Cleaned:
    """One bucket's purchases, returns and rejects; with `too_old`, a count by source: every line that went in."""

    purchases: pd.DataFrame
    returns: pd.DataFrame
    rejects: pd.DataFrame
    too_old: dict[str, int] = field(default_factory=dict)


def first_broken(lines: pd.DataFrame, shop: Shop) -> npt.NDArray[np.object_]:
    """The code of the first rule that each line breaks; '' for none."""
    found = np.full(len(lines), "", dtype=object)
    undoing = is_undoing(lines)
    for rule in RULES:
        if rule.breaks is not None:
            broken = rule.breaks(lines, shop) & (found == "")
            found[broken & ~undoing if rule.code in _UNDOINGS_PASS else broken] = rule.code
    return found


def clean(lines: pd.DataFrame, shop: Shop) -> Cleaned:
    """Clean one bucket of canonical lines (every line of a customer is in one bucket); order of rows plays no part."""
    ordered, too_old = _kept(in_order(lines), shop)
    rule = first_broken(ordered, shop)
    sound = ordered[rule == ""].reset_index(drop=True)
    undoing = pd.Series(is_undoing(sound), index=sound.index)
    partner = matches(sound, undoing)
    day = windows.local_dates(sound["ordered_at"], shop.time_zone)
    known = known_instants(sound)
    known_day = windows.local_dates(known, shop.time_zone)
    is_paired = partner != UNMATCHED
    other = np.where(is_paired, partner, 0)
    days = windows.day_numbers(day)
    known_days = windows.day_numbers(known_day)
    same_day = is_paired & (known_days == days)
    if len(sound):
        same_day &= (days == days[other]) & (known_days[other] == days)
    sound = sound.assign(ordered_on=day, ordered_hour=windows.local_hours(sound["ordered_at"], shop.time_zone))
    return Cleaned(
        _purchases(sound, known, partner, ~same_day & ~undoing.to_numpy()),
        _returns(sound, partner, ~same_day & undoing.to_numpy()),
        _rejects(ordered, rule, sound[same_day]),
        too_old,
    )


def _kept(ordered: pd.DataFrame, shop: Shop) -> tuple[pd.DataFrame, dict[str, int]]:
    """The lines within the time of retention, and how many of each source are not."""
    if shop.keep_from is None:
        return ordered, {}
    old = windows.is_before_day(ordered["ordered_at"], shop.keep_from, shop.time_zone)
    counts = {str(source): int(n) for source, n in ordered.loc[old, "source"].value_counts().items()}
    return ordered[~old].reset_index(drop=True), counts


def in_order(lines: pd.DataFrame) -> pd.DataFrame:
    """Lines by customer, instant and content; file and line decide only between equal ones."""
    keys = [name for name in CONTENT if name in lines.columns]
    return lines.sort_values([*keys, "source", "source_line"], ignore_index=True)


def _purchases(sound: pd.DataFrame, known: pd.Series, partner: npt.NDArray[np.int64], kept: Flags) -> pd.DataFrame:
    undone_at = pd.Series(pd.NaT, index=sound.index, dtype="datetime64[us, UTC]")
    paired = np.flatnonzero(kept & (partner != UNMATCHED))
    later = np.maximum(known.to_numpy("datetime64[us]")[paired], known.to_numpy("datetime64[us]")[partner[paired]])
    undone_at.iloc[paired] = pd.Series(later).dt.tz_localize("UTC").to_numpy()
    return sound.assign(undone_at=undone_at)[kept].drop(columns="problem").reset_index(drop=True)


def _returns(sound: pd.DataFrame, partner: npt.NDArray[np.int64], kept: Flags) -> pd.DataFrame:
    paired = partner != UNMATCHED
    other = np.where(paired, partner, 0)
    source, line = sound["source"].to_numpy(dtype=object), sound["source_line"].to_numpy()
    frame = sound.assign(
        kind=np.where(paired, "cancellation", "return"),
        undoes_source=pd.Series(source[other] if len(sound) else source, index=sound.index).where(paired, None),
        undoes_line=pd.Series(line[other] if len(sound) else line, index=sound.index, dtype="Int64").where(paired),
    )
    frame["undoes_source"] = frame["undoes_source"].astype("str")
    return frame[kept].drop(columns="problem").reset_index(drop=True)


def _rejects(ordered: pd.DataFrame, rule: npt.NDArray[np.object_], undone: pd.DataFrame) -> pd.DataFrame:
    broken = ordered.assign(rule=rule)[rule != ""]
    both = pd.concat([broken, undone.drop(columns=["ordered_on", "ordered_hour"]).assign(rule="undone_same_day")])
    both["rule"] = both["rule"].astype("str")
    rejects: pd.DataFrame = both.sort_values(["source", "source_line"], ignore_index=True)
    return rejects
