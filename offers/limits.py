"""The plan's limits as linear rows over its candidates: budget, contacts, channels, and parity between tiers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pandas as pd

from contracts.params import Plan
from contracts.tables import TIERS
from offers.catalogue import Catalogue
from offers.eligibility import UNSCORED

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Limit:
    """The sum of `weights` over the chosen candidates is at most `most`."""

    name: str
    weights: Floats
    most: float


def limits_of(priced: pd.DataFrame, customers: pd.DataFrame, catalogue: Catalogue, plan: Plan) -> list[Limit]:
    """Every limit of a week's plan; with no offer at all each holds. The parity tolerance is for the cells alone."""
    ones = np.ones(len(priced))
    rows = [
        Limit("budget", priced["offer_cost"].to_numpy(dtype=float), plan.budget),
        Limit("capacity", ones, plan.capacity),
    ]
    rows += [Limit(f"capacity of {c.id}", _marked(priced["channel"], c.id), c.capacity) for c in catalogue.channels]
    rows += [
        Limit(f"capacity of {offer.id}", _marked(priced["offer"], offer.id), offer.capacity)
        for offer in catalogue.offers
        if offer.capacity is not None
    ]
    cells = parity_cells(customers, plan.min_cell)
    for cell in sorted(set(cells) - {""}):
        rows += _parity_rows(f"parity in {cell}", priced, customers, cells == cell, plan.parity_tolerance)
    everyone = np.full(len(customers), True)
    return rows + _parity_rows("parity over all", priced, customers, everyone, 0.0)


def _marked(names: pd.Series, name: str) -> Floats:
    return np.where(names == name, 1.0, 0.0)


def parity_cells(customers: pd.DataFrame, min_cell: int) -> npt.NDArray[np.str_]:
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
    return named.to_numpy(dtype=str)


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


def _parity_rows(
    name: str, priced: pd.DataFrame, customers: pd.DataFrame, inside: npt.NDArray[np.bool_], tolerance: float
) -> list[Limit]:
    """For each tier and the next one present: mean benefit falls by no more than the tolerance."""
    tier = customers["tier"].to_numpy(dtype=str)
    position = priced["customer"].to_numpy()
    benefit = priced["benefit"].to_numpy(dtype=float)
    present = [(t, inside & (tier == t)) for t in TIERS if (inside & (tier == t)).any()]
    return [
        Limit(
            f"{name}: {low} against {high}",
            benefit * (low_in[position] / low_in.sum() - high_in[position] / high_in.sum()),
            tolerance,
        )
        for (low, low_in), (high, high_in) in pairwise(present)
    ]
