"""What a shop had recorded by an earlier day: the optional columns, tables and kinds that a run then would have found.

What the further tables say of people (erased, excluded, refusing, merged) is as of today: nobody is brought back.
"""

from __future__ import annotations

from datetime import date

import pandas as pd

from contracts import windows
from events.store import Events, Shelf, absent_of

INSTANTS = {"returns": "ordered_at", "responses": "responded_at", "interactions": "happened_at"}


def absent_at(shelf: Shelf, events: Events, day: date) -> frozenset[str]:
    """What the shop would have been found not to record, had its data ended as `day` began.

    `events` are all of the shelf's. Nothing that is absent today was recorded then.
    """
    bought = _known(events.purchases, "ordered_at", events, day)
    frames = {name: _known(getattr(events, name), instant, events, day) for name, instant in INSTANTS.items()}
    facts = {
        "absent": {*shelf.facts["absent"], *(set() if (bought["ordered_hour"] != 0).any() else {"hour"})},
        "buckets": [{"returns": len(frames["returns"])}],
    }
    return shelf.absent | absent_of(facts, {**frames, "products": _described(shelf, events, bought)})


def _known(frame: pd.DataFrame, instant: str, events: Events, day: date) -> pd.DataFrame:
    """The rows known then, those undone since or before among them: the store keeps both."""
    kept = frame.drop(columns="undone_at", errors="ignore")
    return windows.rows_before(kept, day, events.time_zone, instant)


def _described(shelf: Shelf, events: Events, bought: pd.DataFrame) -> pd.DataFrame:
    """The products with their descriptions; where purchases describe them, those bought by then."""
    if not shelf.facts["describes_products"] or "product_id" not in bought.columns:
        return events.products
    return events.products[events.products["product_id"].isin(bought["product_id"].unique())]
