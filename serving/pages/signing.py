"""Signing in and out by a form, and the files that give the pages their look."""

from __future__ import annotations

from typing import Annotated

from fastapi import FastAPI, Path, Request
from starlette.responses import FileResponse, RedirectResponse, Response

from contracts.errors import UnknownNameError
from serving.api.access import SIGN_IN_PAGE, OpenDesk, Viewer, refuse_foreign
from serving.api.people import set_cookie, sign_out, signed_in
from serving.desk.errors import SignInError, TooManyError
from serving.pages.forms import READ, Fields, field, local_path
from serving.pages.problems import sign_in_page
from serving.pages.rendering import STATIC, shop_of

KINDS = {"desk.css": "text/css; charset=utf-8", "desk.js": "text/javascript; charset=utf-8"}
FOR_GOOD = {"Cache-Control": "public, max-age=31536000, immutable"}


def add_routes(app: FastAPI) -> None:
    """Add this module's routes."""
    app.get(SIGN_IN_PAGE, include_in_schema=False)(ask)
    app.post(SIGN_IN_PAGE, include_in_schema=False)(enter)
    app.post("/sign-out", include_in_schema=False, dependencies=[READ])(leave)
    app.get("/static/{name}", include_in_schema=False)(static)


def ask(request: Request) -> Response:
    """The page to sign in by."""
    return sign_in_page(request, place=local_path(request.query_params.get("next", "/")), status=200)


def enter(request: Request, desk: OpenDesk, form: Fields) -> Response:
    """Sign a browser in, and go on to where it wanted to be."""
    refuse_foreign(request)
    name, password = field(form, "name", 64), form.get("password", "")[:200]
    place = local_path(form.get("next", "/"))
    text = shop_of(request).words.text
    try:
        session = signed_in(desk, name, password, request.client.host if request.client else "unknown")
    except SignInError:
        return sign_in_page(request, place=place, wrong=text("sign_in.wrong"))
    except TooManyError as error:
        minutes = -(-error.wait_seconds // 60)
        return sign_in_page(request, place=place, wrong=text("sign_in.too_many", minutes=minutes), status=429)
    answer = RedirectResponse(place, status_code=303)
    set_cookie(answer, session)
    return answer


def leave(actor: Viewer, request: Request, desk: OpenDesk) -> Response:
    """Sign this browser out."""
    answer = RedirectResponse(SIGN_IN_PAGE, status_code=303)
    sign_out(actor, request, answer, desk)
    return answer


def static(name: Annotated[str, Path(max_length=40)]) -> Response:
    """A file of the pages' look; its address changes with its content."""
    if name not in KINDS:
        raise UnknownNameError("no such file")
    return FileResponse(STATIC / name, media_type=KINDS[name], headers=FOR_GOOD)
