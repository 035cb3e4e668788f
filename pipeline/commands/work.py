"""Commands for the team's work at the desk: the list, one customer, claims, outcomes, exports, what is due."""

from __future__ import annotations

import getpass
import json
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from contracts.errors import ParameterError
from pipeline.commands.console import tell

if TYPE_CHECKING:
    import sqlalchemy as sa

    from serving.desk.actors import Actor
    from serving.desk.filters import Filters

PUBLISHED = Path("published")
Week = Annotated[str | None, typer.Option(help="ISO week, as 2018-W01; default: the latest published one.")]
Json = Annotated[bool, typer.Option("--json", help="Plain data instead of a table.")]
As = Annotated[str, typer.Option("--as", help="Your account's name at the desk.")]
On = Annotated[str | None, typer.Option(help="The day of sending, as 2018-01-02; default: today.")]
Group = Annotated[str | None, typer.Option(help="Only customers of this group.")]
Tier = Annotated[str | None, typer.Option(help="Only this tier: new, returning, regular or devoted.")]
Band = Annotated[str | None, typer.Option(help="Only this band of risk: low, medium or high.")]
Offer = Annotated[str | None, typer.Option(help="Only this offer.")]
Channel = Annotated[str | None, typer.Option(help="Only this channel.")]
Label = Annotated[str | None, typer.Option(help="Only with this label.")]
Change = Annotated[str | None, typer.Option(help="Since the week before: new, up, same, down; left: no longer listed.")]
Unclaimed = Annotated[bool, typer.Option("--unclaimed", help="Only whom nobody works on.")]
ClaimedBy = Annotated[str | None, typer.Option(help="Only whom this account works on.")]
Sort = Annotated[str, typer.Option(help="rank, p_lapse, value_at_stake, expected_loss …; '-' before it turns it.")]
Customer = Annotated[str, typer.Argument(help="The customer's id.")]


def add_commands(app: typer.Typer) -> None:
    """Add this module's commands."""
    for name, command in (
        ("list", list_command),
        ("show", show_command),
        ("claim", claim_command),
        ("outcome", outcome_command),
        ("export", export_command),
        ("due", due_command),
    ):
        app.command(name)(command)


def list_command(  # noqa: PLR0917 – options are given by name
    week: Week = None,
    top: Annotated[int, typer.Option(min=1, help="Rows to show.")] = 20,
    group: Group = None,
    tier: Tier = None,
    risk_band: Band = None,
    offer: Offer = None,
    channel: Channel = None,
    label: Label = None,
    change: Change = None,
    unclaimed: Unclaimed = False,
    claimed_by: ClaimedBy = None,
    sort: Sort = "rank",
    is_json: Json = False,
) -> None:
    """The working list of a week: whom to keep, why, and with which offer. Controls are not in it.

    Example: regulars list --week 2018-W01 --top 20 --tier regular --unclaimed
    """
    from pipeline.commands.console import console
    from pipeline.desk import the_desk
    from serving.desk import listing, weeks

    wanted = _filters(group, tier, risk_band, offer, channel, label, change, unclaimed, claimed_by, sort)
    with the_desk(Path.cwd()) as desk, desk.reading() as connection:
        found = weeks.find_week(connection, week)
        rows = listing.first_rows(connection, found, wanted, top)
        manifest = weeks.manifest(connection, found.id)
    if is_json:
        typer.echo(json.dumps([listing.as_listed(row) for row in rows], indent=2, ensure_ascii=False))
    else:
        from serving.terminal import list_table

        console().print(list_table(listing.frame(rows), manifest))


def _filters(*values: Any) -> Filters:
    from serving.desk.filters import Filters

    names = (
        "group", "tier", "risk_band", "offer", "channel", "label", "change", "unclaimed", "claimed_by", "sort"
    )  # fmt: skip
    return Filters(**dict(zip(names, values, strict=True)))


def show_command(customer: Customer, week: Week = None, is_json: Json = False) -> None:
    """One customer: portrait, risk, reasons, offer and why, or why there is none; and what was done about them.

    Example: regulars show 1609 --week 2018-W01
    """
    from rich.table import Table

    from pipeline.commands.console import console
    from pipeline.desk import the_desk
    from serving.desk import listing, people
    from serving.published import find_week
    from serving.terminal import customer_lines, plain, records

    revision = find_week(PUBLISHED, week)
    row = revision.customer(customer)
    with the_desk(Path.cwd()) as desk, desk.reading() as connection:
        people.refuse_erased(connection, customer)
        done = listing.what_was_done(connection, revision.week, customer)
    if is_json:
        typer.echo(json.dumps({**records(row.to_frame().T)[0], **done}, indent=2, ensure_ascii=False))
        return
    grid = Table.grid(padding=(0, 2))
    lines = customer_lines({str(name): row[name] for name in row.index}, revision.manifest)
    for what, text in (*lines, *listing.work_lines(done)):
        grid.add_row(plain(what), plain(text))
    console().print(grid)


def _actor(connection: sa.Connection, name: str) -> Actor:
    """An active account that may work, acting by command."""
    from serving.desk import accounts
    from serving.desk.actors import Actor

    user = accounts.find_user(connection, name)
    if not user["is_active"]:
        raise ParameterError(f"--as: expected an active account, got {name}")
    found = Actor(user["id"], user["name"], user["role"], "command")
    found.needs("agent", "work at the desk")
    return found


def claim_command(  # noqa: PLR0917 – options are given by name
    customer: Customer,
    name: As,
    week: Week = None,
    to: Annotated[str | None, typer.Option(help="Hand over to this colleague.")] = None,
    is_back: Annotated[bool, typer.Option("--give-back", help="Give the customer back.")] = False,
    is_json: Json = False,
) -> None:
    """Take a customer of the list on, hand them over, or give them back.

    Example: regulars claim 1609 --as ann
    """
    from pipeline.desk import the_desk
    from serving.desk import weeks, work

    with the_desk(Path.cwd()) as desk, desk.writing() as connection:
        actor, found = _actor(connection, name), weeks.find_week(connection, week)
        if is_back:
            work.release(connection, actor, found, customer)
        elif to:
            work.hand_over(connection, actor, found, customer, to)
        else:
            work.claim(connection, actor, found, customer)
    holder = "" if is_back else to or name
    tell({"claimed_by": holder}, f"{holder or 'nobody'} works on this customer", is_json=is_json)


def outcome_command(  # noqa: PLR0917 – options are given by name
    customer: Customer,
    name: As,
    kind: Annotated[str, typer.Option(help="contacted, opened, redeemed, declined, complained, returned, skipped …")],
    reason: Annotated[
        str, typer.Option(help="price, product, service, stock, moved, competitor, wrongly listed …")
    ] = "",
    channel: Annotated[str, typer.Option(help="The channel, where it was another than planned.")] = "",
    note: Annotated[str, typer.Option(help="In a few words.")] = "",
    at: Annotated[str, typer.Option(help="When, as 2018-01-02T10:30:00-05:00; default: now.")] = "",
    key: Annotated[str, typer.Option(help="Your own key: the same again counts once.")] = "",
    week: Week = None,
    is_json: Json = False,
) -> None:
    """Record what was done about a customer, or what they did.

    Example: regulars outcome 1609 --as ann --kind declined --reason price
    """
    import secrets

    from pipeline.desk import the_desk
    from serving.desk import weeks, work

    with the_desk(Path.cwd()) as desk, desk.writing() as connection:
        actor, found = _actor(connection, name), weeks.find_week(connection, week)
        given = work.Outcome(key or secrets.token_hex(8), customer, kind, reason, channel, note, at, found.week)
        said = work.record(connection, actor, found, [given])
    tell({"kind": kind, "result": said[0]}, f"{kind}: {said[0]}", is_json=is_json)


def export_command(  # noqa: PLR0917 – options are given by name
    out: Annotated[
        str,
        typer.Argument(
            help="A file, or an address as s3://bucket/{week}-{on}.csv; its ending: csv, xlsx, parquet, ndjson."
        ),
    ],
    name: As,
    on: On = None,
    preset: Annotated[str, typer.Option(help="plain, sms_gateway or crm.")] = "plain",
    week: Week = None,
    group: Group = None,
    tier: Tier = None,
    risk_band: Band = None,
    offer: Offer = None,
    channel: Channel = None,
    label: Label = None,
    change: Change = None,
    unclaimed: Unclaimed = False,
    claimed_by: ClaimedBy = None,
    sort: Sort = "rank",
    is_json: Json = False,
) -> None:
    """Write whom to contact into a file, without whoever bought, complained or withdrew since; refused if too
    little is known of that. For a drop each morning put the second example into the machine's timetable (cron).

    Example: regulars export list.csv --as meg --on 2018-01-02 --channel letter
    Example: regulars export 's3://shop/lists/{week}-{on}.csv' --as meg --preset sms_gateway
    """
    from pipeline.commands.dropping import drop, filled_in
    from pipeline.desk import the_desk
    from serving.desk import exporting, weeks

    wanted = _filters(group, tier, risk_band, offer, channel, label, change, unclaimed, claimed_by, sort)
    kind, day = exporting.format_of(Path(out)), _day(on)
    with the_desk(Path.cwd()) as desk:
        with desk.writing() as connection:
            found = weeks.find_week(connection, week)
            made = exporting.prepare(connection, _actor(connection, name), found, wanted, day, preset=preset)
        place = filled_in(out, found.week, day)
        with desk.reading() as connection:
            n_rows = drop(place, lambda path: exporting.write_file(connection, made, kind, path))
    told = {"out": place, "n_rows": n_rows, "week": found.week, "on": day.isoformat()}
    tell(told, f"{place}: {n_rows:,} customers of week {found.week}", is_json=is_json)


def due_command(on: On = None, channel: Channel = None, week: Week = None, is_json: Json = False) -> None:
    """What is to be sent on a day; whoever bought, complained, withdrew or was contacted since is dropped and counted.

    Example: regulars due --on 2018-01-02 --channel letter
    """
    from pipeline.desk import the_desk
    from serving.desk import sending, weeks

    day, who = _day(on), f"{getpass.getuser()} (command)"
    with the_desk(Path.cwd()) as desk:
        with desk.reading() as connection:
            shown = weeks.find_week(connection, week)
            found = sending.due(connection, shown, day, channel)
        with desk.writing() as connection:
            sending.note_due(connection, who, shown, day, channel)
    if is_json:
        typer.echo(json.dumps(found, indent=2, ensure_ascii=False))
        return
    for row in found["rows"]:
        typer.echo(
            f"{row['customer_id']:<12} {row['due']:<9} {row['channel']:<14} {row['offer']:<20} by {row['act_by']}"
        )
    dropped = ", ".join(f"{n} {why}" for why, n in sorted(found["dropped"].items())) or "none"
    typer.echo(
        f"{len(found['rows'])} due on {found['on']}; dropped: {dropped}; late contacts so far: {found['n_late']}"
    )


def _day(text: str | None) -> date:
    """The day asked for, or today at the shop."""
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from contracts.params import load_params
    from serving.desk.clock import read_day

    if text is not None:
        return read_day(text)
    return datetime.now(ZoneInfo(load_params(Path("params.yaml")).store.time_zone)).date()
