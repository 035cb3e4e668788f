"""Pages by keyset: every row once, in order, whatever the page size, sort and filters; compared with plain pandas."""

from __future__ import annotations

import base64
import json

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.errors import ParameterError
from serving.desk import filters as filter_module
from serving.desk import seeking
from serving.desk.filters import EQUAL, SORTS, Filters
from serving.desk.loading import LEAST
from serving.desk.paging import every_row, page
from tests.desks import Filled

VALUES = {
    "group": ["trusted regulars", "regulars at risk"],
    "tier": ["new", "returning", "regular", "devoted", "nothing"],
    "risk_band": ["low", "high", ""],
    "channel": ["A rye loaf is kept for you.", ""],
    "label": ["weekly", "unheard of"],
}


@st.composite
def wanted(draw: st.DrawFn) -> Filters:
    chosen = {name: draw(st.none() | st.sampled_from(values)) for name, values in VALUES.items()}
    sort = draw(st.sampled_from(["", "-"])) + draw(st.sampled_from(SORTS))
    return Filters(**chosen, change=draw(st.sampled_from([None, "up", ""])) or None, sort=sort)


def by_pandas(table: pd.DataFrame, filters: Filters) -> list[str]:
    """The same rows by the plainest route."""
    rows = table.sort_values("rank")
    for name in (*EQUAL, "change"):
        value = getattr(filters, name)
        rows = rows if value is None else rows[rows[name] == value]
    if filters.label is not None:
        rows = rows[rows["labels"].map(lambda text: filters.label in text.split("; ")).astype("bool")]
    name = filters.sort.removeprefix("-")
    column = rows[name]
    key = column.fillna(LEAST) if column.dtype == float else column
    key = key.dt.strftime("%Y-%m-%d").fillna("") if str(column.dtype).startswith("datetime") else key
    order = key.sort_values(ascending=not filters.sort.startswith("-"), kind="stable").index
    return rows.loc[order, "customer_id"].tolist()


@given(wanted(), st.integers(1, 30))
def test_pages_are_a_plain_filter_cut_in_pieces_on_sqlite(module_desk, filters, size):
    _compare(module_desk["sqlite"], filters, size)


@given(wanted(), st.integers(1, 30))
def test_pages_are_a_plain_filter_cut_in_pieces_on_postgresql(module_desk, filters, size):
    _compare(module_desk["postgresql"], filters, size)


@given(wanted(), st.integers(1, 30), st.sampled_from([(1,), (1, 2), (2, 5)]), st.sampled_from([0, 10, 30]))
def test_pages_are_the_same_however_far_an_index_is_walked(module_desk, filters, size, walked, few):
    with pytest.MonkeyPatch.context() as smaller:
        smaller.setattr(seeking, "WALKED_A_ROW", walked)
        smaller.setattr(seeking, "FEW", few)
        _compare(module_desk["sqlite"], filters, size)


def _compare(filled: Filled, filters: Filters, size: int) -> None:
    with filled.desk.reading() as connection:
        rows = list(every_row(connection, filled.week(), filters, size))
    assert [row["customer_id"] for row in rows] == by_pandas(filled.listed(), filters)


@pytest.mark.parametrize("cursor", ["x", "bm9uZQ", "WzEsIDIsIDMsIDRd", "W10", "é"])
def test_a_cursor_that_is_none_is_refused(small, cursor):
    with small.desk.reading() as connection, pytest.raises(ParameterError, match="cursor: expected"):
        page(connection, small.week(), Filters(), 5, cursor)


def test_a_cursor_of_other_filters_is_refused(small):
    with small.desk.reading() as connection:
        first = page(connection, small.week(), Filters(), 5)
        with pytest.raises(ParameterError, match="cursor: expected"):
            page(connection, small.week(), Filters(sort="p_lapse"), 5, first.next)


@pytest.mark.parametrize("value", [10**30, 10**400, float("inf"), float("nan")], ids=["1e30", "1e400", "inf", "nan"])
def test_a_cursor_of_a_number_beyond_all_is_refused(small, value):
    wanted = Filters(sort="p_lapse")
    with small.desk.reading() as connection:
        true = page(connection, small.week(), wanted, 5).next
        week_id, said, _, place = json.loads(base64.urlsafe_b64decode(true + "=="))
        forged = base64.urlsafe_b64encode(json.dumps([week_id, said, value, place]).encode()).decode().rstrip("=")
        with pytest.raises(ParameterError, match="cursor: expected"):
            page(connection, small.week(), wanted, 5, forged)


def test_every_filter_is_told_of_in_the_cursors_hash():
    names = {each.name for each in filter_module.fields(Filters)}
    other = dict.fromkeys(names, "x") | {"unclaimed": True}
    assert set(Filters(**other).said()) == names
