"""Canonical lines at the door: ids hashed or mapped to one person, orders made where none is named, buckets chosen."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pandas as pd

from contracts import windows
from contracts.event_tables import OPTIONAL_OF_LINES, REJECTS

REQUIRED = ("source_line", "customer_id", "order_id", "ordered_at", "amount", "is_cancellation", "problem", "repair")
ID_LENGTH = 24


def line_columns(columns: Collection[str]) -> list[str]:
    """The columns of lines on their way into the store, in order; of the optional ones those that the source has."""
    return [name for name in REJECTS.columns if name != "rule" and (name not in OPTIONAL_OF_LINES or name in columns)]


def nobody(_: str) -> bool:
    """No id is erased."""
    return False


@dataclass(frozen=True)
class Door:
    """What happens to a line before it is stored.

    `key` hashes customers' ids if given; `same_as` gives the id under which a person's purchases count; `forgotten`
    tells whether an id (as stored) was erased.
    """

    time_zone: str
    columns: frozenset[str]
    n_buckets: int
    makes_orders: bool
    key: bytes | None = field(default=None, repr=False)
    same_as: Mapping[str, str] = field(default_factory=dict, repr=False)
    forgotten: Callable[[str], bool] = field(default=nobody, repr=False)


def keyed_hash(key: bytes, customer_id: str) -> str:
    """HMAC-SHA256 of an id, 24 hexadecimal characters: the same id gives the same hash, and none leads back."""
    return hmac.new(key, customer_id.encode(), hashlib.sha256).hexdigest()[:ID_LENGTH]


def translated(ids: pd.Series, change: Callable[[str], str | None]) -> pd.Series:
    """Each distinct id changed once; missing stays missing."""
    codes, distinct = pd.factorize(ids)
    changed = pd.array([change(str(name)) for name in distinct] + [None], dtype="str")
    return pd.Series(changed.take(codes), index=ids.index)


def admitted(lines: pd.DataFrame, source: str, door: Door) -> pd.DataFrame:
    """The lines as they are stored, and their `bucket`; lines of erased customers are left out."""
    kept = [name for name in OPTIONAL_OF_LINES if name in door.columns]
    frame = lines[[*REQUIRED, *kept]].assign(source=source)
    frame["source"] = frame["source"].astype("str")
    given = frame["customer_id"]
    frame["customer_id"] = translated(given, lambda name: stored_id(name, door))
    is_erased = _is_erased(given, door) | _is_erased(frame["customer_id"], door)
    frame["order_id"] = frame["order_id"].astype("str")
    for name in ("discount", "coupon_discount"):
        if name in frame.columns:
            frame[name] = frame[name].abs()
    frame = _with_orders(frame[~is_erased].reset_index(drop=True), door)
    return frame.assign(bucket=buckets(frame, door.n_buckets))


def _is_erased(ids: pd.Series, door: Door) -> pd.Series:
    return ids.isin([name for name in ids.dropna().unique() if door.forgotten(name)])


def stored_id(given: str, door: Door) -> str:
    """The id under which a customer is stored: that of the person, hashed if ids are."""
    stored = door.same_as.get(given, given)
    return keyed_hash(door.key, stored) if door.key else stored


def _with_orders(lines: pd.DataFrame, door: Door) -> pd.DataFrame:
    """A basket a customer and local day where no order is named; said as a repair only if the source names some."""
    bare = lines["order_id"].isna() & lines["customer_id"].notna() & lines["ordered_at"].notna()
    if not bare.any():
        return lines
    day = windows.local_dates(lines.loc[bare, "ordered_at"], door.time_zone).dt.strftime("%Y-%m-%d")
    made = lines.loc[bare, "customer_id"] + "@" + day
    orders, repair = lines["order_id"].copy(), lines["repair"].copy()
    orders[bare] = made
    if door.makes_orders:
        repair[bare] = (repair[bare] + ",order_made").str.strip(",")
    return lines.assign(order_id=orders, repair=repair)


def buckets(lines: pd.DataFrame, n_buckets: int) -> npt.NDArray[np.int64]:
    """The bucket of each line: by customer; lines without one by order, so that equal lines meet."""
    owner = lines["customer_id"].fillna("~" + lines["order_id"].fillna(""))
    codes, distinct = pd.factorize(owner)
    return np.array([bucket_of(str(name), n_buckets) for name in distinct], dtype=np.int64)[codes]


def bucket_of(customer_id: str, n_buckets: int) -> int:
    """The bucket of a customer, the same on every machine."""
    return int.from_bytes(hashlib.blake2b(customer_id.encode(), digest_size=8).digest(), "big") % n_buckets
