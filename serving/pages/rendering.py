"""Templates to answers: one environment that escapes everything, and what every page is told."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from fastapi import Request
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse

from contracts.files import digest
from serving.desk.actors import Actor
from serving.pages.forms import place_of
from serving.pages.shown import Shop

HERE = Path(__file__).parent
STATIC = HERE / "static"
PAGES = (
    ("week", "/", "viewer"),
    ("list", "/weeks/latest/list", "viewer"),
    ("campaigns", "/campaigns", "viewer"),
    ("weeks", "/weeks", "viewer"),
    ("model", "/model", "viewer"),
    ("data", "/data", "viewer"),
    ("accounts", "/accounts", "admin"),
    ("audit", "/audit", "admin"),
)
"""What stands in the head of each page: name, address, least role."""


@cache
def environment() -> Environment:
    """The templates; whatever is put into them is escaped."""
    made = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals.update(asset=asset)
    return made


@cache
def asset(name: str) -> str:
    """A static file's address, which changes with its content: browsers may keep it for good."""
    return f"/static/{name}?v={digest((STATIC / name).read_text(encoding='utf-8'))[:12]}"


def shop_of(request: Request) -> Shop:
    """What the application was told of the shop."""
    found: Shop = request.app.state.shop
    return found


def render(request: Request, template: str, *, page: str, status: int = 200, **told: Any) -> HTMLResponse:
    """A template as an answer; `page` is the name of its entry in the head."""
    actor: Actor | None = getattr(request.state, "actor", None)
    shop = shop_of(request)
    around = {
        "t": shop.words.text,
        "name_of": shop.words.name_of,
        "page": page,
        "actor": actor,
        "links": [(name, path) for name, path, role in PAGES if actor is not None and actor.may(role)],
        "csrf": getattr(request.state, "csrf", ""),
        "shop": shop,
        "here": place_of(request),
        "done": request.query_params.get("done", ""),
    }
    return HTMLResponse(environment().get_template(f"{template}.html.j2").render(**around, **told), status)
