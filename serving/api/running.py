"""Routes about the service itself: whether it lives, whether it can answer, its metrics, its description."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.responses import Response

from serving.api.access import OpenDesk, Viewer
from serving.api.shapes import Status
from serving.desk import weeks


def add_routes(app: FastAPI) -> None:
    """Add this module's routes."""
    text: dict[int | str, dict[str, Any]] = {200: {"content": {"text/plain": {}}, "description": "The metrics."}}
    app.get("/v1/health", response_model=Status, tags=["service"])(health)
    app.get("/v1/ready", response_model=Status, tags=["service"])(ready)
    app.get("/v1/metrics", response_class=Response, responses=text, tags=["service"])(metrics)
    app.get("/v1/openapi.json", tags=["service"])(described)


def health() -> dict[str, str]:
    """Whether the process answers at all."""
    return {"status": "up"}


def ready(desk: OpenDesk) -> dict[str, str]:
    """Whether the database answers and holds a week."""
    with desk.reading() as connection:
        weeks.find_week(connection)
    return {"status": "ready"}


def metrics(_: Viewer, request: Request) -> Response:
    """Counts and times by route, for Prometheus."""
    return Response(generate_latest(request.app.state.metrics.registry), media_type=CONTENT_TYPE_LATEST)


def described(_: Viewer, request: Request) -> dict[str, Any]:
    """This description."""
    found: dict[str, Any] = request.app.openapi()
    return found
