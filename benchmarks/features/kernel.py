"""Our own engine, `features.kernel`, compiled by Numba: two passes over the lines, of which one reads days alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq

from benchmarks.features.columns import NAMES
from benchmarks.features.layout import buckets
from benchmarks.features.results import Chunk, run
from features.catalogue import BY_NAME
from features.kernel.computing import compute as computed
from features.kernel.context import store_context
from features.kernel.slots import all_rows
from features.kernel.streams import Coded, Goods, Stream
from features.plan import closure

FEATURES = tuple(BY_NAME[name] for name in NAMES)
DAYS = ("customer", "day")
LINES = (*DAYS, "hour", "order", "product", "category", "store", "amount", "discount", "quantity")
THOUSANDTHS = 1000
NO_GOODS = Goods(np.zeros(1, np.int32), np.zeros(1, np.int32), np.zeros(1, bool))


def coded(path: Path, columns: Sequence[str]) -> Coded:
    """A bucket's lines, which lie by customer and day, as the kernel wants them."""
    table = pq.ParquetFile(path).read(columns=list(columns), use_threads=False)
    arrays = {name: table[name].combine_chunks().to_numpy() for name in columns}
    customer = arrays.pop("customer")
    begins = np.flatnonzero(np.append(True, customer[1:] != customer[:-1]))
    if "quantity" in arrays:
        arrays["quantity"] = arrays["quantity"].astype(np.int64) * THOUSANDTHS
    lines = Stream(np.append(begins, len(customer)).astype(np.int64), arrays.pop("day"), arrays)
    return Coded(customer[begins], lines, {}, NO_GOODS)


def compute(folder: Path, cutoffs: list[int]) -> Iterator[Chunk]:
    """The rows of all buckets and cutoffs."""
    today: npt.NDArray[np.int64] = np.array(cutoffs, dtype=np.int64)
    paths = buckets(folder)
    context = store_context((coded(path, DAYS) for path in paths), closure(FEATURES), today, NO_GOODS)
    for path in paths:
        bucket = coded(path, LINES)
        rows = all_rows(bucket, len(cutoffs), 28)
        values = computed(bucket, rows, today, FEATURES, context)
        kept = np.flatnonzero(~np.isnan(values[:, 0]))
        yield Chunk(bucket.customers[rows.customer[kept]], today[rows.cutoff[kept]], values[kept])


def main() -> None:
    """Run as a process."""
    run(compute)


if __name__ == "__main__":
    main()
