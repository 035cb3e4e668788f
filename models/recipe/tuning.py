"""Search for LightGBM's parameters on inner forward folds (Optuna's TPE): a number of trials, seeded, resumable.

Each finished trial is a line of a file whose name is the search's content: a killed search goes on where it stopped,
and comes to what it would have come to, since every trial has a seed of its own. The best parameters are adopted only
if they gain log loss over the present ones by more than two standard errors over customers: the best of many trials on
the same folds is partly the luckiest.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from contracts.files import digest, write_text
from contracts.params import LightGbm, Train
from models.evaluation.metrics import clustered_error
from models.learners import trees
from models.learners.calibration import losses
from models.recipe.inner import Terms, is_usable
from models.recipe.splits import Fold
from models.risk import Floats
from models.rows import Rows

Trial = dict[str, Any]
Say = Callable[[str], None]
N_RANDOM = 8
DOUBT = 2.0
SPACE: dict[str, tuple[float, float, bool]] = {
    "num_trees": (150, 900, True),
    "learning_rate": (0.008, 0.06, True),
    "num_leaves": (4, 48, True),
    "min_leaf_share": (0.0005, 0.02, True),
    "feature_fraction": (0.15, 0.8, False),
    "bagging_fraction": (0.4, 1.0, False),
    "lambda_l2": (0.1, 100.0, True),
}
"""Least and largest value, and whether the search is on a log scale."""


@dataclass(frozen=True)
class Search:
    """What a search found. `trials` are plain: number, log_loss (nats, mean over judged rows), and the parameters."""

    trials: tuple[Trial, ...]
    best: Trial
    gain: float
    standard_error: float

    @property
    def is_adopted(self) -> bool:
        """Whether the best beats the present parameters by more than two standard errors: the best of many is lucky."""
        return self.gain > DOUBT * self.standard_error

    def applied(self, params: Train) -> Train:
        """The parameters to fit with."""
        found = {name: self.best[name] for name in SPACE} if self.is_adopted else {}
        return params.model_copy(update=found)


def search(rows: Rows, folds: Sequence[Fold], terms: Terms, place: Path, say: Say) -> Search | None:
    """Run `train.n_trials` trials, those on file counted; None where no fold is usable. Trial 0 is the present set."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    usable = [fold for fold in folds if is_usable(fold, rows)]
    if not usable:
        return None
    single, n_trials = terms.with_one_bag, terms.train.n_trials
    path = place / f"{_key(rows, usable, single)}.jsonl"
    done = _on_file(path)[:n_trials]
    study = optuna.create_study(direction="minimize")
    space = {name: _distribution(name) for name in SPACE}
    present = {name: getattr(terms.train, name) for name in SPACE}
    for trial in done:
        _tell(study, space, trial)
    for number in range(len(done), n_trials):
        study.sampler = optuna.samplers.TPESampler(
            seed=terms.execution.seed + number, n_startup_trials=N_RANDOM, multivariate=True
        )
        told = _asked(study, space) if number else present
        loss = round(float(_losses(rows, usable, _with(single, told)).mean()), 8)
        done.append({"number": number, "log_loss": loss, **told})
        _tell(study, space, done[-1])
        write_text(path, "".join(json.dumps(trial) + "\n" for trial in done))
        best = min(trial["log_loss"] for trial in done)
        say(f"trial {number + 1} of {n_trials}: log loss {loss:.5f}, best {best:.5f}")
    return _found(done, lambda told: _losses(rows, usable, _with(single, told)), rows, usable)


def _asked(study: Any, space: dict[str, Any]) -> Trial:
    """What the sampler proposes next; its own record of it is closed at once, `_tell` adds the finished trial."""
    from optuna.trial import TrialState

    asked = study.ask(space)
    study.tell(asked, state=TrialState.FAIL)
    return dict(asked.params)


def _tell(study: Any, space: dict[str, Any], trial: Trial) -> None:
    """Let the sampler know of a finished trial; present parameters outside the space are not for it."""
    from optuna.trial import create_trial

    told = {name: trial[name] for name in SPACE}
    if all(space[name].low <= value <= space[name].high for name, value in told.items()):
        study.add_trial(create_trial(params=told, distributions=space, value=trial["log_loss"]))


def _found(done: list[Trial], lose: Callable[[Trial], Floats], rows: Rows, folds: Sequence[Fold]) -> Search:
    best = min(done, key=lambda trial: float(trial["log_loss"]))
    gain = lose({name: done[0][name] for name in SPACE}) - lose({name: best[name] for name in SPACE})
    customers = pd.concat([rows.at(fold.judge).frame["customer_id"] for fold in folds]).to_numpy()
    error = clustered_error(gain, customers)
    return Search(tuple(done), best, round(float(gain.mean()), 6), round(error, 6))


def _with(terms: Terms, told: Trial) -> Terms:
    return replace(terms, train=terms.train.model_copy(update=told))


def _losses(rows: Rows, folds: Sequence[Fold], terms: Terms) -> Floats:
    found = []
    for fold in folds:
        seen, judged = rows.at(fold.fit), rows.at(fold.judge)
        model = trees.fit(seen.frame, seen.lapsed, terms.features, terms.train, terms.execution)
        found.append(losses(model.raw(judged.frame), judged.lapsed))
    return np.concatenate(found)


def _distribution(name: str) -> Any:
    from optuna.distributions import FloatDistribution, IntDistribution

    low, high, is_log = SPACE[name]
    if LightGbm.model_fields[name].annotation is int:
        return IntDistribution(int(low), int(high), log=is_log)
    return FloatDistribution(low, high, log=is_log)


def _key(rows: Rows, folds: Sequence[Fold], terms: Terms) -> str:
    """The search's content: rows, folds, features, the present parameters, the space, the seed."""
    table = pd.util.hash_pandas_object(rows.frame[list(terms.features)].assign(lapsed=rows.lapsed), index=False)
    told = (
        repr(folds),
        repr(terms.features),
        terms.train.model_dump_json(exclude={"n_trials"}),
        repr(SPACE),
        version("optuna"),
        version("lightgbm"),
    )
    return digest(table.to_numpy().tobytes(), *told, str(terms.execution.seed))[:16]


def _on_file(path: Path) -> list[Trial]:
    """The finished trials; a line that a kill cut short, and what follows it, is forgotten."""
    if not path.exists():
        return []
    found: list[Trial] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            found.append(json.loads(line))
        except ValueError:
            break
    return found
