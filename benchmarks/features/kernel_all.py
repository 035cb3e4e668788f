"""Our own engine with every feature of the catalogue that the benchmark's lines can give, not the 60 alone.

The further ones read prices of all customers' products (two tables of cutoffs × products from a first pass over the
lines) and the MBG/NBD model, fitted at each cutoff. There is no rival to compare with: it shows what a feature costs.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.features.data import N_PRODUCTS, PRODUCTS_PER_CATEGORY
from benchmarks.features.kernel import LINES, coded
from benchmarks.features.layout import buckets, cutoff_days, manifest
from contracts.event_kinds import INTERACTION_KINDS, RESPONSE_KINDS
from features.catalogue import FEATURES
from features.kernel.computing import Values, compute
from features.kernel.context import store_context
from features.kernel.slots import all_rows
from features.kernel.streams import Coded, Goods
from features.plan import closure, recorded

ABSENT = frozenset(
    {"department", "is_private_label", "coupon_discount", "promotion_id", "channel", "payer", "returns", "contacts"}
    | {"value", *(f"responses:{kind}" for kind in RESPONSE_KINDS)}
    | {f"interactions:{kind}" for kind in INTERACTION_KINDS}
)
ALL = recorded(FEATURES, ABSENT)
HORIZON_DAYS = 28


def goods() -> Goods:
    """The simulated products' categories; the first product counts as unknown."""
    category = (np.arange(N_PRODUCTS) // PRODUCTS_PER_CATEGORY).astype(np.int32)
    return Goods(category, np.zeros_like(category), np.zeros(N_PRODUCTS, dtype=bool))


def values(folder: Path, cutoffs: list[int]) -> Iterator[Values]:
    """The features of every customer and cutoff, bucket by bucket."""
    today: npt.NDArray[np.int64] = np.array(cutoffs, dtype=np.int64)
    sold, paths = goods(), buckets(folder)

    def bucket(path: Path) -> Coded:
        one = coded(path, LINES)
        return Coded(one.customers, one.lines, {}, sold)

    context = store_context(map(bucket, paths), closure(ALL), today, sold)
    for path in paths:
        one = bucket(path)
        yield compute(one, all_rows(one, len(cutoffs), HORIZON_DAYS), today, ALL, context)


def main() -> None:
    """Run as the process `<folder> <n_cutoffs> <output>`; prints how many rows and features there were."""
    folder, n_cutoffs = Path(sys.argv[1]), int(sys.argv[2])
    rows = sum(
        int(np.isfinite(part[:, 0]).sum()) for part in values(folder, cutoff_days(n_cutoffs, manifest(folder).end_day))
    )
    print(json.dumps({"rows": rows, "n_features": len(ALL)}))


if __name__ == "__main__":
    main()
