"""Past weeks replayed as if live, in one process: what a run whose data ended at a Monday would have put on its list.

Each week sees what was known at its Monday alone, cleaning, cancellations and labels included, and fits, judges and
releases anew, as a project without a champion does. Features at a cutoff do not hang on the data's end, so each cutoff
is computed once for all weeks. As of today are the parameters, who was erased, excluded or merged, what products are
called, and what ingest.rules.retention_days has dropped since.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from contracts import tables, windows
from contracts.errors import TimeError
from contracts.params import Params
from contracts.tables import FEATURE_KEYS
from contracts.wave_tables import WAVES
from events.as_of import absent_at
from events.store import Events, Shelf, open_store
from features.customer_days import DayBook, day_book
from features.engine import feature_batches
from features.plan import choose, recorded
from features.snapshots import Laid, cutoffs_of, judged_at, lay_out
from features.trial_files import read_trials
from features.trials import with_trials
from features.writing import write_features
from models.contamination import Method
from models.evaluation.as_live import Fitted, Training, fit_release, no_fit
from models.leaving import fit_leaving
from models.rows import Rows, eligible_rows, horizons, read_rows
from models.scoring import Champion, score, score_by_rules
from serving.weekly_list import rank

Say = Callable[[str], None]


@dataclass(frozen=True)
class Shop:
    """The event store, opened whole, and the project's parameters."""

    shelf: Shelf
    params: Params
    trials: Path
    waves: pd.DataFrame = field(default_factory=WAVES.empty, repr=False)

    @cached_property
    def events(self) -> Events:
        """Everything that is known today."""
        return self.shelf.whole()

    @cached_property
    def book(self) -> DayBook:
        """The purchase lines, coded, with the days on which they and their undoings became known."""
        return day_book(self.events.purchases, self.events.time_zone)


@dataclass(frozen=True)
class Replayed:
    """One week as its Monday's run would have had it.

    `scores` is that run's table of the name (reasons for one customer alone), `features` its rows of the scored,
    `listed` the customer ids on the list without offers, the first first.
    """

    cutoff: date
    scores: pd.DataFrame
    features: pd.DataFrame
    listed: pd.Series
    fitted: Fitted


def open_shop(store: Path, params: Params, trials: Path, waves: pd.DataFrame | None = None) -> Shop:
    """Open the event store of a project; `waves` are its own experiments (WAVES), None: it has had none."""
    return Shop(open_store(store), params, trials, WAVES.empty() if waves is None else waves)


def weeks_to_replay(shop: Shop, n: int, every_weeks: int = 1) -> tuple[date, ...]:
    """The latest `n` Mondays, `every_weeks` apart, that can be judged: their label windows have passed.

    Raises:
        TimeError: some of them would have had no training cutoff, with how far back the history reaches.
    """
    task, end = shop.params.task, shop.events.data_end_on
    wanted = windows.matured_mondays(end, task.label_days, n, every_weeks)
    n_possible = next((k for k in range(n) if not _can_learn(shop, wanted[-1 - k])), n)
    if n_possible == n:
        return wanted
    earliest = next((day for day in windows.matured_mondays(end, task.label_days, 5000) if _can_learn(shop, day)), None)
    told = f"sales from {shop.events.first_sale_on} to {end - timedelta(days=1)}"
    if earliest is None:
        raise TimeError(
            f"history too short: {told} leave no training cutoff before any Monday whose {task.label_days} days have "
            "passed; bring a longer history, or lower snapshot.n_test_cutoffs or snapshot.min_history_days"
        )
    raise TimeError(
        f"history too short: {told}; the earliest Monday that can be replayed is {earliest}, expected --weeks at most "
        f"{n_possible} with --every {every_weeks}, got {n}"
    )


def _can_learn(shop: Shop, monday: date) -> bool:
    try:
        cutoffs_of(shop.events.first_sale_on, monday, shop.params.task, shop.params.snapshot)
    except windows.HistoryError:
        return False
    return True


def replay(shop: Shop, weeks: Sequence[date], say: Say) -> Iterator[Replayed]:
    """Replay weeks in order; features of all of them are computed first, into a folder that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="regulars-replay-") as scratch:
        folder = Path(scratch) / "features"
        folder.mkdir()
        cutoffs = sorted({day for monday in weeks for day in _laid(shop, monday).plan.all})
        trial_names = _featurize(shop, cutoffs, folder)
        say(f"features of {len(cutoffs)} cutoffs, {cutoffs[0]} to {cutoffs[-1]}, for {len(weeks)} weeks")
        for monday in weeks:
            names, rule = _names_at(shop, monday, trial_names), shop.params.train.under_contact
            yield _replayed(shop, monday, _Features(folder, names, rule), Path(scratch))


def outcomes(shop: Shop, cutoff: date) -> pd.DataFrame:
    """What became of the eligible at a matured cutoff, by all that is known today: their row of `snapshots`."""
    return judged_at(shop.book, [cutoff], shop.events.data_end_on, shop.params.task)


def _laid(shop: Shop, monday: date) -> Laid:
    """Cutoffs and snapshots of the run whose data end at `monday`."""
    book = shop.book.as_of(monday)
    first = windows.day_of(int(book.day.min())) if len(book.day) else monday
    return lay_out(book, first, monday, shop.params.task, shop.params.snapshot, waves=shop.waves)


def _featurize(shop: Shop, cutoffs: Sequence[date], folder: Path) -> tuple[str, ...]:
    """Write the features of the eligible at every cutoff, as stage `featurize` does; return the trial features."""
    how, task = shop.params.featurize, shop.params.task
    rows = judged_at(shop.book, cutoffs, shop.events.data_end_on, task)
    features = recorded(choose(how.families, how.features), shop.shelf.absent)
    batches = feature_batches(shop.shelf, rows, features, task.horizon_days, how.engine)
    names, batches = with_trials(batches, read_trials(shop.trials, how.trials), shop.shelf, cutoffs)
    write_features(folder, batches, features, names)
    return names


def _names_at(shop: Shop, monday: date, trial_names: Sequence[str]) -> list[str]:
    """The features that a run of that Monday would have computed: those whose data the shop had recorded by then."""
    how = shop.params.featurize
    known = recorded(choose(how.families, how.features), absent_at(shop.shelf, shop.events, monday))
    return [*(one.name for one in known), *trial_names]


@dataclass(frozen=True)
class _Features:
    """Feature files, of which a run sees some columns."""

    folder: Path
    names: list[str]
    under_contact: Method

    def labelled(self, laid: Laid, flag: str) -> Rows:
        rows = read_rows(self.folder, laid.rows, flag, self.under_contact)
        return replace(rows, frame=self._seen(rows.frame))

    def eligible(self, laid: Laid, flag: str) -> pd.DataFrame:
        return self._seen(eligible_rows(self.folder, laid.rows, flag))

    def _seen(self, frame: pd.DataFrame) -> pd.DataFrame:
        return frame[[*FEATURE_KEYS, *self.names]]


def _replayed(shop: Shop, monday: date, features: _Features, scratch: Path) -> Replayed:
    laid, params = _laid(shop, monday), shop.params
    if not (laid.rows["is_scored"] & laid.rows["is_eligible"]).any():
        raise TimeError(f"nobody could be scored on {monday}; expected an eligible customer, choose other weeks")
    now = features.eligible(laid, "is_scored")
    fitted = no_fit(laid.why) if laid.why else _fitted(laid, features, params, scratch / f"tuning-{monday}")
    if fitted.model is None:
        scores = score_by_rules(now, fitted.value, store=params.store, task=params.task)
    else:
        champion = Champion(fitted.model, "", fitted.grade)
        unexplained = params.score.model_copy(update={"n_explained": 1})
        before = features.eligible(laid, "is_previous")
        left = _share_left(now, laid, features)
        scores = score(now, before, champion, fitted.value, store=params.store, params=unexplained, share_left=left)
    return Replayed(monday, tables.SCORES(scores), now, _listed(scores, params.publish.list_size), fitted)


def _share_left(now: pd.DataFrame, laid: Laid, features: _Features) -> npt.NDArray[np.float64] | None:
    """The share of the risk of which stage `score` says that a contact can act on it."""
    rows = features.labelled(laid, "in_release_fit")
    leaving = fit_leaving(rows.frame, rows.lapsed, horizons(rows.frame, laid.rows))
    return None if leaving is None else leaving.share_left(now, horizons(now, laid.rows))


def _fitted(laid: Laid, features: _Features, params: Params, scratch: Path) -> Fitted:
    flags = {"fit": "in_test_fit", "test": "is_test", "release": "in_release_fit"}
    training = Training(**{name: features.labelled(laid, flag) for name, flag in flags.items()})
    return fit_release(training, laid.rows, params, scratch)


def _listed(scores: pd.DataFrame, list_size: int) -> pd.Series:
    """The ids on the published list if nobody is planned an offer."""
    return rank(scores.assign(arm="none", expected_profit=np.nan), list_size)["customer_id"]
