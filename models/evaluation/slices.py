"""Whether the probabilities hold for every kind of customer, not only on average: by lifecycle and by value."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from models.evaluation.figures import Judged, wilson
from models.evaluation.metrics import auc
from models.risk import Flags, Floats

Plain = dict[str, Any]
LIFECYCLE_DAYS = (5, 12, 52)
"""Purchase days so far at which one kind of customer ends and the next begins."""
FEWEST_ROWS = 30
VALUE_SHARES = (0.5, 0.8)
"""By spend in the last 91 days within a cutoff: the lower half, up to four fifths, and the top fifth."""


def slices(judged: Judged, frame: pd.DataFrame, name: str) -> list[Plain]:
    """One record a slice of 30 rows or more: rows, mean prediction, observed share with its 95 % interval, bias, AUC.

    The intervals take rows as independent (Wilson), which neighbouring cutoffs are not: they are somewhat too narrow.
    """
    p = judged.predictions[name]
    records = []
    for kind, labels in (("lifecycle", lifecycle(frame)), ("value", value_tiers(frame, judged))):
        for label in labels.cat.categories:
            inside = (labels == label).to_numpy()
            if inside.sum() >= FEWEST_ROWS:
                records.append({"slice": kind, "is": str(label), **_record(p[inside], judged.lapsed[inside])})
    return records


def lifecycle(frame: pd.DataFrame) -> pd.Series:
    """The kind of each row by purchase days so far."""
    edges = [0.0, *LIFECYCLE_DAYS, np.inf]
    low, middle, high = LIFECYCLE_DAYS
    names = [f"under {low} purchase days", f"{low} to {middle - 1}", f"{middle} to {high - 1}", f"{high} or more"]
    return pd.Series(pd.cut(frame["purchase_days_life"], edges, right=False, labels=names))


def value_tiers(frame: pd.DataFrame, judged: Judged) -> pd.Series:
    """The value tier of each row within its cutoff."""
    rank = frame["amount_91d"].groupby(judged.cutoff).rank(pct=True, method="first")
    names = ["lower half by spend", "upper half, not the top fifth", "top fifth by spend"]
    return pd.Series(pd.cut(rank, [0.0, *VALUE_SHARES, 1.0], labels=names))


def _record(p: Floats, lapsed: Flags) -> Plain:
    n, n_lapsed = len(p), int(lapsed.sum())
    low, high = wilson(n_lapsed, n)
    told: Plain = {"n_rows": n, "predicted": float(p.mean()), "observed": n_lapsed / n, "low": low, "high": high}
    return {**told, "bias": float((p - lapsed).mean()), "auc": auc(p, lapsed) if 0 < n_lapsed < n else None}
