"""Published weeks as one table, for whoever judges later what they were worth."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq

from contracts.windows import day_numbers, days_before, monday_of
from serving.published import Revision, is_valid, latest_revision, weeks

READ = ("week", "customer_id", "rank", "p_lapse", "horizon_days", "arm", "model_version")
COLUMNS = (*READ, "cutoff_on", "control_share")


def past_weeks(published: Path, scored: date, n_weeks: int) -> pd.DataFrame:
    """One row a customer of each of the latest `n_weeks` published weeks before `scored`, by its latest revision.

    Kept are customers with a probability, on the list, or in an arm. `arm` is 'treated' if any valid revision treated
    the customer: an offer of an earlier revision may have been sent. `control_share` is the chance to be held back. No
    rows where no week is published, as in an experiment's own copy of the project.
    """
    found = [(week, latest_revision(published / week)) for week in weeks(published)]
    parts = [_rows(revision, published / week) for week, revision in found if revision is not None]
    if not parts:
        return pd.DataFrame(columns=list(COLUMNS)).astype({"cutoff_on": "datetime64[us]", "p_lapse": "float64"})
    table = pd.concat(parts, ignore_index=True)
    earlier = table[days_before(day_numbers(table["cutoff_on"]), scored)]
    latest = sorted(earlier["week"].unique())[-n_weeks:]
    return earlier[earlier["week"].isin(latest)].reset_index(drop=True)


def _rows(revision: Revision, home: Path) -> pd.DataFrame:
    frame: pd.DataFrame = pq.read_table(revision.folder / "customers.parquet", columns=list(READ)).to_pandas()
    treated = set().union(*_treated(home))
    arm = frame["arm"].mask(frame["customer_id"].isin(treated), "treated")
    frame = frame.assign(arm=arm, cutoff_on=pd.Timestamp(monday_of(revision.week)).as_unit("us"))
    frame["control_share"] = float(revision.manifest["params"]["plan"]["control_share"])
    return frame[frame["p_lapse"].notna() | frame["rank"].notna() | (frame["arm"] != "none")]


def _treated(home: Path) -> Iterator[set[str]]:
    for folder in (home, *sorted(home.glob("revision-*"))):
        if is_valid(folder):
            table = pq.read_table(
                folder / "customers.parquet", columns=["customer_id"], filters=[("arm", "==", "treated")]
            )
            yield set(table["customer_id"].to_pylist())


def lists(past: pd.DataFrame) -> dict[date, set[str]]:
    """The customers of each week's working list."""
    listed = past[past["rank"].notna()]
    return {pd.Timestamp(str(day)).date(): set(rows["customer_id"]) for day, rows in listed.groupby("cutoff_on")}
