"""Commands about a shop's data: bring it in, check it, see what was rejected, forget and disclose a customer."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from contracts.errors import ParameterError

STORE = Path("data") / "events"
PARAMS = Path("params.yaml")
Zone = Annotated[str | None, typer.Option(help="IANA name, as Europe/London; default: what the files tell.")]


def add_commands(app: typer.Typer) -> None:
    """Add this module's commands."""
    for name, command in (
        ("init", init_command),
        ("check", check_command),
        ("rejects", rejects_command),
        ("forget", forget_command),
        ("disclose", disclose_command),
        ("simulate", simulate_command),
    ):
        app.command(name)(command)


def init_command(  # noqa: PLR0917 – options are given by name
    paths: Annotated[list[Path], typer.Argument(help="Purchase files, or a folder of them (which may grow).")],
    is_yes: Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing; list what was assumed.")] = False,
    column: Annotated[
        list[str] | None, typer.Option(help="Ours=theirs, as customer_id=Member; may be repeated.")
    ] = None,
    time_zone: Zone = None,
    currency: Annotated[str | None, typer.Option(help="ISO 4217 code, as EUR.")] = None,
    date_order: Annotated[str | None, typer.Option(help="ymd, dmy or mdy.")] = None,
    horizon_days: Annotated[int | None, typer.Option(min=1, help="Days without a purchase that mean 'lapsed'.")] = None,
    label: Annotated[
        str | None, typer.Option(help="flat, or own_rhythm: a horizon by each customer's own gaps.")
    ] = None,
) -> None:
    """Look at your purchase files, propose every parameter with its reason, and write params.yaml (comments kept).

    Example: regulars init ~/shop/exports --yes
    """
    from contracts.params import load_params
    from pipeline.commands.onboarding import Wishes, look_at_files
    from pipeline.commands.params_file import BEFORE, change_params
    from pipeline.inbox import ensure_inbox

    base = load_params(PARAMS)
    wishes = Wishes(_columns(column or []), time_zone, currency, date_order, horizon_days, label)
    look = look_at_files(paths, base, wishes, datetime.now(UTC).date(), typer.echo)
    typer.echo("\nfound:")
    for sentence in look.found:
        typer.echo(f"  - {sentence}")
    typer.echo("\nassumed:" if is_yes else "\nto decide:")
    for asked in look.questions:
        typer.echo(f"  - {asked.what}\n    -> {asked.assumed}; otherwise set {asked.where}")
        if not is_yes and not typer.confirm("    right?", default=True):
            raise ParameterError(f"nothing is written; set {asked.where}, then run `regulars init` again")
    change_params(PARAMS, look.changes)
    ensure_inbox(Path.cwd())
    typer.echo(f"\nwritten: params.yaml (the former one is {BEFORE})")
    for section, values in look.changes.items():
        typer.echo(f"  {section}: " + ", ".join(f"{key} {_short(value)}" for key, value in values.items()))
    typer.echo("next: regulars run (or dvc repro)")


def _columns(given: list[str]) -> dict[str, str]:
    pairs = [text.partition("=") for text in given]
    for name, sign, title in pairs:
        if not sign or not name.strip() or not title.strip():
            raise ParameterError(f"--column: expected OURS=THEIRS, got '{name}{sign}{title}'; as customer_id=Member")
    return {name.strip(): title.strip() for name, _, title in pairs}


def _short(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else text[:57] + "…"


def check_command() -> None:
    """Read the source by the parameters in force and say what it holds, without writing anything.

    Example: regulars check
    """
    from contracts.params import load_params
    from pipeline.commands.onboarding import Wishes, differences, look_at_source

    params = load_params(PARAMS)
    today = datetime.now(UTC).astimezone(ZoneInfo(params.store.time_zone)).date()
    look = look_at_source(params, Wishes(), today)
    for sentence in look.found:
        typer.echo(f"  - {sentence}")
    for asked in look.questions:
        typer.echo(f"  - {asked.what}")
    differing = differences(params, look.changes)
    typer.echo("parameters in force differ from what these data propose:" if differing else "parameters fit these data")
    for line in differing:
        typer.echo(f"  {line}")


def rejects_command(
    rule: Annotated[str | None, typer.Option(help="Only lines that break this rule.")] = None,
    top: Annotated[int, typer.Option(min=1, help="Lines to show.")] = 20,
    accounts: Annotated[bool, typer.Option("--accounts", help="Accounts that buy as no person does, instead.")] = False,
    is_json: Annotated[bool, typer.Option("--json", help="Plain data instead of a table.")] = False,
) -> None:
    """The lines that are no purchases: rule, file and line number; without --rule the counts by rule.

    With --accounts: till, staff or wholesale accounts with the evidence; nothing is excluded unless you name them in
    inbox/excluded.txt (an id a line). Example: regulars rejects --rule no_instant --top 50
    """
    from contracts.params import load_params
    from pipeline.commands.rejected import by_rule, odd_accounts, rejected_lines

    if accounts:
        rows = odd_accounts(STORE, load_params(PARAMS).inspect, top)
    else:
        rows = by_rule(STORE) if rule is None else rejected_lines(STORE, rule, top)
    if is_json:
        typer.echo(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    if not rows:
        typer.echo("none")
    for row in rows:
        typer.echo("  ".join(f"{value:,}" if isinstance(value, int) else str(value) for value in row.values()))


def forget_command(
    customer: Annotated[str, typer.Argument(help="The customer's id, as your files have it.")],
    is_yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Erase a customer from the event store, outputs, caches and published weeks, and keep them out of later ingests.

    Needs a secret in REGULARS_KEY. Example: REGULARS_KEY=... regulars forget 1609
    """
    from pipeline.privacy import forget

    if not is_yes and not typer.confirm("Erase this customer everywhere? This cannot be undone.", default=False):
        raise ParameterError("nothing was erased")
    for place, n in forget(Path.cwd(), customer, datetime.now(UTC)).items():
        typer.echo(f"  {place}: {n:,}")
    typer.echo("your own files are yours: ingest will leave this customer out; `regulars run` rebuilds the rest")


def disclose_command(
    customer: Annotated[str, typer.Argument(help="The customer's id, as your files have it.")],
    out: Annotated[
        Path | None, typer.Option(help="Write to this file (readable by you alone); default: the screen.")
    ] = None,
) -> None:
    """All that is held of a customer, as JSON: every line, score, portrait, plan and published row.

    Example: regulars disclose 1609 --out 1609.json
    """
    from pipeline.privacy import disclose, write_private

    text = json.dumps(disclose(Path.cwd(), customer), indent=2, ensure_ascii=False)
    if out is None:
        sys.stdout.write(text + "\n")
        return
    write_private(out, text + "\n")
    typer.echo(f"written: {out}")


class SimulatedShop(StrEnum):
    """The made-up shops that `regulars simulate` can write."""

    GROCERY = "grocery"
    HOTEL = "hotel"
    DOORS = "doors"
    GIFT_SHOP = "gift_shop"


N_CUSTOMERS = {
    SimulatedShop.GROCERY: 2000,
    SimulatedShop.HOTEL: 400,
    SimulatedShop.DOORS: 300,
    SimulatedShop.GIFT_SHOP: 500,
}
REPLAY_WEEKS = 52
GROCERY_WEEKS = 104


def simulate_command(  # noqa: PLR0917 – options are given by name
    folder: Annotated[Path, typer.Argument(help="A new folder; never one that holds files.")],
    customers: Annotated[
        int | None, typer.Option(min=1, help="Customers; by default 2000, hotel 400, doors 300, gift_shop 500.")
    ] = None,
    weeks: Annotated[
        int | None, typer.Option(min=1, help="Weeks of sales (of the grocery alone), or of a replay; 104, or 52.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Another seed, another store of the same kind.")] = 1,
    shop: Annotated[
        SimulatedShop, typer.Option(help="The kind of shop; examples/ has a folder for each.")
    ] = SimulatedShop.GROCERY,
    preset: Annotated[
        str | None, typer.Option(help="Replay policies on a store that answers: grocery, fashion, hotel, doors, …")
    ] = None,
    policy: Annotated[
        list[str] | None,
        typer.Option(help="With --preset: regulars, oracle, …; may be repeated; default: all."),
    ] = None,
) -> None:
    """Write the files of a made-up shop with known truth, to try things on; or replay policies on one, with a report.

    Examples: regulars simulate shop --customers 500 --seed 7; regulars simulate year --preset fashion --weeks 26
    """
    if preset is not None:
        return _replay_policies(folder, preset, policy or [], weeks or REPLAY_WEEKS, seed)
    if policy:
        raise ParameterError("expected --policy with --preset alone; name a preset, as --preset grocery")
    n_customers = customers or N_CUSTOMERS[shop]
    if shop is SimulatedShop.GROCERY:
        _simulate_grocery(folder, n_customers, weeks or GROCERY_WEEKS, seed)
    elif weeks is not None:
        raise ParameterError(f"expected --weeks with --shop grocery alone, got --shop {shop}; leave it out")
    else:
        _simulate_case(folder, shop, n_customers, seed)
    typer.echo(f"written: {folder} (what is true of each customer: {folder.parent / (folder.name + '-truth')})")
    return None


def _replay_policies(folder: Path, preset: str, wanted: list[str], n_weeks: int, seed: int) -> None:
    from contracts.errors import UnknownNameError, nearest
    from pipeline.living.desk import desk_of
    from pipeline.living.policies import POLICIES
    from pipeline.living.replay import burnt_in, replay_policy
    from pipeline.living.report import write_simulation
    from simulation.living.presets import PRESETS
    from simulation.writing import refuse_filled

    if preset not in PRESETS:
        raise UnknownNameError(f"no preset '{preset}'{nearest(preset, PRESETS) or '; there is ' + ', '.join(PRESETS)}")
    for name in wanted:
        if name not in POLICIES:
            raise UnknownNameError(
                f"no policy '{name}'{nearest(name, POLICIES) or '; there is ' + ', '.join(POLICIES)}"
            )
    refuse_filled(folder)
    desk = desk_of(PRESETS[preset], seed, PARAMS)
    typer.echo(f"  {PRESETS[preset].says}\n  {PRESETS[preset].nature.burn_in_weeks} weeks without any message first")
    begun, chosen = burnt_in(desk, seed), wanted or list(POLICIES)
    records = [replay_policy(desk, begun, POLICIES[name], n_weeks, _every_13th) for name in chosen]
    report = write_simulation(folder, desk, records)
    for row in report["policies"]:
        over = "over nobody" if report["is_over_nobody"] else "in all"
        typer.echo(f"  {row['says']}: {row['profit']:,.0f} {report['currency']} {over}, {row['n_sent']:,} messages")
    typer.echo(f"written: {folder / 'simulation.html'}")


def _every_13th(text: str) -> None:
    """A line a quarter: a year of each policy is long work."""
    week = int(text.rsplit("week ", 1)[1].split(" ", maxsplit=1)[0])
    if week % 13 == 0 or week == 1:
        typer.echo(f"  {text}")


def _simulate_grocery(folder: Path, n_customers: int, n_weeks: int, seed: int) -> None:
    from contracts.params import load_params
    from simulation.world import world_of
    from simulation.writing import write_files

    params = load_params(PARAMS)
    wanted = params.ingest.simulation.model_copy(update={"n_customers": n_customers, "n_weeks": n_weeks, "seed": seed})
    write_files(world_of(wanted, params.store), folder, lambda done, of: typer.echo(f"  {done:,} of {of:,}"))


def _simulate_case(folder: Path, shop: SimulatedShop, n_customers: int, seed: int) -> None:
    from simulation.cases.case import write_case
    from simulation.cases.doors import doors
    from simulation.cases.gift_shop import gift_shop
    from simulation.cases.hotel import hotel

    makers = {SimulatedShop.HOTEL: hotel, SimulatedShop.DOORS: doors, SimulatedShop.GIFT_SHOP: gift_shop}
    write_case(makers[shop](n_customers, seed), folder)
