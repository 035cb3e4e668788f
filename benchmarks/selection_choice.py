"""Which features to read, decided on forward folds inside the fit cutoffs alone: no test cutoff is looked at here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from benchmarks.selection_data import DataSet
from features.catalogue import BY_NAME, FEATURES
from models.evaluation import metrics
from models.evaluation.stability import rank_correlations, redundant_groups, sampled
from models.learners import trees
from models.learners.calibration import losses
from models.risk import Floats, matrix, sigmoid

LONGEST_COUNT_DAYS = 182
SIZES = (20, 25, 30, 35, 40, 45, 50, 55, 60)
MOST_AUC_LOST = 0.001
N_EXPLAINED = 1500


@dataclass(frozen=True)
class Judgement:
    """How a set of features did on the judged cutoffs of the inner folds: one value a cutoff."""

    log_loss: Floats
    auc: Floats
    bias: Floats

    def plain(self, whole: Judgement) -> dict[str, float]:
        """Means; the differences to the full set with their standard errors over cutoffs."""
        more, less = self.log_loss - whole.log_loss, whole.auc - self.auc
        return {
            "log_loss": float(self.log_loss.mean()),
            "log_loss_less_all": float(more.mean()),
            "standard_error": float(more.std(ddof=1) / np.sqrt(len(more))),
            "auc": float(self.auc.mean()),
            "auc_lost": float(less.mean()),
            "auc_standard_error": float(less.std(ddof=1) / np.sqrt(len(less))),
            "absolute_bias": float(np.abs(self.bias).mean()),
        }


def judge_inside(data: DataSet, features: Sequence[str]) -> Judgement:
    """One bag fitted on every inner fold, judged cutoff by cutoff."""
    found = []
    for fold in data.folds():
        judged = data.fit.at(fold.judge)
        raw = data.predict(data.fit.at(fold.fit), judged, features, n_bags=1)
        loss = losses(raw, judged.lapsed)
        for day in np.unique(judged.cutoff):
            at = judged.cutoff == day
            bias = float((sigmoid(raw[at]) - judged.lapsed[at]).mean())
            found.append((float(loss[at].mean()), metrics.auc(raw[at], judged.lapsed[at]), bias))
    return Judgement(*np.array(found).T)


def grows_with_history(name: str) -> bool:
    """A count or sum over more than half a year, or the tenure: while the history is short it tells the date.

    Counts of the same season a year before stay, though they are 0 for want of a year of history: without them no set
    kept within .001 AUC of all features on both shops.
    """
    record = BY_NAME[name]
    if record.aggregation == "days_since_first":
        return True
    is_count = record.aggregation in ("sum", "active_weeks", "distinct") and not record.skip_days
    return is_count and (record.window_days is None or record.window_days > LONGEST_COUNT_DAYS)


def contribution_shares(data: DataSet) -> pd.Series:
    """Share of each feature in the mean absolute log-odds (TreeSHAP) on the judged rows, mean of the inner folds."""
    shares = []
    one_bag = data.train.model_copy(update={"n_bags": 1})
    for fold in data.folds():
        fit, judged = data.fit.at(fold.fit), data.fit.at(fold.judge)
        model = trees.fit(fit.frame, fit.lapsed, data.features, one_bag, data.execution)
        rows = judged.frame.iloc[sampled(len(judged.frame), data.execution.seed, N_EXPLAINED)]
        moved = np.abs(model.contributions(rows)[:, :-1]).mean(axis=0)
        shares.append(moved / moved.sum())
    return pd.Series(np.mean(shares, axis=0), index=list(data.features))


def correlations(data: DataSet) -> pd.DataFrame:
    """Absolute rank correlations on a sample of the fit rows."""
    rows = data.fit.frame.iloc[sampled(len(data.fit.frame), data.execution.seed)]
    names = list(data.features)
    return pd.DataFrame(rank_correlations(matrix(rows, names)), index=names, columns=names)


def ranked(sets: Sequence[DataSet]) -> pd.DataFrame:
    """One row a feature, the most used first: its share in each data set, their mean, and the leader of its group.

    Two features are one if their correlation reaches .95 in every data set that has both.
    """
    shares = pd.DataFrame({data.name: contribution_shares(data) for data in sets})
    names = [record.name for record in FEATURES if record.name in shares.index]
    shares = shares.loc[names].assign(share=shares.mean(axis=1))
    least = np.ones((len(names), len(names)))
    seen = np.zeros_like(least, dtype=bool)
    for data in sets:
        found = correlations(data).reindex(index=names, columns=names).to_numpy()
        seen |= ~np.isnan(found)
        least = np.fmin(least, found)
    led = redundant_groups(np.where(seen, least, 0.0), names, shares["share"].to_numpy())
    return shares.assign(group=[led[name] for name in names]).sort_values("share", ascending=False, kind="stable")


def candidates(table: pd.DataFrame) -> dict[str, list[str]]:
    """The sets that are tried: all; one of each group; of these, those that do not grow; the first so many."""
    names = [str(name) for name in table.index]
    leaders = [name for name in names if table.at[name, "group"] == name]
    steady = [name for name in leaders if not grows_with_history(name)]
    return {
        "all": names,
        "all but what grows with the history": [name for name in names if not grows_with_history(name)],
        "one of each group": leaders,
        "steady, one of each group": steady,
        **{f"first {size} of these": steady[:size] for size in SIZES},
    }


def choose(judged: Mapping[str, Mapping[str, Mapping[str, float]]]) -> str:
    """The smallest of the sized sets within one standard error of the best in log loss, on every data set.

    Only sets that lose at most .001 AUC to all features, or one standard error of it, take part; the best has the
    least log loss relative to that of all features, mean of the data sets (the one-standard-error rule of Breiman
    et al. 1984).
    """
    whole = judged["all"]
    fair = [
        name
        for name in judged
        if name.startswith("first")
        and all(told["auc_lost"] <= max(MOST_AUC_LOST, told["auc_standard_error"]) for told in judged[name].values())
    ]

    def relative(name: str) -> float:
        return float(np.mean([told["log_loss"] / whole[shop]["log_loss"] for shop, told in judged[name].items()]))

    best = judged[min(fair, key=relative)]
    limit = {shop: told["log_loss"] + told["standard_error"] for shop, told in best.items()}
    near = [name for name in fair if all(told["log_loss"] <= limit[shop] for shop, told in judged[name].items())]
    return min(near, key=lambda name: int(name.split()[1]))
