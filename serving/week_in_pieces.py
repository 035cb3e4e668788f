"""The week's tables from those of the stages, some customers at a time: what a large shop's week is built by."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from contracts.errors import ContractError
from contracts.files import read_table
from contracts.pieces import Beside, in_order
from contracts.table import Table
from contracts.tables import PLAN, PORTRAITS, SCORES
from contracts.windows import iso_week
from serving.published import write_rows
from serving.weekly_list import Terms, days_of, full_rows, judged, model_of, of_list, rank

NARROW = {
    "portraits": ["customer_id", "cutoff_on"],
    "scores": ["customer_id", "cutoff_on", "risk_band", "value_at_stake", "expected_loss"],
    "plan": ["customer_id", "cutoff_on", "offer", "arm", "expected_profit"],
}
"""What the working list is ranked by."""
TABLES: Mapping[str, Table] = {"portraits": PORTRAITS, "scores": SCORES, "plan": PLAN}
Universal = Callable[[pd.Series], Collection[str]]


@dataclass(frozen=True)
class WeekTables:
    """The stages' tables of a week, each in order of customers' ids; `cutoffs` hold `scored` and `data_end`.

    `universal` says who of some ids is left without marketing this year.
    """

    portraits: Path
    scores: Path
    plan: Path
    cutoffs: Mapping[str, str]
    universal: Universal

    def pieces(self, *, is_narrow: bool = False) -> Iterator[pd.DataFrame]:
        """Judged customers, some after the other; with the columns alone that the list is ranked by, or with all."""
        portraits, scores, plan = (self._rows(name, is_narrow) for name in TABLES)
        beside, model = (Beside(scores), Beside(plan)), self.model
        for piece in portraits:
            ids = piece["customer_id"]
            own = (table.up_to(str(ids.iloc[-1]) if len(ids) else "") for table in beside)
            yield judged(next(own), piece, next(own), self.cutoffs, universal=self.universal(ids), model=model)
        for table in beside:
            if len(table.rest()):
                raise ContractError(
                    "expected a portrait of every customer, found none for some; run `dvc repro portray`"
                )

    def _rows(self, name: str, is_narrow: bool) -> Iterator[pd.DataFrame]:
        return in_order(getattr(self, name), None if is_narrow else TABLES[name], NARROW[name] if is_narrow else None)

    @property
    def model(self) -> tuple[str, str]:
        """Version and grade of the model behind the week."""
        return model_of(read_table(self.scores, columns=["model_version", "model_grade"]))

    @property
    def has_losses(self) -> bool:
        """Whether anyone has an expected loss: nobody has without a model."""
        return bool(read_table(self.scores, columns=["expected_loss"])["expected_loss"].notna().any())


def ranks(tables: WeekTables, list_size: int) -> pd.Series:
    """Places in the working list, from 1, by customer id."""
    kept, has_losses = pd.DataFrame(), tables.has_losses
    for piece in tables.pieces(is_narrow=True):
        both = pd.concat([kept, piece], ignore_index=True) if len(kept) else piece
        kept = rank(both, int((both["arm"] == "treated").sum()) + list_size, has_losses)
    return rank(kept, list_size, has_losses).set_index("customer_id")["rank"]


def write_week_of(
    folder: Path, tables: WeekTables, terms: Terms, list_size: int, facts: Mapping[str, Any]
) -> dict[str, Any]:
    """Build the week and write it, as `published.write_week` does; what `week.json` says."""
    places = ranks(tables, list_size)
    listed: list[pd.DataFrame] = []

    def rows() -> Iterator[pd.DataFrame]:
        for piece in tables.pieces():
            full = full_rows(piece, places, terms, tables.cutoffs)
            listed.append(full[full["rank"].notna()])
            yield full

    def at_risk() -> pd.DataFrame:
        return of_list(pd.concat(listed, ignore_index=True).sort_values("rank", ignore_index=True))

    scored_on, through = days_of(tables.cutoffs)
    named = {"week": iso_week(scored_on), "data_through": through.isoformat()}
    return write_rows(folder, named, rows(), at_risk, facts)
