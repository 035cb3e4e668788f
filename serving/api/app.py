"""The application: routes, errors, compression, and what surrounds every request."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.middleware.gzip import GZipMiddleware

from serving.api import acting, leaving, people, reading, running
from serving.api.oidc import Provider
from serving.api.problems import RESPONSES, Problem, add_handlers
from serving.api.watching import Metrics, Watch
from serving.desk.database import Desk
from serving.pages.problems import page_if_wanted
from serving.pages.shown import Shop
from serving.pages.site import add_pages

ABOUT = "The retention team's week: whom to keep, why, with what; what was done about it, and what it brought."


def utc_today() -> date:
    """Today in UTC."""
    return datetime.now(UTC).date()


def create_app(
    desk: Desk,
    today: Callable[[], date] = utc_today,
    shop: Shop | None = None,
    provider: Provider | None = None,
) -> FastAPI:
    """The desk over HTTP; `today` gives the shop's own date, `shop` what its pages are told of it.

    `provider` vouches for people beside their passwords.
    """
    app = FastAPI(
        title="Regulars: the desk",
        version="1",
        description=ABOUT,
        responses=RESPONSES,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
    )
    metrics = Metrics()
    app.state.desk, app.state.today, app.state.metrics, app.state.provider = desk, today, metrics, provider
    for module in (running, reading, acting, leaving, people):
        module.add_routes(app)
    add_handlers(app)
    add_pages(app, shop or Shop())
    app.add_middleware(GZipMiddleware, minimum_size=1000, compresslevel=3)
    app.add_middleware(Watch, metrics=metrics, as_page=page_if_wanted)
    app.openapi = lambda: _described(app)  # type: ignore[method-assign]  # FastAPI's own way to extend it
    return app


def _described(app: FastAPI) -> dict[str, Any]:
    if app.openapi_schema is None:
        found = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
        schemas = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
        found["components"]["schemas"] |= {**schemas.pop("$defs"), "Problem": schemas}
        app.openapi_schema = found
    return app.openapi_schema
