"""Numbers with how often each occurs: what parts of a shop tell of its medians without listing every line."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol, Self, TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd


class Addable(Protocol):
    """What two parts of a shop tell, put together by `+`."""

    def __add__(self, other: Self, /) -> Self: ...


Part = TypeVar("Part", bound=Addable)


def added_up(parts: Iterable[Part]) -> Part | None:
    """All parts in one, in their order; None without any. Neighbours of like size first: each is copied a few times.

    >>> added_up([(1, 2), (3,), (4,)])
    (1, 2, 3, 4)
    """
    held: list[tuple[int, Part]] = []
    for part in parts:
        held.append((1, part))
        while len(held) > 1 and held[-2][0] == held[-1][0]:
            _two_in_one(held)
    while len(held) > 1:
        _two_in_one(held)
    return held[0][1] if held else None


def _two_in_one(held: list[tuple[int, Part]]) -> None:
    (n_last, last), (n_before, before) = held.pop(), held.pop()
    held.append((n_before + n_last, before + last))


def counted_together(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """The rows of counted tables (the same columns, one of them `n`), equal ones as one with their sum of `n`."""
    keys = [name for name in tables[0].columns if name != "n"]
    return pd.concat(tables, ignore_index=True).groupby(keys, observed=True)["n"].sum().reset_index()


def counted_medians(counts: pd.DataFrame, keys: Sequence[str], value: str) -> pd.Series:
    """The median of `value` by `keys`, each row standing for `n` equal ones; a row may stand several times.

    >>> counts = pd.DataFrame({"category": ["tea"] * 3, "price": [2.0, 3.0, 9.0], "n": [2, 1, 1]})
    >>> counted_medians(counts, ["category"], "price").to_dict()
    {'tea': 2.5}
    """
    own = list(keys)
    each = counts.groupby([*own, value], observed=True)["n"].sum().reset_index()
    groups = each.groupby(own, observed=True)["n"]
    up_to, n = groups.cumsum(), groups.transform("sum")
    middle = [each[up_to > place].drop_duplicates(own).set_index(own)[value] for place in ((n - 1) // 2, n // 2)]
    return (middle[0] + middle[1]) / 2


def counted_quantile(counts: npt.NDArray[np.int64], share: float) -> float:
    """The quantile of whole numbers from 0, of which the n-th place says how many there are; as `numpy.quantile`.

    >>> counted_quantile(np.array([0, 2, 1, 1]), 0.5), counted_quantile(np.array([0, 2, 1, 1]), 0.9)
    (1.5, 2.7)
    """
    up_to = np.cumsum(counts)
    at = share * (int(up_to[-1]) - 1)
    low, high = (int(np.searchsorted(up_to, place, side="right")) for place in (np.floor(at), np.ceil(at)))
    part = at - np.floor(at)
    return float(high - (high - low) * (1 - part) if part >= 0.5 else low + (high - low) * part)
