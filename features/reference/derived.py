"""Features of other features of the same customer and cutoff: `a` and `b` are the operands' columns."""

from __future__ import annotations

import pandas as pd

from features.records import Feature
from features.reference.known import Known, parameter_of


def quotient(_: Known, __: Feature, a: pd.Series, b: pd.Series) -> pd.Series:
    """a / b; missing where b is not above 0."""
    return a / b.where(b > 0)


def growth(_: Known, feature: Feature, a: pd.Series, b: pd.Series) -> pd.Series:
    """a / b, both raised by `parameter`, which pulls small numbers to 1."""
    prior = parameter_of(feature)
    return (a + prior) / (b + prior)


def difference(_: Known, __: Feature, a: pd.Series, b: pd.Series) -> pd.Series:
    """A less b."""
    return a - b
