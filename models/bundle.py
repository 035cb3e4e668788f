"""A fitted model as a folder of text and JSON: no pickle is ever loaded."""

from __future__ import annotations

from pathlib import Path

from contracts.errors import ContractError
from contracts.files import read_json, read_text, write_text
from models import quantile_logit, trees
from models.risk import RiskModel


def write_model(folder: str | Path, model: RiskModel) -> None:
    """Write a model's texts into a folder."""
    for name, text in model.to_files().items():
        write_text(Path(folder) / name, text)


def load_model(folder: str | Path) -> RiskModel:
    """Read a model that `write_model` wrote; its folder may hold other files beside.

    Raises:
        ContractError: `model.json` names a kind that this version does not know.
        SourceError: a file is missing.
    """
    root = Path(folder)
    plain = read_json(root / "model.json")
    kind = plain.get("kind")
    if kind == "quantile_logit":
        return quantile_logit.from_json(plain)
    if kind == "bagged_trees":
        return trees.from_files(plain, [read_text(root / f"trees_{bag}.txt") for bag in range(plain["n_bags"])])
    raise ContractError(f"{root / 'model.json'}: expected kind quantile_logit or bagged_trees, got {kind!r}; refit")
