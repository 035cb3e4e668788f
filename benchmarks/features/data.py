"""Simulated purchase lines as Parquet buckets: whole customers each, sorted by customer, day and order.

    python -m benchmarks.features.data <folder> <number of lines>

One row a line, about 250 of them a customer over two years, 9 a purchase day. Every bucket is drawn from its own seed,
so that memory is bounded by one bucket. Files are uncompressed and plainly encoded: of the encodings tried (plain or
dictionary, uncompressed or LZ4) the one that the bare scan reads with the least CPU.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.features.columns import check
from benchmarks.features.layout import FIRST_DAY, MANIFEST, N_DAYS, WEEK_DAYS, Manifest, manifest

Ints = npt.NDArray[np.int64]
Lines = dict[str, npt.NDArray[Any]]

LINES_PER_CUSTOMER, LINES_PER_ORDER, ORDERS_PER_DAY = 250, 8, 1.12
N_PRODUCTS, N_FAVOURITES, PRODUCTS_PER_CATEGORY, N_STORES = 50_000, 30, 100, 10
ROWS_PER_GROUP = 500_000
ORDERS_PER_BUCKET = 5_000_000
"""Order numbers of bucket b begin at b times this, so that they differ between buckets."""


def n_buckets(n_lines: int) -> int:
    """4 buckets for a million lines, 16 for ten, 64 for a hundred.

    >>> [n_buckets(n) for n in (1_000_000, 10_000_000, 100_000_000)]
    [4, 16, 64]
    """
    return int(4 ** max(1, len(str(n_lines)) - 6))


def _purchase_days(
    rng: np.random.Generator, n_customers: int, lines_per_customer: int = LINES_PER_CUSTOMER
) -> tuple[Ints, Ints]:
    """Customer and day of every purchase day: joining and leaving dates, lognormal rates, a weekly rhythm."""
    joined = np.where(rng.random(n_customers) < 0.7, 0, rng.integers(0, N_DAYS - 90, n_customers))
    stays = np.maximum(rng.exponential(1_000.0, n_customers), 14.0)
    span = np.minimum(stays, N_DAYS - joined)
    expected = rng.lognormal(0.0, 0.8, n_customers) * span
    wanted = n_customers * lines_per_customer / LINES_PER_ORDER / ORDERS_PER_DAY
    n = rng.poisson(expected * wanted / expected.sum())
    customer = np.repeat(np.arange(n_customers), n)
    day = (joined[customer] + rng.random(len(customer)) * span[customer]).astype(np.int64)
    moved = rng.random(len(day)) < 0.25
    weekend = day - day % WEEK_DAYS + 4 + rng.integers(0, 2, len(day))
    day = np.where(moved & (weekend < N_DAYS), weekend, day)
    return np.divmod(np.sort(customer * N_DAYS + day), N_DAYS)


def _products(rng: np.random.Generator, customer: Ints, n_customers: int) -> Ints:
    """Half of the lines are the customer's favourites, the others anything; both fall off like 1 / rank."""
    shuffled = np.random.default_rng(0).permutation(N_PRODUCTS)
    n_lines = len(customer)
    favourites = (N_PRODUCTS ** rng.random((n_customers, N_FAVOURITES))).astype(np.int64)
    chosen = favourites[customer, (N_FAVOURITES ** rng.random(n_lines)).astype(np.int64) - 1]
    anything = (N_PRODUCTS ** rng.random(n_lines)).astype(np.int64)
    drawn: Ints = shuffled[np.where(rng.random(n_lines) < 0.5, chosen, anything) - 1]
    return drawn


def lines_of(bucket: int, n_customers: int, seed: int, lines_per_customer: int = LINES_PER_CUSTOMER) -> Lines:
    """The lines of one bucket, sorted by customer, day and order."""
    rng = np.random.default_rng([seed, bucket])
    day_customer, day = _purchase_days(rng, n_customers, lines_per_customer)
    n_orders = 1 + (rng.random(len(day)) < ORDERS_PER_DAY - 1)
    order_day = np.repeat(np.arange(len(day)), n_orders)
    n_lines = 1 + rng.poisson(LINES_PER_ORDER - 1, len(order_day))
    order = np.repeat(np.arange(len(order_day)), n_lines)
    of_day = order_day[order]
    customer, n = day_customer[of_day], len(order)
    hour = np.clip(rng.normal(14.5, 3.5, len(order_day)), 7, 21).astype(np.int8)[order]
    product = _products(rng, customer, n_customers)
    home = rng.integers(0, N_STORES, n_customers)[customer]
    away = rng.integers(0, N_STORES, len(order_day))[order]
    store = np.where((rng.random(len(order_day)) < 0.85)[order], home, away)
    price = np.exp(rng.normal(5.5, 0.7, N_PRODUCTS))[product]
    is_discounted = (rng.random(len(day)) < 0.7)[of_day] & (rng.random(n) < 0.4 / 0.7)
    quantity = 1 + rng.geometric(0.75, n) // 2
    amount = np.maximum(price * quantity, 10).astype(np.int64)
    discount = np.where(is_discounted, amount * rng.integers(5, 40, n) // 100 + 1, 0)
    return {
        "customer": (customer + bucket * n_customers).astype(np.int32),
        "day": (day[of_day] + FIRST_DAY).astype(np.int32),
        "hour": hour,
        "order": (order + bucket * ORDERS_PER_BUCKET).astype(np.int32),
        "product": product.astype(np.int32),
        "category": (product // PRODUCTS_PER_CATEGORY).astype(np.int32),
        "store": store.astype(np.int32),
        "amount": (amount - discount).astype(np.int32),
        "discount": discount.astype(np.int32),
        "quantity": quantity.astype(np.int16),
    }


def _written(folder: Path, asked: int, seed: int) -> Iterator[int]:
    """Write bucket after bucket; the number of lines of each."""
    n = n_buckets(asked)
    for bucket in range(n):
        table = pa.table(lines_of(bucket, asked // LINES_PER_CUSTOMER // n, seed))
        options = {"compression": "none", "use_dictionary": False, "row_group_size": ROWS_PER_GROUP}
        pq.write_table(table, folder / f"bucket_{bucket:04d}.parquet", **options)
        yield table.num_rows


def write(folder: Path, asked: int, seed: int = 20_260) -> Manifest:
    """Write the buckets of about `asked` lines, and last of all the manifest that says that they are complete."""
    folder.mkdir(parents=True, exist_ok=True)
    n = n_buckets(asked)
    n_lines = sum(_written(folder, asked, seed))
    made = Manifest(asked, n_lines, asked // LINES_PER_CUSTOMER // n * n, n, FIRST_DAY + N_DAYS, seed)
    (folder / MANIFEST).write_text(json.dumps(asdict(made)), encoding="utf-8")
    return made


def main() -> None:
    """Write the folder, unless it is there."""
    folder, asked = Path(sys.argv[1]), int(sys.argv[2])
    check()
    if not (folder / MANIFEST).exists():
        write(folder, asked)
    print(manifest(folder))


if __name__ == "__main__":
    main()
