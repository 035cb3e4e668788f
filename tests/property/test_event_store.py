"""The store's promises: no line lost, file by file equals at once, order plays no part, the past stays."""

from __future__ import annotations

import random
import tempfile
from collections import Counter
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts import windows
from events.building import build_store
from events.store import open_store, read_lines, read_store
from features.catalogue import FEATURES
from features.customer_days import day_book
from features.engine import feature_table
from tests import stores

LINE = st.fixed_dictionaries(
    {
        "customer_id": st.sampled_from(["ann", "bob", "cy", None]),
        "order_id": st.sampled_from(["1", "2", "3", None]),
        "day": st.integers(0, 120),
        "hour": st.sampled_from([0, 9, 23]),
        "product_id": st.sampled_from(["tea", "milk", "POST"]),
        "quantity": st.sampled_from([1.0, 1.0, 2.0, -1.0, -1.0, -2.0]),
        "price": st.sampled_from([3.0, 3.0, 4.5, 0.0]),
        "late": st.sampled_from([None, None, None, 1, 9, 40]),
    }
)
FILES = st.lists(st.lists(LINE, min_size=1, max_size=14), min_size=1, max_size=4)


def lines_of(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    start = pd.Timestamp(stores.FIRST_DAY)
    listed = []
    for row in rows:
        at = start + pd.Timedelta(days=row["day"], hours=row["hour"])
        late = None if row["late"] is None else str(at + pd.Timedelta(days=row["late"]))
        amount = round(row["quantity"] * row["price"], 2)
        named = {key: row[key] for key in ("customer_id", "order_id", "product_id", "quantity")}
        listed.append({**named, "ordered_at": str(at), "amount": amount, "known_at": late})
    # one line that is always a purchase, so that there is a store at all
    return [
        *listed,
        {
            "customer_id": "dee",
            "order_id": "9",
            "ordered_at": "2017-01-02 08:00",
            "product_id": "tea",
            "quantity": 1.0,
            "amount": 1.0,
            "known_at": None,
        },
    ]


def built(files: list[list[dict[str, Any]]], folder: Path, **made: Any) -> dict[str, Any]:
    named = [(f"{k}.csv", stores.canonical(rows)) for k, rows in enumerate(files)]
    return build_store(stores.source(named), folder, stores.made(**made))


def content(folder: Path) -> dict[str, list[tuple[object, ...]]]:
    """Every table's rows without file and line, sorted: what must not hang on the order of rows, files or buckets.

    Repeated lines are left out: a file given twice is read once, but the same rows in another order are another file.
    """
    found = {}
    for name in ("purchases", "returns", "rejects"):
        frame = read_lines(folder, name)
        frame = frame[frame["rule"] != "duplicate"] if name == "rejects" else frame
        kept = [column for column in frame.columns if not column.startswith(("source", "undoes_"))]
        found[name] = sorted(map(repr, frame[kept].astype("object").itertuples(index=False)))
    return found


def tree(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@given(files=FILES)
@settings(max_examples=stores.EXAMPLES)
def test_every_line_ends_in_one_table(files) -> None:
    with tempfile.TemporaryDirectory() as folder:
        facts = built([lines_of(rows) for rows in files], Path(folder) / "events")
        ends = Counter()
        for name in ("purchases", "returns", "rejects"):
            frame = read_lines(Path(folder) / "events", name)
            ends.update(zip(frame["source"], frame["source_line"], strict=True))
        came = Counter()
        for part in facts["parts"]:
            came.update((part["source"], line) for line in range(1, part["lines"] + 1))
        assert ends == came
        assert facts["lines_in"] == facts["lines_accepted"] + facts["lines_repaired"] + facts["lines_rejected"]


@given(files=FILES, seed=st.integers(0, 99))
@settings(max_examples=stores.EXAMPLES)
def test_file_by_file_equals_at_once_to_the_byte(files, seed: int) -> None:
    listed = [lines_of(rows) for rows in files]
    order = list(range(len(listed)))
    random.Random(seed).shuffle(order)
    with tempfile.TemporaryDirectory() as folder:
        once, grown = Path(folder) / "once" / "events", Path(folder) / "grown" / "events"
        built(listed, once)
        named = [(f"{k}.csv", stores.canonical(rows)) for k, rows in enumerate(listed)]
        for n in range(1, len(order) + 1):
            build_store(stores.source([named[k] for k in sorted(order[:n])]), grown, stores.made())
        assert tree(once) == tree(grown)


@given(files=FILES, seed=st.integers(0, 99))
@settings(max_examples=stores.EXAMPLES)
def test_the_order_of_rows_and_files_and_the_number_of_buckets_change_nothing(files, seed: int) -> None:
    draw = random.Random(seed)
    listed = [lines_of(rows) for rows in files]
    shuffled = [draw.sample(rows, len(rows)) for rows in draw.sample(listed, len(listed))]
    with tempfile.TemporaryDirectory() as folder:
        built(listed, Path(folder) / "one")
        built(shuffled, Path(folder) / "two", n_buckets=5)
        assert content(Path(folder) / "one") == content(Path(folder) / "two")
        left, right = (read_store(Path(folder) / name).purchases for name in ("one", "two"))
        keys = ["customer_id", "order_id", "ordered_at", "product_id", "amount", "undone_at"]
        pd.testing.assert_frame_equal(left[keys], right[keys])


def known_then(rows: list[dict[str, Any]], cutoff: date) -> list[dict[str, Any]]:
    """The raw rows that an extract taken at the cutoff would hold."""
    return [
        row
        for row in rows
        if pd.Timestamp(row["ordered_at"]).date() < cutoff
        and (row["known_at"] is None or pd.Timestamp(row["known_at"]).date() < cutoff)
    ]


@given(files=FILES, days=st.integers(5, 150))
@settings(max_examples=2 * stores.EXAMPLES)
def test_raw_rows_known_then_give_the_features_that_all_rows_give(files, days: int) -> None:
    """The general proof of time discipline, through cleaning: cancellations, late rows, overlapping files."""
    cutoff = stores.FIRST_DAY + timedelta(days=days)
    listed = [lines_of(rows) for rows in files]
    with tempfile.TemporaryDirectory() as folder:
        frames = []
        for name, parts in (("all", listed), ("then", [known_then(rows, cutoff) for rows in listed])):
            built(parts, Path(folder) / name)
            known = read_store(Path(folder) / name)
            bought = sorted(set(windows.rows_before(known.purchases, cutoff, stores.ZONE)["customer_id"]))
            rows = pd.DataFrame({"customer_id": bought, "cutoff_on": pd.Timestamp(cutoff)})
            frames.append(feature_table(open_store(Path(folder) / name), rows, FEATURES, 28) if bought else None)
        assert (frames[0] is None) == (frames[1] is None)
        if frames[0] is not None:
            pd.testing.assert_frame_equal(*frames, check_exact=True)


@given(rows=st.lists(LINE, min_size=1, max_size=25))
@settings(max_examples=stores.EXAMPLES)
def test_labels_use_what_stands_today(rows) -> None:
    """Second route: a customer's final purchase days are the local days of purchases that nothing has undone."""
    with tempfile.TemporaryDirectory() as folder:
        built([lines_of(rows)], Path(folder) / "events")
        events = read_store(Path(folder) / "events")
        stands = events.purchases[events.purchases["undone_at"].isna()]
        expected = {
            (who, windows.day_number(day.date()))
            for who, day in zip(stands["customer_id"], stands["ordered_on"], strict=True)
        }
        final = day_book(events.purchases, events.time_zone).final
        assert set(zip(final.customers[final.customer], final.day.tolist(), strict=True)) == expected
