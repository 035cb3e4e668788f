"""Pages of admins: accounts, tokens (shown once), the audit log."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import FastAPI, Query, Request
from starlette.responses import Response

from contracts.errors import ParameterError
from serving.api.access import Admin, OpenDesk
from serving.api.shapes import Number, Word
from serving.desk import accounts, audit, credentials
from serving.desk.actors import ROLES
from serving.desk.database import Desk
from serving.pages.forms import READ, Fields, Form, go_on, needed
from serving.pages.rendering import render

ROWS = 100
PLACE = "/accounts"


def add_routes(app: FastAPI) -> None:
    """Add this module's routes."""
    app.get(PLACE, include_in_schema=False)(people_page)
    app.post(PLACE, include_in_schema=False, dependencies=[READ])(add_account)
    app.post("/accounts/{name}", include_in_schema=False, dependencies=[READ])(change_account)
    app.post("/tokens", include_in_schema=False, dependencies=[READ])(make_token)
    app.post("/tokens/{number}/revoke", include_in_schema=False, dependencies=[READ])(revoke_token)
    app.get("/audit", include_in_schema=False)(audit_page)


def people_page(_: Admin, request: Request, desk: OpenDesk) -> Response:
    """Accounts and tokens."""
    return _people(request, desk)


def _people(request: Request, desk: Desk, token: str = "") -> Response:
    with desk.reading() as connection:
        told: dict[str, Any] = {
            "users": accounts.all_users(connection),
            "tokens": credentials.all_tokens(connection),
        }
    shortest = accounts.SHORTEST_PASSWORD
    return render(request, "accounts", page="accounts", **told, roles=ROLES, token=token, shortest=shortest)


def add_account(actor: Admin, desk: OpenDesk, form: Fields) -> Response:
    """Make an account."""
    name, role = needed(form, "name", 64), needed(form, "role", 20)
    password_hash = accounts.hashed(form.get("password", ""))
    with desk.writing() as connection:
        accounts.add_user(connection, actor.told, name, role, password_hash=password_hash)
    return go_on({"next": PLACE}, "account_added")


def change_account(actor: Admin, desk: OpenDesk, form: Fields, *, name: Word) -> Response:
    """Give an account another role or password, shut it out, or let it in again."""
    change = _change(form)
    with desk.writing() as connection:
        accounts.change_user(connection, actor.told, name, **change)
    return go_on({"next": PLACE}, "account_changed")


def _change(form: Form) -> dict[str, Any]:
    what = needed(form, "what", 20)
    if what == "role":
        return {"role": needed(form, "role", 20)}
    if what == "password":
        return {"password_hash": accounts.hashed(form.get("password", ""))}
    if what not in ("shut", "open"):
        raise ParameterError("what: expected role, password, shut or open, got another word")
    return {"is_active": what == "open"}


def make_token(actor: Admin, request: Request, desk: OpenDesk, form: Fields) -> Response:
    """Make a token; this answer is the only place where it ever stands."""
    user, name, days = needed(form, "user", 64), needed(form, "name"), needed(form, "days", 3)
    if not days.isdecimal():
        raise ParameterError("days: expected whole days, got another text")
    with desk.writing() as connection:
        made = credentials.make_token(connection, actor.told, user, name, days=int(days))
    return _people(request, desk, made)


def revoke_token(actor: Admin, desk: OpenDesk, *, number: Number) -> Response:
    """Put a token out of force."""
    with desk.writing() as connection:
        credentials.revoke_token(connection, actor.told, number)
    return go_on({"next": PLACE}, "token_revoked")


def audit_page(
    _: Admin, request: Request, desk: OpenDesk, before: Annotated[int | None, Query(ge=1, le=2**31)] = None
) -> Response:
    """The audit log, the latest first."""
    with desk.reading() as connection:
        head = audit.head(connection)
        last = head.number if before is None else min(before - 1, head.number)
        rows = audit.page(connection, max(0, last - ROWS), min(ROWS, last))
    return render(request, "audit", page="audit", rows=rows[::-1], head=head, first=rows[0]["number"] if rows else 0)
