"""Random streams and the ways of drawing. A stream hangs on seed, purpose and block alone.

A *block* is 256 customers who share streams. A block is always drawn whole and cut to the world's size afterwards: so a
customer is the same in a world of any size, and blocks can be made in any order or in processes of their own.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

BLOCK = 256
PURPOSES = ("days", "shop", "customers", "trips", "baskets", "undoings", "membership")
"""Names of streams. New ones go to the end: a name's place is part of its stream."""


def stream(seed: int, purpose: str, block: int = 0) -> np.random.Generator:
    """The random numbers of one purpose for one block (`SeedSequence` keeps streams apart: O'Neill 2015)."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(PURPOSES.index(purpose), block)))


def chosen(uniform: Floats, weights: npt.ArrayLike) -> Ints:
    """The choice that each uniform number falls on, by weights.

    >>> chosen(np.array([0.1, 0.5, 0.99]), [0.2, 0.5, 0.3]).tolist()
    [0, 1, 2]
    """
    steps = np.cumsum(np.asarray(weights, dtype=np.float64))
    found = np.searchsorted(steps / steps[-1], uniform, side="right")
    return np.asarray(np.minimum(found, len(steps) - 1), dtype=np.int64)


def chosen_by_row(uniform: Floats, rows: Ints, steps: Floats) -> Ints:
    """The choice by weights of a row's own: `steps` are cumulative weights, one row a line, each ending at 1."""
    n_rows, n_choices = steps.shape
    flat = (steps + np.arange(n_rows)[:, None]).ravel()
    found = np.searchsorted(flat, uniform + rows, side="right") - rows * n_choices
    return np.asarray(np.minimum(found, n_choices - 1), dtype=np.int64)


def sums_within(values: Floats, counts: Ints) -> Floats:
    """Running sums within each group.

    >>> sums_within(np.array([1.0, 2.0, 5.0, 1.0]), np.array([2, 0, 2])).tolist()
    [1.0, 3.0, 5.0, 6.0]
    """
    total = np.concatenate([[0.0], np.cumsum(values)])
    starts = np.cumsum(counts) - counts
    running: Floats = total[1:] - np.repeat(total[starts], counts)
    return running


def renewals(rng: np.random.Generator, first: Floats, mean: Floats, shape: Floats, span: Floats) -> tuple[Ints, Floats]:
    """Events of gamma renewal processes up to `span`: whose each is, and when, in order.

    The first event of each process lies at `first`; gaps are gamma with its `shape` and `mean`.
    """
    owners, times = [np.empty(0, dtype=np.int64)], [np.empty(0)]
    who, begin = np.arange(len(first)), first
    while len(who):
        left = np.maximum(span[who] - begin, 0.0) / mean[who]
        counts = np.ceil(left + 4 * np.sqrt(left / shape[who]) + 2).astype(np.int64)
        owner = np.repeat(who, counts)
        gaps = rng.gamma(shape[owner], mean[owner] / shape[owner])
        after = np.repeat(begin, counts) + sums_within(gaps, counts)
        # an event is its process's beginning; the last sum only opens the next round
        ends = np.cumsum(counts) - 1
        at = np.empty(len(after))
        at[1:] = after[:-1]
        at[ends - counts + 1] = begin
        owners.append(owner)
        times.append(at)
        again = after[ends] < span[who]
        who, begin = who[again], after[ends][again]
    owner, at = np.concatenate(owners), np.concatenate(times)
    kept = at < span[owner]
    owner, at = owner[kept], at[kept]
    order = np.lexsort((at, owner))
    return owner[order].astype(np.int64), at[order]
