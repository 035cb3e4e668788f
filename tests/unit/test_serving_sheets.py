"""The win-back and welcome sheets: who stands on them, in which order, and that no control and no score does."""

from __future__ import annotations

import io

import pandas as pd
import pytest

from contracts.tables import FULL_WEEK
from serving.sheets import WELCOME_COLUMNS, WIN_BACK_COLUMNS, welcome, win_back
from serving.spreadsheets import csv_bytes


@pytest.fixture
def customers(drawn_week) -> pd.DataFrame:
    """Twelve customers of a published week."""
    return drawn_week().customers.assign(no_marketing=False, state="active", arm="none", n_purchase_days=9)


def test_the_gone_by_past_value_without_those_who_refuse(customers):
    spend = [5.0, 50.0, 50.0, 1.0, 99.0]
    rows = customers.head(5).assign(
        state=["gone", "gone", "gone", "active", "gone"], spend_ever=spend, no_marketing=[False] * 4 + [True]
    )
    sheet = win_back(FULL_WEEK(rows))
    ids = rows["customer_id"].tolist()
    assert sheet["customer_id"].tolist() == [ids[1], ids[2], ids[0]]
    assert list(sheet.columns) == list(WIN_BACK_COLUMNS)
    assert not {"p_lapse", "risk_band", "expected_loss", "offer"} & set(sheet.columns)


def test_newcomers_wait_for_a_second_purchase_and_controls_are_not_named(customers):
    first = pd.to_datetime(["2017-12-20", "2017-12-28", "2017-12-10", "2017-12-28", "2017-12-27"])
    rows = customers.head(5).assign(
        n_purchase_days=[1, 1, 1, 1, 2], first_purchase_on=first, last_purchase_on=first, usual_gap_days=7.5,
        arm=["none", "treated", "none", "control", "none"], state=["active", "active", "gone", "active", "active"],
    )  # fmt: skip
    sheet = welcome(FULL_WEEK(rows))
    ids = rows["customer_id"].tolist()
    assert sheet["customer_id"].tolist() == [ids[1], ids[0]]  # the latest first
    # the shop's usual gap is 7.5 days, upwards to whole days
    assert sheet["expected_by_on"].dt.strftime("%Y-%m-%d").tolist() == ["2018-01-05", "2017-12-28"]
    assert list(sheet.columns) == list(WELCOME_COLUMNS)
    assert not {"p_lapse", "risk_band"} & set(sheet.columns)


def test_empty_sheets_have_their_columns(customers):
    nobody = FULL_WEEK(customers.head(3))
    assert list(pd.read_csv(io.BytesIO(csv_bytes(win_back(nobody)))).columns) == list(WIN_BACK_COLUMNS)
    assert list(pd.read_csv(io.BytesIO(csv_bytes(welcome(nobody)))).columns) == list(WELCOME_COLUMNS)


def test_a_shop_whose_customers_all_came_once_expects_nobody_by_a_day(customers):
    rows = customers.head(3).assign(n_purchase_days=1, usual_gap_days=float("nan"))
    assert welcome(FULL_WEEK(rows))["expected_by_on"].isna().all()
