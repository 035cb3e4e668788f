"""From a bucket's frames to coded streams: ids become positions, money hundredths, days numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from contracts import windows
from events.store import Events
from features.customer_days import amounts_of, days_of, known_days
from features.kernel.streams import NEVER, Coded, Codes, Column, Goods, Ints, Stream, empty_stream, stream
from features.vocabulary import SIGNALS, SOURCES

UNKNOWN = "unknown"
RATING = "rating"
DATED = {
    "contacts": "sent_on",
    "responses": "responded_on",
    "interactions": "happened_on",
}
"""The day of a row of each table that signals come from."""


@dataclass(frozen=True)
class Assortment:
    """The codes of all products of the store, so that every bucket gives a product the same; 0 is 'unknown'."""

    products: pd.Index
    goods: Goods

    def codes(self, names: pd.Index) -> Codes:
        """The code of each name; 0 where it is missing."""
        return (self.products.get_indexer(names) + 1).astype(np.int32)


def assortment(described: pd.DataFrame, named: pd.Index) -> Assortment:
    """Codes for the products that are described and those that lines name."""
    products = pd.Index(described["product_id"]).union(named.dropna()).sort_values()
    known = described.set_index("product_id").reindex(products)
    own_brand = known["is_private_label"].eq(True).fillna(False).to_numpy(dtype=bool)
    goods = Goods(_grouping(known["category"]), _grouping(known["department"]), np.append(False, own_brand))
    return Assortment(products, goods)


def _grouping(names: pd.Series) -> Codes:
    """The code of each product's group, the unknown product first; a group that is not named is 'unknown'."""
    return pd.factorize(np.append(UNKNOWN, names.fillna(UNKNOWN).to_numpy(dtype=object)))[0].astype(np.int32)


def coded(events: Events, sold: Assortment) -> Coded:
    """Code a bucket's events (or a whole store's); the same events again, as in a store of one bucket, only once."""
    # kept with the events themselves, so that it lives no longer than they do
    kept = vars(events).get("_coded")
    if kept is None or kept[0] is not sold:
        kept = vars(events)["_coded"] = (sold, _coded(events, sold))
    found: Coded = kept[1]
    return found


def _coded(events: Events, sold: Assortment) -> Coded:
    purchases, zone = events.purchases, events.time_zone
    codes, distinct = pd.factorize(purchases["customer_id"], sort=True)
    customers: npt.NDArray[np.object_] = np.asarray(distinct, dtype=object)
    day = windows.day_numbers(purchases["ordered_on"])
    lines = stream(
        len(customers),
        codes.astype(np.int64),
        day,
        _line_columns(events, sold, pd.Index(distinct), codes.astype(np.int64), day),
        known=np.maximum(day, days_of(purchases, "known_at", zone, day)),
        undone=days_of(purchases, "undone_at", zone, np.full(len(day), NEVER)),
    )
    return Coded(customers, lines, _others(events, pd.Index(distinct)), sold.goods)


def hundredths(values: npt.NDArray[np.float64]) -> Ints:
    """Whole hundredths of the currency."""
    return np.rint(values * 100.0).astype(np.int64)


def _line_columns(
    events: Events, sold: Assortment, customers: pd.Index, customer: Ints, day: Ints
) -> dict[str, Column]:
    purchases = events.purchases
    discount = hundredths(amounts_of(purchases, "discount"))
    columns: dict[str, Column] = {
        "order": pd.factorize(purchases["order_id"])[0].astype(np.int32),
        "hour": purchases["ordered_hour"].to_numpy(dtype=np.int8),
        "amount": hundredths(purchases["amount"].to_numpy(dtype=np.float64)),
        "discount": discount,
        "coupon_discount": hundredths(amounts_of(purchases, "coupon_discount")),
        "quantity": np.rint(amounts_of(purchases, "quantity") * 1000.0).astype(np.int64),
        "product": _codes_of(purchases, "product_id", sold),
        "store": _named(purchases, "store_id"),
        "channel": _named(purchases, "channel"),
        "has_promotion": _filled(purchases, "promotion_id").notna().to_numpy(dtype=bool),
        "is_employers": _filled(purchases, "payer").eq("employer").fillna(False).to_numpy(dtype=bool),
    }
    under = discount > 0 if "discount" in purchases.columns else np.ones(len(day), dtype=bool)
    ended = np.where(under, _campaign_ends(events, customers, customer, day), NEVER)
    return {**columns, "benefit_ended": np.minimum(ended, _promotion_ends(events))}


def _filled(frame: pd.DataFrame, name: str) -> pd.Series:
    return frame[name] if name in frame.columns else pd.Series(pd.NA, index=frame.index, dtype="str")


def _named(frame: pd.DataFrame, name: str) -> Codes:
    """Codes of an optional column of names; 0 is 'unknown'."""
    return (pd.factorize(_filled(frame, name))[0] + 1).astype(np.int32)


def _codes_of(purchases: pd.DataFrame, name: str, sold: Assortment) -> Codes:
    codes, distinct = pd.factorize(_filled(purchases, name))
    return np.append(sold.codes(pd.Index(distinct)), np.int32(0))[codes]


def _promotion_ends(events: Events) -> Ints:
    """By line: the day after which its promotion was known to be over; NEVER if it belongs to none."""
    promotions = events.promotions
    if "promotion_id" not in events.purchases.columns or not len(promotions):
        return np.full(len(events.purchases), NEVER)
    ends = windows.day_numbers(promotions["ends_on"])
    known = np.maximum(ends, days_of(promotions, "known_at", events.time_zone, ends))
    place = pd.Index(promotions["promotion_id"]).get_indexer(pd.Index(events.purchases["promotion_id"]))
    return np.asarray(np.append(known, NEVER)[place])


def _campaign_ends(events: Events, customers: pd.Index, customer: Ints, day: Ints) -> Ints:
    """By line: the day after which a campaign that had been sent to the customer by then, and was on, was over."""
    if not len(events.campaigns):
        return np.full(len(day), NEVER)
    sent = events.contacts.merge(events.campaigns[["campaign_id", "ends_on"]], on="campaign_id")
    owner = customers.get_indexer(pd.Index(sent["customer_id"]))
    begin, end = windows.day_numbers(sent["sent_on"]), windows.day_numbers(sent["ends_on"])
    over = np.maximum(end, known_days(sent, "sent_on", events.time_zone))
    days = pd.DataFrame({"customer": customer, "day": day}).drop_duplicates(ignore_index=True)
    messages = pd.DataFrame({"customer": owner, "begin": begin, "end": end, "over": over})
    pairs = days.merge(messages[owner >= 0], on="customer")
    pairs = pairs[(pairs["begin"] <= pairs["day"]) & (pairs["day"] <= pairs["end"])]
    first = pairs.groupby(["customer", "day"])["over"].min()
    found = first.reindex(pd.MultiIndex.from_frame(days)).fillna(-1).to_numpy(dtype=np.int64)
    width = int(day.max(initial=0)) + 1
    keys = days["customer"].to_numpy() * width + days["day"].to_numpy()
    order = np.argsort(keys)
    by_line = found[order][np.searchsorted(keys[order], customer * width + day)]
    return np.where(by_line < 0, NEVER, by_line)


def _others(events: Events, customers: pd.Index) -> dict[str, Stream]:
    """Returns and signals, of the bucket's customers."""
    returned = {"returned_amount": hundredths(-events.returns["amount"].to_numpy(dtype=np.float64))}
    found = {"returns": _dated(events.returns, "ordered_on", customers, events.time_zone, returned)}
    tables = {name: _Signals.of(getattr(events, name), on, customers, events.time_zone) for name, on in DATED.items()}
    for name in SIGNALS:
        wanted = [kind.split(":") for kind in SOURCES[name].kinds or ("contacts:",)]
        parts = [tables[table].stream(which, len(customers)) for table, which in wanted]
        found[name] = parts[0] if len(parts) == 1 else _united(parts)
    return found


@dataclass(frozen=True)
class _Signals:
    """The rows of a further table about the bucket's customers, read once for all its kinds; `value` is NaN if none."""

    kind: npt.NDArray[np.object_] | None
    owner: Ints
    day: Ints
    known: Ints
    n: Ints
    value: npt.NDArray[np.float64] | None

    @classmethod
    def of(cls, frame: pd.DataFrame, on: str, customers: pd.Index, zone: str) -> _Signals:
        """A table of events, with its day in the column `on`."""
        owner = customers.get_indexer(pd.Index(frame["customer_id"]))
        kept = np.flatnonzero(owner >= 0)
        n = frame["n"].to_numpy(dtype=np.int64) if "n" in frame.columns else np.ones(len(frame), dtype=np.int64)
        value = frame["value"].to_numpy(dtype=np.float64, na_value=np.nan)[kept] if "value" in frame.columns else None
        return cls(
            frame["kind"].to_numpy(dtype=object)[kept] if "kind" in frame.columns else None,
            owner[kept].astype(np.int64),
            windows.day_numbers(frame[on])[kept],
            known_days(frame, on, zone)[kept],
            n[kept],
            value,
        )

    def stream(self, which: str, n_customers: int) -> Stream:
        """The rows of a kind; all of a table without kinds ('')."""
        kept = np.asarray(self.kind == which if which else np.ones(len(self.day)), dtype=bool)
        if which == RATING and self.value is not None:
            kept &= ~np.isnan(self.value)
        if not kept.any():
            return empty_stream(n_customers, "n", "value")
        value = np.zeros(len(self.day)) if self.value is None else np.nan_to_num(self.value, nan=0.0)
        columns = {"n": self.n[kept], "value": hundredths(value[kept])}
        return stream(n_customers, self.owner[kept], self.day[kept], columns, known=self.known[kept])


def _dated(frame: pd.DataFrame, on: str, customers: pd.Index, zone: str, columns: Mapping[str, Column]) -> Stream:
    if not len(frame):
        return empty_stream(len(customers), *columns)
    owner = customers.get_indexer(pd.Index(frame["customer_id"]))
    kept, day, known = owner >= 0, windows.day_numbers(frame[on]), known_days(frame, on, zone)
    own = {name: column[kept] for name, column in columns.items()}
    return stream(len(customers), owner[kept].astype(np.int64), day[kept], own, known=known[kept])


def _united(parts: list[Stream]) -> Stream:
    """Several kinds as one stream."""
    names = parts[0].columns
    return stream(
        parts[0].n_slots,
        np.concatenate([part.slots() for part in parts]),
        np.concatenate([part.day for part in parts]),
        {name: np.concatenate([part.columns[name] for part in parts]) for name in names},
        known=np.concatenate([part.day if part.known is None else part.known for part in parts]),
    )
