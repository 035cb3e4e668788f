"""What is believed before any experiment: the catalogue's means and variances, and what offers and groups share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from offers.catalogue import Catalogue
from offers.effects.rows import Floats

LEAST_SD = (0.01, 0.002)
"""Of save and harm, once there are experiments: a catalogue that is certain (a mean of 0) can still be taught."""
SHIFTS = (0.0, 1.0, 3.0, 10.0)
"""Spread of the shop-wide shift, in median prior standard deviations of the offers."""
WIDENED = (1.0, 2.0, 4.0)
"""How much further offers may lie from what the catalogue declares than its strengths say."""
GROUP_SPREADS = (1.0, 0.5, 2.0)
"""How far groups differ, in multiples of `collect.group_sd`."""


@dataclass(frozen=True)
class Spread:
    """What empirical Bayes chooses: positions on the grids above; 0 is the catalogue as declared."""

    save: int = 0
    harm: int = 0
    offer: int = 0
    group: int = 0

    @property
    def doubt(self) -> float:
        """Steps away from the catalogue: what the logarithm of the marginal likelihood must gain."""
        return float(self.save + self.harm + self.offer + (self.group > 0))


@dataclass(frozen=True)
class Prior:
    """Means and standard deviations of θ = (all saves, all harms), each cell's as the catalogue declares them."""

    mean: Floats
    sd: Floats
    n_groups: int


def prior_of(catalogue: Catalogue, groups: tuple[str, ...]) -> Prior:
    """By offer and group, where the catalogue declares a group's own."""
    saves = [offer.save_by_group.get(group, offer.save) for offer in catalogue.offers for group in groups]
    harms = [offer.harm_by_group.get(group, offer.harm) for offer in catalogue.offers for group in groups]
    both = [*saves, *harms]
    return Prior(np.array([one.mean for one in both]), np.sqrt(np.array([one.variance for one in both])), len(groups))


def covariance(prior: Prior, spread: Spread, group_sd: float) -> Floats:
    """Prior covariance of θ: what is an offer's own, what is its groups', and the shop-wide shifts.

    An offer's part and its groups' part are as 1 to `group_sd` in standard deviations, and add up to the catalogue's.
    """
    n_cells = len(prior.mean) // 2
    offer = np.repeat(np.arange(n_cells // prior.n_groups), prior.n_groups)
    ratio = (group_sd * GROUP_SPREADS[spread.group]) ** 2
    alike = ((offer[:, None] == offer[None, :]) + ratio * np.eye(n_cells)) / (1 + ratio)
    found = np.zeros((2 * n_cells, 2 * n_cells))
    for k, (step, least) in enumerate(zip((spread.save, spread.harm), LEAST_SD, strict=True)):
        at = slice(k * n_cells, (k + 1) * n_cells)
        sd = np.maximum(prior.sd[at], least)
        found[at, at] = (
            np.outer(sd, sd) * alike * WIDENED[spread.offer] ** 2 + (SHIFTS[step] * float(np.median(sd))) ** 2
        )
    return found
