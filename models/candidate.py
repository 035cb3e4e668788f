"""The candidate and the champion as folders: a fitted model's files, and `release.json`, which says what it is.

`release.json` holds `name`, `grade` (model, rule, or none: then no model file stands beside it), `gate_passed`,
`model_hash`, the `task` it was fitted for, its recipe and parameters. The hash covers the risk model and the value
model, which go live together.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from contracts.errors import StateError, nearest
from contracts.files import atomic_folder, digest, read_json, write_json
from contracts.params import Params, Task
from models.recipe.fits import RECIPE_FILE, SEEN_FILE

RELEASE_FILE = "release.json"
NO_MODEL = "none"
VALUE_FOLDER = "value"
MODEL_SECTIONS = ("store", "task", "execution", "ingest", "snapshot", "featurize", "train", "evaluate", "register")
PLACE = {"executor", "workers", "scheduler"}
RULE_FEATURES = ("days_since_last_purchase", "gap_median_days")
"""What the rules read that stand in where there is no model."""


def flat_params(params: Params) -> dict[str, str]:
    """The parameters that a model depends on, as `section.key` and text.

    Sections that only shape the week's list (score, portray, plan, publish) are left out, and so is the place where
    work is done: they make no other model.
    """
    plain = params.model_dump(by_alias=True, mode="json", exclude={"execution": PLACE})
    return {f"{section}.{key}": str(value) for section in MODEL_SECTIONS for key, value in plain[section].items()}


def model_hash(bundle: Path) -> str:
    """SHA-256 (hex) of a bundle's files, the value model's among them, `release.json` left out."""
    files = sorted(path for path in bundle.rglob("*") if path.is_file() and path.name != RELEASE_FILE)
    if not files:
        raise StateError(f"expected a model in {bundle}, found none; run `dvc repro` (or `make run`) first")
    return digest(*(part for path in files for part in (path.relative_to(bundle).as_posix(), path.read_bytes())))


def is_no_model(bundle: Path) -> bool:
    """Whether a bundle says that there is no model."""
    path = bundle / RELEASE_FILE
    return path.is_file() and read_json(path)["grade"] == NO_MODEL


def held_hash(bundle: Path) -> str:
    """The hash of the model that a bundle holds; '' where it says that there is none."""
    return "" if is_no_model(bundle) else model_hash(bundle)


def _compose_nothing(gate: Mapping[str, Any], task: Task, target: Path) -> dict[str, Any]:
    release = {
        "name": NO_MODEL,
        "grade": NO_MODEL,
        "gate_passed": False,
        "model_hash": "",
        "task": task.model_dump(mode="json"),
        "why": gate["rule"],
        "features": list(RULE_FEATURES),
    }
    with atomic_folder(target) as draft:
        write_json(draft / RELEASE_FILE, release)
    return release


def compose(
    fits: Path, gate: Mapping[str, Any], params: Params, target: Path, value: Path | None = None
) -> dict[str, Any]:
    """Copy the fit that the gate released (if any) to `target`, add `release.json`, and return what that says.

    With `value`, the folder of the value model goes with it: what a customer is worth goes live with the risk, not by
    rerunning. `release.json` also holds the recipe and all parameters behind the model (with them it can be fitted
    anew), and the day on which its last label was known.
    """
    if gate["grade"] == NO_MODEL:
        return _compose_nothing(gate, params.task, target)
    name = gate["released"]
    fit = fits / name
    if not fit.is_dir():
        known = sorted(path.name for path in fits.iterdir()) if fits.is_dir() else []
        raise StateError(
            f"the gate released '{name}', expected its fit in {fits}, found none{nearest(name, known)}; "
            "run `dvc repro train`"
        )
    release = {
        "name": name,
        "grade": gate["grade"],
        "gate_passed": gate["passed"],
        "task": params.task.model_dump(mode="json"),
        "params": flat_params(params),
    }
    if (fits / RECIPE_FILE).exists():
        release["recipe"] = read_json(fits / RECIPE_FILE)
        release |= read_json(fits / SEEN_FILE)
    with atomic_folder(target) as draft:
        shutil.copytree(fit, draft, dirs_exist_ok=True)
        if value is not None:
            shutil.copytree(value, draft / VALUE_FOLDER)
        release["model_hash"] = model_hash(draft)
        write_json(draft / RELEASE_FILE, release)
    return release


def read_release(bundle: Path) -> dict[str, Any]:
    """What `release.json` says; `StateError` if it is about other model files than those beside it."""
    release: dict[str, Any] = read_json(bundle / RELEASE_FILE)
    if release["grade"] != NO_MODEL:
        refuse_other(bundle, release["model_hash"])
    return release


LABEL_KEYS = ("label", "horizon_days", "max_horizon_days", "rhythm_multiple")


def refuse_other_task(bundle: Path, task: Task, model: str) -> None:
    """Raise `StateError` if a champion was fitted to another label than the one in force: its risk means another."""
    told = read_json(bundle / RELEASE_FILE)
    if told["grade"] == NO_MODEL:
        return
    now = task.model_dump(mode="json")
    keys = LABEL_KEYS if "own_rhythm" in (now["label"], told["task"].get("label")) else LABEL_KEYS[:2]
    other = [
        f"{key} {told['task'].get(key, 'flat')}, now {now[key]}"
        for key in keys
        if told["task"].get(key, "flat") != now[key]
    ]
    if other:
        raise StateError(
            f"the champion of '{model}' was fitted to another label ({'; '.join(other)}); a new label has a champion "
            "of its own: set register.model_name to a new name, then run again"
        )


def refuse_other(bundle: Path, expected_hash: str) -> None:
    """Raise `StateError` unless a folder holds exactly the model of this hash."""
    got = model_hash(bundle)
    if got != expected_hash:
        raise StateError(f"{bundle}: expected the model {expected_hash[:12]}, got {got[:12]}; run `dvc repro register`")


def copy_bundle(source: Path, target: Path) -> None:
    """Put a whole bundle in a folder's place, in one step."""
    with atomic_folder(target) as draft:
        shutil.copytree(source, draft, dirs_exist_ok=True)
