"""Pages for signing in by the organisation's provider: away to it, and back."""

from __future__ import annotations

import json
from dataclasses import asdict

from fastapi import FastAPI, Request
from starlette.responses import RedirectResponse, Response

from contracts.errors import UnknownNameError
from serving.api.access import OIDC_BACK, OIDC_PAGE, OpenDesk
from serving.api.oidc import Going, Provider
from serving.api.people import set_cookie
from serving.desk import accounts, credentials
from serving.desk.credentials import Session, is_same
from serving.desk.database import Desk
from serving.desk.errors import SignInError
from serving.pages.forms import local_path
from serving.pages.rendering import render

COOKIE, SECONDS = "__Host-regulars-going", 600


def add_routes(app: FastAPI) -> None:
    """Add this module's routes."""
    app.get(OIDC_PAGE, include_in_schema=False)(go)
    app.get(OIDC_BACK, include_in_schema=False)(come_back)


def _provider(request: Request) -> Provider:
    found: Provider | None = request.app.state.provider
    if found is None:
        raise UnknownNameError("no provider to sign in by is set up here; sign in with a password")
    return found


def go(request: Request) -> Response:
    """Send the browser to the provider, with a note of its own of what must come back."""
    address, going = _provider(request).begin(local_path(request.query_params.get("next", "/")))
    answer = RedirectResponse(address, status_code=303)
    # lax: the way back begins at another site
    answer.set_cookie(
        COOKIE, json.dumps(asdict(going)).encode().hex(), SECONDS, path="/", secure=True, httponly=True, samesite="lax"
    )
    return answer


def come_back(request: Request, desk: OpenDesk, code: str = "", state: str = "") -> Response:
    """Sign in whom the provider vouches for, if they have an account.

    The answer is a page that leads on, no redirect: the session's cookie goes along with what our own pages begin.
    """
    provider, going = _provider(request), _going(request.cookies.get(COOKIE, ""))
    if not code or not is_same(state, going.state):
        raise SignInError("expected the provider's answer to this browser's own request, got another; sign in again")
    session = _session(desk, provider.account(going, code), request.client.host if request.client else "unknown")
    answer = render(request, "entered", page="", place=local_path(going.place))
    set_cookie(answer, session)
    answer.delete_cookie(COOKIE, path="/", secure=True, httponly=True, samesite="lax")
    return answer


def _going(cookie: str) -> Going:
    try:
        return Going(**json.loads(bytes.fromhex(cookie)))
    except (ValueError, TypeError):
        raise SignInError("expected a browser that set out from here within ten minutes, got another") from None


def _session(desk: Desk, name: str, place: str) -> Session:
    with desk.writing() as connection:
        accounts.refuse_too_many(connection, name, place)
        actor = accounts.vouched(connection, name)
        if actor is not None:
            return credentials.open_session(connection, actor)
        refusal = accounts.note_failure(connection, name, place)
    raise refusal
