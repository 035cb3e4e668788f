"""How every candidate is fitted on a set of cutoffs. One recipe, used for the test fit and for the release fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd

from contracts import windows
from contracts.errors import ContractError, ParameterError, nearest
from contracts.params import Execution, Train
from contracts.tables import FEATURE_KEYS
from features.catalogue import BY_NAME
from models.contamination import fitted_places
from models.learners import baselines, trees
from models.learners.calibration import IDENTITY, Calibration
from models.learners.trees import BaggedTrees
from models.recipe.contest import BLEND, LIGHTGBM, Entrant, contestants, hold, n_rarer, winner
from models.recipe.inner import FEWEST_LAPSED, Terms, calibration_inside, is_hopeless, is_usable, penalty_inside
from models.recipe.lean import CALENDAR, LEAN, LONG, has_seen_season
from models.recipe.splits import forward_folds, widest_inner_fold
from models.recipe.tuning import Say, Search, search
from models.risk import RiskModel
from models.rows import Rows

MODEL = "regulars"
TRIALS = Path("tuning")
CALIBRATED = (LIGHTGBM, BLEND)
UNCHOSEN_PENALTY = 0.01  # the middle of those that an inner fold chooses from


def shown_features(frame: pd.DataFrame, excluded: Sequence[str]) -> tuple[str, ...]:
    """Every feature of the table but the excluded ones: what the baselines may read.

    Raises:
        ParameterError: an excluded name is no feature, with the nearest that is.
    """
    known = [name for name in frame.columns if name not in FEATURE_KEYS]
    for name in excluded:
        if name not in known:
            raise ParameterError(f"train.exclude_features: unknown feature '{name}'{nearest(name, known)}")
    return tuple(name for name in known if name not in excluded)


def model_features(frame: pd.DataFrame, params: Train) -> tuple[str, ...]:
    """The features that the model reads, in the table's order; lean ones that the shop has no data for are skipped.

    Columns that are not in the catalogue (trial features) are read too: they are computed to see what they do.

    Raises:
        ParameterError: an excluded name is no feature, or none of the lean features is in the table.
    """
    shown = shown_features(frame, params.exclude_features)
    if params.features == "all":
        return shown
    lean = tuple(name for name in shown if name in LEAN or name in LONG or name not in BY_NAME)
    if not lean:
        raise ParameterError(
            "train.features: expected some of the lean features in the table, found none; set it to all"
        )
    return lean


def uncontaminated(rows: Rows, params: Train) -> Rows:
    """The rows to learn from, by `train.under_contact`; as they are where no experiment touched any."""
    if rows.contact is None:
        return rows
    return rows.take(fitted_places(rows.contact, rows.lapsed, params.under_contact))


def _refuse_hopeless(rows: Rows) -> None:
    n_lapsed = int(rows.lapsed.sum())
    if is_hopeless(rows.lapsed):
        raise ContractError(
            f"too few labels to learn from: {n_lapsed} of {len(rows.lapsed)} training rows lapsed; expected at least "
            f"{FEWEST_LAPSED} of each kind; bring a longer history or lower task.min_purchase_days"
        )


@dataclass(frozen=True)
class Choices:
    """What inner forward folds of the test fit decide. The release fit takes it over: these were judged.

    `terms` hold the features and the tuned parameters. `winner` names the contestant that is the model; `held` is empty
    where there were outcomes enough for LightGBM to need no contest.
    """

    terms: Terms
    labels_known_on: date
    calibration: Calibration = IDENTITY
    default_calibration: Calibration = IDENTITY
    winner: str = LIGHTGBM
    held: tuple[Entrant, ...] = ()
    search: Search | None = None

    def to_json(self) -> dict[str, Any]:
        """The recipe as plain data: what a refit on other cutoffs needs, and why it came to be."""
        return {
            "winner": self.winner,
            "features": list(self.terms.features),
            "shown": list(self.terms.shown),
            "train": self.terms.train.model_dump(mode="json"),
            "penalty": self.terms.penalty,
            "calibration": self.calibration.to_json(),
            "default_calibration": self.default_calibration.to_json(),
            "contest": [asdict(one) for one in self.held],
            "chosen_on": self.labels_known_on.isoformat(),
        }


def labels_known_on(rows: Rows, label_days: int) -> date:
    """The day on which the last label of the rows is known: nothing earlier may be judged by what saw them."""
    return windows.day_of(int(rows.cutoff.max()) + label_days)


def choose_inside(
    rows: Rows, label_days: int, params: Train, execution: Execution, *, place: Path = TRIALS, say: Say = print
) -> Choices:
    """Features, tuned parameters, penalty, the contest's winner and calibrations, all by inner forward folds.

    Where the history is too short for a fold with enough of both outcomes, nothing is chosen: a middling penalty, and
    models as they are.

    Raises:
        ContractError: too few labels.
    """
    rows = uncontaminated(rows, params)
    _refuse_hopeless(rows)
    shown, features = _read_by_all(rows, label_days, params)
    terms = Terms(features, shown, UNCHOSEN_PENALTY, params, execution)
    known_on = labels_known_on(rows, label_days)
    fold = widest_inner_fold(rows.cutoffs, label_days, params.n_inner_cutoffs)
    is_contested = n_rarer(rows) < params.contest_below
    if fold is None or not is_usable(fold, rows):
        return Choices(terms, known_on, winner=BLEND if is_contested else LIGHTGBM)
    folds = forward_folds(rows.cutoffs, label_days, params.n_inner_folds, params.n_inner_cutoffs)
    found = search(rows, folds, terms, place, say) if params.n_trials else None
    terms = replace(terms, penalty=penalty_inside(rows, fold, shown), train=found.applied(params) if found else params)
    held = hold(rows, folds, terms) if is_contested else ()
    won = winner(held) if is_contested else LIGHTGBM
    own, default = _calibrations(won, rows, label_days, terms)
    return Choices(terms, known_on, own, default, won, held, found)


def _calibrations(won: str, rows: Rows, label_days: int, terms: Terms) -> tuple[Calibration, Calibration]:
    """The model's map and that of LightGBM with library defaults.

    One bag is enough to see whether trees need calibration: averaging three narrows their log-odds by little. Logits
    are fitted by likelihood on calibrated scores of their own and get none.
    """
    params, single = terms.train, terms.with_one_bag

    def grown(seen: Rows) -> Any:
        return _contestant(won, seen, single)

    def grown_by_default(seen: Rows) -> BaggedTrees:
        return trees.fit_library_default(seen.frame, seen.lapsed, terms.shown, terms.execution)

    n, kinds = params.n_inner_cutoffs, params.calibrations
    own = calibration_inside(grown, rows, label_days, n, kinds) if won in CALIBRATED else IDENTITY
    return own, calibration_inside(grown_by_default, rows, label_days, n, kinds)


def _read_by_all(rows: Rows, label_days: int, params: Train) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What baselines and model read; the calendar only where the season of what is judged next has been seen."""
    shown, features = shown_features(rows.frame, params.exclude_features), model_features(rows.frame, params)
    if has_seen_season(rows.cutoffs, label_days):
        return shown, (*features, *(name for name in CALENDAR if name in shown and name not in features))
    return tuple(name for name in shown if name not in CALENDAR), tuple(n for n in features if n not in CALENDAR)


def _contestant(name: str, rows: Rows, terms: Terms) -> Any:
    """One contestant, fitted; LightGBM alone without the others beside it."""
    if name == LIGHTGBM:
        return trees.fit(rows.frame, rows.lapsed, terms.features, terms.train, terms.execution)
    return contestants(rows, terms)[name]


def fit_model(rows: Rows, choices: Choices) -> dict[str, RiskModel]:
    """The model, calibrated; where it is not LightGBM, LightGBM's fit beside it, for the record.

    Raises:
        ContractError: too few labels.
    """
    rows = uncontaminated(rows, choices.terms.train)
    _refuse_hopeless(rows)
    fitted = _contestant(choices.winner, rows, choices.terms)
    if choices.winner in CALIBRATED:
        fitted = fitted.calibrated(choices.calibration)
    fits: dict[str, RiskModel] = {MODEL: fitted}
    return fits if choices.winner == LIGHTGBM else {**fits, LIGHTGBM: _contestant(LIGHTGBM, rows, choices.terms)}


def fit_all(rows: Rows, choices: Choices) -> dict[str, RiskModel]:
    """The model and every baseline, fitted on the same rows; `train.features` speaks of the model alone.

    The baselines go on reading every feature: a rival is not made weaker by what was chosen for the model.

    Raises:
        ContractError: too few labels.
    """
    terms = choices.terms
    rows = uncontaminated(rows, terms.train)
    return fit_model(rows, choices) | baselines.fit_baselines(
        rows.frame,
        rows.lapsed,
        terms.shown,
        penalty=terms.penalty,
        default_calibration=choices.default_calibration,
        execution=terms.execution,
    )
