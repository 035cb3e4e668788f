"""Rows with a known law of lapse, for the tests of models."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pandas as pd

from contracts import windows
from models.learners import baselines
from models.rows import Rows

MONDAY = date(2017, 3, 6)
N_CUTOFFS = 9


def drawn_rows(rng: np.random.Generator, n_customers: int = 150) -> Rows:
    """Rows whose lapse follows silence and frequency; every column that a baseline reads, some values missing."""
    days = [MONDAY + timedelta(weeks=2 * k) for k in range(N_CUTOFFS)]
    n = n_customers * len(days)
    silence, visits = rng.exponential(10, n), rng.poisson(6, n).astype(float)
    frame = pd.DataFrame({"customer_id": [str(i % n_customers) for i in range(n)]})
    frame["cutoff_on"] = pd.to_datetime(np.repeat(days, n_customers))
    for name in (*baselines.INACTIVITY_RULES,):
        frame[name] = silence + rng.normal(0, 0.1 if name.startswith("days") else 5, n)
    for name in baselines.FREQUENCY_RULES:
        frame[name] = visits + rng.poisson(2, n)
    for days in baselines.RFM_WINDOWS_DAYS:
        frame[f"amount_{days}d"] = visits * days / 10
    for name in baselines.MBG_NBD_ANSWERS:
        frame[name] = visits / (1 + silence / 10)
    frame["noise"] = np.where(rng.random(n) < 0.2, np.nan, rng.normal(size=n))
    odds = -2.2 + 0.09 * silence - 0.12 * visits + 0.5
    return Rows(frame, rng.random(n) < 1 / (1 + np.exp(-odds)), windows.day_numbers(frame["cutoff_on"]))
