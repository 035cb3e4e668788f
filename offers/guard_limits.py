"""The guard's rules over a plan's sums: budget, contacts, channels."""

from __future__ import annotations

import pandas as pd

from contracts.params import Plan
from offers.catalogue import NONE, Catalogue
from offers.findings import Finding, broken, kept

CENT = 1e-6


def limit_findings(rows: pd.DataFrame, catalogue: Catalogue, limits: Plan) -> list[Finding]:
    """Findings on budget, capacity and each channel's capacity, over all who were selected, controls among them."""
    offered = rows[rows["offer"] != NONE]
    spent = float(offered["offer_cost"].sum())
    checks = [
        ("budget", spent, limits.budget, "expected cost"),
        ("capacity", float(len(offered)), float(limits.capacity), "contacts"),
        *(
            (
                "channel capacity",
                float((offered["channel"] == channel.id).sum()),
                float(channel.capacity),
                f"by {channel.id}",
            )
            for channel in catalogue.channels
        ),
        *(
            ("offer capacity", float((offered["offer"] == offer.id).sum()), float(offer.capacity), f"of {offer.id}")
            for offer in catalogue.offers
            if offer.capacity is not None
        ),
    ]
    return [
        broken(rule, f"{what}: {used:.2f}, expected at most {most:.2f}") if used > most + CENT else kept(rule)
        for rule, used, most, what in checks
    ]
