"""Margin that an offer brings beyond the customers it keeps: what the difference in margin leaves unexplained.

extra = difference in margin + expected cost − effect × margin of a customer who stays (or the declared gain of an offer
that needs no score). Margins are noisy, so the prior is tight: around the catalogue's `extra`, with a standard
deviation of half of what the offer gives or costs, whichever is more. The posterior is Gaussian, one an offer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from offers.catalogue import Catalogue, Offer
from offers.effects.difference import adjusted
from offers.effects.rows import Floats, Rows

PRIOR_SD_OF_COST = 0.5
Extra = tuple[float, float]
"""Posterior mean and variance, currency."""


def prior_extra(offer: Offer, catalogue: Catalogue) -> Extra:
    """Mean and variance before any experiment."""
    benefits = sum(component.redeem * component.cost for component in offer.components)
    contact = max(catalogue.channel(name).cost for name in offer.channels)
    return offer.extra, (PRIOR_SD_OF_COST * max(benefits + contact, offer.whole_benefit)) ** 2


def extras(
    catalogue: Catalogue, rows: Rows, effect: Floats, offer_cost: Floats, discount: Floats
) -> Mapping[str, Extra]:
    """By offer. `effect` (believed; missing without p_lapse), `offer_cost` and `discount` are of all rows, by place."""
    weighed = replace(rows, weight=rows.weight * discount, counts=rows.counts * discount)
    return {
        offer.id: _posterior(offer, catalogue, weighed.of_offer(offer.id), effect, offer_cost)
        for offer in catalogue.offers
    }


def _posterior(offer: Offer, catalogue: Catalogue, rows: Rows, effect: Floats, offer_cost: Floats) -> Extra:
    mean, variance = prior_extra(offer, catalogue)
    found = adjusted(rows, rows.margin)
    stayed = ~rows.treated & (rows.lapsed == 0)
    if not found.se > 0 or not stayed.any():
        return mean, variance
    treated = rows.place[rows.treated]
    cost = float(np.average(offer_cost[treated], weights=rows.weight[rows.treated]))
    kept = float(np.average(rows.margin[stayed], weights=rows.weight[stayed]))
    seen = found.estimate + cost - _explained(offer, rows, effect, kept)
    left = 1 / (1 / variance + 1 / found.se**2)
    return left * (mean / variance + seen / found.se**2), left


def _explained(offer: Offer, rows: Rows, effect: Floats, kept: float) -> float:
    """Margin that the profit formula already counts, a customer."""
    if offer.assumed_gain is not None:
        return offer.assumed_gain.mean
    own, size = effect[rows.place], rows.counts
    known = ~np.isnan(own)
    return kept * float(np.average(own[known], weights=size[known])) if known.any() else 0.0
