"""The goods that customers bought last, and where, by past cutoffs: lines coded once, then walked cutoff by cutoff."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
import pandas as pd

from contracts import windows
from events.store import Events

WINDOW_DAYS = 28
Ints = npt.NDArray[np.int64]
NO_FACTS = pd.DataFrame({"row": np.empty(0, np.int64), "kind": pd.Categorical([]), "name": pd.Categorical([])}).astype(
    {"kind": pd.CategoricalDtype(pd.Index([], dtype="str")), "name": pd.CategoricalDtype(pd.Index([], dtype="str"))}
)


@dataclass(frozen=True)
class Bought:
    """Purchase lines by customer and instant, as codes.

    `known` holds what tells when a line counts. `codes` by kind of name: an entry a line, -1 where it has none; `names`
    by code. `customers` are sorted ids.
    """

    known: pd.DataFrame
    customers: pd.Index
    customer: Ints
    day: Ints
    codes: dict[str, Ints]
    names: dict[str, pd.Index]

    @classmethod
    def of(cls, events: Events) -> Bought:
        """The lines of events; of names, those that the shop records."""
        lines = events.purchases
        code, distinct = pd.factorize(lines["customer_id"], sort=True)
        order = np.lexsort((lines["ordered_at"].to_numpy(dtype="datetime64[us]"), code))
        lines = lines.iloc[order]
        known = [name for name in ("ordered_at", "known_at", "undone_at") if name in lines.columns]
        found = _names(lines, events.products)
        return cls(
            lines[known].reset_index(drop=True),
            pd.Index(distinct, dtype="str"),
            code[order].astype(np.int64),
            windows.day_numbers(lines["ordered_on"]),
            {kind: codes for kind, (codes, _) in found.items()},
            {kind: names for kind, (_, names) in found.items()},
        )

    def facts_at(self, row_of: pd.Series, cutoff: date, time_zone: str) -> list[pd.DataFrame]:
        """`row`, `kind` and `name` (categories) of what is known at a cutoff; `row_of` gives the row by customer id.

        Goods and categories are those of the last purchase day, if it lies in the window; stores of the last line.
        """
        lines = windows.rows_before(self.known, cutoff, time_zone).index.to_numpy()
        row = row_of.reindex(self.customers).fillna(-1).to_numpy(dtype=np.int64)[self.customer[lines]]
        lines, row = lines[row >= 0], row[row >= 0]
        last = np.flatnonzero(np.diff(row, append=-1) != 0)
        n_lines = np.diff(last, prepend=-1)
        is_last_day = self.day[lines] == np.repeat(self.day[lines[last]], n_lines)
        is_last_day &= windows.trailing(self.day[lines], cutoff, WINDOW_DAYS)
        chosen = {"store": last}
        days = np.flatnonzero(is_last_day)
        return [self._facts(kind, row, lines, chosen.get(kind, days)) for kind in self.codes]

    def _facts(self, kind: str, row: Ints, lines: Ints, chosen: Ints) -> pd.DataFrame:
        """Each name once a row; nameless lines say nothing."""
        code, names = self.codes[kind][lines[chosen]], self.names[kind]
        pairs = np.unique((row[chosen] * len(names) + code)[code >= 0])
        name = pd.Categorical.from_codes((pairs % max(len(names), 1)).astype(np.int64), names)
        said = pd.Categorical.from_codes(np.zeros(len(pairs), dtype=np.int8), pd.Index([kind], dtype="str"))
        return pd.DataFrame({"row": pairs // max(len(names), 1), "kind": said, "name": name})


def _names(lines: pd.DataFrame, products: pd.DataFrame) -> dict[str, tuple[Ints, pd.Index]]:
    """Codes of the lines and their names, by kind."""
    found: dict[str, tuple[Ints, pd.Index]] = {}
    if "product_id" in lines.columns:
        found["product"] = _coded(lines["product_id"])
        if "category" in products.columns:
            known = products.drop_duplicates("product_id").set_index("product_id")["category"]
            code, names = found["product"]
            category, categories = _coded(known.reindex(names))
            found["category"] = np.append(category, -1)[code], categories
    if "store_id" in lines.columns:
        found["store"] = _coded(lines["store_id"])
    return found


def _coded(values: pd.Series) -> tuple[Ints, pd.Index]:
    codes, names = pd.factorize(values.where(values != "").astype("object"))
    return codes.astype(np.int64), pd.Index(names, dtype="str")
