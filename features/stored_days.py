"""The purchase days of a whole event store, read by the few columns that make them."""

from __future__ import annotations

from pathlib import Path

from events.store import open_store, read_lines
from features.customer_days import CustomerDays, day_book

DAY_COLUMNS = ("customer_id", "order_id", "ordered_on", "amount", "known_at", "undone_at")


def stored_days(store: str | Path) -> CustomerDays:
    """The purchase days that stand today, of all customers who may be profiled."""
    shelf = open_store(store)
    lines = read_lines(Path(store), "purchases", shelf.facts, DAY_COLUMNS)
    kept = lines[~lines["customer_id"].isin(shelf.refused)]
    return day_book(kept, str(shelf.facts["time_zone"])).final
