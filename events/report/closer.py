"""What a first look suspects, looked up line by line: absurd quantities, and instants with many orders.

Whether any quantity is absurd follows from counts; an instant with many orders makes its slot a full one. So lines are
read once more only where there is something to see.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from contracts.counted import counted_medians
from events.report.findings import first_of, first_rows
from events.report.look import Look, slot_of
from events.report.reading import order_numbers

Floats = npt.NDArray[np.float64]
ABSURD_QUANTITY = 100
ABSURD_TIMES = 50
MIN_OF_PRODUCT = 5
RARE_PRODUCT_FACTOR = 20
MIN_SAME_INSTANT = 10
SAME_INSTANT_SHARE = 0.01


@dataclass(frozen=True)
class Absurd:
    """Lines with absurd quantities: how many, the largest quantity of the shop, the first lines."""

    n_lines: int
    largest: float
    first: pd.DataFrame


@dataclass(frozen=True)
class Crowded:
    """Instants with many orders: how many orders and instants, the first lines."""

    n_orders: int
    n_instants: int
    first: pd.DataFrame


def absurd_quantities(look: Look) -> Absurd | None:
    """Lines with far more units than is usual for their product; None without any."""
    counts = look.quantities
    if counts is None:
        return None
    largest_usual = _largest_usual(counts, len(look.standing.products))
    is_absurd = _is_absurd(counts, largest_usual)
    if not is_absurd.any():
        return None
    parts = look.standing.parts(("source", "source_line", "quantity"))
    rows = (lines[_is_absurd(lines, largest_usual)] for lines, _, _ in parts)
    first = first_of([first_rows(found, look.files) for found in rows])
    return Absurd(int(counts["n"][is_absurd].sum()), float(counts["quantity"].max()), first)


def _largest_usual(counts: pd.DataFrame, n_products: int) -> Floats:
    """Above how many units a line of a product is odd, by its number; the last place is for lines without a product."""
    usual = counted_medians(counts, ["product"], "quantity")
    n_lines = counts.groupby("product")["n"].sum()
    overall = RARE_PRODUCT_FACTOR * float(counted_medians(counts.assign(all=0), ["all"], "quantity").iloc[0])
    found = np.full(n_products + 1, overall)
    often = n_lines.index[n_lines >= MIN_OF_PRODUCT]
    found[often.to_numpy()] = usual[often]
    return np.asarray(ABSURD_TIMES * found)


def _is_absurd(rows: pd.DataFrame, largest_usual: Floats) -> npt.NDArray[np.bool_]:
    quantity = rows["quantity"].to_numpy(dtype=np.float64)
    return np.asarray((quantity >= ABSURD_QUANTITY) & (quantity > largest_usual[rows["product"].to_numpy()]))


def crowded_instants(look: Look) -> Crowded | None:
    """Instants at which a notable share of all orders stands; None without any, and where days alone are recorded."""
    least = max(MIN_SAME_INSTANT, SAME_INSTANT_SHARE * look.n_orders)
    full = np.flatnonzero(look.slots >= least)
    if "hour" in look.absent or not len(full):
        return None
    orders, firsts = [], []
    for lines, _, _ in look.standing.parts(("source", "source_line", "order_id")):
        number = pd.Series(order_numbers(lines["order_id"], lines["customer"].to_numpy()))
        is_meant = np.isin(slot_of(lines["ordered_at"]), full)
        orders.append(lines["ordered_at"][is_meant & ~number.duplicated().to_numpy()].value_counts())
        firsts += [(at, first_rows(rows, look.files)) for at, rows in lines[is_meant].groupby("ordered_at")]
    counts = pd.concat(orders).groupby(level=0).sum()
    crowded = counts[counts >= least]
    if crowded.empty:
        return None
    first = first_of([rows for at, rows in firsts if at in crowded.index])
    return Crowded(int(crowded.sum()), len(crowded), first)
