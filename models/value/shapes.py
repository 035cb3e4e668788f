"""Three ways to say how customers differ in what they will pay in the value horizon if kept.

A shape speaks in store currency; `models/value/at_stake.py` puts measured levels on it, one if kept and one if lapsed.
Each reads a feature table and is kept as plain text.

The lapsed get no shape of their own. They are few and pay little: a forest fitted to them alone (tried on Complete
Journey) and the purchase model's own answer for a silence so long (there, on Online Retail II and on simulated stores),
judged forward, were no better than one measured share of what such customers pay if kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import pandas as pd

from contracts.errors import ContractError
from contracts.params import Execution, LightGbm, Task
from models.learners.trees import library_parameters, load_lightgbm
from models.risk import Flags, Floats, matrix
from models.value import purchases as value_purchases
from models.value.purchases import PurchasesTimesSpend

TRAILING = "amount_91d"
EXPECTED = "expected_amount_if_kept"
TWEEDIE_POWER = 1.5
CANDIDATES = ("trailing", "gamma_gamma", "tweedie")
"""The simplest first."""


class Shape(Protocol):
    """What each customer will pay in the value horizon if kept, up to a level."""

    @property
    def kind(self) -> str:
        """The candidate's name."""
        ...

    def amount(self, frame: pd.DataFrame) -> Floats:
        """Store currency, at least 0, one a row of the feature table."""
        ...

    def to_files(self) -> dict[str, Any]:
        """Plain data under `shape.json`, further texts under their own names."""
        ...


@dataclass(frozen=True)
class Trailing:
    """What the customer paid in the last 91 days."""

    kind: str = field(default="trailing", init=False)

    def amount(self, frame: pd.DataFrame) -> Floats:
        """The trailing amount."""
        return np.asarray(frame[TRAILING].to_numpy(dtype=np.float64))

    def to_files(self) -> dict[str, Any]:
        """Nothing is fitted."""
        return {"shape.json": {}}


@dataclass(frozen=True)
class TweedieTrees:
    """LightGBM with the Tweedie loss on what the kept paid, in units of their mean; `text` is its text format.

    It reads the risk model's features and what purchases times spend expect, which sums up the whole history.
    """

    features: tuple[str, ...]
    unit: float
    expected: PurchasesTimesSpend
    text: str = field(repr=False)
    kind: str = field(default="tweedie", init=False)

    @cached_property
    def booster(self) -> Any:
        """LightGBM's model, parsed once."""
        return load_lightgbm().Booster(model_str=self.text)

    def amount(self, frame: pd.DataFrame) -> Floats:
        """The mean that the trees predict."""
        values = _read(frame, self.features, self.expected)
        return np.asarray(self.booster.predict(values)) * self.unit if len(values) else np.zeros(0)

    def to_files(self) -> dict[str, Any]:
        """The trees as text, the rest as plain data."""
        expected = self.expected.to_files()["shape.json"]
        plain = {"features": list(self.features), "unit": self.unit, "expected": expected}
        return {"shape.json": plain, "trees.txt": self.text}


def _read(frame: pd.DataFrame, features: Sequence[str], expected: PurchasesTimesSpend) -> Floats:
    return np.column_stack([matrix(frame, features), expected.amount(frame)])


def fit_tweedie(
    rows: pd.DataFrame,
    features: Sequence[str],
    expected: PurchasesTimesSpend,
    params: LightGbm,
    execution: Execution,
) -> TweedieTrees:
    """Fit one forest, with the risk model's regularisation, to what the kept rows `paid` (above 0 in sum).

    Dividing by the mean makes `lambda_l2` mean the same in every currency. Tweedie's variance is the mean to the power
    of 1.5, LightGBM's own default: amounts that may be 0, the larger the more uncertain.
    """
    paid = rows["paid"].to_numpy(dtype=np.float64)
    unit = float(f"{paid.mean():.6g}")
    settings = {
        **library_parameters(params, len(paid), execution),
        "objective": "tweedie",
        "tweedie_variance_power": TWEEDIE_POWER,
    }
    names = [*features, EXPECTED]
    lightgbm = load_lightgbm()
    table = lightgbm.Dataset(_read(rows, features, expected), paid / unit, feature_name=names, params=settings)
    text = lightgbm.train(settings, table, num_boost_round=params.num_trees).model_to_string()
    return TweedieTrees(tuple(features), unit, expected, str(text))


def fit_shape(
    kind: str, rows: pd.DataFrame, features: Sequence[str], *, task: Task, params: LightGbm, execution: Execution
) -> Shape:
    """Fit a candidate on labelled rows: feature tables with `lapsed` and `paid`."""
    if kind == "trailing":
        return Trailing()
    expected = value_purchases.fit(rows[rows["cutoff_on"] == rows["cutoff_on"].max()], task)
    if kind == "gamma_gamma":
        return expected
    kept: Flags = ~rows["lapsed"].to_numpy(dtype=bool)
    return fit_tweedie(rows[kept], features, expected, params, execution)


def shape_from(kind: str, plain: dict[str, Any], trees: str) -> Shape:
    """The shape from what `to_files` wrote; `trees` is the text beside, if there is one.

    Raises:
        ContractError: a kind that this version does not know.
    """
    if kind == "trailing":
        return Trailing()
    if kind == "gamma_gamma":
        return value_purchases.from_plain(plain)
    if kind == "tweedie":
        expected = value_purchases.from_plain(plain["expected"])
        return TweedieTrees(tuple(plain["features"]), plain["unit"], expected, trees)
    raise ContractError(f"value: expected a kind of {', '.join(CANDIDATES)}, got {kind!r}; run `dvc repro train`")
