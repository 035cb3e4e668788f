"""What the commands about offers print."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
from rich.table import Table
from rich.text import Text

from contracts.errors import UnknownNameError
from contracts.files import read_table
from contracts.tables import PLAN, PORTRAITS, SCORES
from offers.catalogue import Catalogue, Offer
from offers.difference import Difference
from offers.explaining import considered, picked, what_would_change
from offers.plan import weigh
from pipeline.planning import project_setting
from serving.terminal import plain

Piece = Table | Text
NOTHING = "–"
N_MOVES = 20
HELD_BACK = "left alone at random this week, to measure what offers bring; what had been planned is not shown"


def catalogue_table(catalogue: Catalogue, currency: str) -> Table:
    """One row an offer: what it gives, what it costs, who may get it."""
    table = Table(title=f"Offers, amounts in {currency}, expected per customer to whom they are offered")
    for name in ("offer", "gives", "worth", "of it price", "cost", "for", "by"):
        table.add_column(name, justify="right" if name in {"worth", "of it price", "cost"} else "left")
    for offer in catalogue.offers:
        cost = sum(component.redeem * component.cost for component in offer.components)
        worth = f"{offer.whole_benefit:.2f}", f"{offer.whole_price_benefit:.2f}", f"{cost:.2f}"
        gives = " + ".join(mechanic.replace("_", " ") for mechanic in offer.mechanics)
        table.add_row(offer.id, gives, *worth, plain(_audience(offer)), ", ".join(offer.channels))
    return table


def _audience(offer: Offer) -> str:
    named = offer.audience.model_dump(exclude_defaults=True)
    said = [f"{name.replace('_', ' ')}: {', '.join(values)}" for name, values in named.items()]
    if offer.occasion is not None:
        said.append(f"on: {' '.join((offer.occasion.kind.replace('_', ' '), *offer.occasion.days))}")
    return "; ".join(said) or "everyone"


def explained(root: Path, customer: str, *, is_whole: bool) -> Iterator[Piece]:
    """One customer's decision: portrait, what was decided and why, what would have changed it, and every offer."""
    plan = read_table(root / "data" / "plan.parquet", PLAN)
    portraits = read_table(root / "data" / "portraits.parquet", PORTRAITS)
    if customer not in set(portraits["customer_id"]):
        raise UnknownNameError(f"no customer '{customer}' in this week's portraits; expected an id of the full table")
    known = portraits[portraits["customer_id"] == customer].iloc[0]
    yield _grid(_portrait_lines(known))
    planned = plan[plan["customer_id"] == customer]
    if not len(planned):
        yield Text("Not in the plan: gone. The win-back sheet beside the list holds the gone by past value.")
    elif planned["arm"].iloc[0] in ("control", "awaited"):
        yield Text(HELD_BACK)
    else:
        yield from _decision(root, planned.iloc[0], portraits, is_whole=is_whole)


def _portrait_lines(known: pd.Series) -> list[tuple[str, str]]:
    return [
        ("customer", f"{known['customer_id']}, week of {known['cutoff_on']:%Y-%m-%d}"),
        ("standing", f"{known['tier']}, {known['state']}, {known['value_tier']} by value"),
        ("group", f"{known['group']} – treatment: {known['treatment']}"),
        ("promise", known["promise"]),
        ("labels", known["labels"] or NOTHING),
        ("because", known["evidence"] or NOTHING),
    ]


def _decision(root: Path, row: pd.Series, portraits: pd.DataFrame, *, is_whole: bool) -> Iterator[Piece]:
    setting = project_setting(root)
    weighed = weigh(read_table(root / "data" / "scores.parquet", SCORES), portraits, setting)
    table = considered(str(row["customer_id"]), weighed, setting)
    if picked(str(row["customer_id"]), weighed) != (row["offer"], row["channel"]):
        yield Text("The plan is older than its files: made anew it would decide otherwise here; run `regulars run`.")
    lines = [("decision", row["why"])]
    lines += [("message", row["offer_text"])] if row["offer_text"] else []
    changes = what_would_change(row, table, setting) or ["Nothing in this week's offers would have."]
    lines += [("changed by" if not k else "", said) for k, said in enumerate(changes)]
    yield _grid(lines)
    open_to, barred = table[table["obstacle"] == ""], table[table["obstacle"] != ""]
    if len(open_to):
        yield _open_table(open_to, setting.currency)
    yield (
        _frame("What was not open", barred[["offer", "channel", "obstacle"]], set())
        if is_whole and len(barred)
        else Text(f"{len(barred)} more were not open; --all lists them with what bars each")
    )


def _open_table(table: pd.DataFrame, currency: str) -> Table:
    shown = Table(title=f"What was open, in {currency}: profit = gain + extra − costs; to the plan = profit − limits")
    names = ("offer", "channel", "effect", "gain", "benefit", "contact", "taught", "permission", "profit", "limits")
    for name in (*names, "to the plan"):
        is_name = name in {"offer", "channel"}
        shown.add_column(name, justify="left" if is_name else "right", overflow="fold" if is_name else "ellipsis")
    for row in table.to_dict("records"):
        terms = ("gain", "benefit_cost", "contact_cost", "taught_cost", "permission_cost")
        shown.add_row(
            row["offer"],
            row["channel"],
            _amount(row["effect"], 4),
            *(_amount(row[name]) for name in terms),
            f"{row['expected_profit']:.2f} [{row['expected_profit_low']:.2f}, {row['expected_profit_high']:.2f}]",
            _amount(row["limits_cost"]),
            _amount(row["worth_to_plan"]),
        )
    return shown


def difference_tables(found: Difference) -> Iterator[Piece]:
    """Totals, offers, and the moves that most customers made."""
    yield _frame("Plans side by side (amounts in store currency)", found.totals, {"before", "after", "change"})
    yield _frame("Customers selected, by offer", found.offers, {"before", "after"})
    if len(found.moves):
        yield _frame("Who moved, most first", found.moves.head(N_MOVES), {"n_customers", "gain"})
    yield Text(f"{found.n_same:,} customers have what they had; {int(found.moves['n_customers'].sum()):,} moved")


def _frame(title: str, frame: pd.DataFrame, numbers: set[str]) -> Table:
    table = Table(title=title)
    for name in frame.columns:
        table.add_column(str(name).replace("n_", "").replace("_", " "), justify="right" if name in numbers else "left")
    for row in frame.to_dict("records"):
        table.add_row(*(plain(_said(value)) for value in row.values()))
    return table


def _said(value: Any) -> str:
    return f"{value:,.2f}".removesuffix(".00") if isinstance(value, float) else str(value)


def _grid(lines: list[tuple[str, str]]) -> Table:
    grid = Table.grid(padding=(0, 2))
    for what, text in lines:
        grid.add_row(plain(what), plain(text))
    return grid


def _amount(value: float, decimals: int = 2) -> str:
    return NOTHING if pd.isna(value) else f"{value:.{decimals}f}"
