"""Refusals as pages, for whoever asks with a browser; programs get problem details as before."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from contracts.errors import RegularsError
from serving.api.access import the_desk
from serving.desk import accounts
from serving.pages.forms import place_of
from serving.pages.rendering import render

Handler = Callable[[Request, Any], Response]


def add_page_handlers(app: FastAPI) -> None:
    """Let every refusal answer a browser with a page."""
    for kind in (RegularsError, RequestValidationError, HTTPException):
        plain: Any = app.exception_handlers[kind]
        app.add_exception_handler(kind, _or_page(plain))


def _or_page(plain: Handler) -> Handler:
    def answer(request: Request, error: Exception) -> Response:
        return page_if_wanted(request, plain(request, error))

    return answer


def page_if_wanted(request: Request, said: Response) -> Response:
    """Problem details, as a page for whoever asks with a browser."""
    return as_page(request, said) if wants_page(request) else said


def wants_page(request: Request) -> bool:
    """Whether a browser asks for one of our pages."""
    is_api = request.url.path.startswith("/v1/")
    return not is_api and "text/html" in request.headers.get("accept", "")


def as_page(request: Request, said: Response) -> Response:
    """Problem details as a page; whoever is not signed in may do so there, and comes back to where they were."""
    told = json.loads(bytes(said.body))
    if said.status_code == 401:
        place = place_of(request) if request.method == "GET" else "/"
        made: Response = sign_in_page(request, place=place)
    else:
        made = render(request, "problem", page="", status=said.status_code, told=told)
    kept = ("www-authenticate", "retry-after", "allow")
    made.headers.update({name: value for name, value in said.headers.items() if name in kept})
    return made


def sign_in_page(request: Request, *, place: str, wrong: str = "", status: int = 401) -> Response:
    """The page to sign in by; where nobody has an account yet, how to make the first."""
    with the_desk(request).reading() as connection:
        is_first = not accounts.n_users(connection)
    told = {
        "place": place,
        "wrong": wrong,
        "is_first": is_first,
        "has_provider": request.app.state.provider is not None,
    }
    return render(request, "sign_in", page="", status=status, **told)
