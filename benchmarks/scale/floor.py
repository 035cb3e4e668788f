"""The least that a stage could cost: what it must read or fit, and nothing else.

    python -m benchmarks.scale.floor <ingest | featurize | snapshot | train | score | plan> <project>

`ingest`: the raw files' columns read once and one of them summed by customer. `snapshot` and `featurize`: the same of
the event store's purchases, by the columns that each reads. `train`: raw LightGBM on the rows of the release fit, with
the recipe's parameters, as often as the stage fits its model (bags, test fit and release fit). `score`: the champion's
probabilities of the scored rows. `plan`: the dual alone, from the week's candidates to prices and each customer's best
choice at them; what is printed are its CPU seconds, since making the candidates is the stage's own work.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

KEPT = ("customer_id", "ordered_at", "product_id", "store_id", "quantity", "amount", "discount", "order_id")
DAYS = ("customer_id", "order_id", "ordered_on", "amount")
N_FITS = 2


def scan(paths: Iterable[Path], columns: tuple[str, ...] | None, customer: str, amount: str) -> float:
    """The sum of one column by customer over all files, file by file; what it adds up to."""
    total = 0.0
    for path in paths:
        table = pq.read_table(path, columns=None if columns is None else list(columns))
        sums = pa.table({"who": table[customer], "paid": table[amount]}).group_by("who").aggregate([("paid", "sum")])
        total += float(sums["paid_sum"].to_numpy().sum())
    return total


def train(home: Path) -> float:
    """Raw LightGBM on the release fit's rows."""
    from contracts.files import read_json, read_table
    from contracts.params import load_params
    from models.learners import trees
    from models.rows import read_rows

    params = load_params(home / "params.yaml")
    rows = read_rows(home / "data" / "features", read_table(home / "data" / "snapshots.parquet"), "in_release_fit")
    features = read_json(home / "artifacts" / "release_fit" / "recipe.json")["features"]
    for _ in range(N_FITS):
        trees.fit(rows.frame, rows.lapsed, features, params.train, params.execution)
    return float(len(rows.lapsed))


def score(home: Path) -> float:
    """The champion's probabilities."""
    from contracts.files import read_table
    from models.bundle import load_model
    from models.rows import eligible_rows

    rows = eligible_rows(home / "data" / "features", read_table(home / "data" / "snapshots.parquet"), "is_scored")
    return float(load_model(home / "artifacts" / "champion").predict(rows).sum())


def plan(home: Path) -> float:
    """CPU seconds of the dual."""
    import numpy as np

    from contracts.files import read_table
    from contracts.tables import PORTRAITS, SCORES
    from offers.optimiser.dual import best, prices_of, typical_profit
    from offers.optimiser.sides import sides_of
    from offers.optimiser.solving import QUICK
    from offers.plan import weigh
    from pipeline.planning import project_setting

    os.chdir(home)
    scores, portraits = (read_table(f"data/{table.name}.parquet", table) for table in (SCORES, PORTRAITS))
    problem = weigh(scores, portraits, project_setting(Path()), effort=QUICK).problem
    began, sides = time.process_time(), sides_of(problem)
    prices = prices_of(problem, sides, typical_profit(problem), np.full(len(sides), np.inf))
    best(problem, sides, prices)
    return time.process_time() - began


FITTED = {"train": train, "score": score, "plan": plan}


def main(stage: str, home: Path) -> float:
    """Do the least."""
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    if stage in FITTED:
        return FITTED[stage](home)
    if stage == "ingest":
        return scan(sorted((home.parent / "raw").glob("sales_*.parquet")), None, "member", "paid")
    columns = DAYS if stage == "snapshot" else KEPT
    return scan(sorted((home / "data" / "events" / "purchases").glob("*.parquet")), columns, "customer_id", "amount")


if __name__ == "__main__":
    print(main(sys.argv[1], Path(sys.argv[2])))
