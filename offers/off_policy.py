"""What another policy would have brought, from the logs of exploration: inverse propensity, and doubly robust.

Only exploration's rows are read: there a lot decided, with exact probabilities. What the optimiser chose
deterministically is kept out. Weights are the policy's probability of what was drawn over the draw's. Rows in which the
policy may choose what was no option are left out (that hangs on no draw); with too many of them, or too few rows' worth
of weight, the logs cannot say, and no number is given.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from contracts.errors import ContractError, StateError
from offers.catalogue import NONE, Catalogue
from offers.economics import beliefs, cautious, priced
from offers.effects.rows import savable_of

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Outcome = Literal["margin", "kept"]
IPW, SELF_NORMALISED, DOUBLY_ROBUST = "inverse propensity", "self-normalised", "doubly robust"
KEY = ["wave", "customer_id"]
EXACT = 1e-6


@dataclass(frozen=True)
class Least:
    """What the logs must hold for a value to be given."""

    effective_rows: float = 50.0
    covered: float = 0.9


LEAST = Least()


@dataclass(frozen=True)
class Value:
    """Mean outcome a row (margin in currency, or share kept), or a difference of two, with a 95 % interval by customer.

    `effective_rows` is (Σw)² / Σw², `covered` the share of the policy's choices that were an option; of two policies
    the lower. `n_rows` and `n_customers` are those judged.
    """

    method: str
    value: float
    low: float
    high: float
    n_rows: int
    n_customers: int
    effective_rows: float
    covered: float


@dataclass(frozen=True)
class Logs:
    """Exploration's rows. `options`: a row a draw, a column an arm of `arms` ('none' first); `drawn` numbers arms."""

    rows: pd.DataFrame = field(repr=False)
    arms: tuple[str, ...]
    options: Flags
    drawn: Ints
    customer: Ints

    def __len__(self) -> int:
        return len(self.drawn)

    @property
    def propensity(self) -> Floats:
        """Probability of each arm: each of the options as likely."""
        return np.asarray(self.options / self.options.sum(axis=1, keepdims=True), dtype=np.float64)

    def outcome(self, name: Outcome) -> Floats:
        """Margin in currency, or 1 if kept."""
        if name == "margin":
            return self.rows["margin"].to_numpy(np.float64)
        return np.asarray(1.0 - self.rows["lapsed"].to_numpy(np.float64))


def logged(outcomes: pd.DataFrame) -> Logs:
    """The rows of a table WAVE_OUTCOMES in which a lot decided.

    Raises:
        StateError: there are none.
        ContractError: a row was drawn what was no option, or with another probability than its options say.
    """
    rows = outcomes[outcomes["purpose"] == "exploration"].reset_index(drop=True)
    if not len(rows):
        raise StateError(
            "expected matured rows of exploration, found none; set plan.exploration_share above 0 and wait for a wave"
        )
    if "options" not in rows.columns:
        raise ContractError("expected the column 'options' in the outcomes of waves, found none; rebuild the table")
    sets = [frozenset(text.split("; ")) if text else frozenset() for text in rows["options"]]
    arms = (NONE, *sorted(frozenset().union(*sets) - {NONE}))
    options = np.array([[arm in own for arm in arms] for own in sets], dtype=bool)
    number = {arm: k for k, arm in enumerate(arms)}
    drawn = np.array([number.get(name, -1) for name in rows["offer"]], dtype=np.int64)
    _refuse_inexact(rows, options, drawn)
    return Logs(rows, arms, options, drawn, np.asarray(pd.factorize(rows["customer_id"])[0], dtype=np.int64))


def _refuse_inexact(rows: pd.DataFrame, options: Flags, drawn: Ints) -> None:
    is_option = (drawn >= 0) & options[np.arange(len(drawn)), np.maximum(drawn, 0)]
    chance = 1 / np.maximum(options.sum(axis=1), 1)
    wrong = ~is_option | (np.abs(rows["propensity"].to_numpy(np.float64) - chance) > EXACT)
    if wrong.any():
        first = rows[wrong].iloc[0]
        raise ContractError(
            f"wave {first['wave']}: expected what was drawn among its options, each as likely, got '{first['offer']}' "
            f"with probability {first['propensity']:.4g} of '{first['options']}'; rebuild the table"
        )


def policy_values(
    logs: Logs,
    policy: pd.DataFrame,
    outcome: Outcome = "margin",
    *,
    predictions: pd.DataFrame | None = None,
    least: Least = LEAST,
) -> list[Value]:
    """What a policy would have brought a row, by each method; doubly robust only with predictions.

    `policy` has `wave`, `customer_id`, `offer` (or 'none') and, if it draws, `probability`; `predictions` has the same
    key and `predicted`, the outcome expected of each option, learned without that customer's own outcome.

    Raises:
        StateError: the logs cannot say.
        ContractError: a logged row without a policy or a prediction, or probabilities that do not add up to 1.
    """
    own = _matrix(logs, policy, least)
    return _valued(logs, [own], [1.0], outcome, predictions, least)


def policy_difference(
    logs: Logs,
    policy: pd.DataFrame,
    rival: pd.DataFrame,
    outcome: Outcome = "margin",
    *,
    predictions: pd.DataFrame | None = None,
    least: Least = LEAST,
) -> list[Value]:
    """How much more a policy would have brought a row than its rival: paired, on rows that both can be judged on."""
    both = [_matrix(logs, policy, least), _matrix(logs, rival, least)]
    return _valued(logs, both, [1.0, -1.0], outcome, predictions, least)


@dataclass(frozen=True)
class _Policy:
    """Probabilities of each arm (shape of the options), and whether the logs hold all that it may choose, by row."""

    chance: Floats
    is_judged: Flags
    covered: float


def _matrix(logs: Logs, policy: pd.DataFrame, least: Least) -> _Policy:
    """The policy in the order of the logs; refused where the logs know too few of its choices."""
    row, arm = _places(logs, policy)
    share = policy["probability"].to_numpy(np.float64) if "probability" in policy.columns else np.ones(len(policy))
    total = np.bincount(row[row >= 0], share[row >= 0], minlength=len(logs)).astype(np.float64)
    _refuse_incomplete(total, share)
    known = (row >= 0) & (arm >= 0)
    chance = np.zeros(logs.options.shape)
    np.add.at(chance, (row[known], arm[known]), share[known])
    within = (chance * logs.options).sum(axis=1)
    covered = float(within.mean())
    if covered < least.covered:
        raise StateError(
            f"the logs cannot say: expected {least.covered:.0%} of the policy's choices or more among what exploration "
            f"could draw, got {covered:.1%}; explore those offers first"
        )
    return _Policy(chance, within >= 1.0 - EXACT, covered)


def _refuse_incomplete(total: Floats, share: Floats) -> None:
    n_wrong = int((np.abs(total - 1.0) > EXACT).sum())
    if n_wrong or (share < 0).any():
        raise ContractError(
            f"expected a policy for each logged row, probabilities from 0 that add up to 1, got {n_wrong} rows where "
            "they do not; say 'none' where nothing is sent"
        )


def _places(logs: Logs, table: pd.DataFrame) -> tuple[Ints, Ints]:
    """Row of the logs and arm of each row of a table; −1 where there is none."""
    index = pd.MultiIndex.from_frame(logs.rows[KEY])
    row = index.get_indexer(pd.MultiIndex.from_frame(table[KEY]))
    arm = pd.Index(logs.arms).get_indexer(pd.Index(table["offer"]))
    return np.asarray(row, dtype=np.int64), np.asarray(arm, dtype=np.int64)


def _valued(  # noqa: PLR0917 – what the two public functions take
    logs: Logs,
    policies: list[_Policy],
    signs: list[float],
    outcome: Outcome,
    predictions: pd.DataFrame | None,
    least: Least,
) -> list[Value]:
    judged = np.logical_and.reduce([one.is_judged for one in policies])
    weights = [_weights(logs, one)[judged] for one in policies]
    effective = min(_effective(weight) for weight in weights)
    _refuse_thin(effective, least)
    y, customer = logs.outcome(outcome)[judged], logs.customer[judged]
    parts = {IPW: [weight * y for weight in weights], SELF_NORMALISED: [_ratio_parts(weight, y) for weight in weights]}
    if predictions is not None:
        q, drawn = _predicted(logs, predictions)[judged], logs.drawn[judged]
        chances = [one.chance[judged] for one in policies]
        parts[DOUBLY_ROBUST] = [_robust_parts(*each, y, q, drawn) for each in zip(chances, weights, strict=True)]
    covered = min(one.covered for one in policies)
    both = {method: sum(sign * part for sign, part in zip(signs, own, strict=True)) for method, own in parts.items()}
    return [_value(method, np.asarray(own), customer, effective, covered) for method, own in both.items()]


def _refuse_thin(effective: float, least: Least) -> None:
    if effective < least.effective_rows or not effective > 0:
        raise StateError(
            f"the logs cannot say: expected {least.effective_rows:g} effective rows or more, got {effective:.1f}; "
            "explore for longer, or ask about a policy nearer to what was drawn"
        )


def _weights(logs: Logs, policy: _Policy) -> Floats:
    row = np.arange(len(logs))
    return np.asarray(policy.chance[row, logs.drawn] / logs.propensity[row, logs.drawn])


def _effective(weight: Floats) -> float:
    squares = float((weight**2).sum())
    return float(weight.sum()) ** 2 / squares if squares > 0 else 0.0


def _ratio_parts(weight: Floats, y: Floats) -> Floats:
    """Numbers whose mean is the weighted mean of y, and whose spread is that of the ratio (linearised)."""
    value = float(np.average(y, weights=weight))
    return np.asarray(value + weight * (y - value) / weight.mean())


def _robust_parts(chance: Floats, weight: Floats, y: Floats, q: Floats, drawn: Ints) -> Floats:
    expected = np.where(chance > 0, chance * q, 0.0).sum(axis=1)
    own = q[np.arange(len(y)), drawn]
    return np.asarray(expected + np.where(weight > 0, weight * (y - own), 0.0))


def _predicted(logs: Logs, predictions: pd.DataFrame) -> Floats:
    """The outcome expected of each arm: shape of the options, refused where an option has none."""
    row, arm = _places(logs, predictions)
    found = np.full(logs.options.shape, np.nan)
    known = (row >= 0) & (arm >= 0)
    found[row[known], arm[known]] = predictions["predicted"].to_numpy(np.float64)[known]
    if np.isnan(found[logs.options]).any():
        n_without = int(np.isnan(found[logs.options]).sum())
        raise ContractError(f"expected a prediction of every option, got {n_without} without; predict 'none' as well")
    return found


def _value(method: str, parts: Floats, customer: Ints, effective: float, covered: float) -> Value:
    """The mean, with Student's t for as many degrees of freedom as there are effective rows, or customers if fewer."""
    from scipy.special import stdtrit  # noqa: PLC0415

    n, n_customers = len(parts), len(np.unique(customer))
    value = float(parts.mean())
    sums = np.bincount(customer, parts - value)
    se = float(np.sqrt(n_customers / (n_customers - 1) * (sums**2).sum()) / n)
    reach = float(stdtrit(min(effective, n_customers) - 1, 0.975)) * se
    return Value(method, value, value - reach, value + reach, n, n_customers, effective, covered)


def preferred(
    logs: Logs,
    catalogue: Catalogue,
    learned: pd.DataFrame | None = None,
    *,
    caution: float = 0.0,
    full_price_from: float = 1.0,
) -> pd.DataFrame:
    """The policy that takes, of each logged row's options, that of greatest expected profit, or 'none' if none pays.

    As `wave`, `customer_id`, `offer`. Terms are those of `offers.economics`, from the row's own p_lapse, value at stake
    and group. What a log does not hold is approximated: each offer goes by its most profitable channel (never by the
    one drawn, for the choice must not hang on the draw); everyone takes benefits up as the catalogue says; the value at
    stake is taken as certain; and full-price is who paid at least the share `full_price_from` at list price before.
    Limits, parity and rest days are not applied: this is each customer's own best, not a week's plan.
    """
    candidates = _candidates(logs, catalogue)
    chosen = pd.Series(NONE, index=logs.rows.index, dtype="str")
    if len(candidates):
        held = beliefs(catalogue, sorted(set(logs.rows["group"])), learned)
        table = cautious(priced(candidates, _customers(logs.rows, full_price_from), catalogue, held), caution)
        paying = table[table["weight"] > 0].sort_values(["customer", "weight", "offer"], ascending=[True, False, True])
        best = paying.drop_duplicates("customer").set_index("customer")["offer"]
        chosen[best.index] = best
    return logs.rows[KEY].assign(offer=chosen)


def _candidates(logs: Logs, catalogue: Catalogue) -> pd.DataFrame:
    """Each option that the catalogue has, by each of its channels: `customer` is the row of the logs."""
    parts = [
        pd.DataFrame({"customer": np.flatnonzero(logs.options[:, number]), "offer": arm, "channel": channel})
        for number, arm in enumerate(logs.arms)
        for offer in catalogue.offers
        if offer.id == arm
        for channel in offer.channels
    ]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=["customer", "offer", "channel"])


def _customers(rows: pd.DataFrame, full_price_from: float) -> pd.DataFrame:
    is_full_price = rows["full_price_share_before"].to_numpy(np.float64) >= full_price_from
    return pd.DataFrame(
        {
            "group": rows["group"],
            "p_lapse": rows["p_lapse"],
            "p_savable": savable_of(rows),
            "value_at_stake": rows["value_at_stake"],
            "value_at_stake_low": rows["value_at_stake"],
            "value_at_stake_high": rows["value_at_stake"],
            "promotion_sensitivity": np.where(is_full_price, "full-price", "mixed"),
            "redeem_odds": 1.0,
        },
        index=rows.index,
    )
