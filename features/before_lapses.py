"""What came before lapses, and before stays: goods bought last, the last store, what went wrong, by past cutoffs.

Everything is as it was known at its cutoff. What is found goes with lapses; it need not have caused any.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
import pandas as pd

from contracts import windows
from events.store import Events
from features.customer_days import DayBook, day_book
from features.snapshots import usual_gap_days

WINDOW_DAYS = 28
LOW_RATING = 2.0
GOODS = {"product": "product_id", "category": "category"}
KINDS = (*GOODS, "store", "failure")
N_SILENCES, N_GAPS = 5, 3
"""Fifths of the silence in gaps; thirds of the gap: within a horizon those who come seldom lapse more often."""
FACTS = ["row", "kind", "name"]


@dataclass(frozen=True)
class Before:
    """`rows`: one labelled customer and cutoff, indexed 0, 1, … `facts`: one circumstance of one row.

    Of rows: `customer_id`, `cutoff_on`, `lapsed`, and `stratum`: 3 × the fifth (0 to 4) of the silence in usual gaps,
    plus the third (0 to 2) of the usual gap itself; -1 without one. Of facts: `row` (its index), `kind` (KINDS) and
    `name` (a product's id, a category, a store's id, a failure).
    """

    rows: pd.DataFrame
    facts: pd.DataFrame


def before_lapses(events: Events, snapshots: pd.DataFrame) -> Before:
    """The rows of SNAPSHOTS that are eligible and have a label, and what is known of the 28 days before each."""
    chosen = snapshots[snapshots["is_eligible"] & snapshots["lapsed"].notna()]
    rows = chosen[["customer_id", "cutoff_on", "lapsed"]].astype({"lapsed": bool}).reset_index(drop=True)
    book, silences, parts = day_book(events.purchases, events.time_zone), [], []
    for day, judged in rows.groupby("cutoff_on", sort=True):
        cutoff = pd.Timestamp(str(day)).date()
        silences.append(rhythms(book, judged["customer_id"], cutoff))
        parts.append(_facts_at(events, pd.Series(judged.index, index=judged["customer_id"]), cutoff))
    facts = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=FACTS)
    if not silences:
        return Before(rows.assign(stratum=np.empty(0, dtype=np.int64)), facts)
    rhythm = pd.concat(silences).reindex(rows.index)
    fifth, third = parts_of(rhythm["silence"], N_SILENCES), parts_of(rhythm["gap_days"], N_GAPS)
    return Before(rows.assign(stratum=np.where(third < 0, -1, N_GAPS * fifth + third)), facts)


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


def _facts_at(events: Events, row_of: pd.Series, cutoff: date) -> pd.DataFrame:
    """The facts of one cutoff's rows; `row_of` gives the row by customer id."""
    bought = windows.rows_before(events.purchases, cutoff, events.time_zone)
    recent = bought[_lately(bought["ordered_on"], cutoff)]
    last_on = recent.groupby("customer_id")["ordered_on"].transform("max")
    kinds = {
        name: _goods(recent[recent["ordered_on"] == last_on], events.products, column) for name, column in GOODS.items()
    }
    kinds |= {"store": _last_store(bought), "failure": _failures(events, cutoff)}
    parts = [_named(found, row_of).assign(kind=kind) for kind, found in kinds.items()]
    return pd.concat(parts, ignore_index=True)[FACTS]


def _named(found: pd.DataFrame, row_of: pd.Series) -> pd.DataFrame:
    """`customer_id` and `name`, of customers with a row: each once, by row; nameless ones are left out."""
    kept = found[found["customer_id"].isin(row_of.index) & (found["name"].notna()) & (found["name"] != "")]
    kept = kept.drop_duplicates(["customer_id", "name"])
    return pd.DataFrame({"row": row_of.reindex(kept["customer_id"]).to_numpy(), "name": kept["name"].astype("str")})


def _lately(days: pd.Series, cutoff: date) -> npt.NDArray[np.bool_]:
    return windows.trailing(windows.day_numbers(days), cutoff, WINDOW_DAYS)


def _goods(last: pd.DataFrame, products: pd.DataFrame, column: str) -> pd.DataFrame:
    """What each customer's lines name; `column` is of the products, or 'product_id' itself. Nobody without products."""
    if "product_id" not in last.columns:
        return pd.DataFrame({"customer_id": pd.Series(dtype="str"), "name": pd.Series(dtype="str")})
    lines = last[["customer_id", "product_id"]].drop_duplicates()
    if column == "product_id":
        return lines.rename(columns={"product_id": "name"})
    if column not in products.columns:
        return lines.iloc[:0].rename(columns={"product_id": "name"})
    named = lines["product_id"].map(products.drop_duplicates("product_id").set_index("product_id")[column])
    return lines[["customer_id"]].assign(name=named)


def _last_store(bought: pd.DataFrame) -> pd.DataFrame:
    """Where each customer's last line before the cutoff was bought; nobody where the shop records no stores."""
    if "store_id" not in bought.columns:
        return pd.DataFrame({"customer_id": pd.Series(dtype="str"), "name": pd.Series(dtype="str")})
    last = bought.sort_values("ordered_at", kind="stable").drop_duplicates("customer_id", keep="last")
    return last[["customer_id", "store_id"]].rename(columns={"store_id": "name"})


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
