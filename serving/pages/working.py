"""What people do from a page: take a customer on, give back, hand over, record what happened."""

from __future__ import annotations

from datetime import datetime, time
from urllib.parse import quote
from zoneinfo import ZoneInfo

from fastapi import FastAPI, Request
from starlette.responses import Response

from contracts.errors import ParameterError
from serving.api.access import Agent, OpenDesk
from serving.api.reading import week_named
from serving.api.shapes import WeekName
from serving.desk import work
from serving.desk.clock import read_day, written
from serving.desk.work import Outcome
from serving.pages.forms import READ, Fields, Form, field, go_on, needed
from serving.pages.rendering import shop_of

NOON = time(12)


def add_routes(app: FastAPI) -> None:
    """Add this module's routes."""
    app.post("/weeks/{week}/claims", include_in_schema=False, dependencies=[READ])(change_claim)
    app.post("/weeks/{week}/outcomes", include_in_schema=False, dependencies=[READ])(record)


def change_claim(actor: Agent, desk: OpenDesk, form: Fields, *, week: WeekName) -> Response:
    """Claim a customer, give them back, or hand them over, as the form's button says."""
    customer_id, what = needed(form, "customer_id"), needed(form, "what")
    with desk.writing() as connection:
        shown = week_named(connection, week)
        if what == "claim":
            work.claim(connection, actor, shown, customer_id)
        elif what == "give_back":
            work.release(connection, actor, shown, customer_id)
        elif what == "hand_over":
            work.hand_over(connection, actor, shown, customer_id, needed(form, "to", 64))
        else:
            raise ParameterError("what: expected claim, give_back or hand_over, got another word")
    return go_on(form, what, _page_of(week, customer_id))


def record(actor: Agent, request: Request, desk: OpenDesk, form: Fields, *, week: WeekName) -> Response:
    """Record an outcome; the form's own key lets a second click count for nothing."""
    outcome = _outcome(form, shop_of(request).time_zone)
    with desk.writing() as connection:
        (said,) = work.record(connection, actor, week_named(connection, week), [outcome])
    return go_on(form, said, _page_of(week, outcome.customer_id))


def _outcome(form: Form, zone: str) -> Outcome:
    return Outcome(
        key=needed(form, "key", 100),
        customer_id=needed(form, "customer_id"),
        kind=needed(form, "kind", 30),
        reason=field(form, "reason", 30),
        note=field(form, "note", 2000),
        happened_at=_noon(field(form, "day", 10), zone),
        week="",
    )


def _noon(day: str, zone: str) -> str:
    """The middle of a day at the shop, as good as any other instant of it; '' for now."""
    return written(datetime.combine(read_day(day), NOON, ZoneInfo(zone))) if day else ""


def _page_of(week: str, customer_id: str) -> str:
    return f"/weeks/{week}/customers/{quote(customer_id, safe='')}"
