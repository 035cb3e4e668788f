"""Products that only purchase lines describe: each as the line that was known first describes it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq

from contracts.event_tables import PRODUCTS
from contracts.files import arrow_table
from events.undoing import known_instants

NAMES = {"category": "category", "product_name": "product_type"}


def described_products(paths: Iterable[Path]) -> pd.DataFrame:
    """PRODUCTS from purchase files; empty where lines name no product.

    What a product is called later never changes what it was called first, so that no cutoff sees a later name.
    """
    found = [part for part in (_first(path) for path in paths) if len(part)]
    if not found:
        return PRODUCTS.empty()
    first = _earliest(pd.concat(found, ignore_index=True))
    frame = pd.DataFrame({"product_id": first["product_id"]})
    for name in ("department", "category", "product_type"):
        frame[name] = pd.Series(pd.NA, index=frame.index, dtype="str")
    for given, ours in NAMES.items():
        if given in first.columns:
            frame[ours] = first[given]
    frame["is_private_label"] = pd.array([pd.NA] * len(frame), dtype="boolean")
    return frame.sort_values("product_id", ignore_index=True)


def _first(path: Path) -> pd.DataFrame:
    present = set(pq.read_schema(path).names)
    if "product_id" not in present:
        return pd.DataFrame()
    wanted = [name for name in ("product_id", *NAMES, "ordered_at", "known_at") if name in present]
    lines = arrow_table(path, wanted).to_pandas()
    lines["known"] = known_instants(lines)
    return _earliest(lines[lines["product_id"].notna()])


def _earliest(lines: pd.DataFrame) -> pd.DataFrame:
    """One row a product: the one that was known first; of several at once, the first by name."""
    named = [name for name in NAMES if name in lines.columns]
    ordered = lines.sort_values(["product_id", "known", *named], ignore_index=True)
    return ordered.drop_duplicates("product_id")[["product_id", "known", *named]]
