"""Stage `inspect`: the data report: what the event store is made of, what is wrong with it, and what it can tell."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from contracts.params import load_params
from events.report.building import data_report, write_report
from pipeline.stage import run_stage, say

SECTIONS = ("store", "task", "inspect")


def main(argv: Sequence[str] | None = None) -> None:
    """Look at the event store; write the report's page, its JSON and its plots."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("store", type=Path, help="folder of the event store, read")
    arguments.add_argument(
        "report", type=Path, help="folder of the report, written: index.html, report.json, SVG plots"
    )
    paths = arguments.parse_args(argv)
    params = load_params()
    report = data_report(paths.store, params.store.currency, params.task, params.inspect)
    write_report(paths.report, report)
    found = Counter(finding["severity"] for finding in report.plain["findings"])
    say("inspect", f"{found['error']} errors, {found['warning']} warnings, {found['note']} notes")
    say("inspect", f"first: {report.plain['findings'][0]['what']}")


if __name__ == "__main__":
    run_stage("inspect", main)
