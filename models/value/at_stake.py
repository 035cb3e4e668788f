"""Value at stake: what a customer's margin over the value horizon would fall by, should the customer lapse.

A shape (`models/value/shapes.py`) says how customers differ; two levels, measured on matured windows, say what the kept
and what the lapsed paid for each unit of it. Lapsed customers may come back: they are not worth nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from contracts.files import atomic_folder, read_json, read_text, write_json, write_text
from contracts.params import Execution, LightGbm, Task
from contracts.tables import FEATURE_KEYS
from models.risk import Flags, Floats
from models.value.shapes import Shape, Trailing, fit_shape, shape_from

Z95 = 1.959963984540054
FEWEST_ROWS = 100
TREES_FILE = "trees.txt"


@dataclass(frozen=True)
class Level:
    """What the kept, and what the lapsed, paid for each unit of the shape, and how well that is known.

    Variances and covariance are over customers. `kept_miss` and `lapsed_miss` are the forward
    test's: the root mean square share by which a tenth of the customers, by prediction, paid more or less than
    predicted; 0 where nothing was tested.
    """

    kept: float
    lapsed: float
    kept_variance: float = 0.0
    lapsed_variance: float = 0.0
    covariance: float = 0.0
    kept_miss: float = 0.0
    lapsed_miss: float = 0.0

    @property
    def standard_error(self) -> float:
        """Of `kept − lapsed`, the loss for each unit of the shape."""
        kept = self.kept_variance + (self.kept * self.kept_miss) ** 2
        lapsed = self.lapsed_variance + (self.lapsed * self.lapsed_miss) ** 2
        return float(np.sqrt(max(kept + lapsed - 2.0 * self.covariance, 0.0)))


@dataclass(frozen=True)
class AtStake:
    """Margins of each customer over the value horizon, store currency, rounded to cents, none below 0.

    `low` and `high` bound the *expected* value at stake of customers like this one at 95 %: the levels' sampling error
    and the forward test's misses, taken as normal. They do not bound what a single customer will do.
    """

    kept: Floats
    lapsed: Floats
    stake: Floats
    low: Floats
    high: Floats


@dataclass(frozen=True)
class ValueModel:
    """A shape with its level. `n_rows` is 0 where no value window had matured: then the loss may be nothing or all."""

    shape: Shape
    level: Level
    n_rows: int

    def amounts(self, frame: pd.DataFrame) -> tuple[Floats, Floats]:
        """What each customer will pay in the value horizon if kept, and if lapsed: never more than if kept."""
        amount = self.shape.amount(frame)
        kept = amount * self.level.kept
        return kept, np.minimum(amount * self.level.lapsed, kept)

    def at_stake(self, frame: pd.DataFrame, margin_rate: float) -> AtStake:
        """Value at stake a row of the feature table, with its two sides and its interval."""
        kept, lapsed = (np.round(paid * margin_rate, 2) for paid in self.amounts(frame))
        stake = np.round(kept - lapsed, 2)
        spread = Z95 * margin_rate * self.level.standard_error * self.shape.amount(frame)
        low, high = np.round(np.maximum([stake - spread, stake + spread], 0.0), 2)
        return AtStake(kept, lapsed, stake, low, high)

    def with_misses(self, kept: float, lapsed: float) -> ValueModel:
        """The same model with the forward test's misses."""
        return replace(self, level=replace(self.level, kept_miss=kept, lapsed_miss=lapsed))


UNMEASURED = ValueModel(Trailing(), Level(kept=1.0, lapsed=0.5, lapsed_variance=(0.5 / Z95) ** 2), n_rows=0)


def write_value(folder: str | Path, model: ValueModel) -> None:
    """Write the model as JSON and text, in one step."""
    texts = dict(model.shape.to_files())
    plain = {
        "kind": model.shape.kind,
        "n_rows": model.n_rows,
        "level": {name: float(f"{value:.9g}") for name, value in asdict(model.level).items()},
        "shape": texts.pop("shape.json"),
    }
    with atomic_folder(folder) as draft:
        write_json(draft / "value.json", plain)
        for name, text in texts.items():
            write_text(draft / name, text)


def load_value(folder: str | Path) -> ValueModel:
    """Read what `write_value` wrote.

    Raises:
        ContractError: the model is of a kind that this version does not know.
        SourceError: a file is missing.
    """
    plain: dict[str, Any] = read_json(Path(folder) / "value.json")
    trees = Path(folder) / TREES_FILE
    shape = shape_from(plain["kind"], plain["shape"], read_text(trees) if trees.exists() else "")
    return ValueModel(shape, Level(**plain["level"]), plain["n_rows"])


def paid_rows(frame: pd.DataFrame, snapshots: pd.DataFrame) -> pd.DataFrame:
    """The feature rows whose risk and value windows have matured, with `lapsed` and `paid` (store currency)."""
    wanted = snapshots.loc[
        snapshots["amount_in_value_horizon"].notna() & snapshots["lapsed"].notna(),
        [*FEATURE_KEYS, "lapsed", "amount_in_value_horizon"],
    ]
    rows = frame.merge(wanted.rename(columns={"amount_in_value_horizon": "paid"}), on=list(FEATURE_KEYS))
    return rows.assign(lapsed=rows["lapsed"].astype(bool))


def is_enough(rows: pd.DataFrame) -> bool:
    """Whether two levels can be measured: 100 rows, of both outcomes, and the kept paid something."""
    lapsed = rows["lapsed"].to_numpy(dtype=bool)
    return len(rows) >= FEWEST_ROWS and bool(lapsed.any()) and rows.loc[~lapsed, "paid"].sum() > 0


def fit_value(
    kind: str, rows: pd.DataFrame, features: Sequence[str], *, task: Task, params: LightGbm, execution: Execution
) -> ValueModel:
    """Fit one candidate on `paid_rows`; `UNMEASURED` where these are not enough."""
    if not is_enough(rows):
        return UNMEASURED
    shape = fit_shape(kind, rows, features, task=task, params=params, execution=execution)
    return ValueModel(shape, measure_level(shape, rows), len(rows))


def measure_level(shape: Shape, rows: pd.DataFrame) -> Level:
    """The two ratios of sums over rows, with their variances and covariance over customers (linearised).

    A ratio of sums R = Σy / Σx has the variance of Σ(y − R·x) / Σx, summed by customer first, since a customer's rows
    move together (Cochran 1977, 'Sampling techniques', chapter 6); a bootstrap over customers tends to the same.
    """
    customer = pd.factorize(rows["customer_id"])[0]
    lapsed = rows["lapsed"].to_numpy(dtype=bool)
    paid = rows["paid"].to_numpy(dtype=np.float64)
    amount = shape.amount(rows)
    kept, kept_errors = _ratio(amount, paid, ~lapsed, customer)
    gone, gone_errors = _ratio(amount, paid, lapsed, customer)
    return Level(
        kept,
        gone,
        kept_variance=float(kept_errors @ kept_errors),
        lapsed_variance=float(gone_errors @ gone_errors),
        covariance=float(kept_errors @ gone_errors),
    )


def _ratio(amount: Floats, paid: Floats, flag: Flags, customer: np.ndarray[Any, Any]) -> tuple[float, Floats]:
    """Paid for each unit of the amount over the flagged rows, and each customer's share in its error."""
    total = max(float(amount[flag].sum()), 1e-9)
    ratio = float(paid[flag].sum()) / total
    errors = np.bincount(customer, np.where(flag, paid - ratio * amount, 0.0)) / total
    return ratio, np.asarray(errors)
