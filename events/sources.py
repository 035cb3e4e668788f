"""What a source is to the store: named parts with a content hash, each read in chunks of canonical lines."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pandas as pd

SHORT = 12


@dataclass(frozen=True)
class LinePart:
    """One file (or table, or query) of purchase lines; `digest` changes whenever its content does.

    `is_portable` says that another process may read it too: `chunks` is picklable, and what it reads is shared.
    """

    name: str
    digest: str
    chunks: Callable[[], Iterator[pd.DataFrame]]
    is_portable: bool = False

    @property
    def source(self) -> str:
        """What stands in the lines' column `source`."""
        return self.digest[:SHORT]


@dataclass(frozen=True)
class Source:
    """Everything that a shop brings: purchase lines in parts, and further tables whole.

    `columns` are the optional columns of lines that the source records. `side` holds canonical frames by table name,
    `audit` the forbidden attributes that came with them (one row a customer), or None. `names_orders` says whether
    lines name their order.
    """

    name: str
    parts: tuple[LinePart, ...]
    columns: frozenset[str]
    side: dict[str, pd.DataFrame] = field(default_factory=dict)
    audit: pd.DataFrame | None = None
    names_orders: bool = True
