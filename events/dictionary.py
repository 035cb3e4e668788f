"""`docs/DATA.md`: every canonical table, made from its contract, and every cleaning rule, from the list of rules."""

from __future__ import annotations

import sys

import pandera.pandas as pa

from contracts.event_tables import LINE_TABLES, SIDE_TABLES
from contracts.files import write_text
from contracts.table import Table
from events.cleaning import RULES
from events.raw.parsing import MAPPABLE

KINDS = {
    "string[pyarrow]": "text",
    "str": "text",
    "float64": "number",
    "int64": "whole number",
    "Int64": "whole number",
    "int8": "whole number",
    "bool": "yes or no",
    "boolean": "yes or no",
}
HEAD = """# Data: the canonical tables and the cleaning rules

Made by `make docs` from `contracts/event_tables.py` and `events/cleaning.py`; a test holds them equal.

Whatever a source looks like, it becomes these tables, kept in the event store `data/events/` (Parquet; purchases,
returns and rejects in buckets by customer, sorted by customer and instant; `manifest.json` names the files in force).
Instants are UTC, days are local. Of purchases only customer, instant and amount are required. Further tables come as
files beside the purchases (`ingest.tables`), with the column names given here; case and blanks in names play no part.

`known_at` may stand in every table that can come late: a row counts for a cutoff only if it was known before it. A
purchase counts until its undoing is known (`undone_at`).
"""


def page() -> str:
    """The whole page as Markdown."""
    parts = [HEAD, "## What purchase files may hold\n", _mapping()]
    parts += ["## Tables\n", *(_table(table) for table in (*LINE_TABLES.values(), *SIDE_TABLES.values()))]
    return "\n".join([*parts, "## Cleaning rules\n", _rules()])


def _mapping() -> str:
    names = ", ".join(f"`{name}`" for name in MAPPABLE)
    return (
        f"`ingest.format.columns` maps our names to a source's columns. Known names: {names}. `unit_price` makes the "
        "amount with `quantity` where there is no `amount`; `ordered_on` and `ordered_time` stand for `ordered_at`.\n"
    )


def _table(table: Table) -> str:
    rows = [
        f"| `{name}` | {_kind(column)} | {_presence(name, column, table)} | {_meaning(column)} |"
        for name, column in table.columns.items()
    ]
    key = ", ".join(f"`{name}`" for name in table.key)
    head = ["| column | kind | | meaning |", "|---|---|---|---|"]
    return "\n".join([f"### {table.name}\n", f"One row: {_text(table.row)}. Key: {key}.\n", *head, *rows, ""])


def _meaning(column: pa.Column) -> str:
    return f"{_text(str(column.description))}{_range(column)}"


def _text(text: str) -> str:
    return text.replace("|", "\\|")


def _kind(column: pa.Column) -> str:
    name = str(column.dtype)
    if name.startswith("datetime64"):
        return "instant" if "UTC" in name else "day"
    return KINDS[name]


def _presence(name: str, column: pa.Column, table: Table) -> str:
    if name in table.optional:
        return "may be absent"
    return "may be empty" if column.nullable else "always"


def _range(column: pa.Column) -> str:
    said = [_said(check) for check in column.checks]
    return f" ({'; '.join(said)})" if said else ""


def _said(check: pa.Check) -> str:
    facts = check.statistics or {}
    if "allowed_values" in facts:
        return "one of " + ", ".join(str(value) for value in facts["allowed_values"])
    if "min_value" in facts and "max_value" in facts:
        return f"{facts['min_value']} to {facts['max_value']}"
    if "min_value" in facts:
        return f"{'above' if check.name == 'greater_than' else 'at least'} {facts['min_value']}"
    return f"below {facts['max_value']}"


def _rules() -> str:
    rows = [f"| `{rule.code}` | {rule.action} | {rule.sentence} | {rule.remedy} |" for rule in RULES]
    said = "In this order; a line is kept under the first rule that it breaks. Every line ends in one table.\n"
    return "\n".join([said, "| code | action | what | what to do |", "|---|---|---|---|", *rows, ""])


if __name__ == "__main__":
    write_text(sys.argv[1], page())
