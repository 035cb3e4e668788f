"""Every command of the tutorials, in their order, in a project of their own: they end well and do what is said."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

import pytest

from contracts.files import read_json
from pipeline.operating.weekly import MONITOR, past_runs
from serving.published import find_week
from tests.projects import ROOT, Project, checkout

TUTORIALS = ROOT / "docs" / "tutorials"
NOT_HERE = ("regulars simulate year", "regulars promote")
"""Long, or decided by what the data say (on a small sample no challenger is left to promote): tested elsewhere."""


def commands(name: str) -> list[str]:
    """The commands of a tutorial's shell blocks, in order."""
    blocks = re.findall(r"```sh\n(.*?)```", (TUTORIALS / f"{name}.md").read_text(), flags=re.DOTALL)
    lines = [line.split("  #")[0].strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if line and not line.startswith(NOT_HERE)]


def walk(project: Project, name: str) -> dict[str, str]:
    """Run a tutorial; what each command printed."""
    said: dict[str, str] = {}
    for line in commands(name):
        program, *words = shlex.split(line)
        modules = {"regulars": "pipeline.cli", "dvc": "dvc"}
        command = [sys.executable, "-m", modules[program], *words]
        is_alerting = line == "regulars weekly" and bool(read_json(project.path / MONITOR)["alerts"])
        said[line] = project.run(*command, fails=is_alerting)
    return said


def test_from_a_file_to_the_list(tmp_path: Path) -> None:
    project = checkout(
        tmp_path / "own", smaller={"train": {"num_trees": 20, "n_bags": 1}, "evaluate": {"n_origins": 1}}
    )
    said = walk(project, "own-csv")
    assert find_week(project.path / "published").week in said["regulars list --top 10"]
    assert "parameters fit these data" in said["regulars check"]


def test_the_first_experiment(mine: Project) -> None:
    week = find_week(mine.path / "published")
    said = walk(mine, "first-experiment")
    assert "leaner" in said["dvc exp show --only-changed --md"]
    assert "first-release" in said["regulars ledger"]
    assert find_week(mine.path / "published").week == week.week


def test_an_offer_of_ones_own(mine: Project) -> None:
    mine.run("git", "add", "-A")
    mine.run("git", "commit", "-q", "-m", "before")
    label, offer = re.findall(r"```yaml\n(.*?)```", (TUTORIALS / "own-offer.md").read_text(), flags=re.DOTALL)
    rules, catalogue = mine.path / "portraits.yaml", mine.path / "offers.yaml"
    before, after = rules.read_text().split("\ngroups:")
    rules.write_text(f"{before}\n{label}\ngroups:{after}")
    with catalogue.open("a") as file:
        file.write(offer)
    said = walk(mine, "own-offer")
    assert "saturday_coffee" in said["regulars offers"]
    assert "reports/plan" in said["regulars plan-diff HEAD"] or "customers" in said["regulars plan-diff HEAD"]


def test_the_first_campaign(mine: Project) -> None:
    said = walk(mine, "first-campaign")
    assert "controls" in said["regulars power"]


def test_every_monday(mine: Project) -> None:
    said = walk(mine, "weekly-operation")
    assert "no alert" in said["regulars weekly"] or "alerts" in said["regulars weekly"]
    assert past_runs(mine.path)[-1].outcome in {"published", "unchanged"}
    assert (mine.path / "reports" / "weekly" / "weekly.html").is_file()
    assert "SCHEDULE" in said["regulars doctor"]


@pytest.mark.parametrize("path", sorted(TUTORIALS.glob("*.md")), ids=lambda path: path.stem)
def test_every_tutorial_has_commands(path: Path) -> None:
    assert commands(path.stem)
