"""Policies on living stores whose truth is known: one year, the same customers and the same luck for each.

    python -m benchmarks.effects.stores --seeds 20 --presets grocery fashion --workers 2

Each (preset, seed) is one process: a burn-in, then every policy from the same state. Runs are kept in
docs/benchmarks/effects_runs.json as they end; figures are made of all that were run with the code as it is.
"""

from __future__ import annotations

import argparse
import ast
import os
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from benchmarks.offers.results import Row
from contracts.files import digest, read_json, write_json
from contracts.params import read_yaml
from pipeline.living.desk import desk_of
from pipeline.living.policies import POLICIES, RIVALS
from pipeline.living.replay import burnt_in, replay_policy
from simulation.living.presets import PRESETS

ROOT = Path(__file__).parents[2]
RUNS = ROOT / "docs" / "benchmarks" / "effects_runs.json"
N_WEEKS, LATE_FROM = 52, 27
LEAST_SHARE = 0.01
"""The oracle must earn so much of nobody's profit in the late weeks for a preset to count in the pooled share."""
N_DRAWS = 4_000
ROOMS = ("contracts", "events", "features", "models", "offers", "portraits", "pipeline/living", "simulation/living")
Run = dict[str, Any]


def run_one(preset: str, seed: int, n_weeks: int = N_WEEKS, policies: Sequence[str] = tuple(POLICIES)) -> Run:
    """All policies on one store: profits over the late weeks and the year, messages, and CPU seconds a week."""
    desk = desk_of(PRESETS[preset], seed, ROOT / "params.yaml")
    begun, found = burnt_in(desk, seed), {}
    for name in policies:
        before = _cpu()
        record = replay_policy(desk, begun, POLICIES[name], n_weeks)
        weeks = record.weeks
        late = weeks["week"] >= min(LATE_FROM, n_weeks // 2 + 1)
        found[name] = {
            "late": round(float(weeks.loc[late, "profit"].sum()), 2),
            "year": round(float(weeks["profit"].sum()), 2),
            "true": round(float(weeks["true_profit"].sum()), 2),
            "sent": int(weeks["n_sent"].sum()),
            "price": round(float(weeks["price_of_experiments"].sum()), 2),
            "cpu": round((_cpu() - before) / n_weeks, 3),
        }
    eligible = round(float(weeks["n_eligible"].mean())) if len(policies) else 0
    return {"preset": preset, "seed": seed, "weeks": n_weeks, "eligible": eligible, "policies": found}


def _cpu() -> float:
    used = os.times()
    return used.user + used.system


def code_digest() -> str:
    """SHA-256 over what decides a run: the rooms that a replay uses, and the parameters; their words decide nothing."""
    parts = [path for room in ROOMS for path in sorted((ROOT / room).rglob("*")) if path.suffix in {".py", ".yaml"}]
    return digest(*(_decides(path) for path in [*parts, ROOT / "params.yaml"]))[:12]


def _decides(path: Path) -> bytes:
    """What a file says to the machine: a module's syntax without docstrings and comments, other files' plain data."""
    if path.suffix != ".py":
        return repr(read_yaml(path)).encode()
    tree = ast.parse(path.read_bytes())
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [one for one in body if not _is_text(one)]  # type: ignore[attr-defined]
    return ast.dump(tree).encode()


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def measured(presets: Sequence[str], seeds: Sequence[int], workers: int, path: Path = RUNS) -> list[Run]:
    """The wanted runs that are not kept yet, seed by seed, each kept as it ends; all kept runs of the code as it is."""
    code = code_digest()
    known = [run for run in (read_json(path) if path.exists() else []) if run["code"] == code]
    have = {(run["preset"], run["seed"]) for run in known}
    wanted = [(preset, seed) for seed in seeds for preset in presets if (preset, seed) not in have]
    with ProcessPoolExecutor(workers) as pool:
        jobs = {pool.submit(run_one, preset, seed): (preset, seed) for preset, seed in wanted}
        for nth, job in enumerate(as_completed(jobs)):
            known.append(job.result() | {"code": code})
            write_json(path, sorted(known, key=lambda run: (run["preset"], run["seed"])))
            print(
                f"  stores: {jobs[job][0]}, seed {jobs[job][1]} ({nth + 1} of {len(wanted)}): {_told(known[-1])}",
                flush=True,
            )
    return known


def _told(run: Run) -> str:
    nobody = run["policies"]["nobody"]["late"]
    return ", ".join(f"{name} {own['late'] - nobody:,.0f}" for name, own in run["policies"].items() if name != "nobody")


def over_nobody(runs: Iterable[Run], policy: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Late profit over 'nobody', a run each."""
    return np.array([run["policies"][policy]["late"] - run["policies"]["nobody"]["late"] for run in runs])


def rows(runs: Sequence[Run]) -> list[Row]:
    """`share_of_oracle`, `profit` over nobody, `difference` from each rival: by preset and over all, 95 %."""
    by_preset = {name: [run for run in runs if run["preset"] == name] for name in PRESETS}
    by_preset = {name: own for name, own in by_preset.items() if own}
    counted = {name: own for name, own in by_preset.items() if _is_worth_it(own)}
    found: list[Row] = []
    for name, own in by_preset.items():
        found += _preset_rows(name, own, in_share=name in counted)
    for policy in ("regulars", *RIVALS):
        found.append(
            _row(
                "share_of_oracle",
                policy,
                "all",
                [run for own in counted.values() for run in own],
                _pooled(counted, policy),
            )
        )
    for rival in RIVALS:
        pooled = _pooled_difference(counted, rival)
        found.append(
            _row(f"share_over_{rival}", "regulars", "all", [run for own in counted.values() for run in own], pooled)
        )
        every = [run for own in by_preset.values() for run in own]
        found.append(_row(f"gain_over_{rival}", "regulars", "all", every, _gain_over(by_preset, rival)))
    return found


def _gain_over(by_preset: Mapping[str, Sequence[Run]], rival: str) -> Figure:
    """Regulars' late profit less a rival's, as a share of what comes in without messages; all presets alike."""
    parts = [
        (
            over_nobody(runs, "regulars") - over_nobody(runs, rival),
            np.array([run["policies"]["nobody"]["late"] for run in runs]),
        )
        for runs in by_preset.values()
    ]
    value = float(np.mean([gain.sum() / base.sum() for gain, base in parts]))
    return value, *_ends(parts)


def _is_worth_it(runs: Sequence[Run]) -> bool:
    nobody = np.mean([run["policies"]["nobody"]["late"] for run in runs])
    return bool(over_nobody(runs, "oracle").mean() > LEAST_SHARE * nobody)


def _preset_rows(name: str, runs: Sequence[Run], *, in_share: bool) -> list[Row]:
    oracle = over_nobody(runs, "oracle")
    found = []
    for policy in ("regulars", "oracle", *RIVALS):
        own = over_nobody(runs, policy)
        found.append(_row("profit", policy, name, runs, _mean(own)))
        if in_share and policy != "oracle":
            found.append(_row("share_of_oracle", policy, name, runs, _ratio(own, oracle)))
        if policy in RIVALS:
            gain = over_nobody(runs, "regulars") - own
            found.append(_row(f"profit_over_{policy}", "regulars", name, runs, _mean(gain)))
    year = [run["policies"]["regulars"]["year"] - run["policies"]["nobody"]["year"] for run in runs]
    price = [run["policies"]["regulars"]["price"] for run in runs]
    found.append(_row("profit_of_the_year", "regulars", name, runs, _mean(np.array(year))))
    found.append(_row("stated_price_of_experiments", "regulars", name, runs, _mean(np.array(price))))
    cpu = [own["cpu"] for run in runs for own in run["policies"].values()]
    found.append(_row("cpu_seconds_a_store_week", "all policies", name, runs, _mean(np.array(cpu))))
    return found


Figure = tuple[float, float, float]
Values = np.ndarray[Any, np.dtype[np.float64]]


def _mean(values: Values) -> Figure:
    """Mean over seeds with its 95 % interval (t)."""
    mean = float(values.mean())
    if len(values) < 2:
        return mean, float("nan"), float("nan")
    spread = float(stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values)))
    return mean, mean - spread, mean + spread


def _draws(n: int, stream: int = 0) -> np.ndarray[Any, np.dtype[np.int64]]:
    return np.random.default_rng([1, stream]).integers(0, n, (N_DRAWS, n))


def _ratio(own: Values, oracle: Values) -> Figure:
    """Ratio of sums over seeds, with a bootstrap interval over seeds."""
    value = float(own.sum() / oracle.sum())
    if len(own) < 2:
        return value, float("nan"), float("nan")
    drawn = _draws(len(own))
    low, high = np.quantile(own[drawn].sum(axis=1) / oracle[drawn].sum(axis=1), [0.025, 0.975])
    return value, float(low), float(high)


def _drawn_shares(own: Values, oracle: Values, stream: int) -> Values:
    drawn = _draws(len(own), stream)
    return np.asarray(own[drawn].sum(axis=1) / oracle[drawn].sum(axis=1))


def _ends(parts: Sequence[tuple[Values, Values]]) -> tuple[float, float]:
    """95 % interval of the mean of several ratios of sums; seeds are drawn anew within each.

    Missing with a single seed.
    """
    if min((len(own) for own, _ in parts), default=0) < 2:
        return float("nan"), float("nan")
    drawn = np.mean([_drawn_shares(*part, nth) for nth, part in enumerate(parts)], axis=0)
    low, high = np.quantile(drawn, [0.025, 0.975])
    return float(low), float(high)


def _pooled(by_preset: Mapping[str, Sequence[Run]], policy: str) -> Figure:
    """Mean of the presets' shares, each preset alike; seeds are drawn anew within each."""
    parts = [(over_nobody(runs, policy), over_nobody(runs, "oracle")) for runs in by_preset.values()]
    value = float(np.mean([own.sum() / oracle.sum() for own, oracle in parts]))
    return value, *_ends(parts)


def _pooled_difference(by_preset: Mapping[str, Sequence[Run]], rival: str) -> Figure:
    """By how much of the oracle's profit Regulars is ahead of a rival, presets alike, paired by seed."""
    parts = [
        (over_nobody(runs, "regulars") - over_nobody(runs, rival), over_nobody(runs, "oracle"))
        for runs in by_preset.values()
    ]
    value = float(np.mean([gain.sum() / oracle.sum() for gain, oracle in parts]))
    return value, *_ends(parts)


def _row(metric: str, policy: str, preset: str, runs: Sequence[Run], figure: Figure) -> Row:
    value, low, high = (float(f"{part:.6g}") if np.isfinite(part) else None for part in figure)
    customers = round(float(np.mean([run["eligible"] for run in runs]))) if runs else 0
    seeds = sorted({run["seed"] for run in runs})
    return {
        "metric": metric,
        "policy": policy,
        "preset": preset,
        "customers": customers,
        "value": value,
        "low": low,
        "high": high,
        "seeds": seeds,
    }


def main(argv: Sequence[str] | None = None) -> list[Row]:
    """Run what is missing, and print the figures of all that is kept."""
    arguments = argparse.ArgumentParser(
        prog="python -m benchmarks.effects.stores",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    arguments.add_argument("--presets", nargs="+", default=list(PRESETS), choices=list(PRESETS))
    arguments.add_argument("--seeds", type=int, default=20, help="how many, from --first on")
    arguments.add_argument("--first", type=int, default=101, help="the first seed")
    arguments.add_argument("--workers", type=int, default=2)
    arguments.add_argument("--runs", type=Path, default=RUNS, help="file of the kept runs")
    asked = arguments.parse_args(argv)
    runs = measured(asked.presets, range(asked.first, asked.first + asked.seeds), asked.workers, asked.runs)
    found = rows(runs)
    for row in found:
        print(f"  {row['metric']}, {row['policy']}, {row['preset']}: {row['value']} [{row['low']}, {row['high']}]")
    return found


if __name__ == "__main__":
    main()
