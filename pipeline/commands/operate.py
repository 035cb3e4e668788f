"""Commands of an operator: the weekly run, the installation's health, backup and restore."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from pipeline.operating.doctor import Finding

Json = Annotated[bool, typer.Option("--json", help="Plain data.")]


def add_commands(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command("weekly")(weekly_command)
    app.command("doctor")(doctor_command)
    app.command("backup")(backup_command)
    app.command("restore")(restore_command)


def weekly_command(is_json: Json = False) -> None:
    """The one command for the scheduler: pull, pipeline, release, monitor; a line in the log, a page, an exit code.

    Exit codes: 0 published or unchanged, 20 published but the monitor alerts, others: failed, and the last good week
    stays in force. REGULARS_LOG=json makes every line of progress an object. Example: regulars weekly --json
    """
    from dataclasses import asdict

    from pipeline.operating.page import write_page
    from pipeline.operating.weekly import past_runs, run_week

    run = run_week(Path.cwd())
    page = write_page(Path.cwd(), past_runs(Path.cwd()))
    typer.echo(json.dumps(asdict(run)) if is_json else f"weekly: {run.sentence} ({page.relative_to(Path.cwd())})")
    raise typer.Exit(run.exit_code)


def doctor_command(is_json: Json = False) -> None:
    """Look at all that a weekly run stands on, from packages and disk to the schedule and the last backup.

    Each finding comes with its remedy; nothing is changed. Exit code 8 if something is ill. Example: regulars doctor
    """
    from pipeline.operating.doctor import ILL, ILL_EXIT_CODE, findings

    found = list(findings(Path.cwd(), datetime.now(UTC)))
    if is_json:
        typer.echo(json.dumps([one.plain() for one in found], indent=2))
    else:
        _show(found)
    raise typer.Exit(ILL_EXIT_CODE if any(one.state == ILL for one in found) else 0)


def _show(found: list[Finding]) -> None:
    from rich.table import Table

    from pipeline.commands.console import console
    from serving.terminal import plain

    table = Table("", "Looked at", "Finding", "What to do", box=None, pad_edge=False)
    styles = {"well": "green", "look": "yellow", "ill": "red"}
    for one in found:
        state = plain(one.state)
        state.stylize(styles[one.state])
        table.add_row(state, plain(one.code), plain(one.what), plain(one.to_do))
    console().print(table)
    n_ill, n_look = (sum(one.state == state for one in found) for state in ("ill", "look"))
    typer.echo(f"{len(found)} looked at: {n_ill} ill, {n_look} to look at")


def backup_command(
    file: Annotated[Path, typer.Argument(help="A new file, outside the project.")],
) -> None:
    """All state in one file that its owner alone can read: inbox, ledger, published weeks, MLflow, desk, parameters.

    Purchases are yours and are not in it. A desk in PostgreSQL is backed up with its own tools.
    Example: regulars backup /mnt/backups/regulars-2018-01-05.zip
    """
    from pipeline.operating.backup import back_up

    done = back_up(Path.cwd(), file, datetime.now(UTC))
    typer.echo(f"written and read again: {done.path}, {done.n_files:,} files, {done.n_bytes / 2**20:,.1f} MiB unpacked")


def restore_command(
    file: Annotated[Path, typer.Argument(help="What `regulars backup` wrote.")],
    aside: Annotated[
        Path | None, typer.Option(help="Back up the present state to this new file first, then replace it.")
    ] = None,
    tombstones: Annotated[
        Path | None, typer.Option(help="A later inbox/tombstones.json: who was erased since the backup.")
    ] = None,
) -> None:
    """Put a backup's state in place; whoever was erased since does not come back. Then `regulars run`.

    Example: regulars restore regulars-2018-01-05.zip --tombstones tombstones-2018-02.json
    """
    from pipeline.operating.restore import restore

    done = restore(Path.cwd(), file, datetime.now(UTC), aside=aside, tombstones=tombstones)
    erased = f"; {done.n_erased:,} customers erased again" if done.n_erased else ""
    typer.echo(f"restored {done.n_files:,} files as of {done.made_at}{erased}; `regulars run` rebuilds the rest")
