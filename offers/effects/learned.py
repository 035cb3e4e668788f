"""What is believed now beside what the catalogue declared, an offer at a time."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from offers.catalogue import Catalogue
from offers.effects.rows import Floats, savable_of

Plain = dict[str, Any]
Z95 = 1.959963984540054


def learned(beliefs: pd.DataFrame, catalogue: Catalogue, outcomes: pd.DataFrame) -> list[Plain]:
    """One record an offer: the fall in lapses believed of a customer of mean risk, at the reach it had; 95 %.

    Groups count as often as they were treated (alike before that); as they share most of what is known of an offer,
    their standard deviations are averaged. Offers whose gain is declared, not computed from risk, are left out; empty
    before the first outcome with a score, for there is no mean risk.
    """
    p_lapse = float(outcomes["p_lapse"].mean()) if outcomes["p_lapse"].notna().any() else np.nan
    if np.isnan(p_lapse):
        return []
    reach = outcomes[outcomes["arm"] == "treated"].groupby("offer")["reach"].mean()
    savable = float(np.nanmean(savable_of(outcomes)))
    found = []
    for name, part in beliefs.groupby("offer", sort=False):
        offer, own = catalogue.offer(str(name)), savable * float(reach.get(name, 1.0))
        if not offer.needs_score:
            continue
        before = [
            (offer.save_by_group.get(group, offer.save), offer.harm_by_group.get(group, offer.harm))
            for group in part["group"]
        ]
        weight = np.maximum(part["n_treated"].to_numpy(dtype=np.float64), 1e-6)
        numbers = part[["save", "harm", "save_variance", "harm_variance", "covariance"]].to_numpy().T
        prior = np.array([[s.mean, h.mean, s.variance, h.variance, 0.0] for s, h in before]).T
        found.append(
            {
                "offer": str(name),
                "n_treated": int(part["n_treated"].sum()),
                "p_lapse": p_lapse,
                "now": _effect(numbers, own, 1 - p_lapse, weight),
                "prior": _effect(prior, own, 1 - p_lapse, weight),
                "extra": float(part["extra"].iloc[0]),
                "extra_sd": float(np.sqrt(part["extra_variance"].iloc[0])),
            }
        )
    return found


def _effect(numbers: Floats, risk: float, stays: float, weight: Floats) -> Plain:
    save, harm, of_save, of_harm, both = numbers
    variance = risk**2 * of_save + stays**2 * of_harm - 2 * risk * stays * both
    mean = float(np.average(risk * save - stays * harm, weights=weight))
    spread = Z95 * float(np.average(np.sqrt(np.maximum(variance, 0.0)), weights=weight))
    return {"mean": mean, "low": mean - spread, "high": mean + spread}
