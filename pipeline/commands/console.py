"""What commands print: tables, or a line for people and plain data for programs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

NARROWEST = 100


def tell(told: dict[str, Any], line: str, *, is_json: bool) -> None:
    """What a command has done: a line for people, or plain data."""
    typer.echo(json.dumps(told, ensure_ascii=False) if is_json else line)


def console() -> Console:
    """A console at least wide enough for the list; a pipe has no width of its own."""
    from rich.console import Console

    found = Console(highlight=False)
    return found if found.is_terminal or found.width >= NARROWEST else Console(highlight=False, width=NARROWEST)
