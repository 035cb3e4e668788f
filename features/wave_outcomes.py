"""What became of the customers of a wave: kept or lapsed, paid, redeemed, in the days after its Monday and before it.

Windows begin at the wave's Monday, not at the day of sending, and are half-open; the time before is as long.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from contracts import windows
from contracts.wave_tables import NONE


@dataclass(frozen=True)
class Seen:
    """What was known before the day on which waves are read: purchase lines, contacts and responses."""

    purchases: pd.DataFrame
    contacts: pd.DataFrame
    responses: pd.DataFrame
    time_zone: str

    def before(self, day: date) -> Seen:
        """The rows that were known before a day."""
        return Seen(
            windows.rows_before(self.purchases, day, self.time_zone),
            windows.rows_before(self.contacts, day, self.time_zone, "sent_at"),
            windows.rows_before(self.responses, day, self.time_zone, "responded_at"),
            self.time_zone,
        )


def matured(waves: pd.DataFrame, day: date, grace_days: int) -> pd.DataFrame:
    """The rows of waves whose outcome window, and the grace after it, has ended by a day."""
    age_days = windows.days_until(waves["cutoff_on"], day)
    return waves[age_days >= waves["horizon_days"] + grace_days].reset_index(drop=True)


def outcomes(
    waves: pd.DataFrame,
    seen: Seen,
    margin_rate: float,
    cost_if_redeemed: Mapping[str, float],
    owed: frozenset[str] = frozenset(),
) -> pd.DataFrame:
    """The rows of matured waves with what came of them, but for `interaction_before` and `interaction_after`.

    `seen` is already cut to what was known. Margins are `margin_rate` of what was paid, less benefits redeemed and, for
    whoever was sent something, the contact. A benefit costs what the wave says, else what today's catalogue says
    (`cost_if_redeemed`, by offer). It stands in its cost alone: where one was redeemed, what the customer's coupons
    took off the price is no loss of margin a second time. Messages of the offers `owed` to everyone are no contact.
    """
    parts = [
        _of_wave(rows.reset_index(drop=True), seen, margin_rate, cost_if_redeemed, owed)
        for _, rows in waves.groupby(["cutoff_on", "horizon_days"], sort=True)
    ]
    return pd.concat(parts, ignore_index=True) if parts else waves.iloc[:0]


def _of_wave(
    rows: pd.DataFrame,
    seen: Seen,
    margin_rate: float,
    cost_if_redeemed: Mapping[str, float],
    owed: frozenset[str],
) -> pd.DataFrame:
    monday, days = rows["cutoff_on"].iloc[0].date(), int(rows["horizon_days"].iloc[0])
    ids = rows["customer_id"]
    lines = seen.purchases[seen.purchases["customer_id"].isin(ids)]
    at = windows.day_numbers(lines["ordered_on"])
    after = _paid(lines[windows.following(at, monday, days)], ids)
    before = _paid(lines[windows.trailing(at, monday, days)], ids)
    is_sent = ((rows["arm"] == "treated") & (rows["offer"] != NONE)).to_numpy(dtype=bool)
    answers = _answers(rows, seen, monday, days)
    redeemed = rows["customer_id"].isin(answers.loc[answers["kind"] == "redeemed", "customer_id"]).to_numpy() & is_sent
    cost = np.where(redeemed, _costs(rows, cost_if_redeemed), 0.0)
    contact = np.where(is_sent, rows["contact_cost"], 0.0)
    price = after["amount"].to_numpy() + np.where(redeemed, after["coupon"].to_numpy(), 0.0)
    return rows.assign(
        lapsed=(after["n_lines"] == 0).to_numpy(),
        amount=after["amount"].to_numpy(),
        benefit_cost=cost,
        margin=margin_rate * price - cost - contact,
        margin_before=margin_rate * before["amount"].to_numpy(),
        full_price_share=after["full_price_share"].to_numpy(),
        full_price_share_before=before["full_price_share"].to_numpy(),
        is_contacted=ids.isin(_contacted(seen.contacts, monday, days, owed)).to_numpy(),
        is_redeemed=redeemed,
        reason=np.where(is_sent, _last_reasons(answers).reindex(ids).fillna(""), ""),
    )


def _costs(rows: pd.DataFrame, today: Mapping[str, float]) -> pd.Series:
    """What each row's benefit costs if it is redeemed: as the wave says, else as today's catalogue does, else 0."""
    now = rows["offer"].map(dict(today)).astype("float64").fillna(0.0)
    return rows["cost_if_redeemed"].fillna(now) if "cost_if_redeemed" in rows.columns else now


def _contacted(contacts: pd.DataFrame, monday: date, days: int, owed: frozenset[str]) -> pd.Series:
    """The ids of whoever a message reached in the window; what is owed to everyone, as far as recorded, is none."""
    counts = windows.following(windows.day_numbers(contacts["sent_on"]), monday, days)
    if "offer" in contacts.columns:
        counts &= ~contacts["offer"].isin(owed).to_numpy(dtype=bool)
    return contacts.loc[counts, "customer_id"]


def _last_reasons(answers: pd.DataFrame) -> pd.Series:
    """By customer: the last reason that an answer to the wave gave."""
    if "reason" not in answers.columns:
        return pd.Series(dtype="str")
    given = answers[answers["reason"].notna()].sort_values("responded_at", kind="stable")
    last: pd.Series = given.drop_duplicates("customer_id", keep="last").set_index("customer_id")["reason"]
    return last


def _paid(lines: pd.DataFrame, ids: pd.Series) -> pd.DataFrame:
    """One row a customer of `ids`: lines bought, amount paid, taken off by coupon, share paid without a discount.

    The share is missing (NaN) for who bought nothing.
    """
    full = lines["amount"].where(lines["discount"].fillna(0.0) <= 0, 0.0) if "discount" in lines.columns else np.nan
    coupon = lines["coupon_discount"] if "coupon_discount" in lines.columns else 0.0
    sums = (
        lines.assign(n_lines=1, full=full, coupon=coupon)[["customer_id", "n_lines", "amount", "full", "coupon"]]
        .groupby("customer_id")
        .sum(min_count=1)
    )
    found = sums.reindex(ids)
    share = found["full"] / found["amount"]
    return found.assign(full_price_share=share).fillna({"n_lines": 0, "amount": 0.0, "coupon": 0.0})


def is_answer(rows: pd.DataFrame, seen: Seen) -> np.ndarray:
    """A flag a row of `seen.responses`: an answer to the wave's own message (`rows`: one wave's Monday and horizon).

    It answers a campaign that sent the customer the row's offer in the window, or one that bears the wave's name.
    """
    monday, days = rows["cutoff_on"].iloc[0].date(), int(rows["horizon_days"].iloc[0])
    asked = seen.responses[["customer_id", "campaign_id"]]
    names = rows[["customer_id", "wave"]].rename(columns={"wave": "campaign_id"})
    own = [names]
    if "offer" in seen.contacts.columns:
        sent = seen.contacts[windows.following(windows.day_numbers(seen.contacts["sent_on"]), monday, days)]
        both = sent[["customer_id", "campaign_id", "offer"]].merge(rows[["customer_id", "offer"]])
        own.append(both[["customer_id", "campaign_id"]])
    pairs = pd.MultiIndex.from_frame(pd.concat(own, ignore_index=True))
    return np.asarray(pd.MultiIndex.from_frame(asked).isin(pairs), dtype=bool)


def _answers(rows: pd.DataFrame, seen: Seen, monday: date, days: int) -> pd.DataFrame:
    """The responses to this wave in its window."""
    responded = windows.following(windows.day_numbers(seen.responses["responded_on"]), monday, days)
    answers: pd.DataFrame = seen.responses[responded & is_answer(rows, seen)]
    return answers
