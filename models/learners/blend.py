"""The mean of several models in log-odds: where outcomes are few, what errs apart errs less together."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from models.learners import calibration as calibrating
from models.learners.calibration import IDENTITY, Calibration, through
from models.risk import Floats, RiskModel, sigmoid


@dataclass(frozen=True)
class Blend:
    """Fitted models of the same outcome, averaged in log-odds, and the calibration put on the mean."""

    name: str
    parts: tuple[RiskModel, ...] = field(repr=False)
    calibration: Calibration = IDENTITY

    @property
    def features(self) -> tuple[str, ...]:
        """Every column that a part reads, once."""
        return tuple(dict.fromkeys(name for part in self.parts for name in part.features))

    def raw(self, frame: pd.DataFrame) -> Floats:
        """Mean log-odds before calibration."""
        return np.asarray(np.mean([part.log_odds(frame) for part in self.parts], axis=0))

    def log_odds(self, frame: pd.DataFrame) -> Floats:
        """Calibrated log-odds, one a row."""
        return self.calibration.apply(self.raw(frame))

    def predict(self, frame: pd.DataFrame) -> Floats:
        """`p_lapse`, one a row."""
        return sigmoid(self.log_odds(frame))

    def contributions(self, frame: pd.DataFrame) -> Floats:
        """Mean of the parts' contributions, by feature; the last column is the base."""
        place = {name: position for position, name in enumerate(self.features)}
        total = np.zeros((len(frame), len(place) + 1))
        for part in self.parts:
            at = [*(place[name] for name in part.features), len(place)]
            total[:, at] += part.contributions(frame)
        return through(self.calibration, total / len(self.parts))

    def calibrated(self, calibration: Calibration) -> Blend:
        """The same parts under another calibration."""
        return replace(self, calibration=calibration)

    def to_files(self) -> dict[str, str]:
        """The parts' files, each with its number before its name, and `model.json`."""
        plain = {
            "kind": "blend",
            "name": self.name,
            "features": list(self.features),
            "n_parts": len(self.parts),
            "calibration": self.calibration.to_json(),
        }
        parts = {
            f"part_{number}_{name}": text
            for number, part in enumerate(self.parts)
            for name, text in part.to_files().items()
        }
        return {"model.json": json.dumps(plain, indent=1) + "\n", **parts}


def from_parts(plain: dict[str, Any], parts: Sequence[RiskModel]) -> Blend:
    """The model from what `to_files` wrote."""
    return Blend(plain["name"], tuple(parts), calibrating.from_json(plain["calibration"]))
