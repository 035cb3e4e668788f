"""A folder of fits: one folder a model, the recipe behind them, and until when their labels reach."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from contracts import windows
from contracts.files import atomic_folder, read_json, write_json
from models.bundle import write_model
from models.risk import RiskModel

SEEN_FILE = "seen.json"
RECIPE_FILE = "recipe.json"
NO_FITS_FILE = "no_model.json"


def write_fits(
    folder: str | Path, fits: Mapping[str, RiskModel], known_on: date, recipe: Mapping[str, Any] | None = None
) -> None:
    """Write one folder a model, and until when their labels reach; the whole takes its place in one step."""
    with atomic_folder(folder) as draft:
        write_json(draft / SEEN_FILE, {"labels_known_on": known_on.isoformat()})
        write_json(draft / RECIPE_FILE, dict(recipe or {}))
        for name, model in fits.items():
            write_model(draft / name, model)


def write_no_fits(folder: str | Path, why: str) -> None:
    """Write a folder without any model that says why there is none."""
    with atomic_folder(folder) as draft:
        write_json(draft / NO_FITS_FILE, {"why": why})


def why_no_fits(folder: str | Path) -> str:
    """Why a folder of fits holds none; '' where it holds some."""
    path = Path(folder) / NO_FITS_FILE
    return str(read_json(path)["why"]) if path.exists() else ""


def refuse_seen(folder: str | Path, judged_cutoffs: Sequence[date]) -> None:
    """Raise `TimeError` if the fits of a folder, or the choices behind them, saw labels of the judged period."""
    known_on = date.fromisoformat(read_json(Path(folder) / SEEN_FILE)["labels_known_on"])
    windows.refuse_overlap([known_on], judged_cutoffs, 0)
