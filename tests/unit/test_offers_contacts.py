"""Rest, rolling caps, exclusions, occasions, days to send, and the channel that is the customer's own: by hand."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from contracts.params.acting import Cap
from offers.audience import Audience, Occasion, falls
from offers.channel import WEEKDAYS
from offers.contacts import (
    good_days,
    ledger,
    n_unanswered,
    no_contacts,
    not_excluded,
    price_benefits_in_a_row,
    under_caps,
)
from offers.control import treatable
from offers.eligibility import audience_tests, obstacles, preferred_channel
from offers.timing import last_days, off_quiet_days, send_days
from tests.offer_shops import CATALOGUE, PLAN, drawn_portraits, drawn_scores, setting_of

SEND_ON = date(2018, 1, 2)
IDS = pd.Series(["a", "b", "c"])


def sent(*rows: tuple[str, str, str, str]) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=["customer_id", "sent_on", "offer", "channel"])
    return ledger(table.assign(sent_on=pd.to_datetime(table["sent_on"]).astype("datetime64[us]")))


def days(*texts: str | None) -> pd.Series:
    return pd.Series(pd.to_datetime(list(texts)), dtype="datetime64[us]")


def test_rolling_caps_count_the_days_before_the_send_day():
    known = sent(("a", "2017-12-06", "", "sms"), ("a", "2018-01-01", "", "letter"), ("b", "2017-12-05", "", "sms"))
    # 6 December lies 27 days before 2 January, 5 December 28
    assert under_caps(IDS, known, SEND_ON, [Cap(contacts=2, days=28)]).tolist() == [False, True, True]
    assert under_caps(IDS, known, SEND_ON, [Cap(contacts=1, days=28)]).tolist() == [False, True, True]
    assert under_caps(IDS, known, SEND_ON, [Cap(contacts=1, days=29)]).tolist() == [False, False, True]
    assert under_caps(IDS, known, SEND_ON, [Cap(contacts=1, days=90)], "letter").tolist() == [False, True, True]
    assert under_caps(IDS, no_contacts(), SEND_ON, [Cap(contacts=1, days=28)]).all()


def test_unanswered_offers_are_those_after_the_last_purchase_and_none_where_nothing_was_sent():
    offer = CATALOGUE.offers[0].id
    customers = pd.DataFrame({"customer_id": ["a", "b"], "last_purchase_on": pd.to_datetime(["2017-12-01"] * 2)})
    sent = ledger(
        pd.DataFrame(
            {
                "customer_id": ["a", "a", "a", "stranger"],
                "sent_on": pd.to_datetime(["2017-11-30", "2017-12-02", "2017-12-09", "2017-12-09"]),
                "offer": [offer, offer, "a newsletter", offer],
                "channel": "email",
            }
        )
    )
    assert n_unanswered(customers, sent, CATALOGUE).to_list() == [1, 0]
    assert n_unanswered(customers, no_contacts(), CATALOGUE).to_list() == [0, 0]
    assert n_unanswered(customers, sent.iloc[:0].astype({"customer_id": "object"}), CATALOGUE).to_list() == [0, 0]


def test_so_many_may_be_selected_that_the_treated_fill_the_capacity():
    assert treatable(PLAN.model_copy(update={"capacity": 100, "control_share": 0.0})) == 99.0 + 1.0
    # 1 for a draw that rounds up, 0.2 for each of 5 explored, who count 0.8 and are treated
    assert treatable(PLAN.model_copy(update={"capacity": 100, "control_share": 0.2})) == pytest.approx(98.0)
    assert treatable(PLAN.model_copy(update={"capacity": 2, "control_share": 0.5})) == 1.0  # two may be selected


def test_an_offer_comes_again_only_after_its_days():
    offer = CATALOGUE.offer("thank_you").model_copy(update={"again_after_days": 56})
    known = sent(("a", "2017-11-08", "thank_you", ""), ("b", "2017-11-07", "thank_you", ""))
    # 8 November lies 55 days before 2 January
    found = not_excluded(offer, IDS, known, SEND_ON, good_days(CATALOGUE, PLAN))
    assert found.tolist() == [False, True, True]


def test_never_with_an_offer_that_is_still_good_and_only_so_long_after_another():
    good = {"five_back": 7 + 21, "thank_you": 35, "tenth_off": 21}
    offer = CATALOGUE.offer("tenth_off").model_copy(update={"never_with": ("five_back",)})
    known = sent(("a", "2017-12-05", "five_back", ""), ("b", "2017-12-04", "five_back", ""))
    # 5 December lies 28 days before: it is good to that day; 4 December lies 29
    assert not_excluded(offer, IDS, known, SEND_ON, good).tolist() == [False, True, True]
    later = CATALOGUE.offer("tenth_off").model_copy(update={"days_after": {"thank_you": 10}})
    known = sent(("a", "2017-12-23", "thank_you", ""), ("b", "2017-12-24", "thank_you", ""))
    assert not_excluded(later, IDS, known, SEND_ON, good).tolist() == [True, False, False]


def test_price_benefits_in_a_row_are_counted_back_to_the_last_message_without_one():
    known = sent(
        ("a", "2017-10-01", "five_back", ""),
        ("a", "2017-11-01", "thank_you", ""),
        ("a", "2017-12-01", "tenth_off", ""),
        ("a", "2017-12-15", "five_back", ""),
        ("b", "2017-12-01", "five_back", ""),
        ("b", "2017-12-02", "", ""),
    )
    assert price_benefits_in_a_row(IDS, known, CATALOGUE).tolist() == [2, 0, 0]


@pytest.mark.parametrize(
    ("begun", "near"),
    [
        ("2017-01-02", True),  # a year ago to the day
        ("2015-01-09", True),  # a week ahead
        ("2015-01-10", False),
        ("2015-01-01", False),
        ("2018-01-02", False),  # joined today: no year has passed
        (None, False),
    ],
)
def test_anniversaries(begun, near):
    table = pd.DataFrame({"joined_on": days(begun), "first_purchase_on": days("2010-06-01")})
    assert falls(Occasion(kind="joining"), table, SEND_ON).tolist() == [near]


def test_anniversaries_cross_the_year_and_keep_the_leap_day():
    table = pd.DataFrame({"joined_on": days("2017-01-03", "2017-12-30", "2016-02-29")})
    assert falls(Occasion(kind="joining"), table, date(2018, 12, 29)).tolist() == [True, True, False]
    assert falls(Occasion(kind="joining"), table, date(2018, 2, 22)).tolist() == [False, False, True]
    assert falls(Occasion(kind="joining", within_days=1), table, date(2020, 2, 27)).tolist() == [False, False, False]
    assert falls(Occasion(kind="joining", within_days=2), table, date(2020, 2, 27)).tolist() == [False, False, True]


def test_calendar_days_are_alike_for_everyone():
    table = pd.DataFrame({"joined_on": days(None, "2017-01-01")})
    assert falls(Occasion(kind="calendar", days=("01-06",)), table, SEND_ON).tolist() == [True, True]
    assert falls(Occasion(kind="calendar", days=("01-10",)), table, SEND_ON).tolist() == [False, False]


def test_sending_waits_for_the_day_before_the_purchase_is_due_as_far_as_the_week_allows():
    limits = PLAN.model_copy(update={"send_within_days": 4, "lead_days": 2})
    due = days("2017-12-30", "2018-01-06", "2018-01-30", None)
    found = send_days(due, SEND_ON, limits)
    assert found.dt.strftime("%m-%d").tolist() == ["01-02", "01-04", "01-06", "01-02"]


def test_nothing_is_sent_on_a_quiet_day():
    quiet = CATALOGUE.model_copy(
        update={
            "channels": tuple(c.model_copy(update={"quiet_days": ("saturday", "sunday")}) for c in CATALOGUE.channels)
        }
    )
    # 5 January 2018 is a Friday; the week ends on Sunday, so what falls on the weekend goes before it
    moved = off_quiet_days(days("2018-01-05", "2018-01-06", "2018-01-07"), pd.Series(["letter"] * 3), quiet, SEND_ON)
    assert moved.dt.strftime("%m-%d").tolist() == ["01-05", "01-05", "01-05"]
    tuesday = quiet.model_copy(
        update={"channels": tuple(c.model_copy(update={"quiet_days": ("tuesday",)}) for c in quiet.channels)}
    )
    moved = off_quiet_days(days("2018-01-02", "2018-01-03"), pd.Series(["letter"] * 2), tuesday, SEND_ON)
    assert moved.dt.strftime("%m-%d").tolist() == ["01-03", "01-03"]
    mondays = quiet.model_copy(
        update={
            "channels": tuple(
                c.model_copy(update={"quiet_days": tuple(d for d in WEEKDAYS if d != "monday")}) for c in quiet.channels
            )
        }
    )
    moved = off_quiet_days(days("2018-01-03"), pd.Series(["letter"]), mondays, SEND_ON)
    assert moved.dt.strftime("%m-%d").tolist() == ["01-08"]  # Monday lies before the first day to send


def test_an_occasion_does_not_wait_for_the_due_day():
    limits = PLAN.model_copy(update={"send_after_days": 1, "send_within_days": 4})
    rows = pd.DataFrame(
        {
            "cutoff_on": days("2018-01-01", "2018-01-01"),
            "offer": ["a_year_with_us", "thank_you"],
            "channel": "letter",
            "next_due_on": days("2018-01-07", "2018-01-07"),
            "due_until_on": days(None, None),
        }
    )
    assert last_days(rows, CATALOGUE, limits)["send_on"].dt.strftime("%m-%d").tolist() == ["01-02", "01-05"]


def test_the_days_of_an_offer():
    limits = PLAN.model_copy(update={"send_after_days": 1, "send_within_days": 0, "act_within_days": 7})
    rows = pd.DataFrame(
        {
            "cutoff_on": days("2018-01-01", "2018-01-01", "2018-01-01"),
            "offer": ["five_back", "thank_you", "five_back"],  # good for 21 and 28 days
            "channel": "letter",
            "next_due_on": days("2018-01-01", None, "2018-01-20"),
            "due_until_on": days("2018-02-05", None, "2018-06-01"),
        }
    )
    found = last_days(rows, CATALOGUE, limits).apply(lambda column: column.dt.strftime("%Y-%m-%d"))
    assert found["act_by"].tolist() == ["2018-01-09"] * 3
    # 9 January and 21 days: 30 January; likely until 5 February; at most twice the days: 20 February
    assert found["valid_until"].tolist() == ["2018-02-05", "2018-02-06", "2018-02-20"]
    assert found["notice_on"].fillna("").tolist() == ["2018-02-02", "", "2018-02-17"]
    assert found["follow_up_on"].fillna("").tolist() == ["2018-02-06", "", "2018-02-21"]


def admits(audience: Audience, customers: pd.DataFrame) -> np.ndarray:
    return np.logical_and.reduce([mask for _, mask in audience_tests(audience, customers)])


def test_an_audience_by_labels_payer_and_interaction():
    table = pd.DataFrame(
        {
            "tier": "regular", "state": "active", "value_tier": "top", "promotion_sensitivity": "mixed", "group": "g",
            "risk_band": "low", "payer": ["employer", "self", "self"], "interaction": "unknown",
            "labels": ["weekend shopper", "has a favourite; weekend shopper", ""],
        }
    )  # fmt: skip
    assert admits(Audience(labels=("weekend shopper",)), table).tolist() == [True, True, False]
    assert admits(Audience(labels=("week",)), table).tolist() == [False, False, False]
    assert admits(Audience(without_labels=("has a favourite",)), table).tolist() == [True, False, True]
    assert admits(Audience(payers=("employer",)), table).tolist() == [True, False, False]
    assert admits(Audience(interactions=("sticky",)), table).tolist() == [False, False, False]


def one_customer(**changes: object) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    table = drawn_portraits(rng, 1).assign(
        state="active", tier="regular", consented_channels="email,sms", no_marketing=False, asked_channel="",
        answered_channel="", has_open_complaint=False, last_contact_on=pd.NaT, promotion_sensitivity="mixed",
    )  # fmt: skip
    scores = drawn_scores(rng, table["customer_id"]).assign(risk_band="high", reasons="Away for long.")
    joined = table.merge(scores.drop(columns="cutoff_on"), on="customer_id")
    joined = joined.assign(is_explained=True, last_contact_on=joined["last_contact_on"].astype("datetime64[us]"))
    joined = joined.assign(**changes)
    return joined.assign(preferred_channel=preferred_channel(joined, CATALOGUE))


def test_the_channel_asked_for_then_the_answered_one_then_the_shops_order():
    assert one_customer()["preferred_channel"].item() == "email"
    assert one_customer(answered_channel="sms")["preferred_channel"].item() == "sms"
    assert one_customer(answered_channel="sms", asked_channel="letter")["preferred_channel"].item() == "letter"
    assert one_customer(answered_channel="app_push")["preferred_channel"].item() == "email"  # no consent to it
    assert one_customer(no_marketing=True)["preferred_channel"].item() == "none"


def why_not(customer: pd.DataFrame, offer: str, channel: str, **setting: object) -> str:
    table = obstacles(customer, 0, setting_of(**setting))
    return str(table.loc[(table["offer"] == offer) & (table["channel"] == channel), "obstacle"].item())


def test_the_first_obstacle_is_named():
    assert why_not(one_customer(), "three_dollars_off", "email") == ""
    assert "app message" in why_not(one_customer(), "three_dollars_off", "app_push")
    assert why_not(one_customer(answered_channel="sms"), "three_dollars_off", "email") == "answers another channel"
    assert why_not(one_customer(promotion_sensitivity="full-price"), "three_dollars_off", "email") == (
        "not for this promotion sensitivity"
    )
    assert "complaint" in why_not(one_customer(has_open_complaint=True), "three_dollars_off", "email")
    assert why_not(one_customer(has_open_complaint=True), "put_right", "email") == ""
    assert why_not(one_customer(due_product=""), "three_for_two", "email") == "no due product to name"
    assert why_not(one_customer(group="undisturbed"), "three_dollars_off", "email") == "deliberately left alone"
    twice = sent(("c0", "2017-11-20", "five_back", "email"), ("c0", "2017-12-02", "tenth_off", "email"))
    assert why_not(one_customer(), "three_dollars_off", "email", sent=twice).startswith("2 price benefits in a row")
    assert why_not(one_customer(), "free_delivery", "email", sent=twice) != "excluded by an earlier offer"
