"""What readers ask for and writers send: requests by kind, drawn as a team at work might ask."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlencode

import numpy as np

LIST, ENTRIES = "/weeks/latest/list", "/v1/weeks/latest/entries"
ORDERS = (
    "rank", "-p_lapse", "-value_at_stake", "-expected_loss", "-expected_profit", "act_by", "last_purchase_on",
    "customer_id",
)  # fmt: skip
USUAL: tuple[dict[str, str], ...] = (
    {}, {"tier": "regular"}, {"risk_band": "high"}, {"group": "regulars at risk"}, {"channel": "email"},
    {"group": "win back", "risk_band": "high", "offer": "five_off"}, {"label": "label 2"}, {"unclaimed": "1"},
    {"change": "new", "tier": "devoted"},
)  # fmt: skip
RARE: tuple[dict[str, str], ...] = (
    {"group": "founders"}, {"offer": "personal_call", "tier": "new"}, {"label": "label 24"}, {"channel": "call"},
    {"group": "devoted", "offer": "upgrade", "channel": "letter"}, {"claimed_by": "ann"},
    {"group": "founders", "offer": "personal_call"},
)  # fmt: skip
"""Filters that leave few or none of a million rows; a planner that guesses walks all of them under an order."""
KINDS = {
    "GET /weeks/{week}/list": 0.25,
    "GET /weeks/{week}/list, rare filters": 0.1,
    "GET /weeks/{week}/customers/{id}": 0.15,
    "GET /": 0.1,
    "GET /v1/weeks/{week}/entries": 0.2,
    "GET /v1/weeks/{week}/entries, rare filters": 0.1,
    "GET /v1/weeks/{week}/customers/{id}": 0.1,
}
"""Kinds of requests, and how often each is drawn."""
RECORD, CLAIM = "POST /v1/outcomes", "POST /v1/claims"


@dataclass(frozen=True)
class Ask:
    """One request to read: its kind, and its path."""

    kind: str
    path: str


def asks(seed: int, n_entries: int) -> Callable[[], Ask]:
    """A reader: each call draws its next request."""
    draw = np.random.default_rng(seed)
    kinds, shares = list(KINDS), np.array(list(KINDS.values()))

    def query(filters: tuple[dict[str, str], ...], start: str) -> str:
        chosen = filters[int(draw.integers(len(filters)))] | {"sort": ORDERS[int(draw.integers(len(ORDERS)))]}
        return f"{start}?{urlencode(chosen)}"

    def path(kind: str) -> str:
        if kind == "GET /":
            return "/"
        if kind.endswith("{id}"):
            home = "/v1/weeks" if "/v1/" in kind else "/weeks"
            return f"{home}/latest/customers/C{int(draw.integers(n_entries)):08d}"
        return query(RARE if "rare" in kind else USUAL, ENTRIES if "/v1/" in kind else LIST)

    def ask() -> Ask:
        kind = kinds[int(draw.choice(len(kinds), p=shares))]
        return Ask(kind, path(kind))

    return ask
