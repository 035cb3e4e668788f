"""What is said of an offer: it works, does nothing, harms, or it is too early to say.

In plain words, and in this order:

1. *Too early*: an arm has fewer than `collect.min_arm` customers.
2. *Harms*: it keeps fewer customers than doing nothing, or loses margin, each shown beyond luck.
3. *Works*: it keeps more customers, or brings margin, shown beyond luck (and does not harm by the other measure).
4. *Does nothing*: what it may do to lapses lies wholly within ± `collect.smallest_effect`, and margin may be unmoved.
5. *Too early*: anything else.

'Beyond luck': the p-value that holds at any look is below `collect.false_discovery_rate` after Benjamini and Hochberg's
correction over both measures of all offers that are looked at together. Intervals are those of the sequence. An offer
that keeps customers at a loss harms. Whether redeemers came back is never asked: they might have come anyway.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from typing import Literal

import numpy as np

from contracts.false_discovery import q_values
from contracts.params.acting import Collect
from offers.catalogue import NONE
from offers.effects.rows import Floats, Outcome, Rows
from offers.effects.sequence import Sequence as Look
from offers.effects.sequence import last_look, residuals

Verdict = Literal["works", "does nothing", "harms", "too early"]
Looks = tuple[Look, Look]
"""Retention and margin of one offer or slice."""
STOPPED = ("does nothing", "harms")


def verdict(retention: Look, margin: Look, q_retention: float, q_margin: float, collect: Collect) -> Verdict:
    """The verdict on one offer or slice, from its two looks and their q-values (missing: not shown)."""
    if min(retention.n_treated, retention.n_control) < collect.min_arm or np.isnan(retention.low):
        return "too early"
    shown = [
        look.estimate for look, q in ((retention, q_retention), (margin, q_margin)) if q <= collect.false_discovery_rate
    ]
    if any(estimate < 0 for estimate in shown):
        return "harms"
    if any(estimate > 0 for estimate in shown):
        return "works"
    is_small = -collect.smallest_effect < retention.low and retention.high < collect.smallest_effect
    return "does nothing" if is_small and margin.low <= 0 <= margin.high else "too early"


def proposed_for_stopping(verdicts: Mapping[str, str], offered: Container[str]) -> list[str]:
    """Offers of the catalogue (`offered`) that do nothing, or harm: what is no longer offered needs no stopping."""
    return [offer for offer, found in verdicts.items() if found in STOPPED and offer in offered]


def corrected(looks: Sequence[Looks]) -> list[tuple[float, float]]:
    """The q-values of retention and margin of each, over all of them together."""
    flat = q_values(np.array([look.p_value for pair in looks for look in pair], dtype=np.float64))
    return [(float(a), float(b)) for a, b in flat.reshape(-1, 2)]


def offer_looks(rows: Rows) -> dict[str, Looks]:
    """The last looks at each offer that was ever drawn, by name; `rows` are a whole table's."""
    left = residuals(rows)
    found = {}
    for name in sorted(set(rows.offers) - {NONE}):
        own = rows.of_offer(name)
        found[name] = both_looks(own, left)
    return found


def both_looks(rows: Rows, left: Mapping[Outcome, Floats]) -> Looks:
    """The last looks at retention and margin of some rows of the table whose residuals are `left`."""
    return last_look(rows, left["lapsed"][rows.place], "lapsed"), last_look(rows, left["margin"][rows.place], "margin")


def verdicts(looks: Mapping[str, Looks], collect: Collect) -> dict[str, Verdict]:
    """The verdict on each of the offers or slices that are looked at together, by name."""
    pairs = zip(looks.items(), corrected(list(looks.values())), strict=True)
    return {name: verdict(*both, *q, collect) for (name, both), q in pairs}
