"""Lots: keyed hashes of customers, the same on every machine and in every run; and the year's control group."""

from __future__ import annotations

import hashlib
from datetime import date
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pandas as pd

LOTS = 2**64


def lot(customer_id: str, week_on: date, seed: int, draw: str = "") -> int:
    """A customer's lot in a week: a keyed hash, the same on every machine, unrelated from week to week.

    `draw` names what is drawn, so that the lots of two draws are unrelated.
    """
    key = f"{seed}:{week_on.isoformat()}{draw}".encode()
    return int.from_bytes(hashlib.blake2b(customer_id.encode(), key=key[:64], digest_size=8).digest())


def is_universal(customers: pd.Series, cutoff: date, seed: int, share: float) -> npt.NDArray[np.bool_]:
    """Which customer ids get no marketing this calendar year: each with probability `share`, by keyed hash."""
    return np.array([_of_year(name, cutoff.year, seed) < share * LOTS for name in customers.tolist()], dtype=bool)


@lru_cache(maxsize=2**16)
def _of_year(customer_id: str, year: int, seed: int) -> int:
    """A customer's lot of a year; a week's plan asks for it more than once, and a replay every week."""
    return lot(customer_id, date(year, 1, 1), seed, ":universal")


def universal_ids(customers: pd.Series, cutoff: date, seed: int, share: float) -> frozenset[str]:
    """The ids among `customers` that get no marketing in the calendar year of the cutoff."""
    return frozenset(customers[is_universal(customers, cutoff, seed, share)])
