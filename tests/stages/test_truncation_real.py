"""The truncation property on real data: raw rows known before `t`, taken through ingest, snapshot and featurize."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from contracts import windows
from contracts.params import Params
from events.building import build_store
from events.complete_journey import complete_journey
from events.recipe import recipe
from events.sources import Source
from events.store import open_store
from events.tombstones import Tombstones
from features.catalogue import FEATURES
from features.customer_days import day_book
from features.engine import feature_table
from features.plan import recorded
from features.snapshots import eligible

ZONE = "America/New_York"


def known_before(source: Source, cutoff: date) -> Source:
    """What an extract of the raw tables taken at the cutoff would hold."""
    (part,) = source.parts

    def chunks() -> Iterator[pd.DataFrame]:
        for lines in part.chunks():
            yield windows.rows_before(lines, cutoff, ZONE)

    side = {
        **source.side,
        "contacts": windows.rows_before(source.side["contacts"], cutoff, ZONE, "sent_at"),
        "responses": windows.rows_before(source.side["responses"], cutoff, ZONE, "responded_at"),
    }
    return replace(source, parts=(replace(part, chunks=chunks),), side=side)


def judged(source: Source, folder: Path, cutoff: date, params: Params) -> pd.DataFrame:
    """Features of the eligible at the cutoff, from raw tables through the event store."""
    build_store(source, folder, recipe(params, source, Tombstones(), date(2026, 1, 1)))
    shelf = open_store(folder)
    known = day_book(shelf.whole().purchases, ZONE).known_at(cutoff)
    who = known.customers[eligible(known, cutoff, params.task)].astype(str)
    rows = pd.DataFrame({"customer_id": who, "cutoff_on": pd.Timestamp(cutoff)})
    return feature_table(shelf, rows, recorded(FEATURES, frozenset(RECORDS_NOT)), params.task.horizon_days)


RECORDS_NOT = ("promotion_id", "returns", "channel", "payer", "value")


@pytest.mark.parametrize("cutoff", [date(2017, 5, 15), date(2017, 11, 13)])
def test_features_from_raw_rows_known_then_equal_features_from_all(
    cutoff: date, tmp_path: Path, params: Params
) -> None:
    raw = complete_journey(ZONE, 500)
    whole = judged(raw, tmp_path / "whole", cutoff, params)
    cut = judged(known_before(raw, cutoff), tmp_path / "cut", cutoff, params)
    assert len(whole) > 300
    pd.testing.assert_frame_equal(whole, cut, check_exact=True)
