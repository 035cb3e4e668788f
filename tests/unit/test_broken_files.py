"""Broken files give the right lines or one clear line of error; no line of data is ever lost."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from contracts.errors import SourceError
from events.raw.parsing import canonical
from events.raw.parts import find_parts
from tests.broken_files import CASES, DATA_CASES, Case, Line

HOLDING = [case for case in DATA_CASES if not case.error]
REFUSED = [case for case in CASES if case.error]


def read(case: Case, folder: Path) -> pd.DataFrame:
    parts = find_parts(case.write(folder))
    frames = [canonical(chunk, case.format(), "UTC") for part in parts for chunk in part.chunks()]
    return pd.concat(frames, ignore_index=True)


def told(row: pd.Series) -> Line:
    if row["problem"].startswith("damaged_line"):
        return (row["source_line"], None, None, None, row["problem"])
    at = row["ordered_at"]
    return (
        row["source_line"],
        None if pd.isna(row["customer_id"]) else row["customer_id"],
        None if pd.isna(at) else at.strftime("%Y-%m-%d %H:%M"),
        None if pd.isna(row["amount"]) else row["amount"],
        row["problem"],
    )


def test_there_are_many_cases_with_names_of_their_own() -> None:
    assert len(CASES) >= 60
    assert len({case.name for case in CASES}) == len(CASES)


@pytest.mark.parametrize("case", HOLDING, ids=lambda case: case.name)
def test_every_line_comes_out_right_or_marked(case: Case, tmp_path: Path) -> None:
    lines = read(case, tmp_path)
    assert len(lines) == len(case.lines)
    assert [told(row) for _, row in lines.iterrows()] == list(case.lines)


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.name)
def test_a_file_that_cannot_be_read_is_one_clear_line(case: Case, tmp_path: Path) -> None:
    with pytest.raises(SourceError) as caught:
        read(case, tmp_path)
    said = str(caught.value)
    assert case.error in said
    assert "\n" not in said
    assert "expected" in said
    assert not [secret for secret in ("ann", "bob", "12.50") if secret in said]
