"""Randomised rows: who could draw what with which probability, what they drew, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from contracts.errors import ContractError, nearest
from models.risk import Flags, Floats

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Trial:
    """One row is one draw. `arms[0]` is to do nothing; `drawn` counts `arms`.

    `propensity` has a row a draw and a column an arm: the exact probability of each, 0 where it could not be drawn.
    `outcome`: more is better. `customer` numbers the customers, who may occur in several rows.
    """

    frame: pd.DataFrame
    features: tuple[str, ...]
    arms: tuple[str, ...]
    drawn: Ints
    propensity: Floats
    outcome: Floats
    customer: Ints

    def __len__(self) -> int:
        return len(self.drawn)

    def at(self, which: Flags | Ints) -> Trial:
        """Some of the rows."""
        return replace(
            self,
            frame=self.frame.iloc[which if which.dtype != np.bool_ else np.flatnonzero(which)],
            drawn=self.drawn[which],
            propensity=self.propensity[which],
            outcome=self.outcome[which],
            customer=self.customer[which],
        )


def trial_of(
    frame: pd.DataFrame,
    features: Sequence[str],
    arms: Sequence[str],
    *,
    drawn: Sequence[str],
    propensity: Floats,
    outcome: Floats,
    customers: Sequence[str] | None = None,
) -> Trial:
    """The rows, checked. `frame` holds the features (numbers, NaN allowed); without `customers` each row is another's.

    Raises:
        ContractError: an arm that is not known, a drawn arm of probability 0, propensities that do not add up to 1, or
            an outcome that is missing.
    """
    number = {name: k for k, name in enumerate(arms)}
    unknown = sorted(set(drawn) - set(arms))
    if unknown:
        raise ContractError(
            f"expected arms among {', '.join(arms)}, got '{unknown[0]}'{nearest(unknown[0], arms)}; name every arm"
        )
    found = np.array([number[name] for name in drawn], dtype=np.int64)
    chance = np.asarray(propensity, dtype=np.float64)
    _refuse_impossible(found, chance, np.asarray(outcome, dtype=np.float64), len(arms))
    who = np.arange(len(found)) if customers is None else pd.factorize(np.asarray(customers, dtype=object))[0]
    return Trial(
        frame.reset_index(drop=True),
        tuple(features),
        tuple(arms),
        found,
        chance,
        np.asarray(outcome, dtype=np.float64),
        np.asarray(who, dtype=np.int64),
    )


def _refuse_impossible(drawn: Ints, propensity: Floats, outcome: Floats, n_arms: int) -> None:
    if propensity.shape != (len(drawn), n_arms):
        raise ContractError(
            f"expected propensities of shape ({len(drawn)}, {n_arms}), got {propensity.shape}; one column an arm"
        )
    if not (propensity[np.arange(len(drawn)), drawn] > 0).all():
        raise ContractError("expected propensities above 0 of what was drawn, got 0; log the probabilities of the draw")
    if not np.allclose(propensity.sum(axis=1), 1.0, atol=1e-6):
        raise ContractError("expected propensities that add up to 1 in each row; log every arm that could be drawn")
    if np.isnan(outcome).any():
        raise ContractError(
            f"expected an outcome in each row, got {int(np.isnan(outcome).sum())} without; leave them out"
        )


def folds_of(customer: Ints, n_folds: int, seed: int) -> Ints:
    """A fold for each row, the same for all rows of a customer; folds differ in size by one customer at most."""
    who, number = np.unique(customer, return_inverse=True)
    fold = np.random.default_rng(seed).permutation(len(who)) % n_folds
    return np.asarray(fold[number], dtype=np.int64)
