"""Live figures: what published probabilities were worth, on matured weeks and on customers left alone.

A contact is meant to change the outcome, so whoever got an offer in the label's window is left out: in their own week's
plan or in a later one. That alone would bend the figures, since plans choose whom they contact by risk. So a *control*,
held back at random with a known chance, stands for those like it: its row weighs one over that chance, once for each
week of the window in which it was held back (inverse probability weighting; Horvitz and Thompson 1952; over weeks,
Robins 2000). Lots of different weeks are unrelated (`offers/control.py`). With no control group the contacted are lost.

`published` tables have one row a customer of a published week: `week`, `cutoff_on`, `customer_id`, `p_lapse` (missing
without a score), `horizon_days`, `model_version`, `arm`, `control_share`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt
import pandas as pd

from contracts import windows
from contracts.params import Monitor, Task
from features.customer_days import CustomerDays
from features.snapshots import lapsed
from models.evaluation import metrics
from models.evaluation.figures import Judged, Plain, known, means_over_cutoffs
from models.monitoring.sampling import Drawn
from models.risk import Flags, Floats

LIVE = "live"
DaysReader = Callable[[pd.Series], CustomerDays]
"""The purchase days of some customers, by id."""
TOLD = ("auc", "log_loss", "brier")


@dataclass(frozen=True)
class Lived:
    """Matured rows of customers left alone; `weight` one entry a row, `n_contacted` the rows left out by week."""

    judged: Judged
    weight: Floats
    version: npt.NDArray[np.object_]
    week: npt.NDArray[np.object_]
    n_contacted: dict[str, int]

    def of(self, chosen: Flags) -> Lived:
        """The chosen rows."""
        rows = self.judged
        keys = rows.keys[chosen].reset_index(drop=True)
        customer = pd.factorize(rows.customer[chosen])[0].astype(np.int64)
        p = {LIVE: rows.predictions[LIVE][chosen]}
        kept = Judged(keys, rows.lapsed[chosen], customer, rows.cutoff[chosen], p)
        return Lived(kept, self.weight[chosen], self.version[chosen], self.week[chosen], self.n_contacted)


def is_week_matured(rows: pd.DataFrame, end: date, grace_days: int) -> bool:
    """Whether a published week's longest horizon has passed at data end; never without a probability."""
    return not rows.empty and windows.is_matured(_cutoff(rows), int(rows["horizon_days"].max()), end, grace_days)


def _cutoff(rows: pd.DataFrame) -> date:
    day: date = rows["cutoff_on"].iloc[0].date()
    return day


def _with_probability(published: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    for week, rows in published[published["p_lapse"].notna()].groupby("week", sort=True):
        yield str(week), rows


def matured_weeks(published: pd.DataFrame, end: date, grace_days: int) -> list[str]:
    """The weeks whose outcomes are known, in order."""
    return [week for week, rows in _with_probability(published) if is_week_matured(rows, end, grace_days)]


def waiting_weeks(published: pd.DataFrame, scored: date, end: date, task: Task) -> dict[str, str]:
    """The weeks whose outcomes are not known yet, the scored one too, each with the day on which they will be."""
    grace_days = task.label_grace_days
    days = {
        week: _cutoff(rows) + timedelta(days=int(rows["horizon_days"].max()) + grace_days)
        for week, rows in _with_probability(published)
        if not is_week_matured(rows, end, grace_days)
    }
    days[windows.iso_week(scored)] = scored + timedelta(days=task.label_days)
    return {week: day.isoformat() for week, day in days.items()}


def exposure(rows: pd.DataFrame, published: pd.DataFrame) -> tuple[Flags, Floats]:
    """Whether each of a week's rows was contacted within its window, and what it weighs (1 / chance of no contact)."""
    in_wave = published["arm"].isin(["treated", "control"])
    selected = published.loc[in_wave, ["customer_id", "cutoff_on", "arm", "control_share"]]
    own = rows[["customer_id", "horizon_days"]].assign(place=np.arange(len(rows)))
    met = own.merge(selected, on="customer_id")
    inside = windows.following(windows.day_numbers(met["cutoff_on"]), _cutoff(rows), met["horizon_days"].to_numpy())
    met = met[inside]
    place, is_treated = met["place"].to_numpy(), (met["arm"] == "treated").to_numpy()
    contacted = np.bincount(place[is_treated], minlength=len(rows)) > 0
    rarity = -np.log(met.loc[~is_treated, "control_share"].to_numpy(dtype=np.float64))
    return contacted, np.exp(np.bincount(place[~is_treated], rarity, minlength=len(rows)))


def happened(rows: pd.DataFrame, days: CustomerDays, end: date, task: Task) -> tuple[Flags, Flags]:
    """Which of a week's customers the store still holds, and of those who lapsed (False for the others)."""
    place = pd.Index(days.customers).get_indexer(pd.Index(rows["customer_id"]))
    is_held = place >= 0
    ahead = np.full(len(days.customers), task.horizon_days, dtype=np.int64)
    ahead[place[is_held]] = rows["horizon_days"].to_numpy(dtype=np.int64)[is_held]
    longest = task.model_copy(update={"label": "flat", "horizon_days": int(rows["horizon_days"].max())})
    gone = np.append(lapsed(days, _cutoff(rows), end, longest, ahead), False)  # the last place: whoever is not held
    return is_held, gone[place]


def lived(published: pd.DataFrame, read_days: DaysReader, end: date, task: Task, params: Drawn) -> Lived:
    """The matured weeks' rows with what happened, the contacted left out; of drawn customers where there are many.

    Purchases are read only if a week has matured.
    """
    weeks = matured_weeks(published, end, task.label_grace_days)
    if not weeks:
        return _told(published.iloc[:0].assign(lapsed=False, weight=1.0), {})
    drawn = _drawn(published, params.n_customers, params.seed)
    days, n_contacted, parts = read_days(drawn["customer_id"].drop_duplicates()), {}, []
    for week, rows in _with_probability(drawn):
        if week in weeks:
            contacted, weight = exposure(rows, published)
            is_held, gone = happened(rows, days, end, task)
            n_contacted[week] = int((contacted & is_held).sum())
            parts.append(rows.assign(lapsed=gone, weight=weight)[is_held & ~contacted])
    return _told(pd.concat(parts, ignore_index=True), n_contacted)


def _told(table: pd.DataFrame, n_contacted: dict[str, int]) -> Lived:
    judged = Judged(
        table[["customer_id", "cutoff_on"]],
        table["lapsed"].to_numpy(dtype=bool),
        pd.factorize(table["customer_id"], sort=True)[0].astype(np.int64),
        windows.day_numbers(table["cutoff_on"]),
        {LIVE: table["p_lapse"].to_numpy(dtype=np.float64)},
    )
    version, week = (table[name].to_numpy(dtype=object) for name in ("model_version", "week"))
    return Lived(judged, table["weight"].to_numpy(dtype=np.float64), version, week, n_contacted)


def _drawn(published: pd.DataFrame, n_customers: int, seed: int) -> pd.DataFrame:
    code, names = pd.factorize(published["customer_id"], sort=True)
    if len(names) <= n_customers:
        return published
    return published[(np.random.default_rng(seed).random(len(names)) < n_customers / len(names))[code]]


def calibration_error(p: Floats, outcome: Floats, weight: Floats) -> float:
    """`metrics.calibration_error` with weights: gap of predicted and observed in ten bins of equal count."""
    gaps = np.bincount(metrics.equal_count_bins(p), weight * (p - outcome), minlength=metrics.N_BINS)
    return float(np.abs(gaps).sum() / weight.sum())


def perfect_calibration_error(rows: Lived, n_draws: int, seed: int) -> tuple[float, float]:
    """The middle 95 % of the error that a perfectly calibrated model would show on these rows, weights included."""
    generator, p, customer = np.random.default_rng(seed), rows.judged.predictions[LIVE], rows.judged.customer
    n_customers = int(customer.max(initial=0)) + 1
    # one random number a customer for all weeks: windows of neighbouring weeks overlap
    outcomes = ((generator.random(n_customers)[customer] < p).astype(np.float64) for _ in range(n_draws))
    return metrics.interval(np.array([calibration_error(p, outcome, rows.weight) for outcome in outcomes]))


def promised_auc(p: Floats, weight: Floats) -> float:
    """The AUC that these very probabilities promise if they are right: outcomes weigh p and 1 − p.

    Whom the weeks hold decides what can be ranked; this changes with them, and not with the model's worth (van Klaveren
    et al. 2019, model-based concordance).
    """
    order = np.argsort(-p, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(p[order]) != 0])
    sums = [np.add.reduceat((weight * part)[order], starts)[None, :] for part in (p, 1.0 - p)]
    return float(metrics.weighted_auc(sums[0], sums[1])[0])


def figures(rows: Lived, n_draws: int, seed: int) -> Plain:
    """Live figures of some rows; means over weeks, 95 % intervals over customers; undefined ones are null."""
    judged, p = rows.judged, rows.judged.predictions[LIVE]
    plain = means_over_cutoffs(judged, p, rows.weight[None, :])
    drawn = [
        means_over_cutoffs(judged, p, weights * rows.weight)
        for weights in metrics.customer_weights(judged.customer, n_draws, seed)
    ]
    found: Plain = {"n_rows": len(p), "n_customers": len(np.unique(judged.customer))}
    found |= {"n_lapsed": int(judged.lapsed.sum()), "heaviest_weight": float(rows.weight.max(initial=1.0))}
    for name in TOLD:
        low, high = metrics.interval(np.concatenate([part[name] for part in drawn]))
        found |= {name: float(plain[name][0]), f"{name}_low": low, f"{name}_high": high}
    low, high = perfect_calibration_error(rows, n_draws, seed)
    parts = [judged.cutoff == day for day in judged.cutoffs]
    found |= {
        "auc_promised": float(np.mean([promised_auc(p[at], rows.weight[at]) for at in parts])),
        "calibration_error": calibration_error(p, judged.lapsed.astype(np.float64), rows.weight),
        "calibration_error_if_perfect_low": low,
        "calibration_error_if_perfect_high": high,
        "bias": float((rows.weight * (p - judged.lapsed)).sum() / rows.weight.sum()),
        "lapse_rate": float((rows.weight * judged.lapsed).sum() / rows.weight.sum()),
    }
    return known(found)


def live_figures(rows: Lived, champion_hash: str, params: Monitor, seed: int) -> dict[str, Plain]:
    """By model version (first 12 characters of the hash): its weeks, one record each, and all of them together.

    `model_hash` is whole where the version is the champion's; of earlier ones, published weeks hold the version alone.
    """
    return {
        str(version): {
            "model_hash": champion_hash if version and champion_hash.startswith(version) else None,
            "weeks": list(_by_week(rows.of(rows.version == version), params, seed)),
            "all": figures(rows.of(rows.version == version), params.n_bootstrap, seed),
        }
        for version in sorted(set(rows.version))
    }


def _by_week(rows: Lived, params: Monitor, seed: int) -> Iterator[Plain]:
    for week in sorted(set(rows.week)):
        chosen = rows.of(rows.week == week)
        told = {"week": str(week), "cutoff_on": windows.day_of(int(chosen.judged.cutoff[0])).isoformat()}
        yield told | {"n_contacted": rows.n_contacted[week]} | figures(chosen, params.n_bootstrap, seed)
