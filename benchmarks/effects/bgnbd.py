"""Whether learning from a history with offers in it finds the true risk where that is known in closed form.

    python -m benchmarks.effects.bgnbd --seeds 5 --customers 3000

Customers buy by an MBG/NBD process of known parameters (features/mbgnbd.py). Each Monday some of the silent are drawn;
with the probability of treatment they are contacted, and those who had left come back with the probability `save`, at
their own rate. Afterwards risk is learned by each way, from recency, frequency and age, and compared with the closed
form of P(no purchase in the horizon | history, no contact) among the customers of a twin that sent nothing: whoever was
brought back has a history that the closed form does not know. `uncontaminated` is learned from the twin. Differences
from `ignore` are paired over seeds; intervals are 95 %.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.effects.contamination import TWIN, measured, table
from contracts.params import Execution, Train, load_params
from features.mbgnbd import MbgNbd, p_no_purchase
from features.snapshots import with_contact
from models.contamination import COLUMN, METHODS, Method, contact_input, contact_of, fitted_places
from models.learners import trees
from models.risk import Floats

Row = dict[str, Any]
Ints = np.ndarray[tuple[int], np.dtype[np.int64]]
TRUE = MbgNbd(r=1.2, alpha=12.0, a=0.6, b=9.0)
HORIZON_DAYS = 28
FIRST_MONDAY = pd.Timestamp("2022-01-03")
N_WEEKS, FIRST_WAVE_WEEK, FIRST_LABEL_WEEK = 104, 40, 26
FEATURES = ["n_repeats", "silence_days", "age_days"]
PRESET = "mbg_nbd"


@dataclass(frozen=True)
class Law:
    """How contact acts: the share of those gone whom it brings back, of the silent drawn a week, treated of those."""

    save: float = 0.5
    drawn: float = 0.25
    treated: float = 0.8


@dataclass(frozen=True)
class Lived:
    """`days`: purchase days (from 0) of each customer, in order; `waves`: as WAVES, as far as contact is told by it."""

    days: list[Ints]
    waves: pd.DataFrame


class _Customers:
    """The process as it goes: each customer's own rate and chance to leave, and the next purchase day."""

    def __init__(self, rng: np.random.Generator, n: int) -> None:
        self.rng = rng
        self.rate = rng.gamma(TRUE.r, 1 / TRUE.alpha, n)
        self.leaves = rng.beta(TRUE.a, TRUE.b, n)
        self.joined = rng.integers(0, 7 * FIRST_LABEL_WEEK, n).astype(np.float64)
        self.next = self.joined.copy()
        self.bought: list[list[float]] = [[] for _ in range(n)]

    def live(self, until: float) -> None:
        """Buy, and perhaps leave after each purchase, until a day."""
        due = np.flatnonzero(self.next < until)
        while len(due):
            for who in due:
                self.bought[who].append(float(self.next[who]))
            stays = self.rng.random(len(due)) >= self.leaves[due]
            wait = self.rng.exponential(1 / self.rate[due])
            self.next[due] = np.where(stays, self.next[due] + wait, np.inf)
            due = due[self.next[due] < until]

    def save(self, who: Ints, day: float) -> None:
        """Bring back customers who have left; whoever is here is not moved."""
        gone = who[np.isinf(self.next[who])]
        self.next[gone] = day + self.rng.exponential(1 / self.rate[gone])


def lived(seed: int, n: int, law: Law) -> Lived:
    """Two years; from week 40 on, some of those silent for two weeks or more and less than half a year are drawn."""
    rng = np.random.default_rng([seed, 1])
    people, waves, until = _Customers(np.random.default_rng([seed, 0]), n), [], np.zeros(n)
    for week in range(N_WEEKS):
        day = 7.0 * week
        people.live(day)
        last = np.array([days[-1] if days else np.inf for days in people.bought])
        silent = np.flatnonzero((day - last >= 14) & (day - last < 182) & (until <= day))
        drawn = silent[rng.random(len(silent)) < law.drawn]
        is_treated = rng.random(len(drawn)) < law.treated
        saved = drawn[is_treated & (rng.random(len(drawn)) < law.save)]
        if week < FIRST_WAVE_WEEK or not law.drawn:
            continue
        people.save(saved, day)
        until[drawn] = day + HORIZON_DAYS
        waves.append(_wave(drawn, is_treated, day, law))
    return Lived(
        [np.array(days) for days in people.bought], pd.concat(waves) if waves else _wave(np.array([]), [], 0, law)
    )


def _wave(drawn: Ints, is_treated: Any, day: float, law: Law) -> pd.DataFrame:
    arm = np.where(np.asarray(is_treated, dtype=bool), "treated", "control")
    return pd.DataFrame(
        {
            "customer_id": drawn.astype(np.int64),
            "cutoff_on": FIRST_MONDAY + pd.Timedelta(days=day),
            "horizon_days": HORIZON_DAYS,
            "arm": arm,
            "offer": "gift",
            "propensity": np.where(arm == "treated", law.treated, 1 - law.treated),
        }
    )


def rows_at(days: list[Ints], week: int) -> pd.DataFrame:
    """One row a customer who has bought by a Monday: history, and whether no purchase followed in the horizon."""
    day, found = 7.0 * week, []
    for who, own in enumerate(days):
        n = int(np.searchsorted(own, day))
        if n:
            lapsed = not (n < len(own) and own[n] < day + HORIZON_DAYS)
            found.append((who, n - 1, own[n - 1] - own[0], day - own[0], day - own[n - 1], lapsed))
    names = ["customer_id", "n_repeats", "last_day", "age_days", "silence_days", "lapsed"]
    monday = FIRST_MONDAY + pd.Timedelta(days=day)
    return pd.DataFrame(found, columns=names).assign(cutoff_on=monday, horizon_days=HORIZON_DAYS)


def truth_of(rows: pd.DataFrame) -> Floats:
    """The closed form under the true parameters, one a row."""
    repeats, last, age = (rows[name].to_numpy(dtype=np.float64) for name in ("n_repeats", "last_day", "age_days"))
    return p_no_purchase(TRUE, repeats, last, age, HORIZON_DAYS)


def _fit(rows: pd.DataFrame, waves: pd.DataFrame, how: Method, train: Train, execution: Execution) -> trees.BaggedTrees:
    contact, lapsed = contact_of(with_contact(rows, waves)), rows["lapsed"].to_numpy(dtype=bool)
    places, names = fitted_places(contact, lapsed, how), FEATURES
    if how == "input":
        rows, names = rows.assign(**{COLUMN: contact_input(contact, len(rows))}), [*FEATURES, COLUMN]
    return trees.fit(rows.iloc[places], lapsed[places], names, train, execution)


def judged_seed(seed: int, n: int, law: Law, train: Train, execution: Execution) -> list[Row]:
    """One row a way: its measures on the twin's customers of the last Monday."""
    contacted, clean = lived(seed, n, law), lived(seed, n, Law(drawn=0.0))
    weeks = range(FIRST_LABEL_WEEK, N_WEEKS - HORIZON_DAYS // 7, 2)
    rows, alone = (
        pd.concat([rows_at(one.days, week) for week in weeks], ignore_index=True) for one in (contacted, clean)
    )
    now = rows_at(clean.days, N_WEEKS)
    truth = truth_of(now)
    fits: dict[str, trees.BaggedTrees] = {how: _fit(rows, contacted.waves, how, train, execution) for how in METHODS}
    fits[TWIN] = _fit(alone, contacted.waves.iloc[:0], "ignore", train, execution)
    key = {"preset": PRESET, "seed": seed, "n": len(now)}
    shown = now.assign(**{COLUMN: 0.0})
    return [key | {"policy": name} | measured(fit.predict(shown), truth) for name, fit in fits.items()]


def rows(n_seeds: int, n: int = 3000, params: Path = Path("params.yaml"), law: Law | None = None) -> list[Row]:
    """The whole comparison."""
    known = load_params(params)
    small = known.train.model_copy(
        update={"num_trees": 200, "learning_rate": 0.05, "n_bags": 1, "feature_fraction": 1.0}
    )
    seeds = range(1, n_seeds + 1)
    return table(row for seed in seeds for row in judged_seed(seed, n, law or Law(), small, known.execution))


def main(argv: Sequence[str] | None = None) -> list[Row]:
    """Print the comparison, and give its rows."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--seeds", type=int, default=5)
    arguments.add_argument("--customers", type=int, default=3000)
    chosen = arguments.parse_args(argv)
    found = rows(chosen.seeds, chosen.customers)
    print(pd.DataFrame(found).to_string(index=False, float_format="%.4f"))
    return found


if __name__ == "__main__":
    main()
