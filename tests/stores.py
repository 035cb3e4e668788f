"""Small stores for tests: purchase lines from a few drawn numbers, in the canonical columns."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
from hypothesis import strategies as st

from contracts import windows
from contracts.files import digest
from contracts.params import Rules, Simulate, Store
from events.building import Recipe, build_store
from events.cleaning import Shop
from events.lines import Door, bucket_of
from events.sources import LinePart, Source
from events.store import Events, in_time_order
from features.engine import Engine, feature_table
from features.records import Feature
from simulation.source import simulated

EXAMPLES = int(os.environ.get("REGULARS_EXAMPLES", "8"))
"""How many stores a property of whole stores draws; `make prove` draws many more."""
ZONE = "America/New_York"
FIRST_DAY = date(2017, 1, 2)
CATEGORIES = ("BREAD", "CHEESE", "TEA")


def purchases(rows: Iterable[tuple[str, str, int, float, float]]) -> pd.DataFrame:
    """Lines from (customer, local timestamp, product number, amount, discount)."""
    listed = list(rows)
    frame = pd.DataFrame(listed, columns=["customer_id", "local", "product", "amount", "discount"])
    local = pd.to_datetime(frame["local"]).dt.as_unit("us")
    ordered_at = local.dt.tz_localize(ZONE, ambiguous=True, nonexistent="shift_forward").dt.tz_convert("UTC")
    lines = pd.DataFrame(
        {
            "source": "0" * 12,
            "source_line": np.arange(1, len(frame) + 1, dtype=np.int64),
            "customer_id": frame["customer_id"].astype("str"),
            "order_id": (frame["customer_id"] + "@" + frame["local"].astype("str")).astype("str"),
            "ordered_at": ordered_at,
            "ordered_on": windows.local_dates(ordered_at, ZONE),
            "ordered_hour": windows.local_hours(ordered_at, ZONE),
            "product_id": frame["product"].astype("str"),
            "store_id": (frame["product"] % 2).astype("str"),
            "quantity": np.ones(len(frame)),
            "amount": frame["amount"].astype(float),
            "discount": frame["discount"].astype(float),
            "coupon_discount": np.where(frame["product"] == 0, frame["discount"], 0.0),
            "is_cancellation": False,
            "repair": "",
            "undone_at": pd.Series(pd.NaT, index=frame.index, dtype="datetime64[us, UTC]"),
        }
    )
    return in_time_order(lines)


def products(n: int = 8) -> pd.DataFrame:
    """A few products in three categories."""
    return pd.DataFrame(
        {
            "product_id": [str(number) for number in range(n)],
            "department": ["GROCERY" if number % 2 else "DELI" for number in range(n)],
            "category": [CATEGORIES[number % 3] for number in range(n)],
            "product_type": [f"TYPE {number}" for number in range(n)],
            "is_private_label": [number % 4 == 0 for number in range(n)],
        }
    )


def signals(rows: Iterable[tuple[str, int]], kind: str) -> pd.DataFrame:
    """Contacts or responses from (customer, days after the first day)."""
    listed = sorted(set(rows))
    days = pd.Series(pd.to_datetime([pd.Timestamp(FIRST_DAY) + pd.Timedelta(days=day) for _, day in listed]))
    days = days.astype("datetime64[us]")
    frame = pd.DataFrame({"customer_id": pd.Series([name for name, _ in listed], dtype="str")})
    frame["campaign_id"] = pd.Series([str(day) for _, day in listed], dtype="str")
    if kind == "contacts":
        return frame.assign(sent_at=windows.day_begins(days, ZONE), sent_on=days)
    return frame.assign(
        coupon_id="c", kind="redeemed", responded_at=windows.day_ends(days, ZONE), responded_on=days, n=1
    )


def events(lines: pd.DataFrame, contacts: pd.DataFrame | None = None, responses: pd.DataFrame | None = None) -> Events:
    """A store's events from its lines."""
    return Events(
        lines,
        products(),
        signals([], "contacts") if contacts is None else contacts,
        signals([], "responses") if responses is None else responses,
        lines["ordered_on"].min().date(),
        windows.data_end(lines["ordered_on"].max().date()),
        ZONE,
    )


LINE_COLUMNS = ("customer_id", "order_id", "ordered_at", "product_id", "quantity", "amount", "known_at")


def canonical(rows: Iterable[dict[str, object]]) -> pd.DataFrame:
    """Canonical lines as reading gives them, from dictionaries with local instants; what none names is missing."""
    listed = list(rows)
    frame = pd.DataFrame({name: [row.get(name) for row in listed] for name in LINE_COLUMNS})
    for name in ("ordered_at", "known_at"):
        local = pd.to_datetime(frame[name], format="ISO8601").astype("datetime64[us]")
        frame[name] = local.dt.tz_localize(ZONE, ambiguous=True, nonexistent="shift_forward").dt.tz_convert("UTC")
    for name in ("customer_id", "order_id", "product_id"):
        frame[name] = frame[name].astype("str")
    for name in ("quantity", "amount"):
        frame[name] = frame[name].astype("float64")
    return frame.assign(
        source_line=np.arange(1, len(frame) + 1, dtype=np.int64),
        is_cancellation=pd.Series([bool(row.get("is_cancellation")) for row in listed], dtype="bool"),
        problem=pd.Series([str(row.get("problem", "")) for row in listed], dtype="str"),
        repair=pd.Series("", index=frame.index, dtype="str"),
    )


CANONICAL_COLUMNS = frozenset({"product_id", "quantity", "known_at"})


def part(name: str, lines: pd.DataFrame, chunk_rows: int = 7) -> LinePart:
    """Canonical lines as a file of a source, read in small chunks; its digest hangs on its content."""
    starts = range(0, max(len(lines), 1), chunk_rows)
    content = digest(lines.to_csv(index=False))
    return LinePart(name, content, lambda: (lines.iloc[at : at + chunk_rows].reset_index(drop=True) for at in starts))


def source(files: Iterable[tuple[str, pd.DataFrame]]) -> Source:
    """A shop's files as a source."""
    return Source("test", tuple(part(name, lines) for name, lines in files), CANONICAL_COLUMNS)


NO_RULES = Rules(max_reject_share=1.0, non_goods=["POST"], extract_on=None, retention_days=None)
LAST_DAY = date(2019, 12, 31)


def made(n_buckets: int = 2, rules: Rules = NO_RULES, **door: object) -> Recipe:
    """A recipe for small stores."""
    shop = Shop(rules, "USD", ZONE, rules.extract_on or LAST_DAY)
    said = {"time_zone": ZONE, "columns": CANONICAL_COLUMNS, "n_buckets": n_buckets, "makes_orders": True, **door}
    return Recipe(shop, Door(**said), "test")  # type: ignore[arg-type]


LINE = st.tuples(
    st.sampled_from(["ann", "bob", "cy", "dee"]),
    st.integers(0, 190),
    st.integers(0, 23),
    st.integers(0, 7),
    st.floats(0.5, 60).map(lambda value: round(value, 2)),
    st.sampled_from([0.0, 0.0, 1.5, 4.0]),
)


def drawn_lines(rows: list[tuple[str, int, int, int, float, float]]) -> pd.DataFrame:
    """Lines from drawn (customer, day, hour, product, amount, discount)."""
    start = pd.Timestamp(FIRST_DAY)
    return purchases(
        (who, str(start + pd.Timedelta(days=day, hours=hour)), product, amount, discount)
        for who, day, hour, product, amount, discount in rows
    )


STORES = st.lists(LINE, min_size=3, max_size=60)
SIGNALS = st.lists(st.tuples(st.sampled_from(["ann", "bob", "cy", "dee"]), st.integers(0, 190)), max_size=8)


@dataclass(frozen=True)
class Shelf:
    """A store in memory, read as `events.store.Shelf` is: as a whole, or in buckets of whole customers."""

    events: Events
    n_buckets: int = 1

    @property
    def side(self) -> dict[str, pd.DataFrame]:
        return {"products": self.events.products}

    @property
    def absent(self) -> frozenset[str]:
        return self.events.absent

    def whole(self) -> Events:
        return self.events

    def product_ids(self) -> pd.Index:
        return pd.Index(self.events.purchases["product_id"].dropna().unique())

    def buckets(self) -> Iterator[Events]:
        return map(self.bucket, range(self.n_buckets))

    def bucket(self, number: int) -> Events:
        lines, returns = (
            frame[np.array([bucket_of(who, self.n_buckets) == number for who in frame["customer_id"]], dtype=bool)]
            for frame in (self.events.purchases, self.events.returns)
        )
        return replace(self.events, purchases=lines.reset_index(drop=True), returns=returns.reset_index(drop=True))


def feature_frame(
    known: Events, cutoff: date, features: Sequence[Feature], engine: Engine = "kernel", n_buckets: int = 1
) -> pd.DataFrame:
    """Features of everyone who had bought before the cutoff, by customer."""
    bought = windows.rows_before(known.purchases, cutoff, ZONE)["customer_id"].unique()
    rows = pd.DataFrame({"customer_id": sorted(bought), "cutoff_on": pd.Timestamp(cutoff)})
    table = feature_table(Shelf(known, n_buckets), rows, features, 28, engine)
    return table.drop(columns="cutoff_on").set_index("customer_id").sort_index()


def simulated_source(plan: Simulate) -> Source:
    """A simulated shop as a source."""
    made = simulated(plan, Store(time_zone="Europe/Amsterdam", currency="EUR", margin_rate=0.3))
    return Source(made.name, (LinePart(made.name, made.digest, made.chunks),), made.columns, made.side)


def simulated_store(folder: Path, n_buckets: int = 3, **plan: int) -> Path:
    """The event store of a simulated shop."""
    source = simulated_source(Simulate(**plan))  # type: ignore[arg-type]
    rules = Rules(max_reject_share=0.5, non_goods=[], extract_on=date(2030, 1, 1), retention_days=None)
    second = source.side["customers"].dropna(subset="same_as")
    same_as = dict(zip(second["customer_id"], second["same_as"], strict=True))
    zone = "Europe/Amsterdam"
    door = Door(zone, source.columns, n_buckets, True, same_as=same_as)
    build_store(source, folder / "events", Recipe(Shop(rules, "EUR", zone, date(2030, 1, 1)), door, "r"))
    return folder / "events"
