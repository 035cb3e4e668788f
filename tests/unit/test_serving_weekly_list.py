from __future__ import annotations

import io

import pandas as pd
import pytest

from contracts.errors import ContractError
from contracts.tables import AT_RISK
from serving.spreadsheets import csv_bytes, disarmed, xlsx_bytes
from serving.weekly_list import CONTROL_REASON, Terms, build_week, rank
from tests.columns import LIST_COLUMNS

TERMS = Terms("USD", 28, 91, "5 USD off the first shop")


def test_the_list_has_the_promised_columns_in_their_order(drawn_week):
    listed = drawn_week().at_risk
    assert list(listed.columns)[: len(LIST_COLUMNS)] == LIST_COLUMNS
    assert set(listed["week"]) == {"2018-W01"}
    assert set(listed["data_through"]) == {pd.Timestamp("2017-12-31")}


def test_ranked_by_profit_then_by_loss_and_cut_at_the_size():
    rows = pd.DataFrame(
        {
            "customer_id": ["a", "b", "c", "d", "e", "f"],
            "arm": ["treated", "none", "treated", "none", "control", "none"],
            "expected_profit": [1.0, 0.0, 5.0, 0.0, None, 0.0],
            "expected_loss": [1.0, 9.0, 2.0, 20.0, 99.0, None],
        }
    )
    assert list(rank(rows, 3)["customer_id"]) == ["c", "a", "d"]
    assert list(rank(rows, 10)["customer_id"]) == ["c", "a", "d", "b"]
    assert list(rank(rows, 1)["customer_id"]) == ["c", "a"], "planned work is never cut off"
    assert list(rank(rows, 3)["rank"]) == [1, 2, 3]


def test_equal_profits_go_by_customer_whatever_the_order_of_rows():
    rows = pd.DataFrame({"customer_id": ["b", "a"], "arm": "treated", "expected_profit": 1.0, "expected_loss": 1.0})
    assert list(rank(rows, 5)["customer_id"]) == list(rank(rows[::-1], 5)["customer_id"]) == ["a", "b"]


def test_controls_are_not_listed_and_their_offer_is_nowhere(drawn_week):
    week = drawn_week(n_customers=60, list_size=60)
    controls = week.customers[week.customers["arm"] == "control"]
    assert len(controls) == 20
    assert not set(controls["customer_id"]) & set(week.at_risk["customer_id"])
    assert set(controls["offer"]) == {"none"}
    assert set(controls["why_none"]) == {CONTROL_REASON}
    money = ["offer_cost", "expected_profit", "effect", "benefit", "price_benefit", "send_on", "act_by", "valid_until"]
    assert controls[money].isna().all().all()
    assert "SECRETOFFER" not in week.customers.to_csv() + week.at_risk.to_csv()


def test_customers_without_a_score_or_a_plan_are_in_the_full_table(drawn_week):
    full = drawn_week().customers.set_index("customer_id")
    assert pd.isna(full.loc["C004", "p_lapse"])
    assert full.loc["C004", "risk_band"] == ""
    assert len(full) == 12


def test_whoever_is_not_in_the_plan_has_no_offer_and_a_reason(request):
    from_conftest = request.getfixturevalue("drawn_week")
    rows = from_conftest().customers
    assert (rows.loc[rows["arm"] == "none", "why_none"] != "").all()


def test_rows_of_another_week_are_refused(week_tables_of):
    scores, portraits, plan, cutoffs = week_tables_of()
    with pytest.raises(ContractError, match="only the week of 2018-01-08"):
        build_week(scores, portraits, plan, {**cutoffs, "scored": "2018-01-08"}, list_size=5, terms=TERMS)


def test_a_customer_without_a_portrait_is_refused(week_tables_of):
    scores, portraits, plan, cutoffs = week_tables_of()
    with pytest.raises(ContractError, match="a portrait of every customer, found none for 1"):
        build_week(scores, portraits.iloc[1:], plan.iloc[1:], cutoffs, list_size=5, terms=TERMS)


def test_two_models_in_one_week_are_refused(week_tables_of):
    scores, portraits, plan, cutoffs = week_tables_of()
    scores.loc[0, "model_version"] = "ba9876543210"
    with pytest.raises(ContractError, match="one model in a week, got 2"):
        build_week(scores, portraits, plan, cutoffs, list_size=5, terms=TERMS)


def test_an_unplanned_and_a_first_week_without_scores_work(week_tables_of):
    scores, portraits, plan, cutoffs = week_tables_of()
    week = build_week(scores.iloc[:0], portraits, plan.iloc[:4], cutoffs, list_size=5, terms=TERMS)
    assert set(week.customers["model_grade"]) == {"none"}
    assert week.customers["arm"].value_counts()["none"] == 9
    assert set(week.at_risk["arm"]) == {"treated"}


@pytest.mark.parametrize("text", ["=1+1", "+49", "-3", "@x", "\tx", "\rx", "\nx", " =1", "\uff1d1"])
def test_what_could_be_a_formula_is_disarmed(text):
    assert disarmed(text) == f"'{text}"


def test_csv_disarms_text_and_leaves_numbers(drawn_week):
    rows = drawn_week().at_risk.head(2).assign(customer_id=["=cmd()", "x"], expected_profit=[-1.5, 2.0])
    read = pd.read_csv(io.BytesIO(csv_bytes(rows)), dtype={"customer_id": str})
    assert list(read["customer_id"]) == ["'=cmd()", "x"]
    assert list(read["expected_profit"]) == [-1.5, 2.0]
    assert read["data_through"].iloc[0] == "2017-12-31"


def test_xlsx_has_types_no_formulas_and_equal_bytes(drawn_week):
    from openpyxl import load_workbook

    rows = drawn_week().at_risk.assign(offer_text="=HYPERLINK(1)\x07")
    raw = xlsx_bytes(rows, "2018-W01")
    assert raw == xlsx_bytes(rows, "2018-W01")
    sheet = load_workbook(io.BytesIO(raw))["2018-W01"]
    column = {cell.value: number for number, cell in enumerate(sheet[1], start=1)}
    assert sheet.freeze_panes == "A2"
    assert sheet.cell(2, column["offer_text"]).data_type == "s"
    assert sheet.cell(2, column["offer_text"]).value == "=HYPERLINK(1) "
    assert sheet.cell(2, column["rank"]).value == 1
    assert sheet.cell(2, column["data_through"]).is_date
    assert isinstance(sheet.cell(2, column["offer_cost"]).value, float | int)


def test_the_list_meets_its_contract(drawn_week):
    AT_RISK(drawn_week().at_risk)


def test_an_entitlement_is_withheld_from_nobody_who_has_it(drawn_week):
    customers = drawn_week(n_customers=40).customers
    regulars = customers["tier"].isin(["regular", "devoted"])
    assert set(customers.loc[regulars, "entitlements"]) == {"5 USD off the first shop"}
    assert set(customers.loc[~regulars, "entitlements"]) <= {""}
    assert (customers.loc[regulars, "arm"] == "control").any()
    assert set(customers["currency"]) == {"USD"}
