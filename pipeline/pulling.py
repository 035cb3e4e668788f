"""Bringing what the desk recorded into the inbox, as contacts and responses."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from contracts.event_kinds import RESPONSE_KINDS
from contracts.event_tables import CONTACTS, RESPONSES
from contracts.files import read_table, write_table
from contracts.params import load_params
from contracts.table import Table
from pipeline.desk import the_desk
from pipeline.inbox import RECORDED
from pipeline.recorded import TABLES
from serving.desk import work

_SENT = ("customer_id", "campaign_id", "sent_at", "sent_on", "offer", "channel", "known_at")
_ANSWERED = (
    "customer_id", "campaign_id", "coupon_id", "kind", "responded_at", "responded_on", "n", "reason", "known_at"
)  # fmt: skip


def pull_desk(root: Path) -> int:
    """Write what the desk recorded into the inbox; return how many tables changed. Twice is as once."""
    zone = load_params(root / "params.yaml").store.time_zone
    with the_desk(root, is_loading=False) as desk, desk.reading() as connection:
        rows = work.all_outcomes(connection)
    made = {"contacts": contacts(rows, zone), "responses": responses(rows, zone)}
    return sum(_renewed(root / RECORDED / f"{name}.parquet", frame, TABLES[name]) for name, frame in made.items())


def _renewed(path: Path, frame: pd.DataFrame, table: Table) -> bool:
    """Write a table unless it stands there already; none is written where there is nothing to say yet."""
    if path.exists() and read_table(path, table).equals(frame):
        return False
    if frame.empty and not path.exists():
        return False
    write_table(path, frame, table)
    return True


def contacts(rows: list[dict[str, Any]], zone: str) -> pd.DataFrame:
    """One row a recorded contact (CONTACTS): the campaign is the week's wave."""
    made = [
        {"customer_id": row["customer_id"], "campaign_id": row["week"], "sent_at": row["happened_at"],
         "offer": row["offer"], "channel": row["channel"], "known_at": row["recorded_at"]}
        for row in rows if row["kind"] == "contacted"
    ]  # fmt: skip
    return _checked(pd.DataFrame(made, columns=[name for name in _SENT if name != "sent_on"]), CONTACTS, "sent", zone)


def responses(rows: list[dict[str, Any]], zone: str) -> pd.DataFrame:
    """One row a recorded answer (RESPONSES); a reason that came with anything else is that of an offer declined."""
    made = [
        {"customer_id": row["customer_id"], "campaign_id": row["week"], "coupon_id": "", "kind": kind,
         "responded_at": row["happened_at"], "n": 1, "reason": row["reason"] or None, "known_at": row["recorded_at"]}
        for row in rows for kind in _answers(row)
    ]  # fmt: skip
    named = [name for name in _ANSWERED if name != "responded_on"]
    return _checked(pd.DataFrame(made, columns=named), RESPONSES, "responded", zone)


def _answers(row: dict[str, Any]) -> Iterator[str]:
    if row["kind"] in RESPONSE_KINDS:
        yield row["kind"]
    elif row["reason"]:
        yield "declined"


def _checked(frame: pd.DataFrame, table: Table, done: str, zone: str) -> pd.DataFrame:
    """The contract's own types and order; what was recorded twice of one instant counts once."""
    for name in (f"{done}_at", "known_at"):
        frame[name] = pd.to_datetime(frame[name], utc=True).astype("datetime64[us, UTC]")
    local = frame[f"{done}_at"].dt.tz_convert(zone).dt.tz_localize(None)
    frame[f"{done}_on"] = local.dt.normalize().astype("datetime64[us]")
    once = frame.sort_values([*table.key, "known_at"], kind="stable").drop_duplicates(list(table.key))
    return table(once.reset_index(drop=True))
