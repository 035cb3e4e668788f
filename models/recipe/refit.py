"""A released model as a recipe: fitted again on other cutoffs, so that champion and challenger meet on equal rows."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from pydantic import ValidationError

from contracts.errors import ContractError
from contracts.params import Execution, Train
from models.learners import baselines, calibration
from models.recipe.contest import LIGHTGBM
from models.recipe.fitting import MODEL, Choices, fit_model
from models.recipe.inner import Terms
from models.risk import RiskModel
from models.rows import Rows


def is_same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two releases come of one recipe: what was released, and all that decides how it is fitted."""
    return _deciding(one) == _deciding(other)


def _deciding(release: Mapping[str, Any]) -> dict[str, Any]:
    """What of a recipe reaches the released model: a penalty and the baselines' columns only if a logit is in it."""
    recipe = {name: value for name, value in release["recipe"].items() if name not in ("contest", "chosen_on")}
    if (release["name"], recipe.get("winner")) == (MODEL, LIGHTGBM):
        recipe = {
            name: value for name, value in recipe.items() if name in ("winner", "features", "train", "calibration")
        }
    return {"name": release["name"], **recipe}


def refit(release: Mapping[str, Any], rows: Rows, execution: Execution) -> RiskModel:
    """The model that a release's recipe gives on these rows.

    Raises:
        ContractError: a column that it reads is not in the table, there are too few labels, or another version of the
            program wrote the recipe and this one cannot follow it.
    """
    try:
        return _fitted(release["name"], release["recipe"], rows, execution)
    except (KeyError, ValidationError) as error:
        what = error.args[0] if isinstance(error, KeyError) else error.errors()[0]["loc"]
        raise ContractError(f"the recipe of {release['name']} is of another version ({what}); nothing to do") from error


def _fitted(name: str, recipe: Mapping[str, Any], rows: Rows, execution: Execution) -> RiskModel:
    features, shown = tuple(recipe["features"]), tuple(recipe["shown"])
    terms = Terms(features, shown, recipe["penalty"], Train.model_validate(recipe["train"]), execution)
    if name == MODEL:
        found = calibration.from_json(recipe["calibration"])
        return fit_model(rows, Choices(terms, date.max, found, winner=recipe["winner"]))[MODEL]
    return baselines.fit_baselines(
        rows.frame,
        rows.lapsed,
        terms.shown,
        penalty=terms.penalty,
        default_calibration=calibration.from_json(recipe["default_calibration"]),
        execution=execution,
    )[name]
