"""Limits as one-sided rows over cells (kind × pair): `weights · x <= bound`, each scaled to weights of at most 1."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import csc_array

from offers.optimiser.kernels import surveyed
from offers.optimiser.problem import Doubles, Flags, Ints, Problem, Row

TINY = 1e-300


@dataclass(frozen=True)
class Sides:
    """One entry a side. `row` is its place among the problem's rows, `sign` −1 for a minimum, `scale` its unit.

    `contact` and `spent` (sides × cells, sparse) hold scaled weights of a contact and of a unit of cost; `bound` is
    scaled too. `least_step` is the smallest choice more (of a minimum: less) that a side would feel, in the row's own
    unit (infinite if none); `can_be_passed` whether all candidates together would pass it.
    """

    row: Ints
    sign: Doubles
    scale: Doubles
    bound: Doubles
    contact: csc_array
    spent: csc_array
    least_step: Doubles
    can_be_passed: Flags
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.row)

    def fees(self, prices: Doubles) -> tuple[Doubles, Doubles]:
        """What each cell pays a contact and a unit of cost."""
        return self.contact.T @ prices, self.spent.T @ prices

    def activity(self, contacts: Doubles, spent: Doubles) -> Doubles:
        """The scaled activity of each side, from contacts and cost by cell."""
        return np.asarray(self.contact @ contacts + self.spent @ spent)

    def weights(self, cells: Ints, cost: Doubles) -> csc_array:
        """Scaled weights (sides × candidates) of candidates by their cell and cost; a cell below 0 weighs nothing."""
        at = np.maximum(cells, 0)
        kept = np.where(cells >= 0, 1.0, 0.0)
        return csc_array(self.contact[:, at].multiply(kept) + self.spent[:, at].multiply(kept * cost))

    def by_cell(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], Doubles, Doubles]:
        """Weights cell by cell, sides in order: where each cell begins, the side, its weights a contact and a cost."""
        marks = csc_array((self.contact != 0) + (self.spent != 0))
        marks.sort_indices()
        cell = np.repeat(np.arange(marks.shape[1]), np.diff(marks.indptr))
        side = marks.indices.astype(np.int64)
        return marks.indptr.astype(np.int64), side, self._at(self.contact, side, cell), self._at(self.spent, side, cell)

    @staticmethod
    def _at(weights: csc_array, side: Ints, cell: Ints) -> Doubles:
        return np.asarray(weights[side, cell]).ravel() if len(side) else np.zeros(0)


@dataclass(frozen=True)
class Survey:
    """Costs by cell: the number of candidates, the sum, the greatest, and the least above 0 (infinite if none)."""

    count: Doubles
    total: Doubles
    most: Doubles
    least: Doubles


def sides_of(problem: Problem) -> Sides:
    """Every finite bound of the problem's rows as a side, over the cells that have candidates."""
    n_cells = problem.n_kinds * problem.n_pairs
    known = Survey(*surveyed(problem.start, problem.pair, problem.cost, problem.kind, problem.n_pairs, n_cells))
    listed = [
        (k, sign, sign * bound)
        for k, row in enumerate(problem.rows)
        for sign, bound in ((1.0, row.most), (-1.0, row.least))
        if np.isfinite(bound)
    ]
    parts = [_weights(problem.rows[k], sign, known) for k, sign, _ in listed]
    bound = np.array([bound for _, _, bound in listed])
    scale = np.array([_scale(*part, known) for part in parts])
    return Sides(
        row=np.array([k for k, _, _ in listed], dtype=np.int64),
        sign=np.array([sign for _, sign, _ in listed]),
        scale=scale,
        bound=bound / scale,
        contact=_stacked([part[0] / unit for part, unit in zip(parts, scale, strict=True)], n_cells),
        spent=_stacked([part[1] / unit for part, unit in zip(parts, scale, strict=True)], n_cells),
        least_step=np.array(
            [_least_step(*part, sign, known) for part, (_, sign, _) in zip(parts, listed, strict=True)]
        ),
        can_be_passed=np.array([_total(*part, known) for part in parts]) > bound,
        names=tuple(problem.rows[k].name for k, _, _ in listed),
    )


def _weights(row: Row, sign: float, known: Survey) -> tuple[Doubles, Doubles]:
    has = known.count > 0
    return sign * _flat(row.per_contact, has), sign * _flat(row.per_cost, has)


def _scale(contact: Doubles, spent: Doubles, known: Survey) -> float:
    heaviest = float(np.max(np.abs(contact) + np.abs(spent) * known.most, initial=0.0))
    return heaviest if heaviest > TINY else 1.0


def _least_step(contact: Doubles, spent: Doubles, sign: float, known: Survey) -> float:
    cheapest = np.where(np.isfinite(known.least), known.least, 0.0)
    steps = sign * (contact + spent * cheapest) if sign < 0 else contact + spent * cheapest
    return float(np.min(steps[steps > 0], initial=np.inf))


def _total(contact: Doubles, spent: Doubles, known: Survey) -> float:
    return float(np.maximum(contact * known.count + spent * known.total, 0.0).sum())


def _flat(table: Doubles | None, has: Flags) -> Doubles:
    return np.zeros(len(has)) if table is None else np.where(has, np.asarray(table, dtype=np.float64).ravel(), 0.0)


def _stacked(rows: list[Doubles], n_cells: int) -> csc_array:
    return csc_array(np.array(rows)) if rows else csc_array((0, n_cells))
