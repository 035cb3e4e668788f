"""Features that set a customer beside the store: campaigns received, the store's own season, MBG/NBD expectations.

Store-wide quantities are computed anew at each cutoff from what was known then.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from features import mbgnbd
from features.history import Cut, Signals
from features.time_families import Columns, first_and_last_day, smoothed_ratio


def _days_since(cut: Cut, signals: Signals) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    last = np.full(cut.n_customers, np.nan)
    last[signals.customer] = signals.day  # sorted by day: the last one stays
    return cut.today - last


def campaigns(cut: Cut) -> Columns:
    """Campaigns received and coupons redeemed."""
    received = cut.in_window(cut.contacts.day, 91)
    redeemed = cut.in_window(cut.responses.day, 91)
    return {
        "campaigns_received_life": cut.per_customer(cut.contacts.customer, cut.contacts.n),
        "campaigns_received_91d": cut.per_customer(cut.contacts.customer[received], cut.contacts.n[received]),
        "days_since_last_campaign": _days_since(cut, cut.contacts),
        "coupons_redeemed_life": cut.per_customer(cut.responses.customer, cut.responses.n),
        "coupons_redeemed_91d": cut.per_customer(cut.responses.customer[redeemed], cut.responses.n[redeemed]),
        "days_since_last_redemption": _days_since(cut, cut.responses),
    }


def season(cut: Cut) -> Columns:
    """The customer against the store: a quiet customer in a quiet month is not a lapsing one."""
    now, before = cut.purchase_days(28), cut.purchase_days(28, 28)
    store_growth = (now.sum() + 1.0) / (before.sum() + 1.0)
    active = cut.purchase_days(91) > 0
    store_mean = now.sum() / max(int(active.sum()), 1)
    return {
        "purchase_days_28d_to_store_mean": now / max(store_mean, 1e-9),
        "purchase_days_growth_28d_to_store": smoothed_ratio(now, before, 1.0) / store_growth,
    }


def btyd(cut: Cut, horizon_days: int | npt.NDArray[np.int64]) -> Columns:
    """MBG/NBD fitted to every customer's purchase days before the cutoff."""
    first, last = first_and_last_day(cut)
    bought = np.isfinite(first)
    n_repeats = cut.per_customer(cut.days.customer)[bought] - 1
    last_day, age_days = (last - first)[bought], (cut.today - first)[bought]
    columns = {name: np.full(cut.n_customers, np.nan) for name in BTYD_NAMES}
    if not bought.any():
        return columns
    ahead = horizon_days if isinstance(horizon_days, int) else horizon_days[bought].astype(np.float64)
    model = mbgnbd.fit(n_repeats, last_day, age_days)
    columns["mbgnbd_p_alive"][bought] = mbgnbd.p_alive(model, n_repeats, last_day, age_days)
    columns["mbgnbd_p_no_purchase"][bought] = mbgnbd.p_no_purchase(model, n_repeats, last_day, age_days, ahead)
    columns["mbgnbd_expected_purchases"][bought] = mbgnbd.expected_purchases(
        model, n_repeats, last_day, age_days, ahead
    )
    return columns


BTYD_NAMES = ("mbgnbd_p_alive", "mbgnbd_p_no_purchase", "mbgnbd_expected_purchases")
