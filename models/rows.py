"""Feature rows for models: those of a snapshot's flag, with their labels where a label is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from contracts import windows
from contracts.errors import ContractError
from contracts.files import read_table
from contracts.tables import FEATURE_KEYS, FEATURES
from models.risk import Flags


@dataclass(frozen=True)
class Rows:
    """Labelled feature rows. `frame` has keys and features, `lapsed` and `cutoff` (day number) one entry a row."""

    frame: pd.DataFrame
    lapsed: Flags
    cutoff: np.ndarray[tuple[int], np.dtype[np.int64]]

    @property
    def cutoffs(self) -> tuple[date, ...]:
        """Distinct cutoffs, in order."""
        return tuple(windows.day_of(int(day)) for day in np.unique(self.cutoff))

    def at(self, cutoffs: Sequence[date]) -> Rows:
        """The rows of some cutoffs."""
        chosen = np.isin(self.cutoff, [windows.day_number(day) for day in cutoffs])
        return Rows(self.frame[chosen], self.lapsed[chosen], self.cutoff[chosen])


def labelled_rows(features: pd.DataFrame, snapshots: pd.DataFrame, flag: str) -> Rows:
    """The eligible rows that a snapshot flag names, joined with their label.

    Raises:
        ContractError: a row has no matured label.
    """
    wanted = snapshots.loc[snapshots[flag] & snapshots["is_eligible"], [*FEATURE_KEYS, "lapsed"]]
    if wanted["lapsed"].isna().any():
        raise ContractError(f"snapshots: rows with {flag} but no matured label; rerun the snapshot stage")
    joined = wanted.merge(features, on=list(FEATURE_KEYS), how="left", validate="one_to_one", indicator=True)
    if (joined["_merge"] != "both").any():
        raise ContractError("features: rows of the snapshot are missing; rerun the featurize stage")
    lapsed = joined.pop("lapsed").to_numpy(dtype=bool)
    return Rows(joined.drop(columns="_merge"), lapsed, windows.day_numbers(joined["cutoff_on"]))


def _feature_rows(features_folder: str | Path, snapshots: pd.DataFrame, flag: str) -> pd.DataFrame:
    """All rows of the named cutoffs' files; no rows, but their columns, where no customer was judged at any of them."""
    cutoffs = sorted(snapshots.loc[snapshots[flag], "cutoff_on"].dt.date.unique())
    if not cutoffs:
        return read_table(next(iter(sorted(Path(features_folder).glob("*.parquet")))), FEATURES).iloc[:0]
    parts = [read_table(Path(features_folder) / f"{cutoff}.parquet", FEATURES) for cutoff in cutoffs]
    return pd.concat(parts, ignore_index=True)


def read_rows(features_folder: str | Path, snapshots: pd.DataFrame, flag: str) -> Rows:
    """Read the feature files of the cutoffs that a snapshot flag names, and join the labels."""
    return labelled_rows(_feature_rows(features_folder, snapshots, flag), snapshots, flag)


def eligible_rows(features_folder: str | Path, snapshots: pd.DataFrame, flag: str) -> pd.DataFrame:
    """Feature rows of the eligible customers at the cutoffs that a snapshot flag names; labels play no part."""
    wanted = snapshots.loc[snapshots[flag] & snapshots["is_eligible"], list(FEATURE_KEYS)]
    return wanted.merge(_feature_rows(features_folder, snapshots, flag), on=list(FEATURE_KEYS), validate="one_to_one")
