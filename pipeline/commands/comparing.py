"""A comparison as a table for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.record.comparison import CHALLENGER, CHAMPION
from models.record.comparison_page import Comparison, figure_rows

if TYPE_CHECKING:
    from rich.table import Table


def table_of(made: Comparison) -> Table:
    """One figure a row: both sides, and the gain of the second with its paired interval."""
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, pad_edge=False, title_justify="left")
    table.add_column("figure")
    for title in (made.titles[CHAMPION], made.titles[CHALLENGER], "gain [95 %, paired]"):
        table.add_column(escape(title), justify="right")
    for row in figure_rows(made.found):
        table.add_row(row["label"], row[CHAMPION], row[CHALLENGER], row["gain"])
    return table
