"""A shop as a project folder of its own, in which the product's stages run as `dvc.yaml` names them."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks.quality.layout import lay_out_at
from benchmarks.quality.shops import STATE, Shop
from contracts.errors import RegularsError
from contracts.params import read_yaml
from pipeline.commands.params_file import change_params
from pipeline.inbox import ensure_inbox

ROOT = Path(__file__).resolve().parents[2]
BEFORE_FITTING = ("ingest", "snapshot", "featurize")
FITTING = ("train", "evaluate")
LAID_OUT_HERE = "snapshot"

Say = Callable[[str], None]


class BenchmarkError(RegularsError):
    """A stage of a judged project failed."""


def prepared(shop: Shop, work: Path) -> Path:
    """The shop's project folder: the product's `params.yaml` with the shop's own sections, and an inbox.

    What an earlier run ingested there stays: stage `ingest` reads only what is new.
    """
    home = work / shop.name
    home.mkdir(parents=True, exist_ok=True)
    for name in ("params.yaml", "requirements.lock"):
        shutil.copyfile(ROOT / name, home / name)
    (home / "trials").mkdir(exist_ok=True)
    ensure_inbox(home)
    for name in STATE:
        if shop.given and (shop.given / "inbox" / name).is_file():
            shutil.copyfile(shop.given / "inbox" / name, home / "inbox" / name)
    if shop.init:
        _run([sys.executable, "-m", "pipeline.cli", *shop.init], home, home / "init.txt")
    if shop.changes:
        change_params(home / "params.yaml", {name: dict(values) for name, values in shop.changes.items()})
    return home


def stage_command(stage: str) -> list[str]:
    """The command of a stage of the product's pipeline, run by this interpreter."""
    stages = read_yaml(ROOT / "dvc.yaml")["stages"]  # type: ignore[index]
    words: list[str] = str(stages[stage]["cmd"]).split()
    return [sys.executable, *words[1:]]


def run_stages(shop: Shop, home: Path, stages: tuple[str, ...], say: Say) -> dict[str, float]:
    """Run stages in the project; CPU seconds (user and system) of each.

    Raises:
        BenchmarkError: a stage ended with an error, with its last words.
    """
    spent = {}
    for stage in stages:
        if stage == LAID_OUT_HERE and shop.test_cutoffs:
            lay_out_at(home, shop.test_cutoffs)
            continue
        spent[stage] = _run(stage_command(stage), home, home / f"{stage}.txt")
        say(f"{shop.name}: {stage}, {spent[stage]:.0f} s CPU")
    return spent


def _run(command: list[str], home: Path, output: Path) -> float:
    """Run a command in a folder with the checkout's code, its words into a file; CPU seconds, its children's too."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("DVC_", "MLFLOW_"))}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with output.open("w", encoding="utf-8") as file:
        done = subprocess.run(  # noqa: S603
            command,
            cwd=home,
            env={**environment, "PYTHONPATH": str(ROOT)},
            stdout=file,
            stderr=subprocess.STDOUT,
            check=False,
        )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        last = "".join(output.read_text(encoding="utf-8").strip().splitlines()[-1:])
        raise BenchmarkError(f"{' '.join(command[1:4])} ended with code {done.returncode}: {last}")
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
