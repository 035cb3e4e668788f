"""Stage `publish`: the week's working list and full table; outside experiments, the published week."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from datetime import date
from functools import partial
from pathlib import Path

from contracts.files import read_json, write_json
from contracts.lots import universal_ids
from contracts.params import Params, load_params
from models.record.tracking import project_root
from pipeline.release import experiment_name, release
from pipeline.stage import run_stage, say
from serving.published import file_sha256
from serving.week_in_pieces import WeekTables, write_week_of
from serving.weekly_list import Terms

# the manifest holds every parameter behind the week, so that each one is a dep of it
SECTIONS = tuple(info.alias or name for name, info in Params.model_fields.items())


def main(argv: Sequence[str] | None = None) -> None:
    """Write the built week and a receipt; outside experiments, publish it."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("scores", type=Path, help="Parquet file, read")
    arguments.add_argument("portraits", type=Path, help="Parquet file, read")
    arguments.add_argument("plan", type=Path, help="Parquet file, read")
    arguments.add_argument("wave", type=Path, help="Parquet file, read when the week is released")
    arguments.add_argument("cutoffs", type=Path, help="JSON file, read")
    arguments.add_argument("week", type=Path, help="folder of the built week, written")
    arguments.add_argument("receipt", type=Path, help="JSON file, written")
    paths = arguments.parse_args(argv)
    params, root, cutoffs = load_params(), project_root(), read_json(paths.cutoffs)
    scored_on, share = date.fromisoformat(cutoffs["scored"]), params.plan.universal_share
    universal = partial(universal_ids, cutoff=scored_on, seed=params.execution.seed, share=share)
    tables = WeekTables(paths.portraits, paths.scores, paths.plan, cutoffs, universal)
    terms = Terms(
        params.store.currency,
        params.task.horizon_days,
        params.task.value_horizon_days,
        params.plan.newcomer_price,
        params.task.rhythm_multiple if params.task.label == "own_rhythm" else None,
        params.task.max_horizon_days,
    )
    hashes = {path.stem: file_sha256(path) for path in (paths.scores, paths.portraits, paths.plan)}
    facts = {"tables": hashes, "params": params.model_dump(by_alias=True, mode="json")}
    built = write_week_of(paths.week, tables, terms, params.publish.list_size, facts)
    experiment = experiment_name()
    if not experiment:
        release(root, parts=("week",), week=paths.week)
    receipt = {"applied": not experiment, **{key: built[key] for key in ("week", "row_hash", "counts")}}
    write_json(paths.receipt, receipt)
    n_listed, n_customers = (built["counts"][name] for name in ("n_listed", "n_customers"))
    say("publish", f"{built['week']}: {n_listed:,} customers to work on, {n_customers:,} in the full table")


if __name__ == "__main__":
    run_stage("publish", main)
