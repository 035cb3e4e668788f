"""What came before lapses, and before stays: goods bought last, the last store, what went wrong, by past cutoffs.

Everything is as it was known at its cutoff. What is found goes with lapses; it need not have caused any.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
import pandas as pd
from pandas.api.types import union_categoricals

from contracts import windows
from events.store import Events
from features.before_goods import NO_FACTS, WINDOW_DAYS, Bought
from features.customer_days import DayBook, day_book
from features.snapshots import usual_gap_days

LOW_RATING = 2.0
N_SILENCES, N_GAPS = 5, 3
"""Fifths of the silence in gaps; thirds of the gap: within a horizon those who come seldom lapse more often."""


@dataclass(frozen=True)
class Before:
    """`rows`: one labelled customer and cutoff, indexed 0, 1, … `facts`: one circumstance of one row.

    Of rows: `customer_id`, `cutoff_on`, `lapsed`, and `stratum`: 3 × the fifth (0 to 4) of the silence in usual gaps,
    plus the third (0 to 2) of the usual gap itself; -1 without one. Of facts: `row` (its index), `kind`
    ('product', 'category', 'store' or 'failure') and `name` (a product's id, a category, a store's id, a failure).
    """

    rows: pd.DataFrame
    facts: pd.DataFrame


@dataclass(frozen=True)
class Found:
    """Of some customers: `rows` as in `Before`, but `gap_days` and `silence` (in gaps) for the stratum; `facts`."""

    rows: pd.DataFrame
    facts: pd.DataFrame


def before_lapses(events: Events, snapshots: pd.DataFrame) -> Before:
    """The rows of SNAPSHOTS that are eligible and have a label, and what is known of the 28 days before each."""
    return together([found_before(events, snapshots)])


def together(parts: Sequence[Found]) -> Before:
    """What was found of the customers of each part (none is in two): strata are those of all rows."""
    begins = np.cumsum([0, *(len(part.rows) for part in parts)])
    rows = pd.concat([part.rows for part in parts], ignore_index=True)
    moved = [part.facts.assign(row=part.facts["row"] + at) for part, at in zip(parts, begins, strict=False)]
    facts = pd.DataFrame({"row": np.concatenate([one["row"].to_numpy(dtype=np.int64) for one in moved])})
    for name in ("kind", "name"):
        facts[name] = union_categoricals([one[name] for one in moved])
    fifth, third = parts_of(rows["silence"], N_SILENCES), parts_of(rows["gap_days"], N_GAPS)
    stratum = np.where(third < 0, -1, N_GAPS * fifth + third)
    return Before(rows[["customer_id", "cutoff_on", "lapsed"]].assign(stratum=stratum), facts)


def found_before(events: Events, snapshots: pd.DataFrame) -> Found:
    """What is known of some customers' rows; `events` holds all that is theirs."""
    chosen = snapshots[snapshots["is_eligible"] & snapshots["lapsed"].notna()]
    rows = chosen[["customer_id", "cutoff_on", "lapsed"]].astype({"lapsed": bool}).reset_index(drop=True)
    book, lines = day_book(events.purchases, events.time_zone), Bought.of(events)
    silences, parts = [pd.DataFrame({"gap_days": [], "silence": []}, dtype="float64")], [NO_FACTS]
    for day, judged in rows.groupby("cutoff_on", sort=True):
        cutoff = pd.Timestamp(str(day)).date()
        silences.append(rhythms(book, judged["customer_id"], cutoff))
        row_of = pd.Series(judged.index, index=judged["customer_id"])
        parts += [*lines.facts_at(row_of, cutoff, events.time_zone), _named(_failures(events, cutoff), row_of)]
    return Found(rows.join(pd.concat(silences)), _listed(parts))


def _listed(parts: list[pd.DataFrame]) -> pd.DataFrame:
    """Facts one below the other; `kind` and `name` are categories, for a fact is a row of millions."""
    facts = pd.DataFrame({"row": np.concatenate([part["row"].to_numpy(dtype=np.int64) for part in parts])})
    for name in ("kind", "name"):
        facts[name] = union_categoricals([part[name] for part in parts])
    return facts


def parts_of(values: pd.Series, n: int) -> npt.NDArray[np.int64]:
    """Which of `n` parts of equal counts each value lies in (0: the lowest); -1 where it is missing.

    >>> parts_of(pd.Series([0.1, 0.2, 0.3, 0.4, 0.5, np.nan]), 5).tolist()
    [0, 1, 2, 3, 4, -1]
    """
    if not values.notna().any():
        return np.full(len(values), -1, dtype=np.int64)
    edges = values.quantile([k / n for k in range(1, n)]).to_numpy()
    found = np.searchsorted(edges, values.to_numpy(dtype=np.float64), side="left")
    return np.where(values.notna(), found, -1).astype(np.int64)


def rhythms(book: DayBook, customers: pd.Series, cutoff: date) -> pd.DataFrame:
    """`gap_days`, the usual gap, and `silence`, days since the last purchase day over it, as known at the cutoff.

    One row a customer, under the index of `customers`; both are missing without a usual gap.
    """
    known = book.known_at(cutoff).before(cutoff)
    last = np.full(len(known.customers), np.iinfo(np.int64).min // 2, dtype=np.int64)
    np.maximum.at(last, known.customer, known.day)
    gap_days = usual_gap_days(known, cutoff)
    silence = (windows.day_number(cutoff) - last) / gap_days
    by_id = pd.DataFrame({"gap_days": gap_days, "silence": silence}, index=known.customers.astype(str))
    return by_id.reindex(customers).set_index(customers.index)


def _named(found: pd.DataFrame, row_of: pd.Series) -> pd.DataFrame:
    """`customer_id` and `name` of failures, of customers with a row: each once, by row."""
    kept = found[found["customer_id"].isin(row_of.index)].drop_duplicates(["customer_id", "name"])
    said = {"kind": pd.Series("failure", index=kept.index, dtype="str"), "name": kept["name"].astype("str")}
    listed = pd.DataFrame({name: values.astype("category") for name, values in said.items()})
    return listed.assign(row=row_of.reindex(kept["customer_id"]).to_numpy())


def _lately(days: pd.Series, cutoff: date) -> npt.NDArray[np.bool_]:
    return windows.trailing(windows.day_numbers(days), cutoff, WINDOW_DAYS)


def _failures(events: Events, cutoff: date) -> pd.DataFrame:
    """What went wrong in the window, one row a customer and kind of failure."""
    returned = windows.rows_before(events.returns, cutoff, events.time_zone)
    met = windows.rows_before(events.interactions, cutoff, events.time_zone, "happened_at")
    lately = met[_lately(met["happened_on"], cutoff)]
    low = lately["value"].le(LOW_RATING) if "value" in lately.columns else np.zeros(len(lately), dtype=bool)
    found = {
        "goods returned": returned.loc[_lately(returned["ordered_on"], cutoff), "customer_id"],
        "return refused": lately.loc[lately["kind"] == "return_refused", "customer_id"],
        "complaint": lately.loc[lately["kind"] == "complaint", "customer_id"],
        "open complaint": open_complaints(met),
        "low rating": lately.loc[(lately["kind"] == "rating") & low, "customer_id"],
        "benefit ended": _ended(events, cutoff),
    }
    return pd.concat([who.to_frame("customer_id").assign(name=name) for name, who in found.items()])


def open_complaints(met: pd.DataFrame) -> pd.Series:
    """Customers whose last word on complaints, of the interactions so far, is a complaint: none closed it since."""
    about = met[met["kind"].isin(["complaint", "complaint_closed"])].sort_values("happened_at", kind="stable")
    last = about.drop_duplicates("customer_id", keep="last")
    return last.loc[last["kind"] == "complaint", "customer_id"]


def _ended(events: Events, cutoff: date) -> pd.Series:
    """Customers contacted by a campaign whose last day lies in the window."""
    over = events.campaigns[_lately(events.campaigns["ends_on"], cutoff)]
    sent = windows.rows_before(events.contacts, cutoff, events.time_zone, "sent_at")
    return sent.loc[sent["campaign_id"].isin(over["campaign_id"]), "customer_id"]
