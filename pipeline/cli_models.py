"""Commands about models: what past lists would have been worth."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

PARAMS = Path("params.yaml")


def add_commands(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command("backtest")(backtest_command)


def backtest_command(
    weeks: Annotated[int, typer.Option(min=1, help="Past weeks to replay, the latest whose outcome is known.")] = 8,
    every: Annotated[int, typer.Option(min=1, help="Weeks from one to the next; more shows more seasons.")] = 1,
) -> None:
    """Replay past weeks as if live: what each list would have found, and been worth, by what happened since.

    Nothing that became known after a week's Monday reaches its model or list. Offers are not replayed. Writes
    reports/backtest (JSON, CSV, PNG). Example: regulars backtest --weeks 8 --every 4
    """
    from contracts.params import load_params
    from pipeline.backtest import run_backtest, sentences, table_of
    from pipeline.console import console
    from pipeline.stage import say

    found = run_backtest(Path.cwd(), load_params(PARAMS), weeks, every, partial(say, "backtest"))
    screen = console()
    screen.print(table_of(found))
    for sentence in sentences(found):
        screen.print(f"  - {sentence}", markup=False)
    typer.echo("written: reports/backtest (backtest.json, weeks.csv, backtest.png)")
