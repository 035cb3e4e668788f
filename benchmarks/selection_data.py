"""The rows behind the choice of features: every feature that a shop's data allow, at the fit and the test cutoffs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from contracts import windows
from contracts.params import Execution, Train, load_params
from contracts.tables import FEATURE_KEYS
from events.store import open_store
from features.catalogue import FEATURES
from features.customer_days import day_book
from features.engine import feature_table
from features.plan import recorded
from features.snapshots import snapshots
from models.learners import trees
from models.recipe.splits import Fold, inner_fold
from models.risk import Floats
from models.rows import Rows, labelled_rows

N_FOLDS = 4
N_JUDGED = 3


@dataclass(frozen=True)
class DataSet:
    """Labelled rows of one shop. `train` and `execution` are the product's defaults, the same for every shop."""

    name: str
    fit: Rows
    test: Rows
    label_days: int
    train: Train
    execution: Execution

    @property
    def features(self) -> tuple[str, ...]:
        """Every feature that the shop records."""
        return tuple(name for name in self.fit.frame.columns if name not in FEATURE_KEYS)

    def folds(self) -> list[Fold]:
        """Forward folds inside the fit cutoffs, the latest first: three cutoffs judged by all that had ended before."""
        days = self.fit.cutoffs
        return [inner_fold(days[: len(days) - k * N_JUDGED], self.label_days, N_JUDGED) for k in range(N_FOLDS)]

    def predict(self, fit: Rows, judged: Rows, features: Sequence[str], n_bags: int | None = None) -> Floats:
        """Log-odds of the product's trees with these features (those that the shop lacks are skipped)."""
        known = [name for name in features if name in self.features]
        train = self.train.model_copy(update={"n_bags": n_bags or self.train.n_bags})
        return trees.fit(fit.frame, fit.lapsed, known, train, self.execution).raw(judged.frame)


def laid_out(first_sale_on: date, end: date, params_path: Path, test: Sequence[date]) -> windows.Calendar:
    """The product's own cutoffs; with `test` given, those before it, and these test cutoffs alone."""
    params = load_params(params_path)
    label_days = params.task.label_days
    last = test[-1] + timedelta(days=label_days) if test else end
    plan = windows.calendar(
        first_sale_on,
        min(last, end),
        horizon_days=params.task.longest_horizon_days,
        grace_days=params.task.label_grace_days,
        min_history_days=params.snapshot.min_history_days,
        n_test=(test[-1] - test[0]).days // windows.WEEK_DAYS + 1 if test else params.snapshot.n_test_cutoffs,
        train_every_weeks=params.snapshot.train_every_weeks,
    )
    judged = tuple(test) or plan.test
    return windows.Calendar(plan.fit, plan.fit, judged, judged[-1], judged[-1])


def read_data_set(name: str, project: Path, defaults: Path, test: Sequence[date] = ()) -> DataSet:
    """Build the rows from a project's event store; what is learned how comes from the product's own `params.yaml`."""
    shelf, params = open_store(project / "data" / "events"), load_params(project / "params.yaml")
    events = shelf.whole()
    plan = laid_out(events.first_sale_on, events.data_end_on, project / "params.yaml", test)
    book = day_book(events.purchases, events.time_zone)
    listed = snapshots(book, plan, events.data_end_on, params.task)
    listed = listed[listed["is_eligible"]]
    table = feature_table(shelf, listed, recorded(FEATURES, shelf.absent), params.task.horizon_days)
    product = load_params(defaults)
    fit, judged = (labelled_rows(table, listed, flag) for flag in ("in_test_fit", "is_test"))
    return DataSet(name, fit, judged, params.task.label_days, product.train, product.execution)
