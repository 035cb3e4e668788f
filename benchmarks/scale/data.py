"""A made-up shop's own export: purchase files of about so many lines, 40 a customer over two years, and its products.

    python -m benchmarks.scale.data <folder> <number of lines> [<weeks of history, 0: all> [<lines a customer>]]

One row of `sales_*.parquet` is a purchase line (columns member, receipt, bought_at in UTC, article, store, quantity,
paid, discount); a file holds some customers' lines. With a number of weeks, only that much history is written, and the
week after it as a file of its own, `next_week.parquet`, beside the folder of the others.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.features.data import N_PRODUCTS, PRODUCTS_PER_CATEGORY, lines_of
from benchmarks.features.layout import FIRST_DAY, WEEK_DAYS

LINES_PER_CUSTOMER = 40
LINES_PER_FILE = 1_250_000
FEWEST_FILES = 4
SEED = 20_261
COLUMNS = {
    "customer_id": "member",
    "order_id": "receipt",
    "ordered_at": "bought_at",
    "product_id": "article",
    "store_id": "store",
    "quantity": "quantity",
    "amount": "paid",
    "discount": "discount",
}


def n_files(n_lines: int) -> int:
    """Files of a shop with so many lines.

    >>> [n_files(n) for n in (100_000, 10_000_000)]
    [4, 8]
    """
    return max(FEWEST_FILES, round(n_lines / LINES_PER_FILE))


def lines(number: int, n_lines: int, per_customer: int = LINES_PER_CUSTOMER) -> pd.DataFrame:
    """The lines of one file, in order of time."""
    drawn = lines_of(number, n_lines // n_files(n_lines) // per_customer, SEED, per_customer)
    seconds = drawn["day"].astype(np.int64) * 86_400 + drawn["hour"].astype(np.int64) * 3_600
    frame = pd.DataFrame(
        {
            "member": _named("m", drawn["customer"]),
            "receipt": _named("r", drawn["order"]),
            "bought_at": pd.Series(seconds * 1_000_000).astype("datetime64[us]"),
            "article": _named("a", drawn["product"]),
            "store": _named("s", drawn["store"]),
            "quantity": drawn["quantity"].astype(np.float64),
            "paid": drawn["amount"] / 100.0,
            "discount": drawn["discount"] / 100.0,
            "day": drawn["day"],
        }
    )
    return frame.sort_values("bought_at", kind="stable", ignore_index=True)


def _named(letter: str, codes: np.ndarray[tuple[int], np.dtype[np.integer]]) -> pd.Series:
    distinct, places = np.unique(codes, return_inverse=True)
    names = pd.array([f"{letter}{code}" for code in distinct], dtype="str")
    return pd.Series(names.take(places))


def write(folder: Path, n_lines: int, n_weeks: int | None = None, per_customer: int = LINES_PER_CUSTOMER) -> int:
    """Write the export; how many lines the folder holds (the week after not counted)."""
    raw = folder / "raw"
    raw.mkdir(parents=True)
    week, n_written = [], 0
    for number in range(n_files(n_lines)):
        frame = lines(number, n_lines, per_customer)
        if n_weeks is not None:
            past = frame["day"] - FIRST_DAY < n_weeks * WEEK_DAYS
            week.append(frame[~past & (frame["day"] - FIRST_DAY < (n_weeks + 1) * WEEK_DAYS)])
            frame = frame[past]
        n_written += len(frame)
        frame.drop(columns="day").to_parquet(raw / f"sales_{number:03d}.parquet", index=False)
    if n_weeks is not None:
        pd.concat(week).drop(columns="day").to_parquet(folder / "next_week.parquet", index=False)
    products = np.arange(N_PRODUCTS)
    goods = {"product_id": _named("a", products), "category": _named("c", products // PRODUCTS_PER_CATEGORY)}
    goods |= {"department": _named("d", products // PRODUCTS_PER_CATEGORY // 50), "product_type": goods["category"]}
    goods["is_private_label"] = pd.Series(products % 5 == 0)
    pd.DataFrame(goods).to_parquet(raw / "products.parquet", index=False)
    return n_written


if __name__ == "__main__":
    n_asked, n_weeks, per_customer, *_ = (*map(int, sys.argv[2:]), 0, 0)
    print(write(Path(sys.argv[1]), n_asked, n_weeks or None, per_customer or LINES_PER_CUSTOMER))
