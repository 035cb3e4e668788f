"""How risk is best learned from a history with offers in it: five ways, on simulated stores, judged against the truth.

    python -m benchmarks.effects.contamination --seeds 5 --workers 2

A store lives a year under the product's plan. Each quarter risk is fitted anew on the same history by each way, and
until the next fit its probabilities are compared with the true ones (no purchase in the horizon without contact) of
the eligible at later Mondays. `uncontaminated` is fitted on a twin of the store, of the same luck, that sent nothing:
nothing can be expected to do better. Intervals: 95 %, over seeds; differences from `ignore` are paired. `policy` is
the way.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from datetime import date
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import rel_entr
from scipy.stats import spearmanr, t

from contracts.params import Params
from events.store import Events
from models.contamination import COLUMN, METHODS
from models.learners.trees import BaggedTrees
from models.risk import Floats
from pipeline.living.desk import Desk, desk_of
from pipeline.living.policies import POLICIES
from pipeline.living.replay import burnt_in, replay_policy
from pipeline.living.risk import FEATURES, TREES, fit_risk, labelled
from pipeline.living.view import View, feature_rows, judged
from simulation.living.presets import PRESETS
from simulation.living.truth import expected

Row = dict[str, Any]
SHOPS = ("grocery", "fashion", "hotel")
REFIT_WEEKS = (26, 39, 52)
JUDGED_WEEKS = (26, 30, 34, 39, 43, 47, 52)
TWIN = "uncontaminated"
HIGH_SHARE = 0.2
"""Customers at high risk: the fifth with the highest predicted probability."""
METRICS = ("excess_log_loss", "bias", "bias_at_high_risk", "rank_correlation")
MOST_WORKERS = 2


@dataclass(frozen=True)
class Judged:
    """The eligible of one Monday: their features, and the true probability of a lapse without contact."""

    frame: pd.DataFrame
    truth: Floats


@dataclass
class Lived:
    """A year of one store: what was known at each refit, the twin's events then, whom to judge, and the waves."""

    preset: str
    seed: int
    params: Params
    known: dict[int, tuple[date, Events]] = field(default_factory=dict, repr=False)
    twins: dict[int, Events] = field(default_factory=dict, repr=False)
    judged: dict[int, Judged] = field(default_factory=dict, repr=False)
    waves: pd.DataFrame = field(default_factory=pd.DataFrame, repr=False)


@dataclass
class Watched(View):
    """A view whose replay can be looked into: `run` is the copy that the replay lives in."""

    run: View | None = None

    def copy(self) -> View:
        """The copy, which is kept."""
        self.run = super().copy()
        return self.run


def lived(preset: str, seed: int, params_file: Path) -> Lived:
    """A year under the product's own plan, and the twin's year without a message."""
    desk = desk_of(PRESETS[preset], seed, params_file)
    begun = burnt_in(desk, seed)
    watched = Watched(begun.store, begun.parts, begun.money)
    found = Lived(preset, seed, desk.params)
    weeks = iter(range(1, max(JUDGED_WEEKS) + 1))

    def look(_: str) -> None:
        week = next(weeks)
        if week in {*REFIT_WEEKS, *JUDGED_WEEKS} and watched.run is not None:
            _look(found, week, watched.run, desk)

    found.waves = replay_policy(desk, watched, POLICIES["regulars"], max(JUDGED_WEEKS), look).waves
    found.twins = twins(begun.copy())
    return found


def twins(view: View) -> dict[int, Events]:
    """What is known at each refit of the store that sends nothing."""
    found = {}
    for week in range(1, max(REFIT_WEEKS) + 1):
        view.add(view.store.step())
        if week in REFIT_WEEKS:
            found[week] = view.events()
    return found


def _look(found: Lived, week: int, view: View, desk: Desk) -> None:
    events, monday, task = view.events(), view.store.today, desk.params.task
    if week in REFIT_WEEKS:
        found.known[week] = monday, events
    if week in JUDGED_WEEKS:
        rows = judged(events, [monday], task)
        frame = feature_rows(events, rows, FEATURES, task.horizon_days)
        found.judged[week] = Judged(frame, true_lapse(view, frame["customer_id"], desk))


def true_lapse(view: View, customers: pd.Series, desk: Desk) -> Floats:
    """The store's own probability of no purchase in the horizon without contact, one a customer."""
    nothing = {"price_worth": 0.0, "other_worth": 0.0, "cost": 0.0, "contact_cost": 0.0}
    channel, task = desk.catalogue.channels[0].id, desk.params.task
    pairs = customers.to_frame("customer_id").assign(mechanic="recognition", channel=channel, **nothing)
    known = expected(view.store, pairs, task.horizon_days, task.value_horizon_days)
    return known["p_lapse"].clip(0, 1).to_numpy(dtype=np.float64)


def predictions(year: Lived, week: int, frames: Sequence[pd.DataFrame]) -> dict[str, list[Floats]]:
    """What each way, fitted at a refit week, says of the rows of some feature tables."""
    monday, events = year.known[week]
    task, execution = year.params.task, year.params.execution
    small = year.params.train.model_copy(update=TREES)
    waves = year.waves[year.waves["cutoff_on"] < pd.Timestamp(monday)]
    seen, clean = labelled(events, monday, task, waves), labelled(year.twins[week], monday, task, waves.iloc[:0])
    if seen is None or clean is None:
        return {}
    fits: dict[str, BaggedTrees] = {name: fit_risk(seen, name, small, execution) for name in METHODS}
    fits[TWIN] = fit_risk(clean, "ignore", small, execution)
    shown = [frame.assign(**{COLUMN: 0.0}) for frame in frames]
    return {name: [fit.predict(frame) for frame in shown] for name, fit in fits.items()}


def measured(predicted: Floats, truth: Floats) -> dict[str, float]:
    """Log loss beyond the truth's own (nats), mean error, the same of the fifth at highest predicted risk, and rank.

    >>> same = measured(np.array([0.1, 0.4, 0.7]), np.array([0.1, 0.4, 0.7]))
    >>> [round(value, 6) + 0.0 for value in same.values()]
    [0.0, 0.0, 0.0, 1.0]
    """
    p = np.clip(predicted, 1e-6, 1 - 1e-6)
    excess = rel_entr(truth, p) + rel_entr(1 - truth, 1 - p)
    high = p >= np.quantile(p, 1 - HIGH_SHARE)
    error = predicted - truth
    values = (excess.mean(), error.mean(), error[high].mean(), spearmanr(p, truth).statistic)
    return {name: float(value) for name, value in zip(METRICS, values, strict=True)}


def judged_year(year: Lived) -> list[Row]:
    """One row a judged Monday and way: its measures, and how many were judged."""
    rows = []
    for week, until in zip(REFIT_WEEKS, (*REFIT_WEEKS[1:], max(JUDGED_WEEKS) + 1), strict=True):
        weeks = [one for one in JUDGED_WEEKS if week <= one < until]
        found = predictions(year, week, [year.judged[one].frame for one in weeks])
        for way, parts in found.items():
            for one, p in zip(weeks, parts, strict=True):
                own = {"policy": way, "preset": year.preset, "seed": year.seed, "n": len(p)}
                rows.append(own | measured(p, year.judged[one].truth))
    return rows


def table(rows: Iterable[Row]) -> list[Row]:
    """One row a metric, way and preset: the mean over seeds, and the same of its difference from `ignore`."""
    every = pd.DataFrame(rows)
    found = []
    for preset, part in every.groupby("preset", sort=False):
        n = round(part[part["policy"] == "ignore"].groupby("seed")["n"].mean().mean())
        by_seed = part.groupby(["policy", "seed"])[list(METRICS)].mean()
        for metric, way in product(METRICS, part["policy"].unique()):
            own, base = by_seed.loc[way, metric], by_seed.loc["ignore", metric]
            key = {"policy": way, "preset": preset, "customers": n}
            found.append({"metric": metric, **key, **_interval(own.to_numpy())})
            if way != "ignore":
                found.append({"metric": f"{metric}_less_ignore", **key, **_interval((own - base).to_numpy())})
    return found


def _interval(values: Floats) -> Mapping[str, float]:
    """Mean with its 95 % interval by Student's t, over seeds."""
    n, mean = len(values), float(values.mean())
    half = float(t.ppf(0.975, n - 1) * values.std(ddof=1) / np.sqrt(n)) if n > 1 else float("nan")
    return {"value": mean, "low": mean - half, "high": mean + half, "seeds": n}


def year_of(preset: str, seed: int, params_file: Path) -> list[Row]:
    """One store's year, lived and judged."""
    return judged_year(lived(preset, seed, params_file))


def rows(
    n_seeds: int, workers: int = 1, presets: Sequence[str] = SHOPS, params: Path = Path("params.yaml")
) -> list[Row]:
    """The whole comparison."""
    jobs = list(product(presets, range(1, n_seeds + 1)))
    with ProcessPoolExecutor(min(workers, MOST_WORKERS)) as pool:
        parts = pool.map(year_of, *zip(*jobs, strict=True), [params] * len(jobs))
        return table(row for part in parts for row in part)


def main(argv: Sequence[str] | None = None) -> list[Row]:
    """Print the comparison, and give its rows."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--seeds", type=int, default=5)
    arguments.add_argument("--workers", type=int, default=1)
    chosen = arguments.parse_args(argv)
    found = rows(chosen.seeds, chosen.workers)
    print(pd.DataFrame(found).to_string(index=False, float_format="%.4f"))
    return found


if __name__ == "__main__":
    main()
