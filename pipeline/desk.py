"""Between the project's folder and the desk: loading what was published, and bringing back what was recorded."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd

from contracts.files import read_json
from contracts.windows import day_numbers, monday_of, trailing
from events.manifest import MANIFEST
from events.store import read_lines
from serving.desk import erasing
from serving.desk.database import FILE, VARIABLE, Desk, address, open_desk
from serving.desk.loading import Loaded, load_week
from serving.published import Revision, find_week, weeks

HISTORY_DAYS = 104 * 7
DOCUMENTS = {
    "effects": Path("reports/effects/effects.json"),
    "gate": Path("reports/gate.json"),
    "metrics": Path("reports/metrics.json"),
    "data": Path("reports/data/report.json"),
    "monitor": Path("reports/monitor/monitor.json"),
    "plan": Path("reports/plan/plan.json"),
}
"""What the last run reported, by the name under which the desk shows it."""


@contextmanager
def the_desk(root: Path, *, is_loading: bool = True) -> Iterator[Desk]:
    """The project's desk, with every published week loaded."""
    desk = open_desk(address(root))
    try:
        if is_loading:
            load_published(root, desk)
        yield desk
    finally:
        desk.close()


def load_published(root: Path, desk: Desk) -> list[Loaded]:
    """Load the latest revision of every published week, the first first; what is loaded already changes nothing."""
    names = weeks(root / "published")
    return [load_one(root, desk, find_week(root / "published", name), is_latest=name == names[-1]) for name in names]


def load_one(root: Path, desk: Desk, revision: Revision, *, is_latest: bool) -> Loaded:
    """Load one revision; the reports of the last run come with the latest week alone, for they speak of it."""
    documents = _documents(root) if is_latest else {}
    return load_week(desk, revision, lambda ids: weekly_sums(root / "data" / "events", ids, revision.week), documents)


def _documents(root: Path) -> dict[str, Any]:
    return {kind: read_json(root / path) for kind, path in DOCUMENTS.items() if (root / path).exists()}


def weekly_sums(store: Path, customer_ids: list[str], week: str) -> pd.DataFrame:
    """One row a customer and week with purchases, of the 104 weeks before the week: `week_on` (a Monday), `cents`.

    Undone purchases are left out. Without an event store there are no rows.
    """
    empty = pd.DataFrame({"customer_id": pd.Series(dtype="str"), "week_on": pd.Series(dtype="str"), "cents": []})
    if not (store / MANIFEST).exists():
        return empty
    wanted = ["customer_id", "ordered_on", "amount", "undone_at"]
    lines = read_lines(store, "purchases", columns=wanted)
    lines = lines[lines["customer_id"].isin(customer_ids) & lines["undone_at"].isna()]
    days = pd.to_datetime(lines["ordered_on"])
    kept = trailing(day_numbers(days), monday_of(week), HISTORY_DAYS)
    lines, days = lines[kept], days[kept]
    mondays = (days - pd.to_timedelta(days.dt.day_of_week, unit="D")).dt.strftime("%Y-%m-%d")
    cents = (lines["amount"] * 100).round().astype("int64")
    sums = pd.DataFrame({"customer_id": lines["customer_id"], "week_on": mondays, "cents": cents})
    return sums.groupby(["customer_id", "week_on"])["cents"].sum().reset_index() if len(sums) else empty


def has_desk(root: Path) -> bool:
    """Whether the project's desk was ever opened, or another database is named."""
    return bool(os.environ.get(VARIABLE, "").strip()) or (root / FILE).exists()


def ids_at_desk(root: Path) -> set[str]:
    """The ids of all customers whom the desk names."""
    if not has_desk(root):
        return set()
    with the_desk(root, is_loading=False) as desk, desk.reading() as connection:
        return erasing.named(connection)


def held_at_desk(root: Path, customer_id: str) -> dict[str, list[dict[str, Any]]]:
    """What was recorded of a customer at the desk, by table."""
    if not has_desk(root):
        return {}
    with the_desk(root, is_loading=False) as desk, desk.reading() as connection:
        return erasing.held(connection, customer_id)


def erase_at_desk(root: Path, customer_ids: set[str]) -> int:
    """Erase customers at the desk, whom the rest of the product has erased; return how many rows went."""
    if not has_desk(root):
        return 0
    with the_desk(root, is_loading=False) as desk, desk.writing() as connection:
        return sum(
            erasing.erase(connection, "forget (command)", name, is_followed=True) for name in sorted(customer_ids)
        )
