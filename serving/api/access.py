"""Who asks, and whether they may: a token in the header, or a session's cookie with its CSRF token.

Every route names the least role that it needs by one of `Viewer`, `Agent`, `Manager`, `Admin`.
"""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Request
from fastapi.security import APIKeyCookie, HTTPAuthorizationCredentials, HTTPBearer

from serving.desk import credentials
from serving.desk.actors import Actor
from serving.desk.credentials import Session
from serving.desk.database import Desk
from serving.desk.errors import ForbiddenError, SignInError

COOKIE = "__Host-regulars"
CSRF_HEADER, CSRF_FIELD = "X-CSRF-Token", "csrf"
SAFE = ("GET", "HEAD", "OPTIONS")
_BEARER = HTTPBearer(auto_error=False, description="a token of `regulars token make`")
_COOKIE = APIKeyCookie(name=COOKIE, auto_error=False, description="a signed-in browser's session")


def the_desk(request: Request) -> Desk:
    """The application's desk."""
    desk: Desk = request.app.state.desk
    return desk


OpenDesk = Annotated[Desk, Depends(the_desk)]


class Needs:
    """A route's least role; called for each request, it finds the actor or refuses."""

    def __init__(self, role: str) -> None:
        self.role = role

    def __call__(
        self,
        request: Request,
        bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)],
        cookie: Annotated[str | None, Depends(_COOKIE)],
    ) -> Actor:
        """The actor, if the role suffices.

        Raises:
            SignInError: neither a token nor a session in force.
            ForbiddenError: the role is less, or a session's request lacks its CSRF token.
        """
        actor = _of_token(request, bearer) if bearer else _of_cookie(request, cookie)
        actor.needs(self.role, "do this")
        request.state.actor = actor
        return actor


def _of_token(request: Request, bearer: HTTPAuthorizationCredentials) -> Actor:
    with the_desk(request).reading() as connection:
        return credentials.of_token(connection, bearer.credentials)


def _of_cookie(request: Request, cookie: str | None) -> Actor:
    session = session_of(request, cookie)
    if request.method not in SAFE:
        refuse_foreign(request)
        if not credentials.is_same(_csrf_given(request), session.csrf):
            raise ForbiddenError(f"expected the session's token in the header {CSRF_HEADER}, got none or another")
    request.state.csrf = session.csrf
    return session.actor


def _csrf_given(request: Request) -> str:
    """The header of a script, or the field of a page's form, which that route has read before."""
    form: dict[str, str] = getattr(request.state, "form", {})
    return request.headers.get(CSRF_HEADER) or form.get(CSRF_FIELD, "")


def session_of(request: Request, cookie: str | None) -> Session:
    """The session of a request's cookie."""
    if not cookie:
        raise SignInError("expected a token or a signed-in session, got neither")
    with the_desk(request).reading() as connection:
        return credentials.of_session(connection, cookie)


def refuse_foreign(request: Request) -> None:
    """Raise `ForbiddenError` for what another site's page makes a browser send."""
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin", "null")
    # a browser that does not say the first says the second; our own pages send no referrer, and so 'null'
    is_ours = origin == "null" or urlsplit(origin).netloc == request.headers.get("Host", "")
    if not is_ours if site is None else site not in ("none", "same-origin"):
        raise ForbiddenError("expected a request of the desk's own pages, got one of another site")


Viewer = Annotated[Actor, Depends(Needs("viewer"))]
Agent = Annotated[Actor, Depends(Needs("agent"))]
Manager = Annotated[Actor, Depends(Needs("manager"))]
Admin = Annotated[Actor, Depends(Needs("admin"))]
SIGN_IN, SIGN_IN_PAGE = "/v1/session", "/sign-in"
OIDC_PAGE, OIDC_BACK = "/sign-in/oidc", "/sign-in/oidc/back"
OPEN = frozenset({"/v1/health", "/v1/ready", SIGN_IN_PAGE, OIDC_PAGE, OIDC_BACK, "/static/{name}"})
"""What anybody may read: whether the service lives and can answer, the pages to sign in by, how pages look."""
