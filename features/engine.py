"""The engine: for each cutoff, every chosen family over what was known then; one row a customer and cutoff."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import date
from functools import partial

import numpy as np
import numpy.typing as npt
import pandas as pd

from features import basket_families, store_families, time_families
from features.catalogue import FEATURES, NEEDS
from features.history import Cut, History
from features.time_families import Columns

Family = Callable[[Cut], Columns]


def _families(horizon_days: int | npt.NDArray[np.int64]) -> dict[str, Family]:
    return {
        "recency": time_families.recency,
        "frequency": time_families.frequency,
        "monetary": time_families.monetary,
        "decay": time_families.decay,
        "gaps": time_families.gaps,
        "rhythm": time_families.rhythm,
        "trend": time_families.trend,
        "basket": basket_families.basket,
        "variety": basket_families.variety,
        "promotion": basket_families.promotion,
        "campaigns": store_families.campaigns,
        "season": store_families.season,
        "btyd": partial(store_families.btyd, horizon_days=horizon_days),
    }


def features_at(cut: Cut, families: Iterable[str], horizon_days: int | npt.NDArray[np.int64]) -> Columns:
    """Every feature of the families at one cutoff: one array a feature, one entry a customer code."""
    functions = _families(horizon_days)
    columns: Columns = {}
    for family in families:
        columns |= functions[family](cut)
    return {feature.name: columns[feature.name] for feature in FEATURES if feature.name in columns}


def _ahead(known: History, rows: pd.DataFrame, codes: npt.NDArray[np.intp], horizon_days: int) -> npt.NDArray[np.int64]:
    """Days that each customer code's label looks ahead: as the snapshot says, else the horizon of all."""
    ahead = np.full(len(known.customers), horizon_days, dtype=np.int64)
    if "horizon_days" in rows.columns:
        ahead[codes] = rows["horizon_days"].to_numpy()
    return ahead


def feature_tables(
    known: History, snapshots: pd.DataFrame, families: Iterable[str], horizon_days: int
) -> Iterator[tuple[date, pd.DataFrame]]:
    """Yield cutoff and feature table (float32) for the snapshot's rows, cutoff by cutoff.

    Features that rest on what the shop does not record are left out: a constant would look like a finding.
    """
    chosen = tuple(families)
    left_out = {name for name, need in NEEDS.items() if need in known.absent}
    for cutoff, rows in snapshots.groupby("cutoff_on", sort=True):
        cutoff_on = pd.Timestamp(str(cutoff)).date()
        codes = np.searchsorted(known.customers, rows["customer_id"].to_numpy(dtype=object))
        columns = features_at(known.cut(cutoff_on), chosen, _ahead(known, rows, codes, horizon_days))
        table = rows[["customer_id", "cutoff_on"]].reset_index(drop=True)
        kept = {name: column[codes].astype(np.float32) for name, column in columns.items() if name not in left_out}
        yield cutoff_on, pd.concat([table, pd.DataFrame(kept)], axis=1)
