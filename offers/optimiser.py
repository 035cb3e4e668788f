"""The choice: at most one (offer, channel) a customer, worth the most in all, within every limit. Solved by HiGHS."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from contracts.errors import ParameterError
from offers.limits import Floats, Limit
from offers.solver import no_plan, solve

MOST_ROUNDS = 8
EXACT = 1e-9


@dataclass(frozen=True)
class Choice:
    """Which candidates are chosen; the value reached, the bound that no plan can pass, the rows that bind."""

    chosen: npt.NDArray[np.bool_]
    value: float
    bound: float
    binding: tuple[str, ...]

    @property
    def gap(self) -> float:
        """(bound − value) relative to the bound."""
        return max(0.0, self.bound - self.value) / max(abs(self.bound), 1e-9)


def choose(profit: Floats, customer: npt.NDArray[np.int64], limits: Sequence[Limit]) -> Choice:
    """Maximise the sum of `profit` over 0/1 choices; `customer` says whose candidate each is.

    Deterministic for equal input. HiGHS keeps a row to about 1e-6 only, so a row that its choice passes by more than
    1e-9 is drawn in by twice as much and the choice made again; the bound stays that of the limits as given.
    Raises `ParameterError` with the names of limits that no plan can keep.
    """
    refused = [limit.name for limit in limits if limit.most < 0]
    if refused:
        raise ParameterError(
            f"no plan is possible: {', '.join(refused)} cannot hold even with no offer at all; relax it"
        )
    if not len(profit):
        return Choice(np.zeros(0, dtype=bool), 0.0, 0.0, ())
    active = [limit for limit in limits if limit.weights[limit.weights > 0].sum() > limit.most]
    drawn_in = np.zeros(len(active))
    bounds: list[float] = []
    for _ in range(MOST_ROUNDS):
        tightened = [replace(limit, most=limit.most - less) for limit, less in zip(active, drawn_in, strict=True)]
        chosen, bound = solve(profit, customer, tightened)
        bounds.append(bound)
        excess = np.array([float(limit.weights[chosen].sum()) - limit.most for limit in active])
        if (excess <= EXACT).all():
            value = float(profit[chosen].sum())
            return Choice(chosen, value, max(value, bounds[0]), _binding(chosen, active))
        drawn_in += np.where(excess > EXACT, 2 * excess, 0.0)
    raise no_plan(
        "rows are not kept exactly", [limit for limit, over in zip(active, excess, strict=True) if over > EXACT]
    )


def _binding(chosen: npt.NDArray[np.bool_], limits: Sequence[Limit]) -> tuple[str, ...]:
    """Limits with less room than the smallest choice would need."""
    room = [limit.most - float(limit.weights[chosen].sum()) for limit in limits]
    need = [float(limit.weights[limit.weights > 0].min()) for limit in limits]
    return tuple(limit.name for limit, free, least in zip(limits, room, need, strict=True) if free < least)


def undominated(priced: pd.DataFrame) -> pd.DataFrame:
    """The candidates without those that another of the same customer, channel and benefit beats in profit and in cost.

    An offer with a capacity of its own is compared with itself alone, for it may run out.
    """
    keys = ["customer", "channel", "capped", "benefit"]
    order = priced.assign(benefit=priced["benefit"].round(9)).sort_values(
        [*keys, "expected_profit", "offer_cost", "offer"], ascending=[True, True, True, True, False, True, True]
    )
    groups = order.groupby(keys)["offer_cost"]
    cheaper = order["offer_cost"] < groups.cummin().groupby([order[key] for key in keys]).shift()
    kept = order.index[cheaper | (groups.cumcount() == 0)]
    return priced.loc[np.sort(kept)].reset_index(drop=True)
