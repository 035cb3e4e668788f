"""Which runs may be compared: the same task, judged on the same rows; and those rows without anybody's id."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from contracts import tables
from contracts.files import digest, read_table, write_text

BETTER, NO_WORSE, UNPROVED, WORSE, SAME = "better", "no worse", "not proved", "worse", "same recipe"
COMPARISON_FILE = "comparison.json"
ROWS_FILE = "judged.parquet"
SALT_FILE = "pairing.key"
JUDGED_ROWS = "task.judged_rows"
FIT_SHARE = "task.fit_share"
"""The share of customers that fitted and judged, where it was not everyone; runs with other shares differ in rows."""
TASK_TAGS = ("task.label", "task.horizon_days", "task.population", "task.test_cutoffs", JUDGED_ROWS)
"""Runs that differ in one of these were judged on other rows or by another label: no verdict is given."""


def other_task(one: Mapping[str, str], other: Mapping[str, str]) -> str:
    """Why two runs cannot be compared, by their tags; '' if they can."""
    differing = [name for name in TASK_TAGS if one.get(name) != other.get(name)]
    told = "; ".join(
        f"{name.removeprefix('task.')}: {one.get(name, 'none')} against {other.get(name, 'none')}" for name in differing
    )
    return f"judged on another task ({told})" if differing else ""


def released_rows(predictions: Path, baselines: Path, name: str) -> pd.DataFrame:
    """The judged rows with the predictions of what was released: the model, or the baseline of that name."""
    rows = read_table(predictions, tables.TEST_PREDICTIONS)
    if name not in (columns := read_table(baselines, tables.BASELINE_PREDICTIONS)):
        return rows
    return rows.assign(p_lapse=columns[name].to_numpy())


def read_salt(folder: Path) -> bytes:
    """The project's secret for numbering customers in shared records; made at the first call, readable by its owner."""
    path = folder / SALT_FILE
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        write_text(path, secrets.token_hex(32) + "\n")
        path.chmod(0o600)
    return bytes.fromhex(path.read_text(encoding="utf-8").strip())


def anonymous(judged: pd.DataFrame, salt: bytes) -> pd.DataFrame:
    """Judged rows fit for a shared record: customers as numbers, in an order that only the project's secret gives.

    Two runs of a project on equal rows number them alike, so that their rows still pair. Whoever knows the ids, but not
    the secret, cannot say which row is whose.
    """
    keyed = {one: hmac.digest(salt, one.encode(), "sha256") for one in judged["customer_id"].unique()}
    number = {one: place for place, one in enumerate(sorted(keyed, key=lambda one: keyed[one]))}
    rows = judged[["cutoff_on", "p_lapse", "lapsed"]].assign(customer=judged["customer_id"].map(number).astype("int64"))
    columns = ["customer", "cutoff_on", "p_lapse", "lapsed"]
    return rows.sort_values(["cutoff_on", "customer"], ignore_index=True)[columns]


def rows_hash(judged: pd.DataFrame) -> str:
    """SHA-256 (hex) of who was judged when, and what happened: equal for runs whose rows pair."""
    keys = judged[["customer_id", "cutoff_on", "lapsed"]]
    return digest(pd.util.hash_pandas_object(keys, index=False).to_numpy().tobytes())
