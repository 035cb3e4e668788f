"""Routes that read: weeks, the list, one customer, what is due, effects, facts of model and data."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

import sqlalchemy as sa
from fastapi import Depends, FastAPI, Query, Request
from starlette.responses import JSONResponse

from serving.api.access import Agent, OpenDesk, Viewer
from serving.api.shapes import CustomerOut, Day, Due, PageOut, WeekName, WeekOut, Word
from serving.desk import customers, sending, weeks
from serving.desk.clock import read_day
from serving.desk.filters import HIDDEN_FROM_VIEWERS, Filters, checked_fields
from serving.desk.paging import MOST, page
from serving.desk.weeks import Week


def filters(
    *,
    group: Word | None = None,
    tier: Word | None = None,
    state: Word | None = None,
    value_tier: Word | None = None,
    risk_band: Word | None = None,
    offer: Word | None = None,
    channel: Word | None = None,
    label: Word | None = None,
    change: Word | None = None,
    unclaimed: bool = False,
    claimed_by: Word | None = None,
    sort: Word = "rank",
) -> Filters:
    """Which rows, in which order."""
    return Filters(
        group=group,
        tier=tier,
        state=state,
        value_tier=value_tier,
        risk_band=risk_band,
        offer=offer,
        channel=channel,
        label=label,
        change=change,
        unclaimed=unclaimed,
        claimed_by=claimed_by,
        sort=sort,
    )


Wanted = Annotated[Filters, Depends(filters)]


def day_asked(request: Request, on: Day | None = None) -> date:
    """The day as of which recent activity counts: the one asked for, or today at the shop."""
    if on is not None:
        return read_day(on)
    today: date = request.app.state.today()
    return today


On = Annotated[date, Depends(day_asked)]


def week_named(connection: sa.Connection, name: str) -> Week:
    """A week by its name; 'latest' for the latest."""
    return weeks.find_week(connection, None if name == "latest" else name)


def add_routes(app: FastAPI) -> None:
    """Add this module's routes."""
    app.get("/v1/weeks", response_model=list[WeekOut], tags=["weeks"])(list_weeks)
    app.get("/v1/weeks/{week}", response_model=WeekOut, tags=["weeks"])(one_week)
    app.get("/v1/weeks/{week}/entries", response_model=PageOut, tags=["list"])(list_entries)
    app.get("/v1/weeks/{week}/counts", tags=["list"])(count_entries)
    app.get("/v1/weeks/{week}/due", response_model=Due, tags=["list"])(list_due)
    app.get("/v1/weeks/{week}/customers/{customer_id:path}", response_model=CustomerOut, tags=["list"])(one_customer)
    app.get("/v1/weeks/{week}/effects", tags=["facts"])(effects)
    app.get("/v1/weeks/{week}/model", tags=["facts"])(model_facts)
    app.get("/v1/weeks/{week}/data", tags=["facts"])(data_facts)
    app.get("/v1/weeks/{week}/plan", tags=["facts"])(plan_facts)


def list_weeks(_: Viewer, desk: OpenDesk) -> list[dict[str, Any]]:
    """Every week by its revision in force, the latest first."""
    with desk.reading() as connection:
        return [found.as_json() for found in weeks.all_weeks(connection)]


def one_week(_: Viewer, desk: OpenDesk, week: WeekName) -> dict[str, Any]:
    """One week by its revision in force."""
    with desk.reading() as connection:
        return week_named(connection, week).as_json()


def list_entries(
    actor: Viewer,
    desk: OpenDesk,
    wanted: Wanted,
    on: On,
    *,
    week: WeekName,
    limit: Annotated[int, Query(ge=1, le=MOST)] = 50,
    cursor: Annotated[str, Query(max_length=600)] = "",
    fields: Annotated[str, Query(max_length=2000, description="names, joined by ','; all where empty")] = "",
) -> JSONResponse:
    """The list: whom to work on. Pages follow by `next`, and show one revision to its end."""
    chosen = checked_fields(fields.split(",") if fields else None, is_viewer=not actor.may("agent"))
    with desk.reading() as connection:
        found = page(connection, week_named(connection, week), wanted, limit, cursor)
        rows = customers.with_work(connection, found.week, found.rows, on)
    items = [{name: row[name] for name in chosen} for row in rows]
    return JSONResponse({"week": found.week.as_json(), "items": items, "next": found.next})


def count_entries(_: Viewer, desk: OpenDesk, week: WeekName) -> dict[str, Any]:
    """How many listed customers each group, tier, band, change, offer and channel has, and the money at stake."""
    return _document(desk, week, "counts")


def one_customer(actor: Viewer, desk: OpenDesk, on: On, *, week: WeekName, customer_id: Word) -> dict[str, Any]:
    """A customer of the list: portrait, what they paid week by week, reasons, offer and why, who works on them."""
    with desk.reading() as connection:
        shown = week_named(connection, week)
        found = customers.customer(connection, shown, customer_id, on)
    if not actor.may("agent"):
        found |= {"history": {"first_on": "", "amounts": []}, "outcomes": []}
        found["facts"] = {name: value for name, value in found["facts"].items() if name not in HIDDEN_FROM_VIEWERS}
    return {"week": shown.as_json(), **found}


def list_due(
    actor: Agent, request: Request, desk: OpenDesk, on: On, *, week: WeekName, channel: Word | None = None
) -> dict[str, Any]:
    """What is to be sent on a day, without whom recent activity or a suppression bars; refused if stale."""
    sending.refuse_past(actor, on, request.app.state.today())
    with desk.reading() as connection:
        shown = week_named(connection, week)
        found = sending.due(connection, shown, on, channel)
    with desk.writing() as connection:
        sending.note_due(connection, actor.told, shown, on, channel)
    return found


def effects(_: Viewer, desk: OpenDesk, week: WeekName) -> dict[str, Any]:
    """What each offer brought by randomised comparison, as the week's run knew it: intervals and verdicts."""
    return _document(desk, week, "effects")


def model_facts(_: Viewer, desk: OpenDesk, week: WeekName) -> dict[str, Any]:
    """The model behind a week: its grade and version, the gate, its figures, what is watched; null if not told."""
    with desk.reading() as connection:
        shown = week_named(connection, week)
        said = weeks.manifest(connection, shown.id)
        held = weeks.documents_of(connection, shown)
    kept = {name: said.get(name) for name in ("model_version", "model_grade", "params", "code", "released_at")}
    return kept | {name: held.get(name) for name in ("gate", "metrics", "monitor")}


def data_facts(_: Viewer, desk: OpenDesk, week: WeekName) -> dict[str, Any]:
    """The data report's findings and measures of the week's run."""
    return _document(desk, week, "data")


def plan_facts(_: Viewer, desk: OpenDesk, week: WeekName) -> dict[str, Any]:
    """The week's plan as a whole: budget, capacity, channels, groups, the guard's findings; no single customer."""
    return _document(desk, week, "plan")


def _document(desk: OpenDesk, week: str, kind: str) -> dict[str, Any]:
    with desk.reading() as connection:
        found: dict[str, Any] = weeks.document(connection, week_named(connection, week), kind)
    return found
