"""Whether intervals hold the truth as often as they say: drawn waves in which every customer's effect is known.

    python -m benchmarks.effects.coverage --waves 2000 --workers 2

The truth of a wave is the mean expected difference of its own customers. Margins have heavy tails, p0 is biased,
save and harm differ from customer to customer. The anytime interval is looked at in each of 52 weeks; under no effect
it may leave out 0 in at most 5 of 100 years. `policy` is whose method it is, `preset` what was judged.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import repeat
from typing import Any

import numpy as np
import pandas as pd

from contracts.wave_tables import WAVE_OUTCOMES
from offers.effects.difference import difference, of_rows
from offers.effects.rows import Floats, Outcome, Rows, rows_of
from offers.effects.sequence import residuals, weekly

Row = dict[str, Any]
Hits = dict[str, bool]
HORIZON_DAYS = 28
FIRST_MONDAY = pd.Timestamp("2017-01-02")
OUTCOMES: tuple[Outcome, ...] = ("lapsed", "margin")
PRESETS = {"lapsed": "retention", "margin": "margin"}
N_WEEKS, N_A_WEEK = 52, 60
MEAN_CUSTOMERS = 675
MOST_WORKERS = 2


@dataclass(frozen=True)
class Truth:
    """How offers act: each customer's save and harm lie around these; `bias` is added to the p0 that is seen."""

    save: float = 0.2
    harm: float = 0.01
    bias: float = 0.0
    control_share: float = 0.3
    margin: float = 8.0
    tail: float = 1.0
    cost: float = 0.6


@dataclass(frozen=True)
class Drawn:
    """A wave's outcomes (a table WAVE_OUTCOMES) and, a row each, the expected effects on retention and margin."""

    outcomes: pd.DataFrame
    retention: Floats
    margin: Floats


def drawn_wave(
    rng: np.random.Generator, n: int, truth: Truth, *, week: int = 0, offer: str = "gift", group: str = "regulars"
) -> Drawn:
    """One wave: the control is a fixed share at random; lapses and margins are drawn from each customer's own odds."""
    risk = rng.beta(1.5, 4, n)
    save = np.clip(rng.normal(truth.save, 0.1, n), -0.5, 0.9) if truth.save else np.zeros(n)
    harm = np.clip(rng.normal(truth.harm, 0.005, n), 0, 0.5) if truth.harm else np.zeros(n)
    reach = 0.8
    effect = risk * save * reach - (1 - risk) * harm
    scale = truth.margin * rng.lognormal(-(truth.tail**2) / 2, truth.tail, n)
    n_control = max(round(truth.control_share * n), 1)
    treated = np.ones(n, bool)
    treated[rng.permutation(n)[:n_control]] = False
    share = n_control / n
    lapsed = rng.random(n) < np.clip(risk - np.where(treated, effect, 0.0), 0, 1)
    paid = np.where(lapsed, 0.0, scale * rng.lognormal(-0.18, 0.6, n))
    cost = np.where(treated & ~lapsed, truth.cost, 0.0)
    margin = paid - cost
    monday = FIRST_MONDAY + pd.Timedelta(weeks=week)
    year, number, _ = monday.isocalendar()
    frame = pd.DataFrame(
        _columns(n, offer, group)
        | {
            "wave": f"{year}-W{number:02d}",
            "cutoff_on": monday,
            "customer_id": [f"{offer}-{week}-{k}" for k in range(n)],
            "arm": np.where(treated, "treated", "control"),
            "propensity": np.where(treated, 1 - share, share),
            "p_lapse": np.clip(risk + truth.bias, 0, 1),
            "value_at_stake": 3 * scale,
            "reach": reach,
            "offer_cost": truth.cost * (1 - risk.mean()),
            "effect": effect,
            "lapsed": lapsed,
            "amount": 4 * paid,
            "benefit_cost": cost,
            "margin": margin,
            "margin_before": scale * rng.lognormal(-0.18, 0.6, n) * (rng.random(n) > 0.8 * risk),
            "is_contacted": treated,
            "is_redeemed": cost > 0,
        }
    )
    stays, stays_treated = 1 - risk, np.clip(1 - risk + effect, 0, 1)
    gain = stays_treated * (scale - truth.cost) - stays * scale
    return Drawn(frame[[name for name in WAVE_OUTCOMES.columns if name in frame.columns]], stays_treated - stays, gain)


def _columns(n: int, offer: str, group: str) -> dict[str, object]:
    """What does not hang on the draw."""
    return {
        "purpose": "plan",
        "offer": offer,
        "channel": "email",
        "group": group,
        "risk_band": "medium",
        "tier": "regular",
        "interaction": "forced",
        "contact_cost": 0.0,
        "price_benefit": 1.0,
        "model_version": "0123456789ab",
        "horizon_days": HORIZON_DAYS,
        "send_on": FIRST_MONDAY,
        "valid_until": FIRST_MONDAY,
        "full_price_share": np.full(n, 0.7),
        "full_price_share_before": np.full(n, 0.7),
        "interaction_after": "forced",
        "reason": "",
        "options": "",
    }


def drawn_weeks(rng: np.random.Generator, n_weeks: int, n: int, truth: Truth) -> pd.DataFrame:
    """The table WAVE_OUTCOMES of so many weekly waves of `n` customers each."""
    parts = [drawn_wave(rng, n, truth, week=week).outcomes for week in range(n_weeks)]
    return pd.concat(parts, ignore_index=True)


def covers(seed: int, number: int) -> Hits:
    """Whether each interval of one wave, of random size, control share and bias of p0, holds the truth."""
    rng = np.random.default_rng([seed, number])
    truth = Truth(control_share=float(rng.uniform(0.1, 0.4)), bias=float(rng.normal(0, 0.03)))
    wave = drawn_wave(rng, int(rng.integers(150, 1200)), truth)
    found = {name: difference(wave.outcomes, name) for name in OUTCOMES}
    held = {"lapsed": float(wave.retention.mean()), "margin": float(wave.margin.mean())}
    return {PRESETS[name]: own.low <= held[name] <= own.high for name, own in found.items()}


def errs(seed: int, number: int) -> Hits:
    """Whether the anytime interval ever leaves out 0 in a year of weekly looks at an offer that does nothing.

    Beside it the 95 % interval of each look alone, looked at as often: what peeking does to it.
    """
    rng = np.random.default_rng([seed, 1, number])
    truth = Truth(save=0.0, harm=0.0, cost=0.0, control_share=float(rng.uniform(0.15, 0.4)))
    rows = rows_of(drawn_weeks(rng, N_WEEKS, N_A_WEEK, truth))
    left = residuals(rows)
    found = {}
    for name in OUTCOMES:
        looks = [look for _, look in weekly(rows, left[name], name)]
        found[PRESETS[name]] = any(look.low > 0 or look.high < 0 for look in looks)
        found[f"{PRESETS[name]}, peeking"] = any(_excludes_zero(rows, name, week) for week in range(N_WEEKS))
    return found


def _excludes_zero(rows: Rows, name: Outcome, week: int) -> bool:
    own = of_rows(rows.at(rows.wave <= week), name)
    return own.low > 0 or own.high < 0


def rates(judge: Callable[[int, int], Hits], seed: int, n: int, workers: int) -> dict[str, float]:
    """Share of `n` drawn experiments in which each thing is so."""
    if workers > 1:
        with ProcessPoolExecutor(min(workers, MOST_WORKERS)) as pool:
            found = list(pool.map(judge, repeat(seed, n), range(n), chunksize=10))
    else:
        found = [judge(seed, number) for number in range(n)]
    return {name: sum(hits[name] for hits in found) / n for name in found[0]}


def rows_for(metric: str, found: Mapping[str, float], n: int, seed: int, customers: int) -> list[Row]:
    """One row a preset, with two Monte Carlo errors on either side."""
    return [
        {
            "metric": metric,
            "policy": "regulars",
            "preset": preset,
            "value": share,
            "low": share - 2 * math.sqrt(share * (1 - share) / n),
            "high": share + 2 * math.sqrt(share * (1 - share) / n),
            "seeds": [seed],
            "customers": customers,
        }
        for preset, share in found.items()
    ]


def measured(waves: int, years: int, seed: int, workers: int = 1) -> list[Row]:
    """Coverage over `waves` waves, and errors over `years` years of weekly looks, as rows of figures."""
    found = rows_for("coverage_95", rates(covers, seed, waves, workers), waves, seed, MEAN_CUSTOMERS)
    if years:
        wrong = rates(errs, seed, years, workers)
        found += rows_for("anytime_error", wrong, years, seed, N_WEEKS * N_A_WEEK)
    return found


def main(argv: Sequence[str] | None = None) -> list[Row]:
    """Read the command line, measure, print."""
    arguments = argparse.ArgumentParser(prog="python -m benchmarks.effects.coverage", description=__doc__)
    arguments.add_argument("--waves", type=int, default=2000, help="drawn waves whose intervals are judged")
    arguments.add_argument("--years", type=int, default=500, help="drawn years of weekly looks at no effect")
    arguments.add_argument("--seed", type=int, default=7, help="choose a fresh one")
    arguments.add_argument("--workers", type=int, default=1, help=f"processes, at most {MOST_WORKERS}")
    asked = arguments.parse_args(argv)
    found = measured(asked.waves, asked.years, asked.seed, asked.workers)
    for row in found:
        print(f"{row['metric']}, {row['preset']}: {row['value']:.4f} ({row['low']:.4f} to {row['high']:.4f})")
    return found


if __name__ == "__main__":
    main()
