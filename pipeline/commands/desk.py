"""Commands that run the desk and say who gets in: serve, accounts, tokens, the audit log, recent activity."""

from __future__ import annotations

import getpass
import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from contracts.errors import ParameterError
from pipeline.commands.console import tell

user_app = typer.Typer(
    no_args_is_help=True,
    help="Accounts of the desk. The first admin: regulars user add ada --role admin (asks for the password).",
)
token_app = typer.Typer(
    no_args_is_help=True, help="Tokens for programs, shown once. Example: regulars token make ann --name sync --days 30"
)
audit_app = typer.Typer(no_args_is_help=True, help="The audit log. Example: regulars audit verify --noted HASH")
activity_app = typer.Typer(
    no_args_is_help=True,
    help="What customers did since a week was published. Example: regulars activity load new.csv --through 2018-01-03",
)
Json = Annotated[bool, typer.Option("--json", help="Plain data.")]
Role = Annotated[str, typer.Option(help="viewer, agent, manager or admin.")]


def add_commands(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command("serve")(serve_command)
    for name, group in (("user", user_app), ("token", token_app), ("audit", audit_app), ("activity", activity_app)):
        app.add_typer(group, name=name)


def _me() -> str:
    return f"{getpass.getuser()} (command)"


def serve_command(
    host: Annotated[str, typer.Option(help="Address to listen on; only this machine by default.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port.")] = 8000,
) -> None:
    """The desk over HTTP, on every published week; it goes on until it is stopped.

    The database is desk/desk.sqlite, or what REGULARS_DESK_DATABASE names. Example: regulars serve --port 8080
    """
    from pipeline.commands.serving_desk import serve

    serve(Path.cwd(), host, port, typer.echo)


@user_app.command("add")
def user_add(
    name: Annotated[str, typer.Argument(help="Lower-case letters, digits and . _ @ -")],
    role: Role = "agent",
    is_json: Json = False,
) -> None:
    """Make an account; the password is asked for, or read from standard input.

    Example: regulars user add ada --role admin
    """
    from pipeline.desk import the_desk
    from serving.desk import accounts

    password_hash = accounts.hashed(_password())
    with the_desk(Path.cwd(), is_loading=False) as desk, desk.writing() as connection:
        accounts.add_user(connection, _me(), name, role, password_hash=password_hash)
    tell({"name": name, "role": role}, f"{name} may sign in, as {role}", is_json=is_json)


def _password() -> str:
    """Asked for twice at a terminal, else the first line of standard input."""
    if sys.stdin.isatty():
        return str(typer.prompt("password", hide_input=True, confirmation_prompt=True))
    return sys.stdin.readline().rstrip("\n")


@user_app.command("change")
def user_change(
    name: Annotated[str, typer.Argument(help="The account.")],
    role: Annotated[str | None, typer.Option(help="viewer, agent, manager or admin.")] = None,
    is_active: Annotated[bool | None, typer.Option("--active/--shut", help="Whether it may sign in.")] = None,
    is_password: Annotated[bool, typer.Option("--password", help="Ask for a new password.")] = False,
    is_json: Json = False,
) -> None:
    """Change an account's role or password, or shut it out; it is signed out everywhere.

    Example: regulars user change ann --role manager
    """
    from pipeline.desk import the_desk
    from serving.desk import accounts

    password_hash = accounts.hashed(_password()) if is_password else ""
    with the_desk(Path.cwd(), is_loading=False) as desk, desk.writing() as connection:
        accounts.change_user(connection, _me(), name, role=role, password_hash=password_hash, is_active=is_active)
        user = accounts.find_user(connection, name)
    told = {what: user[what] for what in ("name", "role", "is_active")}
    tell(told, f"{name} is changed", is_json=is_json)


@user_app.command("list")
def user_list(is_json: Json = False) -> None:
    """Every account. Example: regulars user list"""
    from pipeline.desk import the_desk
    from serving.desk import accounts

    with the_desk(Path.cwd(), is_loading=False) as desk, desk.reading() as connection:
        found = accounts.all_users(connection)
    if is_json:
        typer.echo(json.dumps(found, indent=2))
        return
    for one in found:
        typer.echo(f"{one['name']:<20} {one['role']:<8} {'' if one['is_active'] else 'shut out'}".rstrip())


@token_app.command("make")
def token_make(
    user: Annotated[str, typer.Argument(help="The account whose token it is.")],
    name: Annotated[str, typer.Option(help="What it is for.")],
    days: Annotated[int, typer.Option(min=1, max=366, help="Days until it ends.")] = 90,
    role: Annotated[str | None, typer.Option(help="At most the account's own role, which is the default.")] = None,
    is_json: Json = False,
) -> None:
    """Make a token and print it: it is shown this once. Example: regulars token make ann --name sync --days 30"""
    from pipeline.desk import the_desk
    from serving.desk import credentials

    with the_desk(Path.cwd(), is_loading=False) as desk, desk.writing() as connection:
        made = credentials.make_token(connection, _me(), user, name, days=days, role=role)
    tell({"token": made}, made, is_json=is_json)


@token_app.command("list")
def token_list(is_json: Json = False) -> None:
    """Every token, without what it is. Example: regulars token list"""
    from pipeline.desk import the_desk
    from serving.desk import credentials

    with the_desk(Path.cwd(), is_loading=False) as desk, desk.reading() as connection:
        found = credentials.all_tokens(connection)
    if is_json:
        typer.echo(json.dumps(found, indent=2))
        return
    for one in found:
        ended = f"revoked {one['revoked_at'][:10]}" if one["revoked_at"] else f"until {one['expires_at'][:10]}"
        typer.echo(f"{one['id']:>4}  {one['user']:<20} {one['name']:<20} {one['role']:<8} {ended}")


@token_app.command("revoke")
def token_revoke(number: Annotated[int, typer.Argument(help="Its number in the list.")], is_json: Json = False) -> None:
    """Put a token out of force. Example: regulars token revoke 3"""
    from pipeline.desk import the_desk
    from serving.desk import credentials

    with the_desk(Path.cwd(), is_loading=False) as desk, desk.writing() as connection:
        credentials.revoke_token(connection, _me(), number)
    tell({"number": number}, f"token {number} is out of force", is_json=is_json)


@audit_app.command("verify")
def audit_verify(
    noted: Annotated[str, typer.Option(help="A hash that was noted earlier: it must still stand in the log.")] = "",
    is_json: Json = False,
) -> None:
    """Walk the whole audit log; note the hash that is printed, and give it to a later check.

    Example: regulars audit verify --noted HASH
    """
    from pipeline.desk import the_desk
    from serving.desk import audit

    with the_desk(Path.cwd(), is_loading=False) as desk, desk.reading() as connection:
        head = audit.verify(connection, noted)
    told = {"number": head.number, "hash": head.hash}
    tell(told, f"audit log: {head.number} rows, as they were written; {head.hash}", is_json=is_json)


@activity_app.command("load")
def activity_load(
    file: Annotated[Path, typer.Argument(help="CSV: customer_id, kind, happened_on, and channel if one is meant.")],
    through: Annotated[str, typer.Option(help="The day through which everything is known, as 2018-01-03.")],
    is_json: Json = False,
) -> None:
    """Take in who bought, complained, or withdrew consent; kinds: purchase, complaint, complaint_closed,
    consent_withdrawn, no_marketing.

    Example: regulars activity load recent.csv --through 2018-01-03
    """
    from pipeline.desk import the_desk
    from serving.desk import audit, sending
    from serving.desk.clock import now, read_day

    if not file.is_file():
        raise ParameterError(f"expected a CSV file at {file}, found none")
    rows, through_on = sending.read_activity(file.read_bytes()), read_day(through).isoformat()
    with the_desk(Path.cwd()) as desk, desk.writing() as connection:
        n_new = sending.take_activity(connection, rows, through_on, now())
        audit.append(connection, _me(), "activity loaded", detail={"through_on": through_on, "n": n_new})
    told = {"n_new": n_new, "through_on": through_on}
    tell(told, f"{n_new} rows were new; recent activity is known through {through_on}", is_json=is_json)
