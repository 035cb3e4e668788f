"""The replay's risk and value models: the product's own fits, small enough to be made anew every quarter."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd

from contracts.params import Execution, Params, Task, Train
from contracts.tables import FEATURE_KEYS
from contracts.windows import is_matured
from events.store import Events
from features.snapshots import with_contact
from models.contamination import COLUMN, Contact, Method, contact_input, contact_of, fitted_places
from models.learners import trees
from models.learners.calibration import IDENTITY
from models.learners.trees import BaggedTrees
from models.leaving import Leaving, fit_leaving
from models.risk import Flags, RiskModel
from models.scoring import risk_bands
from models.value.at_stake import ValueModel, fit_value, paid_rows
from pipeline.living.view import feature_rows, judged

FEATURES = (
    "days_since_last_purchase", "amount_28d", "amount_91d", "decayed_purchase_days_28d", "gap_median_days",
    "gap_p75_days", "gap_p90_days", "gap_sd_to_gap_mean", "silence_to_gap_median", "silence_percentile",
    "weeks_active_8w", "weeks_active_26w", "tenure_days", "purchase_days_life", "amount_life", "discount_share_91d",
    "amount_182d",
)  # fmt: skip
"""A lean set that every shop of the simulation records; the last ones feed the value models too."""
TREES = {"num_trees": 150, "learning_rate": 0.05, "n_bags": 1}
TRAIN_EVERY_WEEKS = 2
TRAIN_WEEKS = 60
FEWEST = 10


@dataclass(frozen=True)
class Models:
    """What scores until the next fit."""

    risk: RiskModel
    value: ValueModel
    leaving: Leaving | None
    fitted_on: date


@dataclass(frozen=True)
class Labelled:
    """The labelled rows of a refit: features, snapshot rows in the same order, and what contact did to them."""

    frame: pd.DataFrame
    rows: pd.DataFrame
    contact: Contact | None

    @property
    def lapsed(self) -> Flags:
        """The label, one a row."""
        return self.rows["lapsed"].to_numpy(dtype=bool)


def fit_models(  # noqa: PLR0917 – a refit's inputs, in the order in which they are read
    events: Events, monday: date, task: Task, train: Train, execution: Execution, waves: pd.DataFrame
) -> Models | None:
    """Fit on the matured fortnightly cutoffs before `monday`; None with too few outcomes of either kind.

    `waves` (the table WAVES, or its columns customer_id, cutoff_on, horizon_days, arm, offer and propensity) are those
    before `monday`: which labels they touched, and `train.under_contact` what becomes of them.
    """
    seen = labelled(events, monday, task, waves)
    if seen is None:
        return None
    small = train.model_copy(update=TREES)
    names = [name for name in seen.frame.columns if name not in FEATURE_KEYS]
    risk = fit_risk(seen, train.under_contact, small, execution)
    paid = paid_rows(seen.frame, seen.rows)
    value = fit_value("gamma_gamma", paid, names, task=task, params=small, execution=execution)
    leaving = fit_leaving(seen.frame, seen.lapsed, task.horizon_days)
    return Models(risk, value, leaving, monday)


def labelled(events: Events, monday: date, task: Task, waves: pd.DataFrame) -> Labelled | None:
    """The rows to learn from on a Monday; None with too few outcomes of either kind."""
    cutoffs = [monday - timedelta(weeks=k) for k in range(1, TRAIN_WEEKS, TRAIN_EVERY_WEEKS)]
    matured = [day for day in cutoffs if is_matured(day, task.horizon_days, monday, task.label_grace_days)]
    rows = judged(events, sorted(matured), task) if matured else pd.DataFrame()
    if not len(rows):
        return None
    frame = feature_rows(events, rows, FEATURES, task.horizon_days)
    rows = frame[list(FEATURE_KEYS)].merge(rows, on=list(FEATURE_KEYS), validate="one_to_one")
    found = Labelled(frame, rows, contact_of(with_contact(rows, waves)))
    n_lapsed = int(found.lapsed.sum())
    return found if min(n_lapsed, len(rows) - n_lapsed) >= FEWEST else None


def fit_risk(seen: Labelled, how: Method, train: Train, execution: Execution) -> BaggedTrees:
    """The trees fitted by one way of treating rows under contact; under `input` contact is one more column."""
    places = fitted_places(seen.contact, seen.lapsed, how)
    names = [name for name in seen.frame.columns if name not in FEATURE_KEYS]
    frame = seen.frame
    if how == "input":
        frame, names = frame.assign(**{COLUMN: contact_input(seen.contact, len(frame))}), [*names, COLUMN]
    fitted = trees.fit(frame.iloc[places], seen.lapsed[places], names, train, execution)
    return fitted.calibrated(IDENTITY)


def scored(frame: pd.DataFrame, models: Models, params: Params) -> pd.DataFrame:
    """The columns of SCORES that the plan reads, for the rows of a feature table."""
    p_lapse = np.round(models.risk.predict(frame), 6)
    value = models.value.at_stake(frame, params.store.margin_rate)
    leaving, horizon = models.leaving, params.task.horizon_days
    return frame[list(FEATURE_KEYS)].assign(
        p_lapse=p_lapse,
        p_savable=p_lapse if leaving is None else np.round(p_lapse * leaving.share_left(frame, horizon), 6),
        risk_band=risk_bands(p_lapse, params.score.risk_band_edges),
        value_at_stake=value.stake,
        value_at_stake_low=value.low,
        value_at_stake_high=value.high,
        reasons="scored in a replay",
        model_version=f"{models.fitted_on:%Y-%m-%d}",
    )
