"""The terminal that tables are printed to."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

NARROWEST = 100


def console() -> Console:
    """A console at least wide enough for the list; a pipe has no width of its own."""
    from rich.console import Console

    found = Console(highlight=False)
    return found if found.is_terminal or found.width >= NARROWEST else Console(highlight=False, width=NARROWEST)
