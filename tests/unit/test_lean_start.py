"""What a stage's process does without, and that nobody else does."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from contracts.lean_start import is_stage, without

ROOT = Path(__file__).parents[2]
HEAVY = {
    "ingest": ("sqlalchemy", "openpyxl", "sklearn", "matplotlib", "numba"),
    "inspect": ("sklearn", "scipy.stats", "mlflow"),
    "snapshot": ("scipy", "sklearn", "matplotlib", "duckdb"),
    "train": ("matplotlib", "mlflow", "scipy.stats", "sklearn"),
    "evaluate": ("matplotlib", "mlflow", "scipy.stats", "scipy.optimize", "sklearn"),
    "register": ("mlflow", "openpyxl", "sklearn"),
    "score": ("matplotlib", "mlflow", "scipy.stats", "scipy.optimize", "sklearn"),
    "portray": ("matplotlib", "mlflow", "sklearn", "scipy.stats"),
    "publish": ("matplotlib", "mlflow", "openpyxl", "sklearn"),
    "monitor": ("mlflow", "openpyxl", "scipy.stats", "sklearn"),
}
"""What a stage's modules do not load by themselves; a function may still load it where it is needed."""


def test_this_process_is_no_stage_and_misses_nothing() -> None:
    assert not is_stage()
    with without("wave"):
        import wave
    assert wave is sys.modules["wave"]


@pytest.mark.parametrize("stage", sorted(HEAVY))
def test_a_stage_begins_without_what_it_may_not_need(stage: str) -> None:
    asked = f"import sys, pipeline.{stage}; print(*(name for name in {HEAVY[stage]!r} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", asked], cwd=ROOT, capture_output=True, text=True, check=True)
    assert not done.stdout.split(), stage


GROW = """
import sys
from importlib.machinery import ModuleSpec
import numpy as np
from models.learners.trees import load_lightgbm
sys.modules["__main__"].__spec__ = ModuleSpec(sys.argv[1], None)
library = load_lightgbm()
x = np.random.default_rng(0).random((200, 3))
table = library.Dataset(x, (x[:, 0] > 0.5).astype(float))
settings = {"objective": "binary", "verbosity": -1, "num_threads": 1}
print("sklearn" in sys.modules, library.train(settings, table, 5).model_to_string())
"""


def test_lightgbm_grows_the_same_trees_without_scikit_learn() -> None:
    lean, whole = (
        subprocess.run(
            [sys.executable, "-c", GROW, name], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout.split(maxsplit=1)
        for name in ("pipeline.grow", "notebook")
    )
    assert (lean[0], whole[0]) == ("False", "True")
    assert lean[1] == whole[1]
