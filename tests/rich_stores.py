"""Small stores that record everything: late and undone lines, returns, campaigns, answers, interactions, promotions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
from hypothesis import strategies as st

from contracts import windows
from contracts.event_kinds import INTERACTION_KINDS, RESPONSE_KINDS
from events.store import Events
from tests import stores

CUSTOMERS = ("ann", "bob", "cy", "dee")
N_DAYS = 190
CAMPAIGN_DAYS = (10, 25, 60, 400)
PROMOTIONS = ((0, 30, None), (50, 80, None), (70, 90, 120))
"""First and last day, and the day on which the promotion became known (None: at once)."""


def _days(numbers: list[int]) -> pd.Series:
    return pd.Series(pd.Timestamp(stores.FIRST_DAY) + pd.to_timedelta(numbers, unit="D")).astype("datetime64[us]")


def _noons(numbers: list[int]) -> pd.Series:
    return windows.day_begins(_days(numbers), stores.ZONE) + pd.Timedelta(hours=12)


def _later(instants: pd.Series, late: list[int | None]) -> pd.Series:
    """When the rows became known; missing where at once."""
    wait = pd.Series(pd.to_timedelta([pd.NaT if days is None else f"{days}D" for days in late]), index=instants.index)
    return (instants + wait).astype("datetime64[us, UTC]")


def _texts(values: list[str]) -> pd.Series:
    return pd.Series(values, dtype="str")


def _signal(rows: list[tuple], at: str, on: str, **columns: list) -> pd.DataFrame:
    """Rows that begin with (customer, day) and end with the days until they are known, as a canonical table."""
    days = [row[1] for row in rows]
    frame = pd.DataFrame({"customer_id": _texts([row[0] for row in rows]), at: _noons(days), on: _days(days)})
    named = {name: _texts(values) if name in TEXTS else values for name, values in columns.items()}
    return frame.assign(known_at=_later(frame[at], [row[-1] for row in rows]), **named)


TEXTS = ("campaign_id", "kind", "coupon_id")


def events(lines: list, returns: list, contacts: list, responses: list, interactions: list) -> Events:
    """A store from drawn rows."""
    drawn = sorted(lines, key=lambda row: (row[0][1], row[0][2]))
    frame = stores.drawn_lines([row[0] for row in drawn])
    place = frame["source_line"].to_numpy() - 1
    extra = [drawn[number] for number in place]
    frame = frame.assign(
        quantity=[float(row[4]) for row in extra],
        channel=_texts(["web" if row[3] == 1 else "till" for row in extra]),
        payer=_texts(["employer" if row[3] == 2 else "self" for row in extra]),
        promotion_id=_texts([str(row[3]) for row in extra]).mask([row[3] == 3 for row in extra]),
        known_at=_later(frame["ordered_at"], [row[1] for row in extra]),
        undone_at=_later(frame["ordered_at"], [row[2] for row in extra]),
    )
    back = _signal(returns, "ordered_at", "ordered_on").assign(amount=[-row[2] for row in returns])
    ends = pd.DataFrame({"campaign_id": _texts(list("0123")), "campaign_type": "A"}).assign(
        starts_on=_days([0] * 4), ends_on=_days(list(CAMPAIGN_DAYS))
    )
    announced = [pd.NaT if known is None else _noons([known])[0] for _, _, known in PROMOTIONS]
    promotions = pd.DataFrame({"promotion_id": _texts(list("012"))}).assign(
        starts_on=_days([row[0] for row in PROMOTIONS]),
        ends_on=_days([row[1] for row in PROMOTIONS]),
        known_at=pd.Series(announced).astype("datetime64[us, UTC]"),
    )
    return replace(
        stores.events(
            frame,
            _signal(contacts, "sent_at", "sent_on", campaign_id=[str(row[2]) for row in contacts]),
            _signal(
                responses,
                "responded_at",
                "responded_on",
                campaign_id=["0"] * len(responses),
                coupon_id=[""] * len(responses),
                kind=[row[2] for row in responses],
                n=np.array([row[3] for row in responses], dtype=np.int64),
            ),
        ),
        returns=back,
        interactions=_signal(
            interactions,
            "happened_at",
            "happened_on",
            kind=[row[2] for row in interactions],
            value=[row[3] + 0.125 if row[2] == "rating" and row[3] < 5 else np.nan for row in interactions],
        ),
        campaigns=ends,
        promotions=promotions,
    )


def drawn(seed: int, n_lines: int, n_further: int) -> Events:
    """A store of so many lines, and so many rows in each further table; a fifth of all rows is known late or undone."""
    rng = np.random.default_rng(seed)

    def late() -> int | None:
        return int(rng.choice([1, 40])) if rng.random() < 0.2 else None

    def one() -> tuple[str, int]:
        return str(rng.choice(CUSTOMERS)), int(rng.integers(N_DAYS))

    def money() -> float:
        return round(float(rng.uniform(0.5, 60)), 2)

    receipts = [(*one(), int(rng.integers(24))) for _ in range(1 + n_lines // 2)]

    def line() -> tuple:
        receipt = receipts[int(rng.integers(len(receipts)))]
        bought = (*receipt, int(rng.integers(8)), money(), float(rng.choice([0, 0, 1.5, 4])))
        return bought, late(), late(), int(rng.integers(4)), int(rng.integers(1, 4))

    return events(
        [line() for _ in range(n_lines)],
        [(*one(), money(), late()) for _ in range(n_further)],
        [(*one(), int(rng.integers(4)), late()) for _ in range(n_further)],
        [(*one(), str(rng.choice(RESPONSE_KINDS)), int(rng.integers(1, 4)), late()) for _ in range(n_further)],
        [(*one(), str(rng.choice(INTERACTION_KINDS)), int(rng.integers(1, 6)), late()) for _ in range(4 * n_further)],
    )


SHOPS = st.builds(drawn, st.integers(0, 2**32 - 1), st.integers(3, 120), st.integers(0, 12))


def truncated(known: Events, day) -> Events:
    """Raw rows known before the day, as an extract taken then would hold them."""
    at = {
        "purchases": "ordered_at",
        "returns": "ordered_at",
        "contacts": "sent_at",
        "responses": "responded_at",
        "interactions": "happened_at",
    }
    cut = {
        name: windows.rows_before(getattr(known, name), day, stores.ZONE, column).reset_index(drop=True)
        for name, column in at.items()
    }
    return replace(known, **cut, data_end_on=day)
