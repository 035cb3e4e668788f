"""Commands about models: what past lists would have been worth, and two runs against each other."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

PARAMS = Path("params.yaml")
COMPARED = Path("reports") / "compare"


def add_commands(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command("backtest")(backtest_command)
    app.command("compare")(compare_command)


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
    from pipeline.commands.console import console
    from pipeline.stage import say

    found = run_backtest(Path.cwd(), load_params(PARAMS), weeks, every, partial(say, "backtest"))
    screen = console()
    screen.print(table_of(found))
    for sentence in sentences(found):
        screen.print(f"  - {sentence}", markup=False)
    typer.echo("written: reports/backtest (backtest.json, weeks.csv, backtest.png)")


RUN = "champion, challenger, a version in the registry, or a run id or its beginning"


def compare_command(
    first: Annotated[str, typer.Argument(help=f"What is compared with: {RUN}.")] = "champion",
    second: Annotated[str, typer.Argument(help=f"What is judged: {RUN}.")] = "challenger",
) -> None:
    """Two runs from the record: parameters that differ, paired figures, lists, profit, and a verdict in a sentence.

    No verdict is given for runs of different tasks. Writes reports/compare (HTML, JSON). Example:
    regulars compare champion challenger
    """
    from models.record.comparison_page import write_comparison
    from models.record.run_comparison import compare_runs
    from pipeline.commands.comparing import table_of
    from pipeline.commands.console import console

    made = compare_runs(Path.cwd(), first, second)
    write_comparison(COMPARED, made)
    screen = console()
    for line in (made.sentence, made.why):
        screen.print(line, markup=False)
    for name, (old, new) in made.differences.items():
        screen.print(f"  {name}: {old} → {new}", markup=False)
    if made.found:
        screen.print(table_of(made))
    typer.echo(f"written: {COMPARED} (comparison.html, comparison.json)")
