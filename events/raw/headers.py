"""Where a table's column names stand, and what its columns are called: the same for text files and workbooks."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

SOURCE_LINE = "source_line"
DAMAGE = "damage"
RESERVED = (SOURCE_LINE, DAMAGE)
# Blanks of every width, a stray byte order mark, a zero-width space, and the end mark of DOS.
BLANKS = " \t\r\n\v\f\x1a\u00a0\u2007\u2009\u202f\u200b\ufeff"
STARTS_AS_VALUE = re.compile(r"[-+(]?[€$£]?\s?\d")
LONGEST_NAME = 200


def trimmed_width(cells: Sequence[str]) -> int:
    """How many cells there are up to the last one that is not blank."""
    return max((at for at, cell in enumerate(cells, 1) if cell.strip(BLANKS)), default=0)


def is_header_like(cells: Sequence[str]) -> bool:
    """Whether cells can be column names: at least two are given, and none begins as a number or date does."""
    given = [cell.strip(BLANKS) for cell in cells if cell.strip(BLANKS)]
    return len(given) >= 2 and not any(STARTS_AS_VALUE.match(cell) or len(cell) > LONGEST_NAME for cell in given)


def has_width(cells: Sequence[str], n_cells: int) -> bool:
    """Whether a row has that many cells; blank ones beyond them (trailing delimiters) do not count."""
    return len(cells) == n_cells or (len(cells) > n_cells and trimmed_width(cells) <= n_cells)


def usual_width(widths: Sequence[int]) -> int:
    """The most frequent width of two cells or more (the larger one of equals), or 0."""
    counts = Counter(width for width in widths if width >= 2)
    return max(counts, key=lambda width: (counts[width], width), default=0)


def header_at(rows: Sequence[Sequence[str]]) -> int | None:
    """The position of the column names: the first header-like row as wide as most rows, else the first at all.

    What stands above is a preamble ("Export of 2024") and no data.

    >>> header_at([["Export of 2024"], ["customer", "amount"], ["ann", "12.50"], ["bob", "3.00"]])
    1
    """
    usual = usual_width([len(row) for row in rows])
    named = [at for at, row in enumerate(rows) if is_header_like(row)]
    return next((at for at in named if len(rows[at]) >= usual), named[0] if named else None)


def column_names(cells: Sequence[str]) -> tuple[str, ...]:
    """Names without blanks around; a second `x` becomes `x.2`, a name that is missing `unnamed.3` (its position).

    >>> column_names(["id", " amount ", "amount", "", "damage"])
    ('id', 'amount', 'amount.2', 'unnamed.4', 'damage.2')
    """
    given = [" ".join(cell.strip(BLANKS).split()) or f"unnamed.{at}" for at, cell in enumerate(cells, 1)]
    used: set[str] = set(RESERVED)
    names = []
    for name in given:
        free, number = name, 2
        while free in used or (free != name and free in given):
            free, number = f"{name}.{number}", number + 1
        used.add(free)
        names.append(free)
    return tuple(names)
