"""The luck of a living store: whole arrays over all customers, drawn a week at a time.

A stream hangs on seed, purpose and week alone, never on what happened or was sent: two policies on the same seed meet
the same luck, customer by customer and day by day, so that their difference has little variance.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Single = npt.NDArray[np.float32]

PURPOSES = ("living", "contact", "size", "week")
DAILY = (
    "buy",
    "leave",
    "shield",
    "pause",
    "reduced",
    "tie",
    "bad",
    "undone",
    "category",
    "product",
    "hour",
    "complain",
)
CONTACT = ("save", "harm", "redeem", "open", "unsubscribe", "complained")


def _stream(seed: int, purpose: str, week: int) -> np.random.Generator:
    return np.random.Generator(np.random.SFC64(np.random.SeedSequence(seed, spawn_key=(PURPOSES.index(purpose), week))))


def daily_luck(seed: int, week: int, n: int) -> dict[str, Single]:
    """Uniform numbers, one array (7 days, n customers) a purpose."""
    drawn = _stream(seed, "living", week).random((len(DAILY), 7, n), dtype=np.float32)
    return dict(zip(DAILY, drawn, strict=True))


def contact_luck(seed: int, week: int, n: int) -> dict[str, Single]:
    """Uniform numbers for messages that arrive on a day, one array (7 days, n customers) a purpose."""
    drawn = _stream(seed, "contact", week).random((len(CONTACT), 7, n), dtype=np.float32)
    return dict(zip(CONTACT, drawn, strict=True))


def size_luck(seed: int, week: int, n: int) -> Single:
    """Standard normal numbers for the size of purchases (7 days, n customers)."""
    return _stream(seed, "size", week).standard_normal((7, n), dtype=np.float32)


def week_luck(seed: int, week: int, n: int, shock_sd: float) -> tuple[float, Single, Single]:
    """The week's factor on the clock (mean 1), and two uniform numbers a customer: whose taste drifts, and where to."""
    rng = _stream(seed, "week", week)
    shock = float(np.exp(rng.normal(-(shock_sd**2) / 2, shock_sd))) if shock_sd > 0 else 1.0
    return shock, rng.random(n, dtype=np.float32), rng.random(n, dtype=np.float32)
