"""Which way of valuing customers is best: a forward test with an embargo of its own.

Candidates are fitted on cutoffs whose value windows had ended before the first judged one, and predict what customers
at the latest cutoffs paid: the kept by 'if kept', the lapsed by 'if lapsed'. What a kept customer would have paid had
they lapsed is seen by nobody, so the difference is judged by its two sides.

The prediction is a mean, and so is the measure that chooses. The absolute error rewards medians, which lie far below
means here; a customer's squared error counts the few big spenders alone. Tweedie's deviance of power 1.5 is smallest
in expectation at the mean (Gneiting 2011, 'Making and evaluating point forecasts', Journal of the American Statistical
Association 106(494)) and lets big spenders count for more, not for all. Chosen is the simplest candidate within one
standard error of the best (Breiman and others 1984), the error being that of the paired difference over customers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
import pandas as pd

from contracts import windows
from contracts.params import Params, Task
from models.evaluation import metrics
from models.recipe.splits import Fold, widest_inner_fold
from models.risk import Flags, Floats
from models.value.at_stake import UNMEASURED, ValueModel, fit_value, is_enough, paid_rows
from models.value.shapes import CANDIDATES

N_JUDGED_CUTOFFS = 4
N_DRAWS = 500
FEWEST_DRAWS = 100
DRAWN_VALUES = 20_000_000
VALUES_AT_ONCE = 5_000_000
FEWEST_IN_BIN = 30
FLOOR_SHARE = 0.01
GROUPS = ("kept", "lapsed", "all")


@dataclass(frozen=True)
class Outcomes:
    """Judged rows: what each candidate predicted of what happened, and what was paid; one entry a row."""

    paid: Floats
    lapsed: Flags
    customer: npt.NDArray[np.int64]
    predicted: dict[str, Floats]

    def rows_of(self, group: str) -> Flags:
        """Which rows belong to a group."""
        return {"kept": ~self.lapsed, "lapsed": self.lapsed}.get(group, np.ones(len(self.paid), dtype=bool))


def deviance(paid: Floats, predicted: Floats, unit: float) -> Floats:
    """Tweedie deviance of power 1.5 a row, amounts in units: 4 (√y − √m)² / √m (Jørgensen 1987).

    A prediction below a hundredth of a unit counts as that much, so that no single nil is wrong beyond measure.

    >>> deviance(np.array([4.0, 0.0]), np.array([1.0, 4.0]), 1.0).tolist()
    [4.0, 8.0]
    """
    y, m = np.sqrt(paid / unit), np.sqrt(np.maximum(predicted / unit, FLOOR_SHARE))
    return np.asarray(4.0 * (y - m) ** 2 / m)


def concentration(paid: Floats, score: Floats, weights: Floats) -> Floats:
    """Twice the area between the concentration curve, highest scores first, and the diagonal; one a row of weights.

    Over that of the order by what was paid it is the normalised Gini coefficient: 1 is the perfect order, 0 a random
    one (Frees, Meyers and Cummings 2011, 'Summarizing insurance scores using a Gini index'; of customers' values: Wang,
    Liu and Miao 2019, arXiv 1912.07753). Equal scores share what they paid.
    """
    if not len(paid):
        return np.full(len(weights), np.nan)
    order = np.argsort(-score, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(score[order]) != 0])
    rows = np.add.reduceat(weights[:, order], starts, axis=1)
    amount = np.add.reduceat(weights[:, order] * paid[order], starts, axis=1)
    below = np.cumsum(amount, axis=1) - amount / 2.0
    with np.errstate(invalid="ignore", divide="ignore"):
        area: Floats = 2.0 * (rows * below).sum(axis=1) / (rows.sum(axis=1) * amount.sum(axis=1)) - 1.0
    return area


def group_figures(
    paid: Floats, predicted: Floats, weights: Floats, *, unit: float, perfect: Floats
) -> dict[str, Floats]:
    """Every figure of one candidate on some rows, one value a row of weights. Money in store currency.

    `perfect` is the concentration of the order by what was paid.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        n = weights.sum(axis=1)
        return {
            "mae": weights @ np.abs(paid - predicted) / n,
            "rmse": np.sqrt(weights @ (paid - predicted) ** 2 / n),
            "bias": weights @ predicted / (weights @ paid) - 1.0,
            "gini": concentration(paid, predicted, weights) / perfect,
            "deviance": weights @ deviance(paid, predicted, unit) / n,
        }


def bins_of(predicted: Floats) -> npt.NDArray[np.int64]:
    """Bin by prediction, 0 the lowest: tenths, or fewer where a tenth would hold fewer than 30 rows."""
    n_bins = int(np.clip(len(predicted) // FEWEST_IN_BIN, 1, metrics.N_BINS))
    return metrics.equal_count_bins(predicted, n_bins)


def miss(paid: Floats, predicted: Floats) -> float:
    """Root mean square over bins by prediction of paid / predicted − 1; bins without a prediction are left out."""
    bins = bins_of(predicted)
    sums = [np.bincount(bins, values) for values in (paid, predicted)]
    known = sums[1] > 0
    shares = sums[0][known] / sums[1][known] - 1.0
    return float(np.sqrt(np.mean(shares**2))) if len(shares) else 0.0


def choose(drawn: dict[str, Floats], plain: dict[str, float]) -> str:
    """The first candidate whose deviance is within one standard error of the lowest; the simplest come first."""
    best = min(plain, key=lambda name: plain[name])
    within = (name for name in plain if plain[name] - plain[best] <= float(np.std(drawn[name] - drawn[best])))
    return next(within)


@dataclass(frozen=True)
class Tested:
    """The forward test: its fold, the judged rows, the candidate chosen and every figure with its resamples."""

    fold: Fold
    outcomes: Outcomes
    chosen: str
    plain: dict[str, dict[str, dict[str, float]]]
    drawn: dict[str, dict[str, dict[str, Floats]]]

    def misses(self) -> tuple[float, float]:
        """The chosen candidate's miss by bin, of the kept and of the lapsed."""
        kept, lapsed = (
            miss(self.outcomes.paid[at], self.outcomes.predicted[self.chosen][at])
            for at in (self.outcomes.rows_of("kept"), self.outcomes.rows_of("lapsed"))
        )
        return kept, lapsed


@dataclass(frozen=True)
class Valued:
    """The value model that scores, and the forward test that chose it; None without room for one, and why."""

    model: ValueModel
    tested: Tested | None
    why: str


def at_cutoffs(rows: pd.DataFrame, cutoffs: Sequence[date]) -> pd.DataFrame:
    """The rows of some cutoffs."""
    wanted = [windows.day_number(day) for day in cutoffs]
    return rows[np.isin(windows.day_numbers(rows["cutoff_on"]), wanted)]


def fold_of(rows: pd.DataFrame, task: Task) -> Fold | None:
    """The forward fold of the value window, with its grace; None where the history leaves no room for one."""
    days = [windows.day_of(int(day)) for day in np.unique(windows.day_numbers(rows["cutoff_on"]))]
    label_days = max(task.value_horizon_days + task.label_grace_days, task.label_days)
    return widest_inner_fold(days, label_days, N_JUDGED_CUTOFFS)


def value_customers(
    frame: pd.DataFrame,
    snapshots: pd.DataFrame,
    features: Sequence[str],
    params: Params,
) -> Valued:
    """Test the candidates forward, and fit the chosen one on every matured value window.

    Without room for a fold the trailing amount is taken, whose levels need none; without enough matured windows
    nothing is measured.
    """
    rows = paid_rows(frame, snapshots)
    if not is_enough(rows):
        return Valued(UNMEASURED, None, f"{len(rows)} customers with a matured value window: too few to measure")

    def fit(kind: str, seen: pd.DataFrame) -> ValueModel:
        return fit_value(kind, seen, features, task=params.task, params=params.train, execution=params.execution)

    fold = fold_of(rows, params.task)
    if fold is None or not all(is_enough(at_cutoffs(rows, side)) for side in (fold.fit, fold.judge)):
        return Valued(fit("trailing", rows), None, "too few matured value windows, one before the other, for a test")
    tested = forward_test(rows, fold, fit, params.execution.seed)
    return Valued(fit(tested.chosen, rows).with_misses(*tested.misses()), tested, "")


def forward_test(rows: pd.DataFrame, fold: Fold, fit: Callable[[str, pd.DataFrame], ValueModel], seed: int) -> Tested:
    """Fit every candidate on one side of the fold and judge it on the other."""
    seen = at_cutoffs(rows, fold.fit)
    outcomes = judged_outcomes(at_cutoffs(rows, fold.judge), {kind: fit(kind, seen) for kind in CANDIDATES})
    plain = {
        kind: {group: {name: float(value[0]) for name, value in figures.items()} for group, figures in groups.items()}
        for kind, groups in _all_figures(outcomes, metrics.ones(len(outcomes.paid))).items()
    }
    drawn = resampled(outcomes, seed)
    chosen = choose(
        {kind: drawn[kind]["all"]["deviance"] for kind in CANDIDATES},
        {kind: plain[kind]["all"]["deviance"] for kind in CANDIDATES},
    )
    return Tested(fold, outcomes, chosen, plain, drawn)


def judged_outcomes(rows: pd.DataFrame, models: dict[str, ValueModel]) -> Outcomes:
    """What each model says of the side that came to pass, to the cent."""
    lapsed = rows["lapsed"].to_numpy(dtype=bool)
    sides = {kind: model.amounts(rows) for kind, model in models.items()}
    predicted = {kind: np.asarray(np.where(lapsed, gone, kept)).round(2) for kind, (kept, gone) in sides.items()}
    customer = pd.factorize(rows["customer_id"])[0].astype(np.int64)
    return Outcomes(rows["paid"].to_numpy(dtype=np.float64), lapsed, customer, predicted)


def _all_figures(outcomes: Outcomes, weights: Floats) -> dict[str, dict[str, dict[str, Floats]]]:
    unit = max(float(outcomes.paid.mean()), 0.01)
    found: dict[str, dict[str, dict[str, Floats]]] = {kind: {} for kind in outcomes.predicted}
    for group in GROUPS:
        at = outcomes.rows_of(group)
        paid, drawn = outcomes.paid[at], weights[:, at]
        perfect = concentration(paid, paid, drawn)
        for kind, predicted in outcomes.predicted.items():
            found[kind][group] = group_figures(paid, predicted[at], drawn, unit=unit, perfect=perfect)
    return found


def n_draws(n_rows: int) -> int:
    """Resamples behind each interval: 500, on many rows fewer, whose intervals are narrow anyway.

    >>> n_draws(9_000), n_draws(100_000), n_draws(5_000_000)
    (500, 200, 100)
    """
    return int(np.clip(DRAWN_VALUES // max(n_rows, 1), FEWEST_DRAWS, N_DRAWS))


def resampled(outcomes: Outcomes, seed: int) -> dict[str, dict[str, dict[str, Floats]]]:
    """Every figure over resamples of customers, the same for all candidates."""
    chunks = [
        _all_figures(outcomes, weights)
        for weights in metrics.customer_weights(outcomes.customer, n_draws(len(outcomes.paid)), seed, VALUES_AT_ONCE)
    ]
    return {
        kind: {
            group: {name: np.concatenate([chunk[kind][group][name] for chunk in chunks]) for name in figures}
            for group, figures in groups.items()
        }
        for kind, groups in chunks[0].items()
    }
