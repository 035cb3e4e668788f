"""A released model as a recipe: fitted again on other cutoffs, so that champion and challenger meet on equal rows."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from contracts.params import Execution, Train
from models import baselines, calibration
from models.fitting import MODEL, Choices, fit_model
from models.inner import Terms
from models.risk import RiskModel
from models.rows import Rows


def is_same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two releases come of one recipe: what was released, and all that decides how it is fitted."""
    return _deciding(one) == _deciding(other)


def _deciding(release: Mapping[str, Any]) -> dict[str, Any]:
    recipe = {name: value for name, value in release["recipe"].items() if name != "contest"}
    return {"name": release["name"], **recipe}


def refit(release: Mapping[str, Any], rows: Rows, execution: Execution) -> RiskModel:
    """The model that a release's recipe gives on these rows.

    Raises:
        ContractError: a column that it reads is not in the table, or there are too few labels.
    """
    recipe = release["recipe"]
    terms = Terms(
        tuple(recipe["features"]),
        tuple(recipe["shown"]),
        recipe["penalty"],
        Train.model_validate(recipe["train"]),
        execution,
    )
    found = calibration.from_json(recipe["calibration"])
    if release["name"] == MODEL:
        return fit_model(rows, Choices(terms, date.max, found, winner=recipe["winner"]))[MODEL]
    fitted = baselines.fit_baselines(
        rows.frame,
        rows.lapsed,
        terms.shown,
        penalty=terms.penalty,
        default_calibration=calibration.from_json(recipe["default_calibration"]),
        execution=execution,
    )
    return fitted[release["name"]]
