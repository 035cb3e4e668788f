"""The truncation property on real data: raw rows known before `t`, taken through ingest, snapshot and featurize."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from contracts import windows
from contracts.params import Params
from events.complete_journey import RawStore, read_complete_journey
from events.store import read_store, sample, write_store
from features.catalogue import FAMILIES
from features.customer_days import customer_days
from features.engine import features_at
from features.history import history
from features.snapshots import eligible

ZONE = "America/New_York"


def known_before(raw: RawStore, cutoff: date) -> RawStore:
    """What an extract of the raw tables taken at the cutoff would hold."""
    return replace(
        raw,
        lines=windows.rows_before(raw.lines, cutoff, ZONE),
        contacts=windows.rows_before(raw.contacts, cutoff, ZONE, "sent_at"),
        responses=windows.rows_before(raw.responses, cutoff, ZONE, "responded_at"),
    )


def judged(raw: RawStore, folder: Path, cutoff: date, params: Params) -> pd.DataFrame:
    """Features of the eligible at the cutoff, from raw tables through the event store."""
    write_store(raw, "test", folder)
    events = read_store(folder)
    known = history(events)
    columns = features_at(known.cut(cutoff), FAMILIES, params.task.horizon_days)
    frame = pd.DataFrame(columns, index=known.customers).astype(np.float32)
    return frame[eligible(customer_days(events.purchases), cutoff, params.task)]


@pytest.mark.parametrize("cutoff", [date(2017, 5, 15), date(2017, 11, 13)])
def test_features_from_raw_rows_known_then_equal_features_from_all(
    cutoff: date, tmp_path: Path, params: Params
) -> None:
    raw = sample(read_complete_journey(ZONE), 500)
    whole = judged(raw, tmp_path / "whole", cutoff, params)
    cut = judged(known_before(raw, cutoff), tmp_path / "cut", cutoff, params)
    assert len(whole) > 300
    pd.testing.assert_frame_equal(whole, cut, check_exact=True)
