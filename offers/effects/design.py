"""What the rows say of save and harm, once the levels α and β have been taken out: a precision matrix and a vector."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from offers.effects.rows import Flags, Floats, Ints, codes, followed, numbers, within_reach_of

LEAST_VARIANCE = 0.05 * 0.95
"""Of one outcome: nobody is so sure to lapse, or to stay, that one surprise may outweigh twenty others."""
COMMON_SD = (0.2, 0.5)
"""Prior spread of α and of β − 1 that all waves share: wide, the controls know better."""
WAVE_SD = (0.03, 0.1)
STRATUM_SD = 0.03


@dataclass(frozen=True)
class Cells:
    """Offers × groups, in the order of the catalogue: cell = offer number · groups + group number."""

    offers: tuple[str, ...]
    groups: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.offers) * len(self.groups)

    def of(self, outcomes: pd.DataFrame) -> Ints:
        """The cell of each row; -1 for none, and for an offer or a group that no longer exists."""
        offer, group = _position(outcomes["offer"], self.offers), _position(outcomes["group"], self.groups)
        return np.where((offer >= 0) & (group >= 0), offer * len(self.groups) + group, -1)


@dataclass(frozen=True)
class Evidence:
    """Likelihood of θ = (all saves, all harms): exp(−½ θ'·precision·θ + information'·θ), levels integrated out."""

    precision: Floats
    information: Floats


@dataclass(frozen=True)
class _Places:
    """Columns of each row with p_lapse: of its levels, and of its cell if it was treated (else -1)."""

    block: Ints
    stratum: Ints
    cell: Ints
    n_blocks: int
    n_levels: int
    n_cells: int


def evidence(outcomes: pd.DataFrame, cell: Ints, n_cells: int, discount: Floats) -> Evidence:
    """Of the rows with p_lapse, each weighing its discount over its variance."""
    p_lapse = outcomes["p_lapse"].to_numpy(dtype=np.float64)
    known = ~np.isnan(p_lapse)
    if not known.any():
        return Evidence(np.zeros((2 * n_cells, 2 * n_cells)), np.zeros(2 * n_cells))
    p0, own_discount = p_lapse[known], discount[known]
    is_explored = (outcomes["purpose"] == "exploration").to_numpy(dtype=bool)
    wave, strata = numbers(outcomes["wave"]), _strata(outcomes, is_explored)
    blocks, block = np.unique((2 * wave + is_explored)[known], return_inverse=True)
    stratum = np.unique(strata[known], return_inverse=True)[1]
    treated = (outcomes["arm"] == "treated").to_numpy(dtype=bool)
    n_levels = 2 * len(blocks) + int(stratum.max()) + 1
    places = _Places(block, stratum, np.where(treated, cell, -1)[known], len(blocks), n_levels, n_cells)
    more = followed(outcomes)
    design = _design(p0, within_reach_of(outcomes)[known] * more.exposure[known], more.messages[known], places)
    weight = own_discount / np.maximum(p0 * (1 - p0), LEAST_VARIANCE)
    response = outcomes["lapsed"].to_numpy(dtype=np.float64)[known] - p0
    return _without_levels(design, weight, response, level_covariance(blocks % 2 == 1, n_levels))


def _position(column: pd.Series, known: Sequence[str]) -> Ints:
    """Where each text stands among the known; -1 for others."""
    found, names = codes(column)
    at = {name: number for number, name in enumerate(known)}
    return np.array([at.get(name, -1) for name in names], dtype=np.int64)[found]


def _strata(outcomes: pd.DataFrame, is_explored: Flags) -> Ints:
    """Offer × group of the selected (a control's: what was withheld); group of the explored."""
    offer, group = numbers(outcomes["offer"]), codes(outcomes["group"])
    return np.where(is_explored, 0, offer + 1) * len(group[1]) + group[0]


def _design(p0: Floats, within_reach: Floats, n_messages: Floats, at: _Places) -> Any:
    """Sparse columns: α and β of each block, a shift of each stratum, save and harm of each cell."""
    from scipy.sparse import csr_array  # noqa: PLC0415

    taught, row = np.flatnonzero(at.cell >= 0), np.arange(len(p0))
    own, p = at.n_levels + at.cell[taught], p0[taught]
    rows = np.concatenate([row, row, row, taught, taught])
    columns = np.concatenate([at.block, at.n_blocks + at.block, 2 * at.n_blocks + at.stratum, own, own + at.n_cells])
    ones, staying = np.ones(len(p0)), (1 - p) * n_messages[taught]
    values = np.concatenate([ones, p0, ones, -within_reach[taught], staying])
    return csr_array((values, (rows, columns)), shape=(len(p0), at.n_levels + 2 * at.n_cells))


def _without_levels(design: Any, weight: Floats, response: Floats, before: Floats) -> Evidence:
    """Normal equations, and the levels (prior covariance `before`) integrated out of them: a Schur complement."""
    n_levels = len(before)
    weighted = design.multiply(weight[:, None]).tocsr()
    squares, products = (weighted.T @ design).toarray(), weighted.T @ response
    levels, across = squares[:n_levels, :n_levels] + np.linalg.inv(before), squares[:n_levels, n_levels:]
    solved = np.linalg.solve(levels, np.column_stack([across, products[:n_levels]]))
    return Evidence(
        squares[n_levels:, n_levels:] - across.T @ solved[:, :-1], products[n_levels:] - across.T @ solved[:, -1]
    )


def level_covariance(explored: Flags, n_levels: int) -> Floats:
    """Prior covariance of all α, all β − 1 and all strata's shifts; blocks of one purpose share a common level."""
    n = len(explored)
    found = np.eye(n_levels) * STRATUM_SD**2
    alike = explored[:, None] == explored[None, :]
    for k, (common, own) in enumerate(zip(COMMON_SD, WAVE_SD, strict=True)):
        at = slice(k * n, (k + 1) * n)
        found[at, at] = common**2 * alike + own**2 * np.eye(n)
    return found
