"""HiGHS behind the choice: small weeks in one piece, large ones by their linear relaxation and an exact core.

Few rows bind a plan, so its relaxation leaves only a handful of customers between two offers. Customers far from the
margin are left where the relaxation puts them; those near it (the core) are chosen for exactly. The relaxation's value
is a bound on every plan, so the gap that is reported is a true one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
from scipy.optimize import Bounds, LinearConstraint, linprog, milp
from scipy.sparse import csr_array, vstack

from contracts.errors import ParameterError
from offers.limits import Floats, Limit

Flags = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]
GAP = 1e-6
WHOLE_SIZE = 5_000  # candidates that HiGHS is given in one piece
CORE_SIZES = (2_000, 8_000)
MOST_NODES = 5_000
HALF = 0.5


def solve(profit: Floats, customer: Ints, limits: Sequence[Limit]) -> tuple[Flags, float]:
    """The best 0/1 choice found, at most one a customer, and a value that no choice can pass."""
    if len(profit) <= WHOLE_SIZE:
        return _exact(profit, customer, limits)
    rows = _rows(customer, limits)
    relaxed = linprog(-profit, A_ub=rows.A, b_ub=rows.ub, bounds=(0, 1), method="highs")
    if relaxed.x is None:
        raise no_plan(str(relaxed.message), limits)
    bound = -float(relaxed.fun)
    margin = np.abs(profit + rows.A.T @ relaxed.ineqlin.marginals)
    best = np.zeros(len(profit), dtype=bool)
    for size in CORE_SIZES:
        near = customer[np.argsort(margin, kind="stable")[:size]]
        undecided = customer[(relaxed.x > GAP) & (relaxed.x < 1 - GAP)]
        core = np.isin(customer, np.concatenate([near, undecided]))
        found = _with_core(profit, customer, limits, core, (relaxed.x > HALF) & ~core)
        if found is not None and (not best.any() or profit[found].sum() > profit[best].sum()):
            best = found
        if bound - float(profit[best].sum()) <= GAP * abs(bound):
            break
    return best, bound


def _with_core(profit: Floats, customer: Ints, limits: Sequence[Limit], core: Flags, settled: Flags) -> Flags | None:
    """The settled choices and the best of the core beside them; None if the core cannot keep a limit."""
    left = [replace(r, weights=r.weights[core], most=r.most - float(r.weights[settled].sum())) for r in limits]
    try:
        chosen, _ = _exact(profit[core], customer[core], [limit for limit in left if limit.weights.any()])
    except ParameterError:
        return None
    whole = settled.copy()
    whole[core] = chosen
    return whole


def _exact(profit: Floats, customer: Ints, limits: Sequence[Limit]) -> tuple[Flags, float]:
    result = milp(
        -profit,
        integrality=np.ones(len(profit)),
        bounds=Bounds(0, 1),
        constraints=_rows(customer, limits),
        options={"mip_rel_gap": GAP, "node_limit": MOST_NODES},
    )
    if result.x is None:
        raise no_plan(str(result.message), limits)
    return result.x > HALF, -float(result.mip_dual_bound)


def no_plan(reason: str, limits: Sequence[Limit]) -> ParameterError:
    """The error that names the limits that stand in the way."""
    return ParameterError(f"no plan found ({reason}); relax one of: {', '.join(limit.name for limit in limits)}")


def _rows(customer: Ints, limits: Sequence[Limit]) -> LinearConstraint:
    """One row a customer (at most one choice) and one a limit, each limit scaled to weights of at most 1."""
    n = len(customer)
    _, position = np.unique(customer, return_inverse=True)
    one_each = csr_array((np.ones(n), (position, np.arange(n))), shape=(int(position.max()) + 1, n))
    scale = [1.0 / np.abs(limit.weights).max() for limit in limits]
    scaled = [csr_array((limit.weights * s)[None, :]) for limit, s in zip(limits, scale, strict=True)]
    most = [limit.most * s for limit, s in zip(limits, scale, strict=True)]
    return LinearConstraint(csr_array(vstack([one_each, *scaled])), -np.inf, np.array([1.0] * one_each.shape[0] + most))
