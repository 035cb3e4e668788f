"""Accounts: names, roles, passwords (Argon2id), and how many wrong ones are too many."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import sqlalchemy as sa
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from contracts.errors import ParameterError, UnknownNameError, nearest
from contracts.files import digest
from serving.desk import audit
from serving.desk.actors import Actor, checked_role
from serving.desk.clock import after, now, read_instant
from serving.desk.errors import ConflictError, SignInError, TooManyError
from serving.desk.schema import attempts, sessions, users

SHORTEST_PASSWORD, LONGEST_PASSWORD = 12, 200
MAX_FAILURES, MAX_ADDRESS_FAILURES, WITHIN_MINUTES = 5, 30, 15
_NAME = re.compile(r"^[a-z0-9][a-z0-9._@-]{0,63}$")
_WRONG = "expected the name and password of an active account, got others"


def add_user(
    connection: sa.Connection, actor: str, name: str, role: str, password: str = "", *, password_hash: str = ""
) -> int:
    """Make an account and return its number; whoever has hashed the password already gives the hash."""
    if not _NAME.fullmatch(name):
        raise ParameterError("expected a name of lower-case letters, digits and . _ @ -, at most 64 long")
    if connection.execute(sa.select(users.c.id).where(users.c.name == name)).first():
        raise ConflictError(f"expected a new name, got '{name}', which has an account")
    row = {
        "name": name,
        "role": checked_role(role),
        "password_hash": password_hash or hashed(password),
        "is_active": True,
        "created_at": now(),
    }
    number = connection.execute(users.insert().values(**row).returning(users.c.id)).scalar_one()
    audit.append(connection, actor, "user added", detail={"user": name, "role": role})
    return int(number)


def hashed(password: str) -> str:
    """The password's hash (Argon2id); `ParameterError` if it is too short or too long."""
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise ParameterError(
            f"expected a password of {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters, got {len(password)}"
        )
    return _hasher().hash(password)


@cache
def _hasher() -> PasswordHasher:
    return PasswordHasher()


@cache
def _of_nobody() -> str:
    return _hasher().hash("nobody has this password")


def find_user(connection: sa.Connection, name: str) -> dict[str, Any]:
    """One account's row; `UnknownNameError` if there is none."""
    found = connection.execute(sa.select(users).where(users.c.name == name)).mappings().first()
    if found is None:
        known = connection.execute(sa.select(users.c.name)).scalars()
        raise UnknownNameError(f"no account '{name[:64]}'{nearest(name, known)}")
    return dict(found)


def all_users(connection: sa.Connection) -> list[dict[str, Any]]:
    """Every account, without its password's hash, by name."""
    shown = (users.c.name, users.c.role, users.c.is_active, users.c.created_at)
    return [dict(row) for row in connection.execute(sa.select(*shown).order_by(users.c.name)).mappings()]


def change_user(
    connection: sa.Connection,
    actor: str,
    name: str,
    *,
    role: str | None = None,
    password_hash: str = "",
    is_active: bool | None = None,
) -> None:
    """Change an account; whoever gets another role or password, or is shut out, is signed out everywhere.

    The password comes hashed: that takes a while, for which no other writer should wait.

    Raises:
        ConflictError: no active admin would be left.
    """
    user = find_user(connection, name)
    values: dict[str, Any] = {} if is_active is None else {"is_active": is_active}
    values |= {"role": checked_role(role)} if role else {}
    values |= {"password_hash": password_hash} if password_hash else {}
    if not values:
        raise ParameterError("expected a role, a password or whether it is active, got none of them")
    connection.execute(users.update().where(users.c.id == user["id"]).values(**values))
    _keep_an_admin(connection)
    connection.execute(sessions.delete().where(sessions.c.user_id == user["id"]))
    told = {name: value for name, value in values.items() if name != "password_hash"}
    audit.append(connection, actor, "user changed", detail={"user": name, **told, "password": bool(password_hash)})


def _keep_an_admin(connection: sa.Connection) -> None:
    admins = sa.select(users.c.id).where(users.c.role == "admin", users.c.is_active)
    if connection.execute(admins).first() is None:
        raise ConflictError("expected an active admin to be left, got none; make another one first")


def sign_in(connection: sa.Connection, name: str, password: str) -> Actor | None:
    """The account's actor if name and password are right, else None; both take as long."""
    found = connection.execute(sa.select(users).where(users.c.name == name)).mappings().first()
    is_right = _matches(found["password_hash"] if found else _of_nobody(), password)
    if found is None or not found["is_active"] or not is_right:
        return None
    return Actor(found["id"], found["name"], found["role"], "session")


def vouched(connection: sa.Connection, name: str) -> Actor | None:
    """The actor of an active account whom somebody else vouches for."""
    found = connection.execute(sa.select(users).where(users.c.name == name, users.c.is_active)).mappings().first()
    return Actor(found["id"], found["name"], found["role"], "session") if found else None


def _matches(password_hash: str, password: str) -> bool:
    try:
        return _hasher().verify(password_hash, password)
    except (VerificationError, InvalidHashError):
        return False


def subjects(name: str, place: str) -> tuple[str, str]:
    """Under what failures are counted: the name, of which only a hash is kept, and the address."""
    return f"name:{digest(name)[:32]}", f"from:{place}"


def refuse_too_many(connection: sa.Connection, name: str, place: str) -> None:
    """Raise `TooManyError` after too many failures of one name, or from one address, in the last minutes."""
    since = after(now(), minutes=-WITHIN_MINUTES)
    for subject, most in zip(subjects(name, place), (MAX_FAILURES, MAX_ADDRESS_FAILURES), strict=True):
        where = (attempts.c.subject == subject) & (attempts.c.failed_at > since)
        counted = sa.select(sa.func.count(), sa.func.min(attempts.c.failed_at)).where(where)
        n_failed, first = connection.execute(counted).one()
        if n_failed >= most:
            left = read_instant(after(first, minutes=WITHIN_MINUTES)) - read_instant(now())
            raise TooManyError("too many failed attempts; try again later", max(1, int(left.total_seconds())))


def note_failure(connection: sa.Connection, name: str, place: str) -> SignInError:
    """Count a failed attempt, and give the error to raise once that is kept."""
    at = now()
    connection.execute(attempts.delete().where(attempts.c.failed_at < after(at, days=-1)))
    rows = [{"subject": subject, "failed_at": at} for subject in subjects(name, place)]
    connection.execute(attempts.insert(), rows)
    # a name that nobody has may be a password in the wrong field
    is_known = connection.execute(sa.select(users.c.id).where(users.c.name == name)).first() is not None
    audit.append(connection, "nobody", "sign-in failed", detail={"user": name if is_known else "unknown"})
    return SignInError(_WRONG)


def forget_failures(connection: sa.Connection, name: str) -> None:
    """After a right password the name's failures count no more."""
    connection.execute(attempts.delete().where(attempts.c.subject == subjects(name, "")[0]))


def n_users(connection: sa.Connection) -> int:
    """How many accounts there are."""
    return int(connection.execute(sa.select(sa.func.count()).select_from(users)).scalar_one())
