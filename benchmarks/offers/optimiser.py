"""One run in its own process: a random week is made, chosen by one policy, checked; figures as JSON on standard output.

python -m benchmarks.offers.optimiser <policy> <preset> <customers> <seed>
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array, vstack

from benchmarks.offers.checking import violation
from benchmarks.offers.instances import PRESETS
from offers.optimiser.choice import choose
from offers.optimiser.problem import Problem, Row

KIB_PER_MB = 1024
HIGHS_GAP, HIGHS_SECONDS = 1e-4, 250.0
Chosen = tuple[npt.NDArray[np.int64], float, float]


def by_regulars(problem: Problem) -> Chosen:
    """Picks, value and bound of the product's own optimiser."""
    choice = choose(problem)
    return choice.picked, choice.value, choice.bound


def by_highs(problem: Problem) -> Chosen:
    """The same by HiGHS on the whole problem, one 0/1 variable a candidate, within its time limit."""
    n = problem.n_candidates
    customer = np.repeat(np.arange(problem.n_customers), np.diff(problem.start))
    each = csr_array((np.ones(n), (customer, np.arange(n))), shape=(problem.n_customers, n))
    rows = vstack([csr_array(_weights(problem, row, customer)[None, :]) for row in problem.rows])
    result = milp(
        -problem.profit.astype(np.float64),
        integrality=np.ones(n),
        bounds=Bounds(0, 1),
        constraints=[
            LinearConstraint(each, -np.inf, 1),
            LinearConstraint(csr_array(rows), [r.least for r in problem.rows], [r.most for r in problem.rows]),
        ],
        options={"mip_rel_gap": HIGHS_GAP, "time_limit": HIGHS_SECONDS},
    )
    picked = np.full(problem.n_customers, -1, dtype=np.int64)
    if result.x is None:
        return picked, 0.0, float("nan") if result.mip_dual_bound is None else -float(result.mip_dual_bound)
    chosen = np.flatnonzero(result.x > 0.5)
    picked[customer[chosen]] = chosen
    return picked, float(problem.profit[chosen].sum(dtype=np.float64)), -float(result.mip_dual_bound)


def _weights(problem: Problem, row: Row, customer: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    kind, weights = problem.kind[customer], np.zeros(problem.n_candidates)
    if row.per_contact is not None:
        weights += row.per_contact[kind, problem.pair]
    if row.per_cost is not None:
        weights += row.per_cost[kind, problem.pair] * problem.cost
    return weights


POLICIES: dict[str, Callable[[Problem], Chosen]] = {"regulars": by_regulars, "highs": by_highs}


def figures(policy: str, preset: str, n_customers: int, seed: int) -> dict[str, float]:
    """Seconds (wall and CPU) of the choice alone, peak memory of the process with its data, and the plan's quality."""
    made = PRESETS[preset](n_customers, seed)
    POLICIES[policy](PRESETS[preset](50, seed))  # compiled loops are loaded, HiGHS is imported
    began, cpu = time.perf_counter(), time.process_time()
    picked, value, bound = POLICIES[policy](made)
    seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - cpu
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / KIB_PER_MB
    gap = (bound - value) / abs(bound)
    found = {"seconds": seconds, "cpu_seconds": cpu_seconds, "peak_mb": peak_mb, "gap": gap, "value": value}
    return found | {"violation": violation(made, picked)}


if __name__ == "__main__":
    print(json.dumps(figures(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))))
