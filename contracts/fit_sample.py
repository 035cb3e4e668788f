"""Who fits and judges models: every customer, and in a shop of many a sample of them. Scored is everyone.

Drawn is by a keyed hash of the customer's id alone: nothing that a customer does, no other customer, no order of rows,
no bucket and no run has a say. So nothing of the future is in the draw, the drawn stay drawn from week to week (as a
shop grows its share falls, and those with the highest hashes leave), and the key keeps the hash apart from those that
spread buckets, draw lots (`contracts/lots.py`) and choose whom MBG/NBD is fitted to.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

KEY = b"regulars:fit-sample"
NUMBERS = 2**64
DECIMALS = 6
"""Of the share, as of every figure in `reports/metrics.json`: what is told is what is drawn by."""

TOLD = "fit_sample"
"""Its name in `data/cutoffs.json` and `reports/metrics.json`, where there is one."""


@dataclass(frozen=True)
class FitSample:
    """Of `n_customers` who ever bought, each is drawn with the probability `share`: about `max_fit_customers`."""

    share: float = 1.0
    n_customers: int = 0

    @property
    def is_everyone(self) -> bool:
        """Whether there is nothing to draw."""
        return self.share >= 1.0

    def has(self, customers: Iterable[object]) -> npt.NDArray[np.bool_]:
        """Whether each of the ids is drawn."""
        ids = list(customers)
        if self.is_everyone:
            return np.ones(len(ids), dtype=bool)
        return numbers(ids) < np.uint64(int(self.share * NUMBERS))

    def scaled(self, k: int) -> int:
        """How many of a list's first `k` of all customers are to be expected in the sample: one at least.

        >>> FitSample(0.05).scaled(300), FitSample(0.001).scaled(300), FitSample().scaled(300)
        (15, 1, 300)
        """
        return max(1, round(self.share * k))

    def as_json(self) -> dict[str, Any]:
        """`{}` where everyone is drawn, else the share and of how many, by the name `fit_sample`."""
        return {} if self.is_everyone else {TOLD: {"share": self.share, "customers": self.n_customers}}

    @property
    def said(self) -> str:
        """In words; '' where everyone is drawn.

        >>> FitSample(0.05, 2_000_000).said
        'a sample of 5.0% of 2,000,000 customers'
        """
        return "" if self.is_everyone else f"a sample of {self.share:.1%} of {self.n_customers:,} customers"


EVERYONE = FitSample()


def sample_of(n_customers: int, most: int) -> FitSample:
    """The draw of about `most` of so many customers.

    >>> sample_of(2_469, 100_000) == EVERYONE, sample_of(400_000, 100_000).share
    (True, 0.25)
    """
    share = round(most / max(n_customers, 1), DECIMALS)
    return EVERYONE if share >= 1.0 else FitSample(max(share, 10.0**-DECIMALS), n_customers)


def read_fit_sample(plain: Mapping[str, Any]) -> FitSample:
    """The draw that `data/cutoffs.json` tells of."""
    told = plain.get(TOLD)
    return EVERYONE if told is None else FitSample(float(told["share"]), int(told["customers"]))


def numbers(ids: Iterable[object]) -> npt.NDArray[np.uint64]:
    """A whole number below 2**64 an id, the same on every machine."""
    digests = b"".join(hashlib.blake2b(str(one).encode(), key=KEY, digest_size=8).digest() for one in ids)
    return np.frombuffer(digests, dtype=">u8").astype(np.uint64)
