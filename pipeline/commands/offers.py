"""Commands about offers: what the catalogue says, why a customer has this offer or none, and two plans side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

PLAN = "data/plan.parquet"
PARAMS, OFFERS, RULES, WORDS = (Path(name) for name in ("params.yaml", "offers.yaml", "portraits.yaml", "words.yaml"))


def add_commands(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command("offers")(offers_command)
    app.command("explain")(explain_command)
    app.command("plan-diff")(plan_diff_command)


def offers_command() -> None:
    """Check offers.yaml and portraits.yaml without planning: what each offer gives and costs, and who may get it.

    Example: regulars offers
    """
    from contracts.params import load_params
    from pipeline.commands.console import console
    from pipeline.commands.offer_tables import catalogue_table
    from pipeline.planning import read_offers

    params = load_params(PARAMS)
    catalogue, rules, _ = read_offers(params, offers=OFFERS, rules=RULES, words=WORDS)
    console().print(catalogue_table(catalogue, params.store.currency))
    typer.echo(f"{OFFERS} and {RULES} are sound: {len(rules.labels)} labels, {len(rules.groups)} groups")


def explain_command(
    customer: Annotated[str, typer.Argument(help="The customer's id.")],
    every: Annotated[
        bool, typer.Option("--all", help="Also the offers that were not open, each with what bars it.")
    ] = False,
) -> None:
    """Why this customer has this offer, or none, what would have changed it, and every number behind it.

    From this week's tables, priced anew. What was held back from a control is not shown. Example: regulars explain 1609
    """
    from pipeline.commands.console import console
    from pipeline.commands.offer_tables import explained

    for piece in explained(Path.cwd(), customer, is_whole=every):
        console().print(piece)


def plan_diff_command(
    before: Annotated[str, typer.Argument(help="A commit, branch or experiment, as HEAD, or a plan.parquet.")] = "HEAD",
    after: Annotated[str, typer.Argument(help="The same; default: the plan in this folder.")] = PLAN,
) -> None:
    """Two plans side by side: totals, offers, and which customers moved from what to what.

    Of a commit or an experiment the plan must stand in DVC's cache. Example: regulars plan-diff HEAD
    """
    from offers.difference import difference
    from pipeline.commands.console import console
    from pipeline.commands.offer_tables import difference_tables
    from pipeline.planning import plan_of

    found = difference(plan_of(Path.cwd(), before), plan_of(Path.cwd(), after))
    for piece in difference_tables(found):
        console().print(piece)
