"""What the desk recorded, as contacts and responses that `collect` reads beside the shop's own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd

from contracts.event_tables import CONTACTS, RESPONSES
from contracts.files import read_table
from events.store import Events

TABLES = {"contacts": CONTACTS, "responses": RESPONSES}


def with_recorded(events: Events, folder: Path) -> Events:
    """The events with the desk's contacts and responses after the shop's own, where it recorded any."""
    added = {
        name: pd.concat([getattr(events, name), read_table(folder / f"{name}.parquet", table)], ignore_index=True)
        for name, table in TABLES.items()
        if (folder / f"{name}.parquet").exists()
    }
    return replace(events, **added)
