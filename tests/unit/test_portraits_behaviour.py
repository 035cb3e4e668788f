"""Who pays, complains, answers, joins; interaction, headroom, and how few carry the trade."""

import pandas as pd
import pytest

from contracts.windows import rows_before
from portraits.goods import category_spend
from portraits.headroom import headroom
from portraits.payers import payers
from portraits.report import concentration, recognised, recognised_share, report
from tests.portrait_shop import (
    CUTOFF,
    ZONE,
    Shop,
    ago,
    buy,
    contacts,
    customers,
    facts,
    interactions,
    portraits,
    purchases,
    responses,
    rules,
)

LAST_WEEK = ago(7)


def paid(*named: str | None, invoices: int | None = None) -> pd.Series:
    """The payer of a customer with one line a day, each naming a payer, the first few with an invoice."""
    days = ago(*range(1, len(named) + 1))
    rows = [row for day, payer in zip(days, named, strict=True) for row in buy("1", [day], payer=payer)]
    if invoices is not None:
        rows = [{**row, "invoice_requested": k < invoices} for k, row in enumerate(rows)]
    lines = purchases(rows).astype({"customer_id": "category", "order_id": "category"})
    return payers(lines).loc["1"]


@pytest.mark.parametrize(
    ("named", "invoices", "payer", "words"),
    [
        (["employer", "employer", "self"], None, "employer", "an employer paid for 2 of your 3 items"),
        (["employer", "self"], None, "mixed", ""),  # half is not most
        (["self", "self", "gift"], None, "self", "you paid for 2 of your 3 items yourself"),
        (["gift", None, None], None, "gift", "1 of your 1 items were gifts"),  # lines that name nobody say nothing
        ([None, None], None, "unknown", ""),
        ([None, None, None], 2, "employer", "you asked for an invoice on 2 of your 3 purchases"),
        ([None, None, None, None], 2, "unknown", ""),
        (["self", "self", "self"], 2, "employer", "you asked for an invoice on 2 of your 3 purchases"),
        (["self", "self", "self"], 1, "self", "you paid for 3 of your 3 items yourself"),
    ],
)
def test_who_pays(named, invoices, payer, words):
    assert paid(*named, invoices=invoices).tolist() == [payer, words]


def test_receipts_count_for_invoices_and_lines_for_payers():
    # One receipt of three lines with an invoice, one without: half of the receipts, three quarters of the lines.
    first = buy("1", ago(1) * 3, invoice_requested=True)
    lines = purchases([*first, *buy("1", ago(2), invoice_requested=False)])
    found = payers(lines.astype({"customer_id": "category", "order_id": "category"}))
    assert found.loc["1", "payer"] == "unknown"


@pytest.mark.parametrize(
    ("events", "is_open"),
    [
        ([("complaint", "2017-12-04 10:00")], True),
        ([("complaint", "2017-12-04 10:00"), ("complaint_closed", "2017-12-04 10:00")], False),
        ([("complaint", "2017-12-04 10:00"), ("complaint_closed", "2017-12-04 09:59")], True),
        ([("complaint", "2017-12-04 10:00"), ("complaint_closed", "2018-01-01 00:00")], True),  # not known yet
        ([("complaint", "2017-12-31 23:59")], True),
        ([("complaint", "2018-01-01 00:00")], False),
        ([("complaint", "2016-01-04 10:00")], True),  # however long ago
        ([("complaint", "2017-12-04"), ("complaint_closed", "2017-12-05"), ("complaint", "2017-12-06")],
         True),
        ([("review", "2017-12-04 10:00"), ("complaint_closed", "2017-12-05 10:00")], False),
    ],
)  # fmt: skip
def test_a_complaint_is_open_until_it_is_closed(events, is_open):
    table = interactions(*[("1", kind, at) for kind, at in events])
    found = portraits(Shop(buy("1", LAST_WEEK), interactions=table)).loc["1"]
    assert found["has_open_complaint"] == is_open
    assert ("waiting for our answer" in found["labels"]) == is_open


@pytest.mark.parametrize(
    ("kinds", "answers", "full_price_days", "expected"),
    [
        ([], [], 0, "unknown"),
        ([], [], 3, "unknown"),  # the shop watches nothing but the till
        ([], ["redeemed"], 3, "induced"),
        (["care_visit"], [], 0, "forced"),
        (["care_visit"], ["clicked"], 0, "induced"),
        (["care_visit"], [], 1, "sticky"),
        (["view"], [], 1, "induced"),
        (["view"], [], 2, "sticky"),
        (["view", "review"], ["opened"], 0, "induced"),
        (["complaint", "rating", "pause"], [], 2, "unknown"),  # tells of no kind of meeting, nor that one is looked for
        (["care_visit"], ["unsubscribed"], 0, "forced"),
    ],
)
def test_interaction_is_forced_induced_or_sticky(kinds, answers, full_price_days, expected):
    met = interactions(*[("1", kind, f"2017-12-{4 + k:02d} 10:00") for k, kind in enumerate(kinds)])
    said = responses(*[("1", f"c{k}", kind, "2017-12-04") for k, kind in enumerate(answers)])
    rows = buy("1", ago(*range(1, full_price_days + 1)), discount=0.0) + buy("1", ago(30))
    assert portraits(Shop(rows, interactions=met, responses=said)).loc["1", "interaction"] == expected


def test_interaction_looks_back_half_a_year_and_not_over_the_cutoff():
    at = {"1": "2017-07-03 00:00", "2": "2017-07-02 23:59", "3": "2018-01-01 00:00"}
    rows = [row for who in at for row in buy(who, LAST_WEEK)]
    met = interactions(*[(who, "view", when) for who, when in at.items()])
    assert portraits(Shop(rows, interactions=met))["interaction"].tolist() == ["induced", "unknown", "unknown"]


def test_days_at_full_price_count_where_discounts_are_recorded():
    met = interactions(("1", "view", "2017-12-04 10:00"))
    rows = buy("1", ago(1, 2, 3), discount=0.0)
    assert facts(Shop(rows, interactions=met)).loc["1", "n_sticky"] == 3
    assert facts(Shop(rows, interactions=met, absent=frozenset({"discount"}))).loc["1", "n_sticky"] == 0
    # One reduced line spoils its day.
    assert facts(Shop([*rows, *buy("1", ago(1))], interactions=met)).loc["1", "n_sticky"] == 2


@pytest.mark.parametrize(
    ("sent", "answered", "channel"),
    [
        ([("c1", "sms"), ("c2", "sms"), ("c3", "email")], [("c1", "04"), ("c2", "05"), ("c3", "09")], "sms"),
        ([("c1", "sms"), ("c3", "email")], [("c1", "04"), ("c3", "09")], "email"),  # a tie: the later
        ([("c1", "sms"), ("c3", "email")], [("c1", "04"), ("c3", "04")], "email"),  # of one day: by name
        ([("c1", "sms"), ("c1", "sms"), ("c3", "email")], [("c1", "04")], "sms"),
        ([("c1", "sms")], [], ""),
        ([], [("c1", "04")], ""),  # an answer to nothing that was sent
    ],
)
def test_the_channel_answered_most(sent, answered, channel):
    messages = contacts(*{("1", campaign, "2017-12-01", how) for campaign, how in sent})
    said = responses(*[("1", campaign, "opened", f"2017-12-{day}") for campaign, day in answered])
    found = portraits(Shop(buy("1", LAST_WEEK), messages, said))
    assert found.loc["1", "answered_channel"] == channel


def test_an_answer_that_says_no_is_none_and_contacts_may_carry_no_channel():
    messages = contacts(("1", "c1", "2017-12-01", "sms"))
    no = responses(("1", "c1", "unsubscribed", "2017-12-02"), ("1", "c1", "complained", "2017-12-02"))
    assert portraits(Shop(buy("1", LAST_WEEK), messages, no)).loc["1", "answered_channel"] == ""
    yes = responses(("1", "c1", "clicked", "2017-12-02"))
    bare = messages.drop(columns="channel")
    assert portraits(Shop(buy("1", LAST_WEEK), bare, yes)).loc["1", "answered_channel"] == ""


def test_joining_and_the_channel_asked_for():
    who = customers(
        ("1", "2017-03-05", "email"), ("2", "2018-01-01", "sms"), ("3", None, "push"), ("4b", "2016-01-09", "call"),
        ("4", "2017-01-09", None),
    )  # fmt: skip
    rows = [row for name in "12345" for row in buy(name, LAST_WEEK)]
    found = portraits(Shop(rows, customers=who, same_as={"4b": "4"}))
    assert found["joined_on"].dt.strftime("%Y-%m-%d").fillna("").tolist() == ["2017-03-05", "", "", "2016-01-09", ""]
    assert found["asked_channel"].tolist() == ["email", "", "push", "call", ""]  # what joins later is not known yet


def test_headroom_by_hand():
    # Cell A: buyers 1 (bread 30), 2 (bread 10, milk 20), 3 (milk 40); 4 bought nothing of late. Cell B: 5 alone.
    spent = pd.DataFrame(
        [("1", "BREAD", 30.0), ("2", "BREAD", 10.0), ("2", "MILK", 20.0), ("3", "MILK", 40.0), ("5", "MILK", 99.0)],
        columns=["customer_id", "category", "amount"],
    )
    cells = pd.DataFrame(
        {"tier": ["new"] * 4 + ["devoted"], "value_tier": "base", "spend": [30.0, 30.0, 40.0, 0.0, 99.0]},
        index=pd.Index(["1", "2", "3", "4", "5"]),
    )
    found = headroom(spent, cells)
    # 1: bread (10 + 0) / 2 < 30, milk (20 + 40) / 2 = 30. 2: bread (30 + 0) / 2 − 10 = 5, milk (0 + 40) / 2 − 20 = 0.
    # 3: bread (30 + 10) / 2 = 20, milk 20 / 2 < 40. 4 against all three: bread 40 / 3, milk 60 / 3.
    assert found.to_dict() == {"1": 30.0, "2": 5.0, "3": 20.0, "4": 33.33, "5": 0.0}


def test_headroom_names_no_fuel_and_nothing_unknown():
    rows = buy("1", ago(1, 2, 3)) + buy("2", ago(1, 2, 3), "f") + buy("3", ago(1, 2, 3), "u")
    assert portraits(Shop(rows))["headroom"].tolist() == [0.0, 15.0, 15.0]  # milk alone: (30 + 0) / 2


def test_spend_by_category_is_in_whole_cents():
    lines = pd.DataFrame({"customer_id": "1", "category": ["A", "A", "B"], "amount": [0.1, 0.2, 1.0]})
    assert category_spend(lines)["amount"].tolist() == [0.3, 1.0]


def test_concentration_by_hand():
    # Of 100 the first of four spends 70: the curve runs (0, 0), (0.25, 0.7), (0.5, 0.9), (0.75, 0.97), (1, 1).
    found = concentration(pd.Series([3.0, 70.0, 7.0, 0.0, 20.0]))
    assert found["n_customers"] == 4
    assert [point["of_customers"] for point in found["top"]] == [0.01, 0.05, 0.1, 0.2, 0.5]
    assert [point["of_spend"] for point in found["top"]] == pytest.approx([0.028, 0.14, 0.28, 0.56, 0.9])
    assert len(found["curve"]) == 21
    assert found["curve"][15]["of_spend"] == pytest.approx(0.97)
    # Twice the area between the curve and equality, by four trapezes.
    assert found["gini"] == pytest.approx(2 * (0.25 * (1.4 + 1.8 + 1.94 + 1) / 2 - 0.5))


def test_concentration_at_its_ends():
    alike = concentration(pd.Series([5.0] * 8))
    assert alike["gini"] == pytest.approx(0)
    assert all(point["of_spend"] == pytest.approx(point["of_customers"]) for point in alike["curve"])
    assert concentration(pd.Series([0.0, 0.0])) == {"n_customers": 0, "top": [], "curve": [], "gini": None}


def test_sales_with_a_recognised_member():
    rows = [
        *buy("1", ago(1), amount=30.0, payer_recognised=True), *buy("1", ago(2), amount=10.0, payer_recognised=False),
        *buy("2", ago(3), amount=99.0, payer_recognised=None), *buy("2", ago(183), amount=99.0, payer_recognised=True),
        *buy("2", ago(0), amount=99.0, payer_recognised=True),
    ]  # fmt: skip
    assert recognised_share([recognised(purchases(rows), CUTOFF, ZONE)]) == pytest.approx(0.75)
    assert recognised_share([recognised(purchases(buy("1", ago(1))), CUTOFF, ZONE)]) is None
    late = purchases(buy("1", ago(0), payer_recognised=True))
    assert rows_before(late, CUTOFF, ZONE).empty
    assert recognised_share([recognised(late, CUTOFF, ZONE)]) is None


def test_the_report_counts_who_stands_in_the_table():
    rows = [*buy("1", ago(7, 14, 21, 28, 35)), *buy("2", ago(5)), *buy("3", ago(95))]
    found = report(portraits(Shop(rows)), rules(), 0.5)
    assert found["n_customers"] == 3
    assert found["n_by_tier"] == {"new": 2, "returning": 0, "regular": 1, "devoted": 0}
    assert found["n_by_state"] == {"active": 2, "lapsing": 0, "gone": 1}
    assert found["n_by_value_tier"] == {"top": 1, "middle": 2, "base": 0}
    assert found["n_by_interaction"] == {"unknown": 3, "forced": 0, "induced": 0, "sticky": 0}
    assert {one["group"]: one["n"] for one in found["groups"] if one["n"]} == {
        "gone": 1, "newcomers": 1, "trusted regulars": 1,
    }  # fmt: skip
    assert [one["group"] for one in found["groups"]] == [one.name for one in rules().groups]
    assert next(one for one in found["groups"] if one["group"] == "undisturbed")["treatment"] == "leave alone"
    assert {"label": "new here", "about": "lifecycle", "n": 1} in found["labels"]
    assert found["concentration"]["top"][-1]["of_spend"] == pytest.approx(
        55 / 70
    )  # of three customers half are one and a half
    assert found["recognised_share_of_sales"] == 0.5
