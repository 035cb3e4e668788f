"""Tokens for programs and sessions for browsers: shown once, stored as hashes, never longer in force than said."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from contracts.errors import ParameterError, UnknownNameError
from serving.desk import accounts, audit
from serving.desk.actors import ROLES, Actor, checked_role
from serving.desk.clock import after, now
from serving.desk.errors import SignInError
from serving.desk.schema import sessions, tokens, users

PREFIX = "rgl_"
MAX_TOKEN_DAYS = 366
SESSION_HOURS = 12


@dataclass(frozen=True)
class Session:
    """A signed-in browser: who, the cookie's value (known only when it is made), and what its forms must carry."""

    actor: Actor
    cookie: str
    csrf: str


def secret_hash(secret: str) -> str:
    """SHA-256 of a secret of 256 drawn bits: nothing that could be guessed, so that no slow hash is needed."""
    return hashlib.sha256(secret.encode()).hexdigest()


def make_token(
    connection: sa.Connection, actor: str, user: str, name: str, *, days: int = 90, role: str | None = None
) -> str:
    """Make a token of an account and return it; it is shown this once. Its role is at most the account's."""
    if not 1 <= days <= MAX_TOKEN_DAYS:
        raise ParameterError(f"expected 1 to {MAX_TOKEN_DAYS} days, got {days}")
    account = accounts.find_user(connection, user)
    wanted = checked_role(role or account["role"])
    if ROLES.index(wanted) > ROLES.index(account["role"]):
        raise ParameterError(f"expected at most the account's own role {account['role']}, got {wanted}")
    token = PREFIX + secrets.token_urlsafe(32)
    row = {"user_id": account["id"], "name": name, "role": wanted, "token_hash": secret_hash(token), "revoked_at": ""}
    made = now()
    connection.execute(tokens.insert().values(**row, created_at=made, expires_at=after(made, days=days)))
    audit.append(connection, actor, "token made", detail={"user": user, "token": name, "role": wanted, "days": days})
    return token


def all_tokens(connection: sa.Connection) -> list[dict[str, Any]]:
    """Every token, without its hash, the newest last."""
    shown = (tokens.c.id, users.c.name.label("user"), tokens.c.name, tokens.c.role, tokens.c.created_at)
    more = (tokens.c.expires_at, tokens.c.revoked_at)
    chosen = sa.select(*shown, *more).join(users, users.c.id == tokens.c.user_id).order_by(tokens.c.id)
    return [dict(row) for row in connection.execute(chosen).mappings()]


def revoke_token(connection: sa.Connection, actor: str, number: int) -> None:
    """Put a token out of force; twice is as once."""
    found = connection.execute(sa.select(tokens.c.name, tokens.c.revoked_at).where(tokens.c.id == number)).first()
    if found is None:
        raise UnknownNameError(f"no token {number}; regulars token list shows those that there are")
    if not found.revoked_at:
        connection.execute(tokens.update().where(tokens.c.id == number).values(revoked_at=now()))
        audit.append(connection, actor, "token revoked", detail={"number": number, "token": found.name})


def of_token(connection: sa.Connection, token: str) -> Actor:
    """Whose token it is; `SignInError` unless it is in force."""
    in_force = (tokens.c.revoked_at == "") & (tokens.c.expires_at > now()) & users.c.is_active
    chosen = (
        sa.select(users.c.id, users.c.name, users.c.role.label("own"), tokens.c.role)
        .join(users, users.c.id == tokens.c.user_id)
        .where(tokens.c.token_hash == secret_hash(token), in_force)
    )
    found = connection.execute(chosen).first()
    if found is None:
        raise SignInError("expected a token in force, got another; make one with `regulars token make`")
    role = min(found.role, found.own, key=ROLES.index)
    return Actor(found.id, found.name, role, "token")


def open_session(connection: sa.Connection, actor: Actor) -> Session:
    """Sign a browser in."""
    cookie, csrf, made = secrets.token_urlsafe(32), secrets.token_urlsafe(24), now()
    connection.execute(sessions.delete().where(sessions.c.expires_at < made))
    row = {"cookie_hash": secret_hash(cookie), "user_id": actor.user_id, "csrf": csrf, "created_at": made}
    connection.execute(sessions.insert().values(**row, expires_at=after(made, hours=SESSION_HOURS)))
    audit.append(connection, actor.told, "signed in")
    return Session(actor, cookie, csrf)


def of_session(connection: sa.Connection, cookie: str) -> Session:
    """Whose session a cookie is; `SignInError` unless it is in force."""
    in_force = (sessions.c.expires_at > now()) & users.c.is_active
    chosen = (
        sa.select(users.c.id, users.c.name, users.c.role, sessions.c.csrf)
        .join(users, users.c.id == sessions.c.user_id)
        .where(sessions.c.cookie_hash == secret_hash(cookie), in_force)
    )
    found = connection.execute(chosen).first()
    if found is None:
        raise SignInError("expected a signed-in session, got none in force; sign in again")
    return Session(Actor(found.id, found.name, found.role, "session"), cookie, found.csrf)


def close_session(connection: sa.Connection, session: Session) -> None:
    """Sign a browser out."""
    connection.execute(sessions.delete().where(sessions.c.cookie_hash == secret_hash(session.cookie)))
    audit.append(connection, session.actor.told, "signed out")


def is_same(given: str, wanted: str) -> bool:
    """Whether two secrets are equal, in a time that tells nothing."""
    return hmac.compare_digest(given.encode(), wanted.encode())
