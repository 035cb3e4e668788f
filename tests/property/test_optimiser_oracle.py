"""The choice against HiGHS on the whole problem, over random weeks with every kind of limit at once."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array

from contracts.errors import ParameterError
from offers.optimiser.choice import choose
from offers.optimiser.curve import budget_curve
from offers.optimiser.dual import best
from offers.optimiser.problem import Problem, Row, problem
from offers.optimiser.sides import sides_of

GROUPS, TIERS = 3, 2
WHOLE, BY_PRICES = 1_000_000, 0


def tables(kind_weight, pair_weight):
    return np.outer(kind_weight, pair_weight).astype(float)


def week(seed: int, n: int) -> Problem:
    """A week of random size and shape: groups × tiers are kinds, the first channel's pairs are the even ones."""
    rng = np.random.default_rng(seed)
    n_pairs = int(rng.integers(2, 7))
    kind = rng.integers(0, GROUPS * TIERS, n).astype(np.int32)
    sizes = rng.integers(0, n_pairs + 1, n)
    pair = np.concatenate([np.sort(rng.permutation(n_pairs)[:k]) for k in sizes] + [np.zeros(0, int)])
    total = len(pair)
    rounding = int(rng.choice([1, 8]))  # coarse profits have ties
    profit = rng.normal(0.7, 1.5, total).round(rounding)
    cost = rng.uniform(0, 2, total).round(int(rng.choice([1, 8])))
    start = np.concatenate([[0], np.cumsum(sizes)])
    return problem(start, pair.astype(np.int16), profit, kind, rows(rng, kind, n_pairs), cost=cost)


def rows(rng, kind, n_pairs) -> list[Row]:
    n, every_kind, every_pair = len(kind), np.ones(GROUPS * TIERS), np.ones(n_pairs)
    group, tier = np.arange(GROUPS * TIERS) // TIERS, np.arange(GROUPS * TIERS) % TIERS
    budget, capacity = n * rng.uniform(0.05, 0.8), int(n * rng.uniform(0.1, 0.9))
    first = np.arange(n_pairs) % 2 == 0
    benefit = rng.uniform(0, 1, n_pairs)
    low, high = (np.isin(kind, np.flatnonzero(tier == t)).sum() for t in (0, 1))
    fall = (tier == 0) / max(low, 1) - (tier == 1) / max(high, 1)
    found = [
        Row("budget", "the budget", "", most=budget, per_cost=tables(every_kind, every_pair), per_budget=1.0),
        Row("reserve", "the reserve", "", most=0.8 * budget, per_cost=tables(tier == 0, every_pair), per_budget=0.8),
        Row("budget of one", "one's", "", most=0.4 * budget, per_cost=tables(every_kind, np.arange(n_pairs) == 0)),
        Row("capacity", "contacts", "", most=capacity, per_contact=tables(every_kind, every_pair)),
        Row("channel", "calls", "", most=int(capacity * 0.6), per_contact=tables(every_kind, first)),
        Row("parity", "fairness", "", most=float(rng.choice([0.0, 0.05])), per_contact=tables(fall, benefit)),
    ]
    for g in range(GROUPS):
        n_in = int(np.isin(kind, np.flatnonzero(group == g)).sum())
        least = int(n_in * rng.choice([0, 0, 0.1, 0.3])) or -np.inf
        most = int(n_in * rng.uniform(0.4, 1.0)) if rng.random() < 0.5 else np.inf
        found.append(Row(f"group {g}", "a group", "", least, max(most, least), tables(group == g, every_pair)))
    return found


def weights(made: Problem, row: Row) -> np.ndarray:
    """One number a candidate, written out the plain way."""
    found = np.zeros(made.n_candidates)
    for i in range(made.n_customers):
        for j in range(made.start[i], made.start[i + 1]):
            k, m = made.kind[i], made.pair[j]
            found[j] += row.per_contact[k, m] if row.per_contact is not None else 0.0
            found[j] += row.per_cost[k, m] * made.cost[j] if row.per_cost is not None else 0.0
    return found


@dataclass(frozen=True)
class Truth:
    """What HiGHS finds for the whole problem: the value (None: infeasible), and every row's weights."""

    value: float | None
    weights: dict[str, np.ndarray]


def oracle(made: Problem) -> Truth:
    known = {row.name: weights(made, row) for row in made.rows}
    n = made.n_candidates
    if n == 0:
        return Truth(0.0 if all(row.least <= 0 <= row.most for row in made.rows) else None, known)
    customer = np.repeat(np.arange(made.n_customers), np.diff(made.start))
    each = csr_array((np.ones(n), (customer, np.arange(n))), shape=(made.n_customers, n))
    limits = [
        LinearConstraint(each, -np.inf, 1.0),
        LinearConstraint(
            np.array(list(known.values())), [row.least for row in made.rows], [row.most for row in made.rows]
        ),
    ]
    result = milp(
        -1e3 * made.profit, integrality=np.ones(n), bounds=Bounds(0, 1), constraints=limits,
        options={"mip_rel_gap": 1e-10},
    )  # fmt: skip
    return Truth(None if result.x is None else -float(result.fun) / 1e3, known)


def assert_kept(made: Problem, truth: Truth, chosen: np.ndarray) -> None:
    customer = np.repeat(np.arange(made.n_customers), np.diff(made.start))
    assert np.bincount(customer[chosen], minlength=1).max(initial=0) <= 1
    for row in made.rows:
        used = truth.weights[row.name][chosen].sum()
        assert row.least - 1e-9 <= used <= row.most + 1e-9, row.name


def tight_week(seed: int, n: int) -> Problem:
    """A week whose minimums are about as much as its capacity allows: some can be held, some cannot."""
    made, rng = week(seed, n), np.random.default_rng(seed + 1)
    capacity = next(row.most for row in made.rows if row.name == "capacity")

    def tight(row: Row) -> Row:
        least = int(capacity / GROUPS * rng.uniform(0.3, 1.4))
        return replace(row, least=least, most=np.inf) if row.name.startswith("group") and least else row

    return replace(made, rows=tuple(map(tight, made.rows)))


def judged(made: Problem, whole_size: int) -> tuple[Problem, Truth, float | None]:
    """The truth, and the value that the choice reaches (None: refused), with everything else checked on the way."""
    truth = oracle(made)
    if truth.value is None:
        with pytest.raises(ParameterError) as refused:
            choose(made, whole_size=whole_size)
        assert any(row.name in str(refused.value) for row in made.rows)
        return made, truth, None
    choice = choose(made, whole_size=whole_size)
    assert_kept(made, truth, choice.chosen)
    scale = max(1.0, abs(truth.value))
    assert choice.value == pytest.approx(made.profit[choice.chosen].sum(), abs=1e-9)
    assert choice.value <= truth.value + 1e-6 * scale
    assert truth.value <= choice.bound + 1e-6 * scale
    assert choice.gap == pytest.approx(max(0, choice.bound - choice.value) / max(abs(choice.bound), 1e-9))
    return made, truth, choice.value


def check_whole(seed: int) -> None:
    _, truth, value = judged(week(seed, 5 + seed % 40), WHOLE)
    if value is not None:
        assert value == pytest.approx(truth.value, rel=1e-6, abs=1e-6)


def check_by_prices(seed: int, monkeypatch) -> None:
    monkeypatch.setattr("offers.optimiser.solving.CORE_SIZES", (8, 30, 120))
    n = 60 + 5 * (seed % 40)
    _, truth, value = judged(week(seed, n), BY_PRICES)
    if value is not None:
        assert value >= truth.value - 0.05 * max(1.0, abs(truth.value))


@pytest.mark.parametrize("seed", range(40))
def test_whole_weeks_equal_the_oracle(seed):
    check_whole(seed)


@pytest.mark.parametrize("seed", range(1000, 1025))
def test_prices_and_core_keep_every_row_and_tell_the_true_gap(seed, monkeypatch):
    check_by_prices(seed, monkeypatch)


@pytest.mark.prove
@pytest.mark.parametrize("seed", range(2000, 2300))
def test_whole_weeks_equal_the_oracle_at_length(seed):
    check_whole(seed)


@pytest.mark.prove
@pytest.mark.parametrize("seed", range(3000, 3300))
def test_prices_and_core_at_length(seed, monkeypatch):
    check_by_prices(seed, monkeypatch)


def check_tight(seed: int) -> bool:
    """Refused exactly when the oracle finds no plan, whichever way the week is solved; whether it was refused."""
    made = tight_week(seed, 30 + seed % 50)
    _, truth, value = judged(made, WHOLE)
    judged(made, BY_PRICES)
    assert truth.value is None or value == pytest.approx(truth.value, rel=1e-6, abs=1e-6)
    return truth.value is None


def test_tight_minimums_are_refused_exactly_when_they_cannot_be_held():
    assert 5 <= sum(map(check_tight, range(20))) <= 15


@pytest.mark.prove
@pytest.mark.parametrize("seed", range(4000, 4200))
def test_tight_minimums_at_length(seed):
    check_tight(seed)


@pytest.mark.parametrize("seed", range(4))
def test_threads_and_chunks_change_no_byte(seed, monkeypatch):
    made = week(seed + 300, 400)
    monkeypatch.setattr("offers.optimiser.dual.CHUNK", 32)
    found = []
    for n_threads in (1, 2, 7):
        monkeypatch.setattr("os.cpu_count", lambda n=n_threads: n)
        choice = choose(made, whole_size=BY_PRICES)
        found.append((choice.picked.tobytes(), choice.value, choice.bound, tuple(choice.prices.items())))
    assert found[0] == found[1] == found[2]


@pytest.mark.parametrize("seed", range(15))
def test_any_prices_bound_every_plan(seed):
    made = week(seed, 25)
    truth, sides = oracle(made), sides_of(made)
    rng = np.random.default_rng(seed)
    for size in (0.0, 0.1, 1.0, 5.0):
        bound = best(made, sides, rng.exponential(size, len(sides)) if size else np.zeros(len(sides))).value
        assert truth.value is None or bound >= truth.value - 1e-9


@pytest.mark.parametrize("seed", range(12))
def test_the_order_of_customers_does_not_matter_to_the_value(seed):
    made = week(seed, 20)
    if oracle(made).value is None:
        pytest.skip("no plan is possible")
    order = np.random.default_rng(seed).permutation(made.n_customers)
    sizes = np.diff(made.start)[order]
    at = np.concatenate([np.arange(made.start[i], made.start[i + 1]) for i in order])
    mixed = replace(
        made, start=np.concatenate([[0], np.cumsum(sizes)]), pair=made.pair[at], profit=made.profit[at],
        cost=made.cost[at], kind=made.kind[order],
    )  # fmt: skip
    assert choose(mixed).value == pytest.approx(choose(made).value, abs=1e-9)


@pytest.mark.parametrize("seed", range(6))
def test_equal_input_gives_equal_bytes(seed):
    made = week(seed + 50, 90)
    for size in (WHOLE, BY_PRICES):
        if oracle(made).value is not None:
            first, second = choose(made, whole_size=size), choose(made, whole_size=size)
            assert first.picked.tobytes() == second.picked.tobytes()
            assert (first.value, first.bound, first.prices) == (second.value, second.bound, second.prices)


@pytest.mark.parametrize("whole_size", [WHOLE, BY_PRICES])
@pytest.mark.parametrize("seed", range(4))
def test_more_budget_never_brings_less_and_ever_less_more(seed, whole_size):
    made = week(seed + 80, 120)
    budgets = [float(made.rows[0].most) * k / 4 for k in range(9)]
    points = [point for point in budget_curve(made, budgets, whole_size=whole_size) if point is not None]
    bound, value = (np.array([getattr(p, name) for p in points]) for name in ("bound", "value"))
    slack = np.array([p.bound - p.value for p in points]) + 1e-6
    assert all(p.cost <= p.budget + 1e-9 for p in points)
    assert (np.diff(value) >= -slack[1:]).all()
    assert (np.diff(bound, n=2) <= slack[1:-1] + slack[2:] + slack[:-2]).all()
