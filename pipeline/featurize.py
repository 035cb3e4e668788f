"""Stage `featurize`: behavioural features, one row per customer and cutoff."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from contracts import tables
from contracts.files import atomic_folder, read_table, write_table
from contracts.params import load_params
from events.store import read_store
from features.catalogue import choose_families
from features.engine import feature_tables
from features.history import history
from pipeline.stage import run_stage, say

SECTIONS = ("task", "featurize")


def main(argv: Sequence[str] | None = None) -> None:
    """Write one Parquet file a cutoff."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("store", help="folder of the event store, read")
    arguments.add_argument("snapshots", help="Parquet file, read")
    arguments.add_argument("features", help="folder of Parquet files, written")
    paths = arguments.parse_args(argv)
    params = load_params()
    families = choose_families(params.featurize.families)
    rows = read_table(paths.snapshots, tables.SNAPSHOTS)
    n_rows, n_columns = 0, 0
    with atomic_folder(paths.features) as draft:
        tables_by_cutoff = feature_tables(history(read_store(paths.store)), rows, families, params.task.horizon_days)
        for cutoff, table in tables_by_cutoff:
            write_table(Path(draft) / f"{cutoff}.parquet", table, tables.FEATURES)
            n_rows, n_columns = n_rows + len(table), table.shape[1] - len(tables.FEATURE_KEYS)
    say("featurize", f"{n_rows:,} rows × {n_columns} features of {len(families)} families")


if __name__ == "__main__":
    run_stage("featurize", main)
