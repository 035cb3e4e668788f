"""Feature rows read from files: those of the snapshot, in its order, whoever else stands in the files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from contracts.errors import ContractError
from contracts.files import write_table
from contracts.tables import SNAPSHOTS
from models import rows as reading
from models.rows import eligible_rows, labelled_rows, read_rows, read_snapshots

DAYS = ("2018-01-01", "2018-01-15", "2018-01-29")


@pytest.fixture
def listed(rng: np.random.Generator) -> pd.DataFrame:
    """Snapshots of 30 customers at three cutoffs: fitted, tested, scored."""
    parts = []
    for day, flag in zip(DAYS, ("in_test_fit", "is_test", "is_scored"), strict=True):
        names = sorted(f"c{number}" for number in rng.choice(60, 30, replace=False))
        rows = pd.DataFrame({"customer_id": names, "cutoff_on": pd.Timestamp(day), "is_eligible": rng.random(30) < 0.8})
        for other in ("in_test_fit", "in_release_fit", "is_test", "is_previous", "is_scored"):
            rows[other] = other == flag
        lapsed = pd.array(rng.random(30) < 0.4, dtype="boolean")
        rows["lapsed"] = lapsed if flag != "is_scored" else pd.array([pd.NA] * 30, dtype="boolean")
        parts.append(rows.assign(horizon_days=28, amount_in_value_horizon=np.nan))
    return SNAPSHOTS(pd.concat(parts, ignore_index=True))


@pytest.fixture
def features(tmp_path: Path, rng: np.random.Generator) -> pd.DataFrame:
    """Feature files of all 60 customers, in no order."""
    parts = []
    for day in DAYS:
        names = rng.permutation([f"c{number}" for number in range(60)])
        frame = pd.DataFrame({"customer_id": names, "cutoff_on": pd.Timestamp(day)}).astype({"customer_id": "str"})
        frame = frame.assign(a=rng.random(60).astype("float32"), b=rng.random(60).astype("float32"))
        frame.to_parquet(tmp_path / f"{day}.parquet", index=False)
        parts.append(frame)
    return pd.concat(parts, ignore_index=True)


@pytest.mark.parametrize("batch", [7, 65_536])
def test_rows_from_files_are_those_of_a_join(
    listed: pd.DataFrame, features: pd.DataFrame, tmp_path: Path, batch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "ROWS_A_BATCH", batch)
    for flag in ("in_test_fit", "is_test"):
        found, expected = read_rows(tmp_path, listed, flag), labelled_rows(features, listed, flag)
        pd.testing.assert_frame_equal(found.frame, expected.frame, check_dtype=False)
        assert (found.lapsed == expected.lapsed).all()
        assert found.cutoffs == expected.cutoffs
        assert found.frame["a"].dtype == "float32"
    now = eligible_rows(tmp_path, listed, "is_scored", only=["b"])
    assert list(now) == ["customer_id", "cutoff_on", "b"]
    chosen = listed[listed["is_scored"] & listed["is_eligible"]]
    assert now["customer_id"].tolist() == chosen["customer_id"].tolist()
    by_id = features[features["cutoff_on"] == DAYS[2]].set_index("customer_id")["b"]
    assert now["b"].tolist() == by_id[now["customer_id"]].tolist()


def test_snapshots_are_read_as_far_as_they_are_wanted(listed: pd.DataFrame, tmp_path: Path) -> None:
    write_table(tmp_path / "snapshots.parquet", listed, SNAPSHOTS)
    found = read_snapshots(tmp_path / "snapshots.parquet", "is_test", "is_scored")
    wanted = listed[listed["is_eligible"] & (listed["is_test"] | listed["is_scored"])]
    pd.testing.assert_frame_equal(found, wanted.reset_index(drop=True))


def test_missing_rows_and_files_are_refused(listed: pd.DataFrame, features: pd.DataFrame, tmp_path: Path) -> None:
    path = tmp_path / f"{DAYS[1]}.parquet"
    pd.read_parquet(path).iloc[:20].to_parquet(path, index=False)
    with pytest.raises(ContractError, match="rows of the snapshot are missing"):
        read_rows(tmp_path, listed, "is_test")
    some = listed.loc[listed["in_test_fit"] & listed["is_eligible"], "customer_id"].iloc[0]
    with pytest.raises(ContractError, match="rows of the snapshot are missing"):
        labelled_rows(features[features["customer_id"] != some], listed, "in_test_fit")
    path.unlink()
    with pytest.raises(ContractError, match=r"expected 2018-01-15.parquet, found none"):
        read_rows(tmp_path, listed, "is_test")
    with pytest.raises(ContractError, match="no matured label"):
        read_rows(tmp_path, listed, "is_scored")


def test_nobody_at_any_cutoff_is_a_table_without_rows(
    listed: pd.DataFrame, features: pd.DataFrame, tmp_path: Path
) -> None:
    found = eligible_rows(tmp_path, listed, "is_previous")
    assert not len(found)
    assert list(found) == list(features)
    for path in tmp_path.glob("*.parquet"):
        path.unlink()
    with pytest.raises(ContractError, match="found none; rerun the featurize stage"):
        eligible_rows(tmp_path, listed, "is_previous")
