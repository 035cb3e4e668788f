"""Which purchase a cancellation or return undoes. Nothing later ever changes what was known earlier.

Lines are walked in the order in which they became known. An undoing takes the latest purchase, not yet undone, of the
same customer, product and quantity (the amount where no quantity is recorded), one of the same amount first; if none
is known yet, it waits for one that becomes known later, but was made before it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

Ints = npt.NDArray[np.int64]
UNMATCHED = -1


@dataclass(frozen=True)
class _Line:
    position: int
    is_undoing: bool
    ordered: int
    cents: int


def known_instants(lines: pd.DataFrame) -> pd.Series:
    """When each line became known: its `known_at`, never before its own instant."""
    instants: pd.Series = lines["ordered_at"]
    if "known_at" in lines.columns:
        instants = instants.where(~(lines["known_at"] > instants), lines["known_at"])
    return instants


def matches(lines: pd.DataFrame, is_undoing: pd.Series) -> Ints:
    """For each line, the position of the line that undoes it, or that it undoes; -1 for none.

    `lines` are purchases and undoings in a fixed order of their own, with `customer_id`, `ordered_at`, `amount` and,
    where recorded, `product_id`, `quantity`, `known_at`.
    """
    partner = np.full(len(lines), UNMATCHED, dtype=np.int64)
    undoing = is_undoing.to_numpy(dtype=bool)
    if not undoing.any():
        return partner
    key = _keys(lines)
    chosen = np.flatnonzero(np.isin(key, np.unique(key[undoing])))
    known = known_instants(lines).to_numpy(dtype="datetime64[us]").astype(np.int64)[chosen]
    ordered = lines["ordered_at"].to_numpy(dtype="datetime64[us]").astype(np.int64)[chosen]
    cents = np.abs(np.rint(lines["amount"].to_numpy(dtype=np.float64)[chosen] * 100)).astype(np.int64)
    walk = np.lexsort((chosen, undoing[chosen], ordered, known, key[chosen]))
    starts = np.flatnonzero(np.diff(key[chosen][walk], prepend=-1))
    for begin, end in zip(starts, [*starts[1:], len(walk)], strict=True):
        group = [
            _Line(int(chosen[at]), bool(undoing[chosen[at]]), int(ordered[at]), int(cents[at]))
            for at in walk[begin:end]
        ]
        _match_group(group, partner)
    return partner


def _keys(lines: pd.DataFrame) -> Ints:
    """A number for each combination of customer, product and quantity."""
    parts = [lines["customer_id"]]
    if "product_id" in lines.columns:
        parts.append(lines["product_id"])
    measure = lines["amount"].abs().round(2)
    if "quantity" in lines.columns:
        measure = lines["quantity"].abs().fillna(-measure)
    parts.append(measure)
    key = np.zeros(len(lines), dtype=np.int64)
    for part in parts:
        codes, distinct = pd.factorize(part, use_na_sentinel=False)
        key = pd.factorize(key * (len(distinct) + 1) + codes)[0].astype(np.int64)
    return key


def _match_group(group: list[_Line], partner: Ints) -> None:
    """Walk one key's lines in order of knowledge and note the pairs in `partner`."""
    open_purchases: list[_Line] = []
    waiting: list[_Line] = []
    for line in group:
        others = open_purchases if line.is_undoing else waiting
        fitting = [other for other in others if _may_pair(line, other)]
        if not fitting:
            (waiting if line.is_undoing else open_purchases).append(line)
            continue
        alike = [other for other in fitting if other.cents == line.cents]
        taken = max(alike or fitting, key=lambda other: (other.ordered, other.position))
        others.remove(taken)
        partner[line.position], partner[taken.position] = taken.position, line.position


def _may_pair(line: _Line, other: _Line) -> bool:
    undoing, purchase = (line, other) if line.is_undoing else (other, line)
    return purchase.ordered <= undoing.ordered
