"""Projects of their own for stage tests: the checkout's files in another folder, with git and smaller parameters."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parents[1]
# Three trees lose to the best baseline on any sample: the gate's verdict (a rule is released) does not hang on chance.
SMALLER: dict[str, dict[str, object]] = {
    "ingest": {"sample_customers": 400},
    "train": {"num_trees": 3, "n_bags": 1},
    "evaluate": {"n_bootstrap": 200, "capacity": 50, "n_origins": 2},
    "register": {"max_log_loss_loss": 1.0},
    "plan": {"capacity": 40, "budget": 120.0, "min_cell": 40},
    "publish": {"list_size": 60},
}

# Arguments of stage `register`, as dvc.yaml gives them.
REGISTER = [
    "artifacts/release_fit",
    "reports/gate.json",
    "reports/metrics.json",
    "reports/plots",
    "reports/selection",
    "reports/card",
    "reports/value",
    "reports/tuning",
    "data/cutoffs.json",
    "data/features",
    "data/snapshots.parquet",
    "data/test_predictions.parquet",
    "data/baseline_predictions.parquet",
    "artifacts/value",
    "inbox/champion.json",
    "artifacts/candidate",
    "artifacts/champion",
    "reports/comparison",
    "reports/register.json",
]


@dataclass(frozen=True)
class Project:
    """A checkout in a folder of its own, and what its commands print."""

    path: Path

    def run(self, *command: str, fails: bool = False) -> str:
        """Run a command as a user would, with the environment's programs first on the path."""
        bin_ = str(Path(sys.executable).parent)
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "DVC_", "GIT_"))}
        env = {
            **kept,
            "PATH": f"{bin_}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(self.path),
            "COLUMNS": "140",
        }
        done = subprocess.run(command, cwd=self.path, env=env, capture_output=True, text=True, check=False)
        assert (done.returncode != 0) == fails, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
        return done.stdout + done.stderr

    def regulars(self, *arguments: str, fails: bool = False) -> str:
        """The command line of this checkout (not of the installed one)."""
        return self.run(sys.executable, "-m", "pipeline.cli", *arguments, fails=fails)

    def set(self, section: str, key: str, value: object) -> None:
        """Change one parameter, comments kept."""
        yaml = YAML()
        plain = yaml.load(self.path / "params.yaml")
        plain[section][key] = value
        yaml.dump(plain, self.path / "params.yaml")

    def copy(self, target: Path) -> Project:
        """The same commit and parameters in another folder, without outputs, caches or state."""
        return checkout(target)


def tracked_files() -> list[str]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]


def checkout(target: Path, smaller: dict[str, dict[str, object]] = SMALLER) -> Project:
    """The checkout's files in a git repository of their own, with smaller parameters."""
    for name in tracked_files():
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target / name)
    project = Project(target)
    for section, values in smaller.items():
        for key, value in values.items():
            project.set(section, key, value)
    (target / "dvc.lock").unlink(missing_ok=True)
    project.run("git", "init", "-q", "-b", "main")
    project.run("git", "config", "user.name", "Stage Test")
    project.run("git", "config", "user.email", "stage@test.invalid")
    project.run("git", "add", "-A")
    project.run("git", "commit", "-q", "-m", "a small sample")
    return project
