"""Value at stake: what a customer's margin over the value horizon would fall by, should the customer lapse.

Two ratios, measured on matured windows: what the kept, and what the lapsed, paid in the value horizon for each unit of
currency that they had paid in the trailing 91 days. Lapsed customers may come back: they are not worth nothing.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from contracts.tables import FEATURE_KEYS
from models.metrics import interval
from models.risk import Flags, Floats

TRAILING = "amount_91d"
FEWEST_ROWS = 100
N_DRAWS = 500


@dataclass(frozen=True)
class ValueModel:
    """`kept` and `lapsed`: paid in the value horizon for each unit of the trailing amount; `loss` their difference.

    `loss_low` and `loss_high` bound the difference at 95 % (bootstrap over customers). `n_rows` is 0 where no value
    window had matured: then the loss is bounded by nothing and everything, and its middle is shown.
    """

    kept: float
    lapsed: float
    loss: float
    loss_low: float
    loss_high: float
    n_rows: int

    def to_json(self) -> dict[str, float]:
        """Plain data, six decimals."""
        return {name: round(value, 6) for name, value in asdict(self).items()}

    def at_stake(self, trailing_amount: Floats, margin_rate: float) -> tuple[Floats, Floats, Floats]:
        """Value at stake a customer (store currency), and its 95 % interval."""
        margin = trailing_amount * margin_rate
        low, middle, high = (
            np.asarray(np.maximum(margin * loss, 0.0).round(2), dtype=np.float64)
            for loss in (self.loss_low, self.loss, self.loss_high)
        )
        return middle, low, high


UNMEASURED = ValueModel(kept=1.0, lapsed=0.5, loss=0.5, loss_low=0.0, loss_high=1.0, n_rows=0)


def _ratio(after: Floats, before: Floats, weights: Floats) -> float:
    return float((weights * after).sum() / max((weights * before).sum(), 1e-9))


def loss_of(before: Floats, after: Floats, lapsed: Flags, weights: Floats) -> tuple[float, float]:
    """Ratio of the kept and ratio of the lapsed, under weights."""
    return _ratio(after, before, weights * ~lapsed), _ratio(after, before, weights * lapsed)


def fit_value(frame: pd.DataFrame, snapshots: pd.DataFrame, seed: int) -> ValueModel:
    """Fit on the feature rows whose value window has matured; `UNMEASURED` where these are fewer than 100."""
    wanted = snapshots.loc[
        snapshots["amount_in_value_horizon"].notna() & snapshots["lapsed"].notna(),
        [*FEATURE_KEYS, "lapsed", "amount_in_value_horizon"],
    ]
    rows = frame[[*FEATURE_KEYS, TRAILING]].merge(wanted, on=list(FEATURE_KEYS))
    lapsed = rows["lapsed"].to_numpy(dtype=bool)
    if len(rows) < FEWEST_ROWS or lapsed.all() or not lapsed.any():
        return UNMEASURED
    before = rows[TRAILING].to_numpy(dtype=np.float64)
    after = rows["amount_in_value_horizon"].to_numpy(dtype=np.float64)
    kept_ratio, lapsed_ratio = loss_of(before, after, lapsed, np.ones(len(rows)))
    low, high = interval(_drawn_losses(rows["customer_id"], before, after, lapsed, seed))
    loss, low, high = (max(value, 0.0) for value in (kept_ratio - lapsed_ratio, low, high))
    return ValueModel(kept_ratio, lapsed_ratio, loss, low, high, len(rows))


def _drawn_losses(customers: pd.Series, before: Floats, after: Floats, lapsed: Flags, seed: int) -> Floats:
    """The difference of ratios over resamples of customers; sums by customer come first, so a draw is cheap."""
    code: npt.NDArray[np.int64] = pd.factorize(customers)[0].astype(np.int64)
    sums = np.stack([np.bincount(code, part * side) for side in (~lapsed, lapsed) for part in (after, before)], axis=1)
    n = len(sums)
    draws = np.random.default_rng(seed).multinomial(n, np.full(n, 1.0 / n), size=N_DRAWS) @ sums
    return np.asarray(draws[:, 0] / np.maximum(draws[:, 1], 1e-9) - draws[:, 2] / np.maximum(draws[:, 3], 1e-9))
