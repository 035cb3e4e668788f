"""What the drift check looks at: the champion's columns at the fitting cutoffs and in the scored week."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.compute as pc

from contracts import windows
from contracts.files import read_table
from contracts.fit_sample import EVERYONE, FitSample
from contracts.tables import FEATURE_KEYS
from models.bundle import load_model
from models.candidate import NO_MODEL, read_release
from models.monitoring.drift import Sample
from models.risk import Floats, RiskModel, matrix

SCORE = "p_lapse"


@dataclass(frozen=True)
class Watched:
    """The champion: what its bundle says, and its model (None where the list is made by rules)."""

    release: Mapping[str, Any]
    model: RiskModel | None

    @property
    def known_on(self) -> date | None:
        """Until when the labels reach that it was fitted on; None where its bundle does not say."""
        said = self.release.get("labels_known_on")
        return date.fromisoformat(said) if said else None


@dataclass(frozen=True)
class Drawn:
    """How many customers are looked at where there are more, and the seed that draws them.

    `sample`: of whom there are fitting rows; drift is looked for among the same customers then and now.
    """

    n_customers: int
    seed: int
    sample: FitSample = EVERYONE


def read_watched(bundle: str | Path) -> Watched:
    """The champion of a bundle."""
    release = read_release(Path(bundle))
    return Watched(release, None if release["grade"] == NO_MODEL else load_model(bundle))


def reference_cutoffs(snapshots: pd.DataFrame, champion: Watched, label_days: int) -> list[date]:
    """The release fit's cutoffs, as far as the champion was fitted on them: their labels were known by then."""
    flagged = snapshots.loc[snapshots["in_release_fit"] & snapshots["is_eligible"], "cutoff_on"]
    known_on = champion.known_on
    days = sorted({day.date() for day in flagged.unique()})
    return [day for day in days if known_on is None or windows.is_matured(day, label_days, known_on)]


def read_watched_rows(snapshots: str | Path) -> pd.DataFrame:
    """The eligible rows of SNAPSHOTS: who was judged at which cutoff."""
    columns = [*FEATURE_KEYS, "is_eligible", "in_release_fit", "is_previous", "is_scored"]
    return read_table(snapshots, columns=columns, rows=pc.field("is_eligible"))


def drawn_customers(snapshots: pd.DataFrame, n_customers: int, seed: int) -> pd.DataFrame:
    """The eligible rows of all customers, or of about `n_customers` of them, drawn at random."""
    eligible = snapshots[snapshots["is_eligible"]]
    code, names = pd.factorize(eligible["customer_id"], sort=True)
    if len(names) <= n_customers:
        return eligible
    return eligible[(np.random.default_rng(seed).random(len(names)) < n_customers / len(names))[code]]


def _values(folder: Path, day: date, customers: pd.Series, model: RiskModel) -> Floats:
    """The model's columns of some customers at one cutoff, and what it says of them as the last column."""
    if customers.empty:
        return np.zeros((0, len(model.features) + 1))
    asked = pc.field("customer_id").isin(customers.tolist())
    rows = read_table(folder / f"{day}.parquet", columns=[*FEATURE_KEYS, *model.features], rows=asked)
    return np.column_stack([matrix(rows, model.features), np.round(model.predict(rows), 6)])


def read_sample(
    folder: str | Path, snapshots: pd.DataFrame, champion: Watched, scored: date, *, days: list[date], params: Drawn
) -> Sample:
    """The champion's columns and score of drawn customers: at the reference cutoffs `days`, a week ago, and now."""
    model = champion.model
    code, names = pd.factorize(snapshots["customer_id"])
    known = snapshots[params.sample.has(names)[code]]
    rows = drawn_customers(known, params.n_customers, params.seed)
    now = windows.day_number(scored)
    if model is None or not days:
        nobody = np.zeros((0, 0))
        return Sample((), (), np.array([], dtype=np.int64), 0, nobody, nobody, now)
    at = {day: rows.loc[rows["cutoff_on"] == pd.Timestamp(day), "customer_id"] for day in days}
    previous = scored - timedelta(days=windows.WEEK_DAYS)
    return Sample(
        (*model.features, SCORE),
        tuple(_values(Path(folder), day, customers, model) for day, customers in at.items()),
        np.array([windows.day_number(day) for day in at], dtype=np.int64),
        len(set().union(*at.values())),
        _values(Path(folder), previous, rows.loc[rows["is_previous"], "customer_id"], model),
        _values(Path(folder), scored, rows.loc[rows["is_scored"], "customer_id"], model),
        now,
    )
