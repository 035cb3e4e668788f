"""What the report counts of returns and rejects, some buckets after the other."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from contracts import windows
from events.manifest import part_names
from events.report.findings import first_of, first_rows
from events.report.money import units
from events.report.reading import MOST_LINES, REJECT_COLUMNS, RETURN_COLUMNS, Ints, some_lines
from events.store import parts_of


@dataclass(frozen=True)
class Beside:
    """Returns by kind, with the first unmatched ones and their files; rejects' first lines by rule.

    `anonymous` are the sales that name no customer, by calendar month: `month`, `lines`, `units`.
    """

    n_matched: int
    n_unmatched: int
    first_unmatched: pd.DataFrame
    sources: frozenset[str]
    first_rejected: dict[str, pd.DataFrame]
    anonymous: pd.DataFrame

    @property
    def n_anonymous(self) -> int:
        """Sales that name no customer."""
        return int(self.anonymous["lines"].sum())


def months(days: Ints) -> Ints:
    """Calendar months of day numbers, counted from January 1970."""
    return days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)


def beside(root: Path, facts: dict[str, Any]) -> Beside:
    """Count returns and rejects."""
    files = part_names(facts["parts"])
    n_of, sources = Counter[str](), set[str]()
    unmatched, anonymous = [], []
    by_rule: dict[str, list[pd.DataFrame]] = {}
    for buckets in parts_of(facts, MOST_LINES):
        returns = some_lines(root, facts, "returns", buckets, RETURN_COLUMNS)
        n_of.update(returns["kind"].astype("str").tolist())
        sources |= set(returns["source"].unique())
        unmatched.append(first_rows(returns[returns["kind"] == "return"], files))
        rejects = some_lines(root, facts, "rejects", buckets, REJECT_COLUMNS)
        for rule, rows in rejects.groupby("rule", observed=True):
            by_rule.setdefault(str(rule), []).append(first_rows(rows, files))
        anonymous.append(_anonymous(rejects, facts["time_zone"]))
    sums = pd.concat(anonymous).groupby("month", as_index=False).sum()
    n_matched = n_of["cancellation"]
    firsts = {rule: first_of(rows) for rule, rows in by_rule.items()}
    return Beside(n_matched, n_of.total() - n_matched, first_of(unmatched), frozenset(sources), firsts, sums)


def _anonymous(rejects: pd.DataFrame, zone: str) -> pd.DataFrame:
    named = rejects[(rejects["rule"] == "no_customer") & (rejects["amount"] > 0)]
    month = months(windows.day_numbers(windows.local_dates(named["ordered_at"], zone)))
    amounts = units(named["amount"].to_numpy(dtype=np.float64)).astype(np.int64)
    return pd.DataFrame({"month": month, "lines": 1, "units": amounts}).groupby("month", as_index=False).sum()
