"""Which runs may be compared: the same task, judged on the same rows; and those rows without anybody's id."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from contracts.files import digest

BETTER, NO_WORSE, UNPROVED, SAME = "better", "no worse", "not proved", "same recipe"
COMPARISON_FILE = "comparison.json"
ROWS_FILE = "judged.parquet"
JUDGED_ROWS = "task.judged_rows"
TASK_TAGS = ("task.label", "task.horizon_days", "task.population", "task.test_cutoffs", JUDGED_ROWS)
"""Runs that differ in one of these were judged on other rows or by another label: no verdict is given."""


def other_task(one: Mapping[str, str], other: Mapping[str, str]) -> str:
    """Why two runs cannot be compared, by their tags; '' if they can."""
    differing = [name for name in TASK_TAGS if one.get(name) != other.get(name)]
    told = "; ".join(
        f"{name.removeprefix('task.')}: {one.get(name, 'none')} against {other.get(name, 'none')}" for name in differing
    )
    return f"judged on another task ({told})" if differing else ""


def anonymous(judged: pd.DataFrame) -> pd.DataFrame:
    """Judged rows fit for a shared record: customers as numbers in order of appearance, no ids.

    Two runs on equal snapshots number them alike, so that their rows still pair.
    """
    return pd.DataFrame(
        {
            "customer": pd.factorize(judged["customer_id"])[0].astype(np.int64),
            "cutoff_on": judged["cutoff_on"].to_numpy(),
            "p_lapse": judged["p_lapse"].to_numpy(),
            "lapsed": judged["lapsed"].to_numpy(),
        }
    )


def rows_hash(judged: pd.DataFrame) -> str:
    """SHA-256 (hex) of who was judged when, and what happened: equal for runs whose rows pair."""
    keys = judged[["customer_id", "cutoff_on", "lapsed"]]
    return digest(pd.util.hash_pandas_object(keys, index=False).to_numpy().tobytes())
