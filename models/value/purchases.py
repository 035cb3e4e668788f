"""Value by a 'buy till you die' model: expected purchase days (MBG/NBD) times expected spend a day (gamma-gamma)."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from contracts import windows
from contracts.params import Task
from features import mbgnbd
from features.mbgnbd import MbgNbd
from models.risk import Floats
from models.value import gamma_gamma
from models.value.gamma_gamma import GammaGamma

SMALLEST_AMOUNT = 0.01


@dataclass(frozen=True)
class Horizons:
    """Days of the value window, and the terms of the risk horizon, which may hang on the customer's own gap."""

    value_days: int
    shortest_days: int
    longest_days: int
    multiple: float

    @classmethod
    def of(cls, task: Task) -> Horizons:
        """As `task` says."""
        return cls(task.value_horizon_days, task.horizon_days, task.longest_horizon_days, task.rhythm_multiple)

    def risk_days(self, frame: pd.DataFrame) -> Floats:
        """The risk horizon of each row, cut at the end of the value window."""
        own = windows.own_horizons(
            _column(frame, "gap_median_days"), self.multiple, self.shortest_days, self.longest_days
        )
        return np.minimum(own, self.value_days).astype(np.float64)


@dataclass(frozen=True)
class PurchasesTimesSpend:
    """Both models, fitted apart: how often a customer buys is taken to say nothing of how much.

    E[N | some in H] = (E[N] − p₀ · E[N | none in H]) / (1 − p₀): what the model expects of the value window, less the
    part of those who buy nothing in the risk horizon H, whose chance is p₀. They are customers with that much more
    silence, so the model itself says what they buy in the rest of the window.
    """

    purchases: MbgNbd
    spend: GammaGamma
    horizons: Horizons
    kind: str = field(default="gamma_gamma", init=False)

    def amount(self, frame: pd.DataFrame) -> Floats:
        """Expected amount if kept; no label of any kind has been seen."""
        expected = self.purchase_days(frame) * gamma_gamma.expected_amount(self.spend, *_spending(frame))
        return np.asarray(np.maximum(expected, 0.0))

    def purchase_days(self, frame: pd.DataFrame) -> Floats:
        """Expected purchase days in the value window of who buys in the risk horizon."""
        n_repeats, last_day, age = _history(frame)
        ahead = self.horizons.risk_days(frame)
        rest = self.horizons.value_days - ahead
        p_none = mbgnbd.p_no_purchase(self.purchases, n_repeats, last_day, age, ahead)
        both = mbgnbd.expected_purchases(self.purchases, n_repeats, last_day, age, self.horizons.value_days)
        later = mbgnbd.expected_purchases(self.purchases, n_repeats, last_day, age + ahead, rest)
        return np.asarray((both - p_none * later) / np.maximum(1.0 - p_none, 1e-9))

    def to_files(self) -> dict[str, Any]:
        """Both models' parameters and the horizons."""
        plain = asdict(self)
        return {"shape.json": {name: plain[name] for name in ("purchases", "spend", "horizons")}}


def _column(frame: pd.DataFrame, name: str) -> Floats:
    return np.asarray(frame[name].to_numpy(dtype=np.float64))


def _history(frame: pd.DataFrame) -> tuple[Floats, Floats, Floats]:
    """Purchase days after the first, day of the last and age in days: what MBG/NBD reads."""
    age = _column(frame, "tenure_days")
    return _column(frame, "purchase_days_life") - 1.0, age - _column(frame, "days_since_last_purchase"), age


def _spending(frame: pd.DataFrame) -> tuple[Floats, Floats]:
    """Purchase days so far, and the mean amount of one: what gamma-gamma reads."""
    n_days = _column(frame, "purchase_days_life")
    return n_days, np.maximum(_column(frame, "amount_life") / n_days, SMALLEST_AMOUNT)


def fit(latest: pd.DataFrame, task: Task) -> PurchasesTimesSpend:
    """Fit both models to the customers of one cutoff, who are the eligible: nothing after it is seen."""
    return PurchasesTimesSpend(mbgnbd.fit(*_history(latest)), gamma_gamma.fit(*_spending(latest)), Horizons.of(task))


def from_plain(plain: dict[str, Any]) -> PurchasesTimesSpend:
    """The shape from what `to_files` wrote."""
    horizons = Horizons(**plain["horizons"])
    return PurchasesTimesSpend(MbgNbd(**plain["purchases"]), GammaGamma(**plain["spend"]), horizons)
