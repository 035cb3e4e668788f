"""A made-up shop's tables, and how they become a folder of files that `regulars init` reads."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from contracts.files import atomic_path
from simulation.writing import LOCAL, refuse_filled

Row = dict[str, Any]
NONE = pd.DataFrame()


class Case(NamedTuple):
    """A shop's tables by their names in `docs/DATA.md`, times as local text; and what is true.

    `truth` has one row a customer and is no table of the shop's: it is written beside the folder. Most shops keep fewer
    tables than this: the others are empty and not written.
    """

    purchases: pd.DataFrame
    products: pd.DataFrame = NONE
    customers: pd.DataFrame = NONE
    consents: pd.DataFrame = NONE
    interactions: pd.DataFrame = NONE
    truth: pd.DataFrame = NONE


def write_case(case: Case, folder: Path) -> None:
    """Write each table as `<name>.csv`, the truth to `<folder>-truth/customers.csv`.

    Raises:
        ParameterError: the folder holds something; nothing is overwritten.
    """
    refuse_filled(folder)
    for name, table in case._asdict().items():
        if table.columns.empty:
            continue
        place = (
            folder.with_name(f"{folder.name}-truth") / "customers.csv" if name == "truth" else folder / f"{name}.csv"
        )
        place.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(place) as draft:
            table.to_csv(draft, index=False, lineterminator="\n")


def clock(first_day: date, day: int, hour: int = 12, minute: int = 0) -> str:
    """The local time on the day so many days after the first one, as the shop writes it.

    >>> clock(date(2022, 1, 3), 1, 18, 30)
    '2022-01-04 18:30:00'
    """
    return datetime.combine(first_day + timedelta(days=day), time(hour, minute)).strftime(LOCAL)


def consents_of(
    rng: np.random.Generator, first_day: date, joined: Iterable[tuple[str, int]], shares: dict[str, float]
) -> pd.DataFrame:
    """Consents given on joining, one row a customer and channel; `joined` are (customer, day), `shares` by channel."""
    rows = [
        {"customer_id": who, "channel": channel, "given_at": clock(first_day, day), "proof": "joining form, text 1"}
        for who, day in joined
        for channel, share in shares.items()
        if rng.random() < share
    ]
    return pd.DataFrame(rows, columns=["customer_id", "channel", "given_at", "proof"])


def goods_table(goods: dict[str, tuple[str, str]]) -> pd.DataFrame:
    """What the shop sells, one row a product, by (category, product type)."""
    rows = [(name, *described) for name, described in goods.items()]
    return pd.DataFrame(rows, columns=["product_id", "category", "product_type"])


def events_table(rows: list[Row]) -> pd.DataFrame:
    """Interactions in order of time, one row an event."""
    columns = ["customer_id", "kind", "happened_at", "with_customer_id"]
    return pd.DataFrame(rows, columns=columns).sort_values(["happened_at", "customer_id"], ignore_index=True)
