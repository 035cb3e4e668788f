"""What every kind of test may use: small stores drawn by hand or by Hypothesis, and the project's root."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from filelock import FileLock
from hypothesis import HealthCheck, settings

from contracts.params import Params, load_params
from tests.projects import Project, checkout

ROOT = Path(__file__).resolve().parents[1]
ZONE = "America/New_York"

settings.register_profile("test", deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=40)
settings.load_profile("test")


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def params() -> Params:
    return load_params(ROOT / "params.yaml")


@pytest.fixture(autouse=True)
def _clean_environment() -> Iterator[None]:
    """MLflow writes its settings into the environment: take them back out after each test."""
    before = {name: value for name, value in os.environ.items() if name.startswith(("MLFLOW_", "DVC_"))}
    yield
    for name in [name for name in os.environ if name.startswith(("MLFLOW_", "DVC_"))]:
        del os.environ[name]
    os.environ.update(before)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(7)


@pytest.fixture
def scores_and_labels(rng: np.random.Generator) -> pd.DataFrame:
    """400 predictions with ties, and outcomes that follow them."""
    p = np.round(rng.beta(1, 4, 400), 2)
    return pd.DataFrame({"p": p, "lapsed": rng.random(400) < p})


@pytest.fixture(scope="session")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, str]:
    """A fresh checkout after its first `regulars run`, and what that printed. Tests only read it, or copy it.

    The processes that share a test run share it: the first to need it makes it, the others wait.
    """
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder, printed = shared / "fresh", shared / "fresh.txt"
    with FileLock(shared / "fresh.lock"):
        if not printed.exists():
            shutil.rmtree(folder, ignore_errors=True)
            said = checkout(folder).regulars("run")
            printed.write_text(said, encoding="utf-8")
    return Project(folder), printed.read_text(encoding="utf-8")


def _dvc_locks(folder: str, _names: list[str]) -> set[str]:
    """DVC's own scratch folder, which another test may be changing."""
    return {"tmp"} if Path(folder).name == ".dvc" else set()


@pytest.fixture
def mine(fresh: tuple[Project, str], tmp_path: Path) -> Project:
    """The fresh project, outputs and state included, to change at will."""
    target = tmp_path / "mine"
    shutil.copytree(fresh[0].path, target, symlinks=True, ignore=_dvc_locks)
    return Project(target)
