"""Cells of customers within whom benefits are compared from tier to tier: risk band × preferred channel."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from offers.eligibility import UNSCORED

READ = ("customer_id", "risk_band", "preferred_channel")
"""What cells are made by."""


def parity_cells(customers: pd.DataFrame, min_cell: int) -> npt.NDArray[np.object_]:
    """The parity cell of each customer: risk band × preferred channel, small ones merged; '' without a score.

    From the high band down, a band with too few customers joins the next lower one (the last joins the one above).
    Within a band, channels with too few customers form one cell; if still too small, the whole band is one cell.
    """
    band = customers["risk_band"].map(_merged_bands(Counter(customers["risk_band"]), min_cell))
    channel = customers["preferred_channel"]
    size = customers.groupby([band, channel])["customer_id"].transform("size")
    pooled = channel.where(size >= min_cell, "other channels")
    pool_size = customers.groupby([band, pooled])["customer_id"].transform("size")
    too_small = band[(pooled == "other channels") & (pool_size < min_cell)].unique()
    pooled = pooled.mask(band.isin(too_small), "all channels")
    named = (band + " risk, " + pooled).where(customers["risk_band"] != UNSCORED, "")
    return named.to_numpy(dtype=object)


def _merged_bands(sizes: Mapping[str, int], min_cell: int) -> dict[str, str]:
    sets: list[list[str]] = []
    waiting: list[str] = []
    for band in ("high", "medium", "low"):
        if sizes.get(band, 0):
            waiting.append(band)
        if sum(sizes[name] for name in waiting) >= min_cell:
            sets.append(waiting)
            waiting = []
    if waiting and sets:
        sets[-1] = sets[-1] + waiting
    elif waiting:
        sets.append(waiting)
    return {UNSCORED: UNSCORED} | {band: " and ".join(joined) for joined in sets for band in joined}
