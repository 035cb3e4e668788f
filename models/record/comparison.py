"""Two candidates on the same judged rows: figures side by side, paired intervals, lists, and what they would earn."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from contracts import windows
from contracts.errors import StateError
from contracts.fit_sample import EVERYONE, FitSample
from contracts.params import Evaluate
from models.evaluation import metrics, profit
from models.evaluation.figures import Judged, economics, figures, gain, known, resampled, wilson
from models.record.pairing import BETTER, NO_WORSE, UNPROVED, WORSE
from models.risk import Floats

Plain = dict[str, Any]
CHAMPION = "champion"
CHALLENGER = "challenger"
SHOWN = (
    *("auc_mean", "average_precision", "lift_at_10", "brier", "log_loss", "calibration_error", "bias"),
    *("expected_maximum_profit", "profit_at_capacity", "list_stability"),
)


def compare(judged: Judged, params: Evaluate, seed: int) -> Plain:
    """Champion and challenger on the rows of `judged`, whose predictions go by these two names.

    Gains are the challenger's, above 0 is better, with paired 95 % intervals over customers.
    """
    values = resampled(judged, params.n_bootstrap, seed)
    both = {name: figures(judged, values, name, params, seed) for name in (CHAMPION, CHALLENGER)}
    return {
        "n_rows": len(judged.lapsed),
        "cutoffs": [windows.day_of(int(day)).isoformat() for day in judged.cutoffs],
        "figures": {name: {side: both[side][name] for side in both} for name in SHOWN},
        "gains": {name: gain(values, CHALLENGER, CHAMPION, name) for name in metrics.METRICS},
        "profit_gain": profit_gain(judged, params, seed),
        "by_cutoff": by_cutoff(judged),
        "lists": lists(judged, judged.sample.scaled(params.capacity)),
    }


def by_cutoff(judged: Judged) -> list[Plain]:
    """One record a cutoff: rows, lapse rate, and log loss, AUC and bias of both."""
    records = []
    for day in judged.cutoffs:
        at = judged.cutoff == day
        lapsed = judged.lapsed[at]
        record: Plain = {"cutoff_on": windows.day_of(int(day)).isoformat(), "n_rows": int(at.sum())}
        record["lapse_rate"] = float(lapsed.mean())
        for side in (CHAMPION, CHALLENGER):
            p = judged.predictions[side][at]
            found = metrics.plain_metrics(p, lapsed)
            record |= {f"{name}_{side}": found[name] for name in ("log_loss", "auc")}
            record[f"bias_{side}"] = float((p - lapsed).mean())
        records.append(known(record))
    return records


def listed(judged: Judged, side: str, capacity: int) -> npt.NDArray[np.bool_]:
    """Which rows are among the `capacity` highest risks of their cutoff."""
    inside = np.zeros(len(judged.lapsed), dtype=bool)
    for day in judged.cutoffs:
        at = np.flatnonzero(judged.cutoff == day)
        inside[at[profit.top_k(judged.predictions[side][at], capacity)]] = True
    return inside


def lists(judged: Judged, capacity: int) -> Plain:
    """The two lists of `capacity` a cutoff: how many stay, leave and enter, and how many of each lapsed (Wilson)."""
    old, new = (listed(judged, side, capacity) for side in (CHAMPION, CHALLENGER))
    groups = {"in both": old & new, "only the champion's": old & ~new, "only the challenger's": new & ~old}
    records = []
    for name, inside in groups.items():
        n, n_lapsed = int(inside.sum()), int(judged.lapsed[inside].sum())
        low, high = wilson(n_lapsed, n)
        means = {
            f"mean_p_{side}": float(judged.predictions[side][inside].mean()) if n else None
            for side in (CHAMPION, CHALLENGER)
        }
        share = n_lapsed / n if n else None
        records.append({"group": name, "n_rows": n, **means, "lapsed": share, "lapsed_low": low, "lapsed_high": high})
    n_both, n_any = int((old & new).sum()), int((old | new).sum())
    return {"capacity": capacity, "overlap": n_both / n_any if n_any else None, "groups": records}


def profit_gain(judged: Judged, params: Evaluate, seed: int) -> Plain:
    """What the challenger's list of `capacity` would earn more a cutoff (store currency), with its 95 % interval.

    The lists are as they are; the bootstrap draws the customers on them. What a sample's shorter lists would earn is
    told of the whole shop's.
    """
    k = judged.sample.scaled(params.capacity)
    terms = economics(params)
    worth = np.where(judged.lapsed, terms.won, -terms.spent)
    sides = [listed(judged, side, k).astype(np.float64) for side in (CHALLENGER, CHAMPION)]
    difference = (sides[0] - sides[1]) * worth / len(judged.cutoffs) * (params.capacity / k)
    sums: Floats = np.bincount(judged.customer, difference).astype(np.float64)
    drawn = np.concatenate(
        [weights @ sums for weights in metrics.customer_weights(np.arange(len(sums)), params.n_bootstrap, seed)]
    )
    low, high = metrics.interval(drawn)
    return {"value": float(difference.sum()), "low": low, "high": high}


def verdict(found: Plain, tolerance: float) -> str:
    """'better', 'worse', 'no worse' (within `tolerance` nats at the interval's lower end) or 'not proved'."""
    low, high = found["gains"]["log_loss"]["low"], found["gains"]["log_loss"]["high"]
    if low is not None and low > 0:
        return BETTER
    if high is not None and high < 0:
        return WORSE
    return NO_WORSE if low is not None and low > -tolerance else UNPROVED


def sentence(found: Plain, said: str, tolerance: float) -> str:
    """The verdict in one sentence, with its interval."""
    gained = found["gains"]["log_loss"]
    value, low, high = ("unknown" if gained[end] is None else f"{gained[end]:+.4f}" for end in ("value", "low", "high"))
    what = {
        BETTER: "The challenger is better than the champion",
        NO_WORSE: f"The challenger is no worse than the champion by more than {tolerance:g} (a reviewer may prefer it)",
        WORSE: "The challenger is worse than the champion",
        UNPROVED: "The challenger is not proved as good as the champion",
    }[said]
    overlap = found["lists"]["overlap"]
    shared = "" if overlap is None else f"; their {found['lists']['capacity']} highest risks share {overlap:.0%}"
    return f"{what}: log loss gained {value} [{low}, {high}] (95 %, paired, over customers; above 0 is better){shared}."


def paired(champion: pd.DataFrame, challenger: pd.DataFrame, sample: FitSample = EVERYONE) -> Judged:
    """Two tables of `anonymous` rows as judged rows, of a `sample` of the shop's customers.

    Raises:
        StateError: the rows are not the same customers, cutoffs and outcomes in the same order.
    """
    keys = ["customer", "cutoff_on", "lapsed"]
    if not champion[keys].reset_index(drop=True).equals(challenger[keys].reset_index(drop=True)):
        raise StateError("the two runs' judged rows differ, though their tags agree; one of them was altered")
    return Judged(
        champion[["customer", "cutoff_on"]],
        champion["lapsed"].to_numpy(dtype=bool),
        champion["customer"].to_numpy(dtype=np.int64),
        windows.day_numbers(champion["cutoff_on"]),
        {CHAMPION: champion["p_lapse"].to_numpy(), CHALLENGER: challenger["p_lapse"].to_numpy()},
        sample=sample,
    )
