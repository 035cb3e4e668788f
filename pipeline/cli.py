"""The command line `regulars`. Each command imports what it needs when it runs, so that help is quick."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated

import typer

from contracts.errors import ParameterError, RegularsError
from pipeline.commands import data, desk, effects, models, offers, operate, work
from pipeline.commands.console import console

app = typer.Typer(
    name="regulars",
    help="Keeps a shop's regular customers: whom the shop is losing, why, what is at stake, and what to offer.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
Reviewer = Annotated[str, typer.Option(help="Who decides; stands in the ledger.")]
Reason = Annotated[str, typer.Option(help="Why; stands in the ledger.")]


@app.command("run")
def run_command() -> None:
    """Bring everything up to date: pipeline, registry, published week; then a summary.

    Only the stages whose inputs changed run. Example: regulars run
    """
    from pipeline.commands.summary import show_summary
    from pipeline.running import run_pipeline

    run_pipeline(Path.cwd())
    show_summary(console(), Path.cwd())


@app.command("release")
def release_command() -> None:
    """Register and publish what the pipeline built, without running it; twice is as once.

    Refused inside an experiment. Example: regulars release
    """
    from pipeline.release import release

    done = release(Path.cwd())
    champion, revision = done.champion, done.revision
    if revision:
        news = "new" if done.is_new_revision else "unchanged"
        said = f"champion {champion.short}, {champion.review}" if champion else "no model"
        typer.echo(f"{said}; week {revision.week} revision {revision.number}, {news}")


@app.command("promote")
def promote_command(
    reviewer: Reviewer,
    reason: Reason,
    version: Annotated[
        int | None, typer.Option(min=1, help="Version in the registry; default: the challenger.")
    ] = None,
    uncompared: Annotated[
        bool, typer.Option("--uncompared", help="Although it was not compared with the present champion.")
    ] = False,
) -> None:
    """Make a reviewed model the champion. Rerunning never puts a model live (unless register.auto_promote says so).

    Example: regulars promote --reviewer "Ada King" --reason "better in December, list read through"
    """
    from models.record.champions import Signature
    from models.record.promotion import promote

    entry = promote(Path.cwd(), Signature(reviewer, reason, datetime.now(UTC)), version, is_uncompared=uncompared)
    typer.echo(
        f"champion is now version {entry.version} ({entry.model_hash[:12]}); `make run` scores this week with it"
    )


@app.command("rollback")
def rollback_command(reviewer: Reviewer, reason: Reason) -> None:
    """Go back to the champion before the present one, as the ledger knows it.

    Example: regulars rollback --reviewer "Ada King" --reason "list too long in week 2"
    """
    from models.record.champions import Signature
    from models.record.promotion import rollback

    entry = rollback(Path.cwd(), Signature(reviewer, reason, datetime.now(UTC)))
    typer.echo(
        f"champion is again version {entry.version} ({entry.model_hash[:12]}); `make run` scores this week with it"
    )


@app.command("ledger")
def ledger_command(
    on: Annotated[str | None, typer.Option(help="A UTC day, as 2018-01-31: who was champion then?")] = None,
) -> None:
    """Every change of champion: when (UTC), who, why.

    Example: regulars ledger --on 2018-01-31
    """
    from models.record.champions import place
    from models.record.ledger import champion_on, read_ledger

    entries = read_ledger(place(Path.cwd()).ledger)
    in_force = champion_on(entries, _day(on)) if on else None
    for entry in ([in_force] if in_force else []) if on else entries:
        typer.echo(
            f"{entry.at}  {entry.action:<13} {entry.model_hash[:12]}  version {entry.version}  {entry.who}: {entry.why}"
            + (f" ({entry.n_judged} judged on the same rows)" if entry.n_judged else "")
        )
    if not entries or (on and not in_force):
        typer.echo("no champion" + (f" on {on}" if on else " yet; `regulars run` makes the first release"))


@app.command("summary")
def summary_command() -> None:
    """The summary of the last run: data, model, gate, champion, and the top of the list.

    Example: regulars summary
    """
    from pipeline.commands.summary import show_summary

    show_summary(console(), Path.cwd())


for family in (work, data, models, offers, effects, desk, operate):
    family.add_commands(app)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ParameterError(f"--on: expected a day as 2018-01-31, got '{text}'") from None


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line; a user's mistake is one line on stderr and the error family's exit code."""
    try:
        app(args=None if argv is None else list(argv))
    except RegularsError as error:
        print(f"regulars: {' '.join(str(error).split())}", file=sys.stderr)
        raise SystemExit(error.exit_code) from None
    except OSError as error:
        from pipeline.stage import disk_trouble

        print(f"regulars: {disk_trouble(error)}", file=sys.stderr)
        raise SystemExit(RegularsError.exit_code) from None


if __name__ == "__main__":
    main()
