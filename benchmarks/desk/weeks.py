"""Drawn weeks of any size, as `publish` leaves them: nothing of any shop's data is in them.

Some groups, offers and labels are rare, so that filters which leave a handful of a million rows are among the requests.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from contracts.files import digest, write_json, write_table
from contracts.tables import FULL_WEEK
from contracts.windows import iso_week
from serving.published import FORMAT, MANIFEST, Revision

MONDAY = pd.Timestamp("2018-01-01")
N_WEEKS = 104
Shares = dict[str, float]
GROUPS: Shares = {
    "regulars at risk": 0.34, "trusted regulars": 0.25, "second purchase": 0.2, "win back": 0.15, "devoted": 0.0596,
    "founders": 0.0004,
}  # fmt: skip
OFFERS: Shares = {
    "none": 0.3, "early_access": 0.25, "five_off": 0.2, "points": 0.15, "free_service": 0.08, "upgrade": 0.0195,
    "personal_call": 0.0005,
}  # fmt: skip
CHANNELS: Shares = {"email": 0.5, "sms": 0.3, "push": 0.15, "letter": 0.0498, "call": 0.0002}
LABELS = tuple(f"label {n}" for n in range(1, 25))
"""The later, the rarer: label n is given to a share of 1 / n², label 24 to about one in 600."""
TIERS: Shares = {"new": 0.2, "returning": 0.3, "regular": 0.4, "devoted": 0.1}
BANDS: Shares = {"low": 0.5, "medium": 0.3, "high": 0.2}
CHANGES: Shares = {"new": 0.1, "up": 0.3, "same": 0.4, "down": 0.2}
REASONS = (
    "30 days silent, usually 7; fewer visits in the last 91 days than in the 91 before; "
    "favourite category no longer bought"
)
EVIDENCE = "You came every 7 days until autumn. You paid 12.40 a visit, mostly for bread. You buy at the usual price."
WHY = "group regulars at risk, rule 4: steady rhythm, silent for 4.3 gaps; effect 0.04 from 812 treated, 794 controls"
MESSAGE = "Dear customer, a loaf of rye is kept for you until Friday. Your bakery. To stop these messages answer STOP."
SAID = {"horizon_days": 28, "value_horizon_days": 91, "max_horizon_days": 28, "label": "flat"}


@dataclass(frozen=True)
class Drawing:
    """One week to draw: how many customers, all of them listed."""

    n_entries: int
    seed: int = 7
    revision: int = 1


def chosen(draw: np.random.Generator, shares: Shares, n: int) -> npt.NDArray[np.object_]:
    """One name a customer, by its share."""
    names = np.array(list(shares), dtype=object)
    found: npt.NDArray[np.object_] = names[draw.choice(len(names), n, p=np.array(list(shares.values())))]
    return found


def labels(draw: np.random.Generator, n: int) -> list[str]:
    """Every customer's labels, joined."""
    held = draw.random((n, len(LABELS))) < 1.0 / np.arange(1, len(LABELS) + 1) ** 2
    return ["; ".join(LABELS[position] for position in np.flatnonzero(row)) for row in held]


def customers(drawing: Drawing) -> pd.DataFrame:
    """One row a customer of the full table (FULL_WEEK), the list in order of rank."""
    n, draw = drawing.n_entries, np.random.default_rng(drawing.seed + drawing.revision)
    frame = pd.DataFrame({name: _usual(str(kind.dtype), n) for name, kind in FULL_WEEK.columns.items()})
    risk, value = draw.beta(1.5, 3, n).round(4), draw.gamma(2, 60, n).round(2)
    last = MONDAY - pd.to_timedelta(draw.integers(1, 180, n), unit="D")
    rising = {"p_lapse": risk, "value_at_stake": value, "expected_loss": (risk * value).round(2)}
    money = {f"value_at_stake_{end}": (value * share).round(2) for end, share in (("low", 0.6), ("high", 1.5))}
    words = {"reasons": REASONS, "evidence": EVIDENCE, "currency": "USD", "promise": "We keep your place."}
    frame = frame.assign(
        **rising, **money, **words, **_offered(draw, n), horizon_days=28, value_horizon_days=91, model_grade="model"
    )
    return frame.assign(
        week=iso_week(MONDAY.date()),
        data_through=MONDAY - pd.Timedelta(days=1),
        rank=np.arange(1, n + 1),
        customer_id=[f"C{number:08d}" for number in draw.permutation(n)],
        group=chosen(draw, GROUPS, n),
        tier=chosen(draw, TIERS, n),
        risk_band=chosen(draw, BANDS, n),
        change=chosen(draw, CHANGES, n),
        state="lapsing",
        value_tier="middle",
        labels=labels(draw, n),
        model_version="0123456789ab",
        promotion_sensitivity="mixed",
        interaction="unknown",
        payer="unknown",
        n_purchase_days=draw.integers(3, 90, n),
        usual_gap_days=draw.integers(2, 40, n).astype(float),
        last_purchase_on=last,
        next_due_on=last + pd.Timedelta(days=12),
        first_purchase_on=last - pd.Timedelta(days=400),
        spend=(3 * value).round(2),
        spend_ever=(9 * value).round(2),
    )


def _usual(kind: str, n: int) -> Any:
    """A column that says nothing in particular."""
    if kind.startswith("datetime64"):
        return np.full(n, np.datetime64("NaT", "us"))
    return {"float64": 0.0, "int64": 1, "Int64": 1, "bool": False}.get(kind, "")


def _offered(draw: np.random.Generator, n: int) -> dict[str, Any]:
    offer = chosen(draw, OFFERS, n)
    is_offered = offer != "none"
    send = MONDAY + pd.to_timedelta(draw.integers(1, 5, n), unit="D")
    empty = pd.Series(send).where(is_offered)
    return {
        "offer": offer,
        "mechanic": np.where(is_offered, "points", "none"),
        "channel": np.where(is_offered, chosen(draw, CHANNELS, n), ""),
        "arm": np.where(is_offered, "treated", "none"),
        "offer_text": np.where(is_offered, MESSAGE, ""),
        "why": np.where(is_offered, WHY, ""),
        "why_none": np.where(is_offered, "", "nothing pays"),
        "send_on": empty,
        "act_by": empty + pd.Timedelta(days=5),
        "valid_until": empty + pd.Timedelta(days=19),
        "offer_cost": np.where(is_offered, 1.2, 0.0),
        "expected_profit": np.where(is_offered, draw.gamma(2, 2, n).round(2), 0.0),
        "consented_channels": "email,sms",
        "last_offer": "",
    }


def write(folder: Path, drawing: Drawing) -> Revision:
    """A published revision of the drawn week below a folder; what is there already is used."""
    home = folder / f"{drawing.n_entries}-{drawing.seed}-{drawing.revision}"
    said = {
        "format": FORMAT,
        "week": iso_week(MONDAY.date()),
        "revision": drawing.revision,
        "data_through": "2017-12-31",
        "row_hash": digest(str(drawing)),
        "counts": {"n_listed": drawing.n_entries},
        "params": {"task": SAID, "store": {"currency": "USD"}},
        "model_version": "0123456789ab",
        "model_grade": "model",
        "released_at": "2018-01-01T06:00:00+00:00",
    }
    if not (home / MANIFEST).exists():
        write_table(home / "customers.parquet", customers(drawing), FULL_WEEK)
        write_json(home / MANIFEST, said)
    return Revision(home, said)


def weekly_sums(customer_ids: list[str]) -> pd.DataFrame:
    """One row a customer and week with purchases of the 104 weeks before, six a customer."""
    n, draw = len(customer_ids), np.random.default_rng(11)
    mondays = np.array([(MONDAY - pd.Timedelta(weeks=back)).strftime("%Y-%m-%d") for back in range(1, N_WEEKS + 1)])
    places = draw.integers(0, N_WEEKS, (n, 6)).ravel()
    cents = draw.integers(300, 9000, 6 * n)
    return pd.DataFrame({"customer_id": np.repeat(customer_ids, 6), "week_on": mondays[places], "cents": cents})
