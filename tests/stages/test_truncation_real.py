"""The truncation property on real data: raw rows known before `t`, taken through ingest, snapshot and featurize."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from contracts import windows
from contracts.params import Params
from events.building import build_store
from events.complete_journey import complete_journey
from events.recipe import recipe
from events.sources import Source
from events.store import read_store
from events.tombstones import Tombstones
from features.catalogue import FAMILIES
from features.engine import features_at
from features.history import history
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
    known = history(read_store(folder))
    cut = known.cut(cutoff)
    columns = features_at(cut, FAMILIES, params.task.horizon_days)
    frame = pd.DataFrame(columns, index=known.customers).astype(np.float32)
    return frame[eligible(cut.days, cutoff, params.task)]


@pytest.mark.parametrize("cutoff", [date(2017, 5, 15), date(2017, 11, 13)])
def test_features_from_raw_rows_known_then_equal_features_from_all(
    cutoff: date, tmp_path: Path, params: Params
) -> None:
    raw = complete_journey(ZONE, 500)
    whole = judged(raw, tmp_path / "whole", cutoff, params)
    cut = judged(known_before(raw, cutoff), tmp_path / "cut", cutoff, params)
    assert len(whole) > 300
    pd.testing.assert_frame_equal(whole, cut, check_exact=True)
