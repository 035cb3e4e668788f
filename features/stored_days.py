"""The purchase days of customers of an event store, read by the few columns that make them."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from events.store import open_store
from features.customer_days import CustomerDays, day_book

DAY_COLUMNS = ("customer_id", "order_id", "ordered_on", "amount", "known_at", "undone_at")


def stored_days(store: str | Path, customers: pd.Series) -> CustomerDays:
    """The purchase days that stand today, of some customers, as far as they may be profiled.

    Read bucket by bucket: memory hangs on a bucket and on the lines of these customers.
    """
    shelf = open_store(store)
    parts = (shelf.purchases(number, DAY_COLUMNS) for number in range(shelf.n_buckets))
    kept = pd.concat([lines[lines["customer_id"].isin(customers)] for lines in parts], ignore_index=True)
    return day_book(kept, str(shelf.facts["time_zone"])).final
