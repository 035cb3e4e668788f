"""How good the probabilities are: every data set through the product's own stages, by one command.

    python -m benchmarks.quality
    python -m benchmarks.quality --work FOLDER my_shop=PROJECT other=PROJECT@2024-03-04,2024-03-18

Real data, simulated stores of three sizes (`--large`: of 300,000 customers too), and any project made with
`regulars init`: its source, store and task, the product's defaults for the rest; after `@` test cutoffs of its own.
Online Retail II is read from the folder in REGULARS_BENCHMARK_DATA, and left out where there is none. Writes
quality.json and quality.md.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.quality.ceiling import bound_rows, with_bounds
from benchmarks.quality.page import page
from benchmarks.quality.projects import BEFORE_FITTING, FITTING, ROOT, BenchmarkError, Say, prepared, run_stages
from benchmarks.quality.results import Row, judged_rows, outcome_of, row_without_model, rows_of
from benchmarks.quality.shops import Shop, all_shops
from contracts.errors import RegularsError
from contracts.files import rounded, write_json, write_text
from contracts.params import load_params


def say(text: str) -> None:
    """One line of progress, at once."""
    print(f"  quality: {text}", flush=True)


def measure(shop: Shop, work: Path, measured_on: str, tell: Say = say) -> list[Row]:
    """Run the product's stages on one shop and read what they say of every model."""
    home = prepared(shop, work)
    run_stages(shop, home, BEFORE_FITTING, tell)
    outcome = outcome_of(shop.name, home, run_stages(shop, home, FITTING, tell))
    if not outcome.has_model:
        tell(f"{shop.name}: no model: {outcome.gate['rule']}")
        return [row_without_model(outcome, measured_on)]
    judged = judged_rows(home)
    rows = rows_of(outcome, judged, measured_on)
    if shop.is_simulated:
        tell(f"{shop.name}: what the simulator itself would say")
        params = load_params(home / "params.yaml")
        rows += bound_rows(shop.name, with_bounds(judged, home, params), params)
    tell(f"{shop.name}: AUC {rows[0]['auc_mean']:.3f}, log loss {rows[0]['log_loss']:.4f}, {outcome.gate['grade']}")
    return rows


def measure_all(shops: Sequence[Shop], work: Path, out: Path) -> None:
    """Measure the shops one by one; both files are written at the end, and say which were left out or failed, and why.

    Raises:
        BenchmarkError: a stage failed on one of them; the others are measured and written all the same.
    """
    measured_on = datetime.now(UTC).date().isoformat()
    skipped = {shop.name: shop.why_not for shop in shops if shop.why_not}
    for name, why in skipped.items():
        say(f"{name}: left out: {why}")
    rows: list[Row] = []
    failed: list[BenchmarkError] = []
    for shop in shops:
        try:
            rows += [] if shop.why_not else rounded(measure(shop, work, measured_on))
        except BenchmarkError as error:
            say(f"{shop.name}: {error}")
            failed.append(error)
            skipped[shop.name] = str(error)
    write_json(out / "quality.json", rows)
    write_text(out / "quality.md", page(rows, skipped))
    say(f"written {out}/quality.json and quality.md")
    if failed:
        raise failed[0]


def main(argv: Sequence[str] | None = None) -> None:
    """Read the command line and measure."""
    arguments = argparse.ArgumentParser(
        prog="python -m benchmarks.quality", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("shops", nargs="*", help="further projects, as name=folder or name=folder@test cutoffs")
    arguments.add_argument("--work", type=Path, help="folder of the projects, kept; default: a temporary one")
    arguments.add_argument("--out", type=Path, default=ROOT / "docs" / "benchmarks", help="folder, written")
    arguments.add_argument("--large", action="store_true", help="a simulated store of 300,000 customers too")
    arguments.add_argument("--only", nargs="+", help="names of data sets: the files then hold these alone")
    paths = arguments.parse_args(argv)
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        listed = all_shops(paths.shops, os.environ, is_large=paths.large)
        shops = [shop for shop in listed if not paths.only or shop.name in paths.only]
        if paths.work:
            measure_all(shops, paths.work.resolve(), paths.out)
            return
        with tempfile.TemporaryDirectory(prefix="regulars-quality-") as folder:
            measure_all(shops, Path(folder), paths.out)
    except RegularsError as error:
        print(f"regulars: quality: {error}", file=sys.stderr)
        raise SystemExit(error.exit_code) from None


if __name__ == "__main__":
    main()
