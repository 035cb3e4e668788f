"""The week at a glance, and the weeks one after the other."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from fastapi import FastAPI, Request
from starlette.responses import Response

from serving.api.access import OpenDesk, Viewer
from serving.api.reading import On, week_named
from serving.api.shapes import WeekName
from serving.desk import weeks
from serving.desk.filters import CHANGES
from serving.desk.progress import freshness, progress
from serving.desk.weeks import Week
from serving.pages.pictures import bars
from serving.pages.rendering import render

MOST_WEEKS = 104


def add_routes(app: FastAPI) -> None:
    """Add this module's routes."""
    app.get("/", include_in_schema=False)(this_week)
    app.get("/weeks", include_in_schema=False)(all_weeks)
    app.get("/weeks/{week}", include_in_schema=False)(one_week)


def this_week(actor: Viewer, request: Request, desk: OpenDesk, on: On) -> Response:
    """The latest week."""
    return one_week(actor, request, desk, on, week="latest")


def one_week(_: Viewer, request: Request, desk: OpenDesk, on: On, *, week: WeekName) -> Response:
    """A week: what changed, groups and money, how much of the plan's limits is used, how fresh all is."""
    with desk.reading() as connection:
        shown = week_named(connection, week)
        said = weeks.manifest(connection, shown.id)
        told = {
            "manifest": said,
            "currency": said["params"]["store"]["currency"],
            "work": progress(connection, shown),
            "fresh": freshness(connection, shown, on),
            **_counts(connection, shown),
            **_plan(connection, shown),
        }
    return render(request, "week", page="week", week=shown, on=on.isoformat(), **told)


def _counts(connection: sa.Connection, week: Week) -> dict[str, Any]:
    """The week's counts, those of the week before, and the changes in the order in which they are told."""
    held = weeks.by_week(connection, "counts")
    before = next((name for name in held if _is_earlier(name, week.week)), "")
    now = held.get(week.week, {})
    changes = [(name, now.get("change", {}).get(name, 0)) for name in CHANGES if name != "left"]
    return {
        "counts": now,
        "before": held.get(before, {}),
        "before_name": before,
        "changes": changes,
        "is_latest": next(iter(held), "") == week.week,
    }


def _is_earlier(name: str, than: str) -> bool:
    return name < than


def currency_of(connection: sa.Connection, week: Week) -> str:
    """The currency of a week's amounts."""
    said = weeks.manifest(connection, week.id)
    return str(said["params"]["store"]["currency"])


def _plan(connection: sa.Connection, week: Week) -> dict[str, Any]:
    """The plan's limits and how far they are used; empty where the week came without a plan, or with one of before."""
    plan = weeks.documents_of(connection, week).get("plan")
    if plan is None or "expected_profit_treated_low" not in plan:
        return {"plan": None, "limits": []}
    limits = [
        ("capacity", plan["n_treated"], plan["capacity"], False),
        ("budget", plan["expected_cost"], plan["budget"], True),
    ]
    of_channels = [(name, held["used"], held["capacity"], False) for name, held in plan["channels"].items()]
    return {"plan": plan, "limits": limits + of_channels}


def all_weeks(_: Viewer, request: Request, desk: OpenDesk) -> Response:
    """Every week the desk holds, as pictures and as a table."""
    with desk.reading() as connection:
        found = weeks.all_weeks(connection)[:MOST_WEEKS]
        held = weeks.by_week(connection, "counts")
        currency = currency_of(connection, found[0]) if found else "USD"
    rows = [(week, held.get(week.week, {})) for week in found]
    told = [(week.week, counts) for week, counts in reversed(rows)]
    pictures = {
        name: bars((week, float(counts.get(name, 0))) for week, counts in told)
        for name in ("n_listed", "value_at_stake", "expected_loss")
    }
    high = bars((week, float(counts.get("risk_band", {}).get("high", 0))) for week, counts in told)
    pictures = {"n_listed": pictures.pop("n_listed"), "n_high": high, **pictures}
    return render(request, "weeks", page="weeks", rows=rows, pictures=pictures, currency=currency)
