"""One factor at a time: a shop of so many lines, of which only the customers, cutoffs, features or offers change.

    python -m benchmarks.scale.factors [<lines>]

A factor's stages are those whose work it changes; everything else stands still, as in the other measurements. Each
level of a factor runs in the same project, so that its stages read the same store, or in a shop of its own
(customers).
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from benchmarks.scale import report
from benchmarks.scale.data import LINES_PER_CUSTOMER
from benchmarks.scale.projects import ROOT, project
from benchmarks.scale.results import Row
from benchmarks.scale.running import Place, row, run, say
from contracts.files import read_json
from features.vocabulary import FAMILIES

ALONE = Place("local", 1)
N_LINES = 300_000
HISTORY_WEEKS = 96
Plain = dict[str, Any]
BEFORE_OFFERS = ("train", "evaluate", "register", "score", "portray", "collect")
LESS_FITTED: Plain = {"train": {"num_trees": 20, "n_bags": 1}, "evaluate": {"n_bootstrap": 100, "n_origins": 2}}
"""For the stages that only lead to the plan, and are not measured here."""


@dataclass(frozen=True)
class Level:
    """One level of a factor: what it is called, its size, and the parameters that make it."""

    name: str
    size: int
    params: Plain


def cutoff_levels() -> list[Level]:
    """Training cutoffs: so many weeks lie between them."""
    return [
        Level(f"every {weeks} weeks", HISTORY_WEEKS // weeks, {"snapshot": {"train_every_weeks": weeks}})
        for weeks in (16, 8, 4)
    ]


def feature_levels() -> list[Level]:
    """Families of features, all of which the model reads."""
    names = list(FAMILIES)
    return [
        Level(f"{n} families", n, {"featurize": {"families": names[:n]}, "train": {"features": "all"}})
        for n in (len(names) // 4, len(names) // 2, len(names))
    ]


def set_params(home: Path, changes: Plain) -> None:
    """Change a project's parameters."""
    yaml = YAML()
    plain = yaml.load(home / "params.yaml")
    for section, values in changes.items():
        plain[section] |= values
    yaml.dump(plain, home / "params.yaml")


def _named_anew(offer: Plain, copy: int) -> Plain:
    """An offer (or what goes with one) under a name and codes of its own."""
    own: Plain = {name: f"{offer[name]}{mark}{copy}" for name, mark in (("id", "_"), ("code", "-")) if name in offer}
    if "with" in offer:
        own["with"] = [_named_anew(part, copy) for part in offer["with"]]
    return {**offer, **own}


def set_offers(home: Path, times: float) -> int:
    """Let a project's catalogue hold so many times the offers of the checkout's; how many these are.

    Copies have names of their own and fall to the same customers. What an offer says of others stays where they stay.
    """
    yaml = YAML()
    plain = yaml.load(ROOT / "offers.yaml")
    offers = plain["offers"]
    if times < 1:
        offers = offers[: round(len(offers) * times)]
    copies = [_named_anew(one, copy) for copy in range(2, round(times) + 1) for one in offers]
    plain["offers"] = [*offers, *copies]
    known = {one["id"] for one in plain["offers"]}
    for one in plain["offers"]:
        for name in ("never_with", "days_after"):
            if name in one:
                kept = {other for other in one[name] if other in known}
                one[name] = {o: one[name][o] for o in kept} if name == "days_after" else sorted(kept)
    yaml.dump(plain, home / "offers.yaml")
    return len(plain["offers"])


def shop(folder: Path, n_lines: int, per_customer: int) -> Path:
    """A fresh project on an export with so many lines, and so many a customer."""
    shutil.rmtree(folder, ignore_errors=True)
    asked = [sys.executable, "-m", "benchmarks.scale.data", str(folder), str(n_lines), "0", str(per_customer)]
    subprocess.run(asked, cwd=ROOT, check=True, capture_output=True)  # noqa: S603
    return project(folder / "home", folder / "raw", n_lines)


def measured_rows(home: Path, factor: str, level: Level, stages: Sequence[str]) -> list[Row]:
    """Run stages, and keep a row of each."""
    rows = []
    for stage in stages:
        found = run(stage, home, ALONE)
        facts = read_json(home / "data" / "events" / "manifest.json")
        told = row(stage, (facts["lines_in"], facts["customers"]), ALONE, found, None)
        rows.append({"metric": "factor", "factor": factor, "level": level.name, "size": level.size, **told})
        say(f"{factor}, {level.name}: {stage:10} {found.said}")
    report.record(rows)
    return rows


def over(home: Path, factor: str, levels: Sequence[Level], stages: Sequence[str]) -> None:
    """The levels of a factor that parameters set, in one project, whose own parameters come back."""
    before = (home / "params.yaml").read_text(encoding="utf-8")
    for level in levels:
        set_params(home, level.params)
        measured_rows(home, factor, level, stages)
        (home / "params.yaml").write_text(before, encoding="utf-8")


def customers(folder: Path, n_lines: int) -> None:
    """The same lines by more customers, each with fewer."""
    for per_customer in (2 * LINES_PER_CUSTOMER, LINES_PER_CUSTOMER, LINES_PER_CUSTOMER // 2):
        home = shop(folder / f"lines{per_customer}", n_lines, per_customer)
        level = Level(f"{per_customer} lines each", n_lines // per_customer, {})
        measured_rows(home, "customers", level, ("ingest", "snapshot", "featurize", "train"))
        shutil.rmtree(home.parent)


def offers(home: Path) -> None:
    """The same customers and a catalogue of fewer or more offers."""
    set_params(home, LESS_FITTED)
    for stage in ("snapshot", "featurize", *BEFORE_OFFERS):
        run(stage, home, ALONE)
    for times in (0.5, 1.0, 2.0):
        n_offers = set_offers(home, times)
        measured_rows(home, "offers", Level(f"{n_offers} offers", n_offers, {}), ("plan",))


def main(n_lines: int, folder: Path) -> None:
    """Measure every factor."""
    customers(folder, n_lines)
    home = shop(folder / "shop", n_lines, LINES_PER_CUSTOMER)
    run("ingest", home, ALONE)
    over(home, "cutoffs", cutoff_levels(), ("snapshot", "featurize", "train"))
    run("snapshot", home, ALONE)
    over(home, "features", feature_levels(), ("featurize", "train"))
    offers(home)
    shutil.rmtree(home.parent)


if __name__ == "__main__":
    asked = [int(text) for text in sys.argv[1:]]
    main(asked[0] if asked else N_LINES, Path(tempfile.gettempdir()) / "regulars-factors-benchmark")
