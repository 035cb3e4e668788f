"""The two sheets beside the weekly list, made by rules: whom to win back, and whom to welcome.

Neither is a risk list: the gone have no score, and newcomers are helped, not kept. The controls of the week stand in
neither.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from contracts.files import read_table
from contracts.pieces import ROWS_AT_ONCE, in_order

Select = Callable[[pd.DataFrame], pd.DataFrame]
LEFT_ALONE = ("control", "universal", "awaited")
WIN_BACK_COLUMNS = (
    "week", "data_through", "customer_id", "spend_ever", "currency", "tier", "n_purchase_days", "first_purchase_on",
    "last_purchase_on", "usual_gap_days", "favourite_category", "lapsed_product", "last_contact_on", "last_offer",
    "last_outcome", "consented_channels", "has_open_complaint", "promise",
)  # fmt: skip
WELCOME_COLUMNS = (
    "week", "data_through", "customer_id", "first_purchase_on", "expected_by_on", "spend", "currency",
    "matched_product", "favourite_category", "offer", "codes", "offer_text", "channel", "send_on", "act_by",
    "valid_until", "consented_channels",
    "has_open_complaint", "promise",
)  # fmt: skip


WIN_BACK_ORDER = (("spend_ever", "descending"), ("customer_id", "ascending"))
WELCOME_ORDER = (("first_purchase_on", "descending"), ("customer_id", "ascending"))
CHOSEN_BY = ("state", "no_marketing", "arm", "n_purchase_days", "last_purchase_on")
Order = Sequence[tuple[str, str]]


def win_back(customers: pd.DataFrame) -> pd.DataFrame:
    """The gone by past value: one row a customer of the full table who is gone and did not refuse marketing.

    Amounts in `currency`; the customer who spent most so far comes first, ties by id.
    """
    return _in_order(_to_win_back(customers), WIN_BACK_ORDER)


def welcome(customers: pd.DataFrame) -> pd.DataFrame:
    """Newcomers awaiting a second purchase: one row a customer with one purchase day who is not gone, latest first.

    `expected_by_on` is the first purchase and the shop's usual gap (the median of its customers' own) after it.
    """
    return _in_order(_to_welcome(customers, customers["usual_gap_days"].median()), WELCOME_ORDER)


def sheets_of(full_week: Path) -> dict[str, Iterator[pd.DataFrame]]:
    """Both sheets by name, from the file of the full table, in pieces: the chosen rows alone are in memory."""
    usual_gap_days = read_table(full_week, columns=["usual_gap_days"])["usual_gap_days"].median()
    chosen: dict[str, tuple[Select, tuple[str, ...], Order]] = {
        "win_back": (_to_win_back, WIN_BACK_COLUMNS, WIN_BACK_ORDER),
        "welcome": (partial(_to_welcome, usual_gap_days=usual_gap_days), WELCOME_COLUMNS, WELCOME_ORDER),
    }
    return {name: _sorted(full_week, *said) for name, said in chosen.items()}


def _to_win_back(customers: pd.DataFrame) -> pd.DataFrame:
    gone = customers[(customers["state"] == "gone") & ~customers["no_marketing"] & ~customers["arm"].isin(LEFT_ALONE)]
    return gone[list(WIN_BACK_COLUMNS)]


def _to_welcome(customers: pd.DataFrame, usual_gap_days: float) -> pd.DataFrame:
    waiting = (customers["n_purchase_days"] == 1) & (customers["state"] != "gone")
    rows = customers[waiting & ~customers["arm"].isin(LEFT_ALONE) & ~customers["no_marketing"]]
    usual_gap = pd.to_timedelta(usual_gap_days, unit="D")
    expected = (rows["last_purchase_on"] + usual_gap).dt.ceil("D").astype("datetime64[us]")
    return rows.assign(expected_by_on=expected)[list(WELCOME_COLUMNS)]


def _in_order(rows: pd.DataFrame, order: Order) -> pd.DataFrame:
    names, ascending = [name for name, _ in order], [way == "ascending" for _, way in order]
    return rows.sort_values(names, ascending=ascending, ignore_index=True)


def _sorted(full_week: Path, select: Select, columns: tuple[str, ...], order: Order) -> Iterator[pd.DataFrame]:
    """The rows chosen, in order, some after the other: a text that stands in many rows is held once."""
    wanted = [name for name in dict.fromkeys((*columns, *CHOSEN_BY)) if name != "expected_by_on"]
    found = pa.concat_tables([_held(select(piece)) for piece in in_order(full_week, columns=wanted)])
    rows = pc.sort_indices(found, sort_keys=list(order))
    for begin in range(0, max(len(rows), 1), ROWS_AT_ONCE):
        piece = found.take(rows[begin : begin + ROWS_AT_ONCE])
        plain = [column.cast(pa.large_string()) if _is_held_once(column) else column for column in piece.columns]
        frame: pd.DataFrame = pa.table(plain, names=piece.column_names).to_pandas()
        yield frame


def _held(rows: pd.DataFrame) -> pa.Table:
    table = pa.Table.from_pandas(rows, preserve_index=False).replace_schema_metadata(None)
    for place, one in enumerate(table.schema):
        if one.name != "customer_id" and (pa.types.is_large_string(one.type) or pa.types.is_string(one.type)):
            table = table.set_column(place, one.name, table.column(place).dictionary_encode())
    return table


def _is_held_once(column: pa.ChunkedArray) -> bool:
    return bool(pa.types.is_dictionary(column.type))
