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
from models.contamination import DEFAULT, Contact, Ints, Method, contact_of, judged_places
from models.risk import Flags


@dataclass(frozen=True)
class Rows:
    """Labelled feature rows. `frame` has keys and features, `lapsed` and `cutoff` (day number) one entry a row.

    `contact` says what the shop's own experiments did meanwhile; None: nothing.
    """

    frame: pd.DataFrame
    lapsed: Flags
    cutoff: np.ndarray[tuple[int], np.dtype[np.int64]]
    contact: Contact | None = None

    @property
    def cutoffs(self) -> tuple[date, ...]:
        """Distinct cutoffs, in order."""
        return tuple(windows.day_of(int(day)) for day in np.unique(self.cutoff))

    def at(self, cutoffs: Sequence[date]) -> Rows:
        """The rows of some cutoffs."""
        chosen = np.isin(self.cutoff, [windows.day_number(day) for day in cutoffs])
        contact = None if self.contact is None else self.contact.take(np.flatnonzero(chosen))
        return Rows(self.frame[chosen], self.lapsed[chosen], self.cutoff[chosen], contact)

    def take(self, places: Ints) -> Rows:
        """The rows at some positions, in their order; one may stand several times. What contact did is settled."""
        frame = self.frame.iloc[places].reset_index(drop=True)
        return Rows(frame, self.lapsed[places], self.cutoff[places])


def labelled_rows(features: pd.DataFrame, snapshots: pd.DataFrame, flag: str, under_contact: Method = DEFAULT) -> Rows:
    """The eligible rows that a snapshot flag names, joined with their label.

    Test rows are those that may judge, by `under_contact`; fitting rows are all there are, since a fit chooses its own.

    Raises:
        ContractError: a row has no matured label.
    """
    chosen = snapshots[snapshots[flag] & snapshots["is_eligible"]]
    wanted = chosen[[*FEATURE_KEYS, "lapsed"]]
    if wanted["lapsed"].isna().any():
        raise ContractError(f"snapshots: rows with {flag} but no matured label; rerun the snapshot stage")
    joined = wanted.merge(features, on=list(FEATURE_KEYS), how="left", validate="one_to_one", indicator=True)
    if (joined["_merge"] != "both").any():
        raise ContractError("features: rows of the snapshot are missing; rerun the featurize stage")
    lapsed = joined.pop("lapsed").to_numpy(dtype=bool)
    rows = Rows(joined.drop(columns="_merge"), lapsed, windows.day_numbers(joined["cutoff_on"]), contact_of(chosen))
    if rows.contact is None or flag != "is_test":
        return rows
    return rows.take(judged_places(rows.contact, under_contact))


def _feature_rows(features_folder: str | Path, snapshots: pd.DataFrame, flag: str) -> pd.DataFrame:
    """All rows of the named cutoffs' files; no rows, but their columns, where no customer was judged at any of them."""
    cutoffs = sorted(snapshots.loc[snapshots[flag], "cutoff_on"].dt.date.unique())
    if not cutoffs:
        return read_table(next(iter(sorted(Path(features_folder).glob("*.parquet")))), FEATURES).iloc[:0]
    parts = [read_table(Path(features_folder) / f"{cutoff}.parquet", FEATURES) for cutoff in cutoffs]
    return pd.concat(parts, ignore_index=True)


def read_rows(features_folder: str | Path, snapshots: pd.DataFrame, flag: str, under_contact: Method = DEFAULT) -> Rows:
    """Read the feature files of the cutoffs that a snapshot flag names, and join the labels."""
    return labelled_rows(_feature_rows(features_folder, snapshots, flag), snapshots, flag, under_contact)


def eligible_rows(features_folder: str | Path, snapshots: pd.DataFrame, flag: str) -> pd.DataFrame:
    """Feature rows of the eligible customers at the cutoffs that a snapshot flag names; labels play no part."""
    wanted = snapshots.loc[snapshots[flag] & snapshots["is_eligible"], list(FEATURE_KEYS)]
    return wanted.merge(_feature_rows(features_folder, snapshots, flag), on=list(FEATURE_KEYS), validate="one_to_one")


def horizons(rows: pd.DataFrame, snapshots: pd.DataFrame) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Days that the label of each feature row looks ahead."""
    known = snapshots[[*FEATURE_KEYS, "horizon_days"]]
    days = rows[list(FEATURE_KEYS)].merge(known, on=list(FEATURE_KEYS), how="left", validate="one_to_one")
    return days["horizon_days"].to_numpy(dtype=np.float64)
