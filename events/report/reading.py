"""What the report reads of a store: standing purchases, some buckets after the other, as compact columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from contracts import windows
from events.store import parts_of

Ints = npt.NDArray[np.int64]
MOST_LINES = 1_000_000
"""Purchase lines in memory at once; no result hangs on it."""
TEXTS = ["source", "customer_id", "order_id", "product_id", "store_id", "kind", "rule"]
STANDING = ("ordered_at", "known_at", "undone_at")
RETURN_COLUMNS = ("source", "source_line", "kind")
REJECT_COLUMNS = ("source", "source_line", "rule", "ordered_at", "amount")


class Numbers:
    """Texts as numbers from 0 in the order in which they are met; -1 where there is none."""

    def __init__(self) -> None:
        self._of: dict[str, int] = {}

    def __call__(self, texts: pd.Series) -> Ints:
        """The numbers of a column's texts."""
        codes, distinct = pd.factorize(texts)
        mapped = [self._of.setdefault(str(name), len(self._of)) for name in distinct]
        return np.array([*mapped, -1], dtype=np.int64)[codes]

    def __len__(self) -> int:
        return len(self._of)

    def names(self) -> pd.Index:
        """The texts by number."""
        return pd.Index(list(self._of), dtype="str")


class Standing:
    """The purchases of a store that stand at data end, some buckets' customers after the other.

    `lines` of a part have the columns asked for, and beside them `customer`, `product` and `store` as numbers from 0
    (-1: not recorded) and `day`, counted from 1970-01-01. A customer has the same number in every reading of a store.
    """

    def __init__(self, root: Path, facts: dict[str, Any]) -> None:
        self.root, self.facts = root, facts
        self.products, self.stores = Numbers(), Numbers()

    def parts(self, columns: Iterable[str]) -> Iterator[tuple[pd.DataFrame, pd.Index, int]]:
        """Some customers' lines, the customers' ids by number (less that of the part's first), purchases undone since.

        Numbers of customers go on from part to part.
        """
        wanted = ["customer_id", "ordered_on", *STANDING, "product_id", "store_id", *columns]
        end, n_before = date.fromisoformat(self.facts["data_end_on"]), 0
        for buckets in parts_of(self.facts, MOST_LINES):
            lines = some_lines(self.root, self.facts, "purchases", buckets, wanted)
            n_undone = int(lines["undone_at"].notna().sum())
            lines = windows.rows_before(lines, end, self.facts["time_zone"])
            codes, ids = pd.factorize(lines["customer_id"])
            yield self._numbered(lines, codes.astype(np.int64) + n_before), pd.Index(ids.astype("str")), n_undone
            n_before += len(ids)

    def _numbered(self, lines: pd.DataFrame, customer: Ints) -> pd.DataFrame:
        missing = np.full(len(lines), -1, dtype=np.int64)
        numbers = {
            ours: of(lines[given]) if given in lines.columns else missing
            for ours, given, of in (("product", "product_id", self.products), ("store", "store_id", self.stores))
        }
        dropped = [name for name in ("customer_id", "product_id", "store_id", "ordered_on") if name in lines.columns]
        numbers |= {"customer": customer, "day": windows.day_numbers(lines["ordered_on"])}
        return lines.drop(columns=dropped).reset_index(drop=True).assign(**numbers)


def some_lines(
    root: Path, facts: dict[str, Any], name: str, buckets: Iterable[int], columns: Iterable[str]
) -> pd.DataFrame:
    """Some columns (those that the shop records) of some buckets' purchases, returns, rejects; texts as categories."""
    paths = [root / facts["buckets"][number]["files"][name] for number in buckets]
    known = pq.read_schema(paths[0]).names
    wanted = list(dict.fromkeys(column for column in columns if column in known))
    texts = [column for column in TEXTS if column in wanted]
    tables = [pq.read_table(path, columns=wanted, read_dictionary=texts) for path in paths]
    lines: pd.DataFrame = pa.concat_tables(tables).unify_dictionaries().to_pandas(date_as_object=False)
    return lines


def order_numbers(order_id: pd.Series, customer: Ints) -> Ints:
    """Each customer's own orders, numbered: a customer's lines are all in one part."""
    codes, distinct = pd.factorize(order_id)
    return pd.factorize(customer * (len(distinct) + 1) + codes)[0].astype(np.int64)
