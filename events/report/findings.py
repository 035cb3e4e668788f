"""What a finding is: one thing that someone should know about the data, with its size and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal

import pandas as pd

Severity = Literal["error", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")
N_EXAMPLES = 3


@dataclass(frozen=True)
class Finding:
    """One finding. `share` is between 0 and 1, or None; `examples` are files and line numbers, never contents."""

    severity: Severity
    what: str
    where: str
    how_many: int
    unit: str
    remedy: str
    share: float | None = None
    examples: tuple[dict[str, Any], ...] = ()

    def plain(self) -> dict[str, Any]:
        """As JSON."""
        return {**asdict(self), "examples": list(self.examples)}


def most_severe_first(found: Iterable[Finding]) -> list[Finding]:
    """Errors, warnings, notes; within each as they came."""
    return sorted(found, key=lambda finding: SEVERITIES.index(finding.severity))


def first_rows(rows: pd.DataFrame, files: dict[str, str]) -> pd.DataFrame:
    """The first rows by file name and line (`file`, `source_line`), from columns `source` and `source_line`."""
    named = rows["source"].astype("str").map(files).fillna("(a file no longer there)")
    return _first(pd.DataFrame({"file": named.astype("str"), "source_line": rows["source_line"]}))


def first_of(parts: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """The first rows of all parts, from the first of each."""
    return _first(pd.concat([pd.DataFrame({"file": [], "source_line": []}), *parts]))


def _first(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.sort_values(["file", "source_line"]).head(N_EXAMPLES)


def examples(first: pd.DataFrame) -> tuple[dict[str, Any], ...]:
    """First rows as plain data."""
    return tuple(
        {"file": str(file), "line": int(line)} for file, line in zip(first["file"], first["source_line"], strict=True)
    )


def percent(share: float, decimals: int = 1) -> str:
    """A share in words.

    >>> percent(0.1234)
    '12.3 %'
    """
    return f"{100 * share:.{decimals}f} %"


def counted(n: int, one: str, many: str | None = None) -> str:
    """A number with its noun.

    >>> counted(1, "day"), counted(1200, "day")
    ('1 day', '1,200 days')
    """
    return f"{n:,} {one if n == 1 else many or one + 's'}"
