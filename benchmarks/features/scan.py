"""The floor: read every column that the features need, and sum the amount by customer; no features, no cutoffs.

DuckDB reads all ten columns (`any_value` makes it) for less CPU than pyarrow's reader and one `bincount` a bucket do
(at ten million lines 0.5 s against 0.75 s a process), so the floor is DuckDB's.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import duckdb
import numpy as np

from benchmarks.features.columns import LINE_COLUMNS

READ = [f'any_value("{name}")' for name in LINE_COLUMNS if name not in ("customer", "amount")]
SCAN = f"SELECT customer, sum(amount) AS amount, {', '.join(READ)} FROM lines GROUP BY customer"  # noqa: S608


def amount_by_customer(folder: Path) -> tuple[int, float]:
    """Number of customers, and what they paid in all, cents."""
    with duckdb.connect(config={"threads": 2}) as connection:
        connection.read_parquet(f"{folder}/bucket_*.parquet").create_view("lines")
        amount = np.asarray(connection.execute(SCAN).fetchnumpy()["amount"])
    return len(amount), float(amount.sum())


def main() -> None:
    """Run as a process, with the arguments of the engines."""
    n_customers, amount = amount_by_customer(Path(sys.argv[1]))
    print(json.dumps({"customers": n_customers, "amount": amount}))


if __name__ == "__main__":
    main()
