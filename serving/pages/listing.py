"""The list: filtered, sorted, page by page; who works on whom; what may leave as a file."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import Depends, FastAPI, Query, Request
from starlette.responses import Response

from serving.api import leaving
from serving.api.access import OpenDesk, Viewer
from serving.api.reading import On, filters, week_named
from serving.api.shapes import WeekName
from serving.desk import customers, exporting, weeks
from serving.desk.actors import Actor
from serving.desk.filters import CHANGES, HIDDEN_FROM_VIEWERS, Filters
from serving.desk.paging import page
from serving.desk.progress import freshness
from serving.pages.rendering import render

ROWS = 50
CHOICES = ("group", "tier", "risk_band", "offer", "channel", "label")
"""Filters whose choices are counted in the week."""
ORDERS = (
    "rank", "-p_lapse", "-value_at_stake", "-expected_loss", "-expected_profit", "act_by", "last_purchase_on",
    "-last_purchase_on", "customer_id",
)  # fmt: skip


def as_chosen(wanted: Annotated[Filters, Depends(filters)]) -> Filters:
    """The filters of a form, in which an empty choice means any."""
    empty: dict[str, Any] = {name: None for name, value in vars(wanted).items() if value == ""}
    return replace(wanted, **empty)


Chosen = Annotated[Filters, Depends(as_chosen)]


def add_routes(app: FastAPI) -> None:
    """Add this module's routes."""
    app.get("/weeks/{week}/list", include_in_schema=False)(list_page)
    # the same as the API's, but that a refusal is a page
    app.get("/weeks/{week}/export", include_in_schema=False)(leaving.export)


def list_page(
    actor: Viewer,
    request: Request,
    desk: OpenDesk,
    chosen: Chosen,
    on: On,
    *,
    week: WeekName,
    cursor: Annotated[str, Query(max_length=600)] = "",
) -> Response:
    """A page of the list."""
    with desk.reading() as connection:
        found = page(connection, week_named(connection, week), chosen, ROWS, cursor)
        rows = customers.with_work(connection, found.week, found.rows, on)
        counts = weeks.by_week(connection, "counts").get(found.week.week, {})
        fresh = freshness(connection, found.week, on)
    return render(
        request,
        "list",
        page="list",
        week=found.week,
        rows=[shown_to(actor, row) for row in rows],
        chosen=chosen,
        counts=counts,
        choices={name: counts.get(name, {}) for name in CHOICES},
        changes=CHANGES,
        orders=ORDERS,
        n_found=n_found(chosen, counts),
        links_to=_beside(request, chosen, found.previous, found.next),
        said=_said(chosen),
        presets=list(exporting.presets()),
        formats=list(exporting.FORMATS),
        fresh=fresh,
        on=on.isoformat(),
    )


def shown_to(actor: Actor, row: dict[str, Any]) -> dict[str, Any]:
    """A published row with None for whatever the actor's role does not see."""
    return row if actor.may("agent") else row | dict.fromkeys(HIDDEN_FROM_VIEWERS)


def _said(chosen: Filters) -> dict[str, str]:
    """What is asked for, as an address names it."""
    return {name: "1" if value is True else str(value) for name, value in chosen.said().items()}


def _beside(request: Request, chosen: Filters, previous: str, after: str) -> dict[str, str]:
    """Addresses of the pages beside this one; '' at the ends."""
    kept = _said(chosen) | {name: value for name, value in request.query_params.items() if name == "on"}
    cursors = {"previous": previous, "next": after}
    return {name: f"?{urlencode({**kept, 'cursor': cursor})}" if cursor else "" for name, cursor in cursors.items()}


def n_found(chosen: Filters, counts: dict[str, Any]) -> int | None:
    """How many rows the filters leave, where the week's counts say so without walking the list; else None."""
    asked = {name: value for name, value in chosen.said().items() if name != "sort"}
    if not asked:
        return int(counts["n_listed"]) if counts else None
    ((name, value), *others) = asked.items()
    known = name in counts and not others and isinstance(value, str)
    return int(counts[name].get(value, 0)) if known and value != "left" else None
