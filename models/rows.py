"""Feature rows for models: those of a snapshot's flag, with their labels where a label is asked for."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import reduce
from operator import or_
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from contracts import windows
from contracts.errors import ContractError
from contracts.files import read_table
from contracts.tables import FEATURE_KEYS, FEATURES, SNAPSHOTS
from models.contamination import DEFAULT, Contact, Ints, Method, contact_of, judged_places
from models.risk import Flags

Names = Collection[str] | None
ROWS_A_BATCH = 65_536


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
    chosen = _flagged(snapshots, flag)
    keys = chosen[list(FEATURE_KEYS)]
    return _labelled(keys.merge(features, on=list(FEATURE_KEYS), validate="one_to_one"), chosen, flag, under_contact)


def _flagged(snapshots: pd.DataFrame, flag: str) -> pd.DataFrame:
    """The eligible rows that a snapshot flag names, by cutoff."""
    return snapshots[snapshots[flag] & snapshots["is_eligible"]].sort_values("cutoff_on", kind="stable")


def _labelled(frame: pd.DataFrame, chosen: pd.DataFrame, flag: str, under_contact: Method) -> Rows:
    """The feature rows of `chosen`, in its order, with what it says of them."""
    if chosen["lapsed"].isna().any():
        raise ContractError(f"snapshots: rows with {flag} but no matured label; rerun the snapshot stage")
    if len(frame) < len(chosen):
        raise ContractError("features: rows of the snapshot are missing; rerun the featurize stage")
    lapsed = chosen["lapsed"].to_numpy(dtype=bool)
    rows = Rows(frame, lapsed, windows.day_numbers(frame["cutoff_on"]), contact_of(chosen))
    if rows.contact is None or flag != "is_test":
        return rows
    return rows.take(judged_places(rows.contact, under_contact))


def read_snapshots(path: str | Path, *flags: str) -> pd.DataFrame:
    """The eligible rows of SNAPSHOTS that have one of the flags; the others need no memory."""
    named = reduce(or_, (pc.field(flag) for flag in flags))
    return read_table(path, SNAPSHOTS, rows=pc.field("is_eligible") & named)


def _feature_rows(folder: str | Path, keys: pd.DataFrame, only: Names = None) -> pd.DataFrame:
    """The feature rows of some keys in their order, as far as there are any: `only` some columns, or all."""
    parts = [_rows_of(Path(folder) / f"{day:%Y-%m-%d}.parquet", ids, only) for day, ids in _by_cutoff(keys)]
    if not parts:  # no customer was judged at any of the cutoffs: no rows, but their columns
        some = next(iter(sorted(Path(folder).glob("*.parquet"))), Path(folder) / "a file for each cutoff")
        return _rows_of(some, keys["customer_id"], only)
    return parts[0] if len(parts) == 1 else pd.concat(parts, ignore_index=True)


def _by_cutoff(keys: pd.DataFrame) -> Iterator[tuple[pd.Timestamp, pd.Series]]:
    for day, rows in keys.groupby("cutoff_on", sort=True):
        yield pd.Timestamp(str(day)), rows["customer_id"]


def _rows_of(path: Path, customers: pd.Series, only: Names) -> pd.DataFrame:
    """The rows of some customers in their order, in a file of one cutoff; rows of others pass by, batch after batch.

    Each column is ordered by itself and let go, so that the rows never stand in memory twice.
    """
    if not path.exists():
        raise ContractError(f"features: expected {path.name}, found none; rerun the featurize stage")
    file, ids = pq.ParquetFile(path), pa.array(customers, pa.large_string())
    read = [name for name in file.schema_arrow.names if only is None or name in FEATURE_KEYS or name in only]
    kept = [
        batch.filter(pc.is_in(batch["customer_id"], value_set=ids))
        for batch in file.iter_batches(ROWS_A_BATCH, columns=read)
    ]
    table = pa.Table.from_batches(kept, file.schema_arrow.empty_table().select(read).schema)
    del kept
    keys = FEATURES(table.select(list(FEATURE_KEYS)).to_pandas())
    place = pd.Index(keys["customer_id"]).get_indexer(pd.Index(customers))
    place = place[place >= 0]
    columns = {name: keys[name].to_numpy()[place] for name in FEATURE_KEYS}
    for name in [name for name in read if name not in FEATURE_KEYS]:
        columns[name] = table[name].to_numpy()[place]
        table = table.drop_columns([name])
    return pd.DataFrame(columns, copy=False).astype({"customer_id": keys["customer_id"].dtype})


def read_rows(
    features_folder: str | Path,
    snapshots: pd.DataFrame,
    flag: str,
    under_contact: Method = DEFAULT,
    *,
    only: Names = None,
) -> Rows:
    """Read the feature rows that a snapshot flag names, `only` some columns or all, and join the labels."""
    chosen = _flagged(snapshots, flag)
    return _labelled(_feature_rows(features_folder, chosen, only), chosen, flag, under_contact)


def eligible_rows(
    features_folder: str | Path, snapshots: pd.DataFrame, flag: str, *, only: Names = None
) -> pd.DataFrame:
    """Feature rows of the eligible customers at the cutoffs that a snapshot flag names; labels play no part."""
    return _feature_rows(features_folder, _flagged(snapshots, flag), only)


def horizons(rows: pd.DataFrame, snapshots: pd.DataFrame) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Days that the label of each feature row looks ahead."""
    known = snapshots[[*FEATURE_KEYS, "horizon_days"]]
    days = rows[list(FEATURE_KEYS)].merge(known, on=list(FEATURE_KEYS), how="left", validate="one_to_one")
    return days["horizon_days"].to_numpy(dtype=np.float64)
