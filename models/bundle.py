"""A fitted model as a folder of text and JSON: no pickle is ever loaded."""

from __future__ import annotations

from pathlib import Path

from contracts.errors import ContractError
from contracts.files import read_json, read_text, write_text
from models.learners import blend, quantile_logit, trees
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
    return _load(Path(folder), "")


def _load(root: Path, prefix: str) -> RiskModel:
    plain = read_json(root / f"{prefix}model.json")
    kind = plain.get("kind")
    if kind == "quantile_logit":
        return quantile_logit.from_json(plain)
    if kind == "bagged_trees":
        texts = [read_text(root / f"{prefix}trees_{bag}.txt") for bag in range(plain["n_bags"])]
        return trees.from_files(plain, texts)
    if kind == "blend":
        return blend.from_parts(plain, [_load(root, f"{prefix}part_{number}_") for number in range(plain["n_parts"])])
    raise ContractError(
        f"{root / 'model.json'}: expected kind quantile_logit, bagged_trees or blend, got {kind!r}; refit"
    )
