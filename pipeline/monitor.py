"""Stage `monitor`: drift, calibration and ranking on matured weeks, the list's turnover; alerts with stable codes.

`published/` is state, so it is read by its path and is no dep: it changes with `reports/publish.json` and the event
store (a customer forgotten), which are deps. Where it is missing, as in an experiment's copy, there is not enough data.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from datetime import date
from functools import partial
from pathlib import Path

from contracts import tables
from contracts.files import read_json, read_table
from contracts.fit_sample import read_fit_sample
from contracts.params import load_params
from features.stored_days import stored_days
from models.monitoring.checks import in_a_line
from models.monitoring.live import lived, waiting_weeks
from models.monitoring.page import write_monitor
from models.monitoring.report import Observed, monitor
from models.monitoring.sampling import Drawn, read_sample, read_watched, read_watched_rows, reference_cutoffs
from pipeline.stage import run_stage, say
from serving.past_weeks import lists, past_weeks

SECTIONS = ("task", "execution", "monitor")


def main(argv: Sequence[str] | None = None) -> None:
    """Check the champion and the week; write the page and its JSON."""
    arguments = argparse.ArgumentParser(description=__doc__)
    for name in ("store", "snapshots", "cutoffs", "features", "champion", "metrics", "week", "published", "report"):
        arguments.add_argument(name, type=Path)
    paths = arguments.parse_args(argv)
    params = load_params()
    limits, seed, task = params.monitor, params.execution.seed, params.task
    cutoffs, snapshots = read_json(paths.cutoffs), read_watched_rows(paths.snapshots)
    drawn = Drawn(limits.n_customers, seed, read_fit_sample(cutoffs))
    scored, end = date.fromisoformat(cutoffs["scored"]), date.fromisoformat(cutoffs["data_end"])
    champion, past = read_watched(paths.champion), past_weeks(paths.published, scored, limits.n_weeks)
    days = reference_cutoffs(snapshots, champion, task.label_days)
    seen = Observed(
        scored=scored,
        data_end=end,
        champion=champion,
        sample=read_sample(paths.features, snapshots, champion, scored, days=days, params=drawn),
        lived=lived(past, partial(stored_days, paths.store), end, task, drawn),
        waiting=waiting_weeks(past, scored, end, task),
        lists=lists(past),
        this_list=set(read_table(paths.week / "at_risk.parquet", tables.AT_RISK)["customer_id"]),
        test=read_json(paths.metrics)["test"],
    )
    told = monitor(seen, limits, seed)
    write_monitor(paths.report, told)
    say("monitor", in_a_line(told))


if __name__ == "__main__":
    run_stage("monitor", main)
