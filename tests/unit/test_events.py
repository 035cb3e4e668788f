from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.errors import SourceError
from events.cleaning import RULES, clean, sampled_customers
from events.complete_journey import read_complete_journey
from events.store import read_store, sample, write_store
from tests import stores


def test_every_line_is_accepted_or_rejected_with_its_rule() -> None:
    lines = stores.purchases([("ann", f"2017-01-0{day} 10:00", 1, 5.0, 0.0) for day in range(1, 6)])
    lines.loc[1, "amount"] = 0.0
    lines.loc[2, "customer_id"] = None
    lines.loc[3, "quantity"] = -1.0
    cleaned = clean(lines)
    assert cleaned.purchases["line_id"].tolist() == [0, 4]
    assert dict(zip(cleaned.rejects["line_id"], cleaned.rejects["rule"], strict=True)) == {
        1: "not_paid",
        2: "no_customer",
        3: "bad_quantity",
    }


def test_every_rule_s_rejects_can_be_written(tmp_path: Path) -> None:
    lines = stores.purchases([("ann", f"2017-01-0{day} 10:00", 1, 5.0, 0.0) for day in range(1, 6)])
    lines.loc[0, "ordered_at"] = pd.NaT
    lines.loc[1, "amount"] = -2.0
    lines.loc[2, "customer_id"] = None
    lines.loc[3, "quantity"] = -1.0
    raw = replace(sample(read_complete_journey("America/New_York"), 1), lines=lines)
    facts = write_store(raw, "test", tmp_path / "events")
    assert facts["rejected_by_rule"] == {rule.code: 1 for rule in sorted(RULES, key=lambda rule: rule.code)}
    assert len(read_store(tmp_path / "events").purchases) == 1


def test_a_source_without_purchases_is_refused() -> None:
    lines = stores.purchases([("ann", "2017-01-01 10:00", 1, 0.0, 0.0)])
    with pytest.raises(SourceError, match="none of 1 lines is a purchase"):
        clean(lines)


@given(st.sets(st.text(min_size=1, max_size=6), min_size=1, max_size=40), st.integers(1, 40))
def test_a_sample_hangs_on_ids_alone(names: set[str], about: int) -> None:
    listed = sorted(names)
    forward = sampled_customers(pd.Series(listed, dtype="str"), about)
    assert forward == sampled_customers(pd.Series([*listed[::-1], *listed], dtype="str"), about)
    assert about < len(names) or forward == names


def test_complete_journey_is_read_as_published(tmp_path: Path) -> None:
    raw = read_complete_journey("America/New_York")
    facts = write_store(sample(raw, None), "test", tmp_path / "events")
    # The package's own counts: 1,469,307 lines, 11,226 of them of value 0; 2,469 households; year 2017.
    assert facts["lines_in"] == 1_469_307
    assert facts["rejected_by_rule"] == {"not_paid": 11_226}
    assert facts["lines_accepted"] + facts["lines_rejected"] == facts["lines_in"]
    assert facts["customers"] == 2_469
    assert (facts["first_sale_on"], facts["data_end_on"]) == ("2017-01-01", "2018-01-01")
    events = read_store(tmp_path / "events")
    assert len(events.contacts) == 6_589
    assert events.responses["n"].sum() == 2_102
    # Second route for local time: the first line's naive UTC stamp, shifted by hand (EST is UTC − 5 h).
    first = events.purchases.iloc[0]
    assert first["ordered_hour"] == 6
    assert first["ordered_at"] == pd.Timestamp("2017-01-01 11:53:26", tz="UTC")
    assert np.all(events.purchases["amount"] > 0)
