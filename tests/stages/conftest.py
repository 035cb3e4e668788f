"""One small real project for all stage tests, and copies of it to change at will."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.projects import Project, checkout


@pytest.fixture(scope="session")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, str]:
    """A fresh checkout after its first `regulars run`, and what that printed. Tests only read it, or copy it."""
    project = checkout(tmp_path_factory.mktemp("fresh"))
    return project, project.regulars("run")


@pytest.fixture
def mine(fresh: tuple[Project, str], tmp_path: Path) -> Project:
    """The fresh project, outputs and state included, to change at will."""
    target = tmp_path / "mine"
    shutil.copytree(fresh[0].path, target, symlinks=True)
    return Project(target)
