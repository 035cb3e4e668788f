"""Stage `featurize`: behavioural features, one row per customer and cutoff."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from contracts.files import atomic_folder, read_table, write_json
from contracts.params import load_params
from events.store import open_store
from features.engine import feature_batches
from features.kernel.engine import WANTED
from features.plan import choose, recorded
from features.trial_files import read_trials
from features.trials import with_trials
from features.writing import write_features
from pipeline.stage import crew_at_hand, run_stage, say

SECTIONS = ("task", "featurize")


def main(argv: Sequence[str] | None = None) -> None:
    """Write one Parquet file a cutoff, and what was left out because the shop does not record it."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("store", help="folder of the event store, read")
    arguments.add_argument("snapshots", help="Parquet file, read")
    arguments.add_argument("trials", help="folder of SQL files, read", type=Path)
    arguments.add_argument("features", help="folder of Parquet files, written")
    arguments.add_argument("report", help="JSON file: what was computed and what was left out, written")
    paths = arguments.parse_args(argv)
    params = load_params()
    shelf, rows = open_store(paths.store), read_table(paths.snapshots, columns=WANTED)
    wanted = choose(params.featurize.families, params.featurize.features)
    features = recorded(wanted, shelf.absent)
    trials = read_trials(paths.trials, params.featurize.trials)
    with crew_at_hand(params) as crew, atomic_folder(paths.features) as draft:
        batches = feature_batches(shelf, rows, features, params.task.horizon_days, params.featurize.engine, crew=crew)
        trial_names, batches = with_trials(batches, trials, shelf, rows["cutoff_on"].dt.date.unique())
        n_rows = write_features(Path(draft), batches, features, trial_names)
    left_out = {one.name: sorted(one.needs) for one in wanted if one not in features}
    write_json(
        paths.report,
        {
            "rows": n_rows,
            "features": [one.name for one in features],
            "trials": list(trial_names),
            "left_out_for_want_of": left_out,
        },
    )
    missing = f"; {len(left_out)} left out: the shop does not record what they need" if left_out else ""
    n_features = len(features) + len(trial_names)
    say("featurize", f"{sum(n_rows.values()):,} rows × {n_features} features ({params.featurize.engine}){missing}")


if __name__ == "__main__":
    run_stage("featurize", main)
