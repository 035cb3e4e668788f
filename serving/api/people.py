"""Routes about who gets in: signing in and out, accounts, tokens, the audit log."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import FastAPI, Query, Request, Response

from serving.api.access import COOKIE, SIGN_IN, Admin, OpenDesk, Viewer, refuse_foreign, session_of
from serving.api.shapes import (
    AuditHead,
    AuditRow,
    Number,
    SessionOut,
    SignIn,
    TokenIn,
    TokenOut,
    TokenRow,
    User,
    UserChange,
    UserIn,
    Word,
)
from serving.desk import accounts, audit, credentials
from serving.desk.credentials import SESSION_HOURS, Session
from serving.desk.database import Desk


def add_routes(app: FastAPI) -> None:
    """Add this module's routes."""
    app.post(SIGN_IN, response_model=SessionOut, status_code=201, tags=["sign-in"])(sign_in)
    app.get(SIGN_IN, response_model=SessionOut, tags=["sign-in"])(who_am_i)
    app.delete(SIGN_IN, status_code=204, tags=["sign-in"])(sign_out)
    app.get("/v1/users", response_model=list[User], tags=["accounts"])(list_users)
    app.post("/v1/users", response_model=User, status_code=201, tags=["accounts"])(add_user)
    app.patch("/v1/users/{name}", response_model=User, tags=["accounts"])(change_user)
    app.get("/v1/tokens", response_model=list[TokenRow], tags=["accounts"])(list_tokens)
    app.post("/v1/tokens", response_model=TokenOut, status_code=201, tags=["accounts"])(make_token)
    app.delete("/v1/tokens/{number}", status_code=204, tags=["accounts"])(revoke_token)
    app.get("/v1/audit", response_model=list[AuditRow], tags=["audit"])(read_audit)
    app.get("/v1/audit/head", response_model=AuditHead, tags=["audit"])(verify_audit)


def sign_in(request: Request, response: Response, desk: OpenDesk, given: SignIn) -> dict[str, str]:
    """Sign a browser in; too many wrong attempts have to wait."""
    refuse_foreign(request)
    session = signed_in(desk, given.name, given.password, request.client.host if request.client else "unknown")
    set_cookie(response, session)
    return {**_told(session), "csrf": session.csrf}


def signed_in(desk: Desk, name: str, password: str, place: str) -> Session:
    """The session of a right name and password.

    Raises:
        SignInError: they are not right.
        TooManyError: they were wrong too often.
    """
    with desk.reading() as connection:
        accounts.refuse_too_many(connection, name, place)
        actor = accounts.sign_in(connection, name, password)
    with desk.writing() as connection:
        # counted again under the writer's lock: attempts at the same time must not slip through together
        accounts.refuse_too_many(connection, name, place)
        if actor is not None:
            accounts.forget_failures(connection, name)
            return credentials.open_session(connection, actor)
        refusal = accounts.note_failure(connection, name, place)
    raise refusal


def set_cookie(response: Response, session: Session) -> None:
    """Give the browser its session: sent back to this site alone, over a safe line, out of scripts' reach."""
    age = SESSION_HOURS * 3600
    response.set_cookie(COOKIE, session.cookie, max_age=age, path="/", secure=True, httponly=True, samesite="strict")


def _told(session: Session) -> dict[str, str]:
    return {name: getattr(session.actor, name) for name in ("name", "role", "via")}


def who_am_i(actor: Viewer, request: Request) -> dict[str, str]:
    """Who is signed in."""
    told = {"name": actor.name, "role": actor.role, "via": actor.via}
    is_browser = actor.via == "session"
    return {**told, "csrf": session_of(request, request.cookies.get(COOKIE)).csrf if is_browser else ""}


def sign_out(actor: Viewer, request: Request, response: Response, desk: OpenDesk) -> None:
    """Sign this browser out; a token is revoked, not signed out."""
    if actor.via == "session":
        session = session_of(request, request.cookies.get(COOKIE))
        with desk.writing() as connection:
            credentials.close_session(connection, session)
    response.delete_cookie(COOKIE, path="/", secure=True, httponly=True, samesite="strict")


def list_users(_: Admin, desk: OpenDesk) -> list[dict[str, Any]]:
    """Every account."""
    with desk.reading() as connection:
        return accounts.all_users(connection)


def add_user(actor: Admin, desk: OpenDesk, given: UserIn) -> dict[str, Any]:
    """Make an account."""
    password_hash = accounts.hashed(given.password)
    with desk.writing() as connection:
        accounts.add_user(connection, actor.told, given.name, given.role, password_hash=password_hash)
        return accounts.find_user(connection, given.name)


def change_user(actor: Admin, desk: OpenDesk, name: Word, given: UserChange) -> dict[str, Any]:
    """Change an account's role or password, or shut it out; it is signed out everywhere."""
    password_hash = accounts.hashed(given.password) if given.password is not None else ""
    with desk.writing() as connection:
        accounts.change_user(
            connection, actor.told, name, role=given.role, password_hash=password_hash, is_active=given.is_active
        )
        return accounts.find_user(connection, name)


def list_tokens(_: Admin, desk: OpenDesk) -> list[dict[str, Any]]:
    """Every token, without what it is."""
    with desk.reading() as connection:
        return credentials.all_tokens(connection)


def make_token(actor: Admin, desk: OpenDesk, given: TokenIn) -> dict[str, str]:
    """Make a token; the answer is the only place where it ever stands."""
    with desk.writing() as connection:
        made = credentials.make_token(connection, actor.told, given.user, given.name, days=given.days, role=given.role)
    return {"token": made}


def revoke_token(actor: Admin, desk: OpenDesk, number: Number) -> None:
    """Put a token out of force."""
    with desk.writing() as connection:
        credentials.revoke_token(connection, actor.told, number)


def read_audit(
    _: Admin, desk: OpenDesk, after: Number = 0, limit: Annotated[int, Query(ge=1, le=1000)] = 100
) -> list[dict[str, Any]]:
    """The audit log after a row's number."""
    with desk.reading() as connection:
        return audit.page(connection, after, limit)


def verify_audit(
    _: Admin, desk: OpenDesk, noted: Annotated[str, Query(pattern=r"^([0-9a-f]{64})?$")] = ""
) -> dict[str, Any]:
    """Check the whole log, and that a hash noted earlier still stands in it; the present head."""
    with desk.reading() as connection:
        head = audit.verify(connection, noted)
    return {"number": head.number, "hash": head.hash}
