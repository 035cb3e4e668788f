"""The whole portrait on a shop small enough to work out by hand."""

import re

import pandas as pd
import pytest

from contracts.tables import PORTRAITS
from contracts.words import Words, load_words
from portraits.matching import goods_of, repeats
from portraits.tastes import spoken
from tests.portrait_shop import CUTOFF, ROOT, Shop, contacts, customers, portraits, responses, rules

WEEKLY = ["2017-11-20", "2017-11-27", "2017-12-04", "2017-12-11", "2017-12-18", "2017-12-25"]


def portrait(lines, sent=None, answered=None) -> pd.DataFrame:
    """Lines of (customer, local instant, product)."""
    rows = [{"customer_id": who, "local": at, "product_id": what} for who, at, what in lines]
    tables = {"contacts": sent, "responses": answered}
    return portraits(Shop(rows, **{name: table for name, table in tables.items() if table is not None}))


def weekly(customer: str, product: str, days=WEEKLY, hour: str = "18:30") -> list[tuple[str, str, str]]:
    return [(customer, f"{day} {hour}", product) for day in days]


def test_every_buyer_has_one_row_that_keeps_its_contract():
    table = portrait([*weekly("1", "m"), ("2", "2017-03-01 10:00", "u")])
    assert table.index.tolist() == ["1", "2"]
    PORTRAITS(table.reset_index())
    seen = table.loc["1", ["tier", "state", "n_purchase_days", "usual_gap_days"]].tolist()
    assert seen == ["regular", "active", 6, 7.0]
    assert table.loc["1", "next_due_on"] == pd.Timestamp("2018-01-01")
    assert table.loc["2", ["tier", "state", "favourite_category", "matched_product", "group"]].tolist() == [
        "new", "gone", "", "", "gone",
    ]  # fmt: skip


def test_money_days_and_the_group_stand_in_the_row():
    # 2017-07-02 lies before the last half-year: it counts as spend so far, not as spend.
    lines = [("1", "2017-07-02 10:00", "m"), *weekly("1", "m")]
    row = portrait(lines).loc["1"]
    assert row[["spend", "spend_ever", "headroom"]].tolist() == [60.0, 70.0, 0.0]
    assert row["first_purchase_on"] == pd.Timestamp("2017-07-02")
    assert row[["group", "treatment"]].tolist() == ["undisturbed", "leave alone"]
    assert row["promise"] == "We keep things as you like them and do not disturb you."
    assert row[["interaction", "payer", "asked_channel", "answered_channel"]].tolist() == ["unknown", "unknown", "", ""]
    assert not row["has_open_complaint"]
    assert pd.isna(row["joined_on"])


def test_the_cutoff_is_local_midnight():
    table = portrait([*weekly("1", "m"), ("1", "2017-12-31 23:59", "b"), ("1", "2018-01-01 00:00", "b")])
    assert table.loc["1", "n_purchase_days"] == 7
    assert table.loc["1", "last_purchase_on"] == pd.Timestamp("2017-12-31")


def test_favourite_is_the_category_with_most_days_and_never_fuel_or_unknown():
    lines = [*weekly("1", "f"), *weekly("1", "u"), *weekly("1", "b", WEEKLY[:2]), *weekly("1", "m", WEEKLY[:3])]
    table = portrait(lines)
    assert table.loc["1", ["favourite_category", "matched_product"]].tolist() == ["DAIRY", "MILK"]


def test_equal_favourites_go_by_spend_then_name():
    assert portrait([*weekly("1", "m"), *weekly("1", "b")]).loc["1", "favourite_category"] == "BREAD"
    lines = [*weekly("1", "m"), *weekly("1", "b"), ("1", "2017-12-25 18:31", "m")]
    assert portrait(lines).loc["1", "favourite_category"] == "DAIRY"


def test_the_matched_product_is_what_is_due():
    # Milk is the favourite and was bought yesterday at a rhythm of 30 days; bread, weekly, is due on 1 January.
    milk = ["2017-08-03", "2017-09-02", "2017-10-02", "2017-11-01", "2017-12-01", "2017-12-31"]
    bread = ["2017-12-11", "2017-12-18", "2017-12-25"]
    table = portrait([*weekly("1", "m", milk), *weekly("1", "b", bread)])
    assert table.loc["1", ["favourite_category", "matched_product"]].tolist() == ["DAIRY", "LOAF"]


def test_nothing_due_names_the_most_bought():
    table = portrait([*weekly("1", "m", ["2017-12-30", "2017-12-31"]), ("1", "2017-12-31 09:00", "b")])
    assert table.loc["1", ["matched_product", "due_product"]].tolist() == ["MILK", ""]


@pytest.mark.parametrize(
    ("days", "due"),
    [
        (["2017-12-11", "2017-12-18", "2017-12-25"], "MILK"),  # every 7 days, 7 days ago
        (["2017-12-12", "2017-12-19", "2017-12-26"], ""),  # every 7 days, 6 days ago: not yet
        (["2017-12-04", "2017-12-11"], ""),  # two purchases are no rhythm
    ],
)
def test_due_is_what_the_own_rhythm_says(days, due):
    assert portrait(weekly("1", "m", days)).loc["1", ["matched_product", "due_product"]].tolist() == ["MILK", due]


def test_nothing_is_due_that_was_bought_under_another_name_of_the_same_words():
    same = Words({"DAIRY": "milk", "MILK": "milk"})
    lines = pd.DataFrame(
        [("1", "DAIRY", "MILK", day) for day in WEEKLY] + [("1", "DAIRY", "MLK 2 PCT", "2017-12-31")],
        columns=["customer_id", "category", "product_type", "ordered_on"],
    ).astype({"ordered_on": "datetime64[us]", "customer_id": "category"})
    goods = goods_of(spoken(lines, same), same)
    assert goods.names == ("MILK",)  # a type without words is called by its category, and milk is milk
    found = repeats(goods, CUTOFF)
    assert found[["n_days", "is_due"]].to_numpy().tolist() == [[7, False]]
    assert spoken(lines, Words({"BREAD": "bread"})).empty


def test_a_late_visit_is_one_up_to_the_early_morning():
    row = portrait(weekly("1", "m", hour="02:30")).loc["1"]
    assert "late shopper" in row["labels"]
    assert (
        "100% of your 6 visits since 3 July 2017 began between 9 in the evening and 5 in the morning."
        in (row["evidence"])
    )


def test_last_contact_and_what_came_of_it():
    sent = contacts(
        ("1", "c1", "2017-11-01", "sms"), ("1", "c2", "2017-12-01", "sms"), ("1", "c3", "2018-01-01", "sms"),
        ("2", "c1", "2017-11-01", "sms"),
    )  # fmt: skip
    answered = responses(("1", "c2", "redeemed", "2017-12-05"), ("2", "c1", "redeemed", "2018-01-02"))
    table = portrait([*weekly("1", "m"), *weekly("2", "m"), *weekly("3", "m")], sent, answered)
    seen = table[["last_contact_on", "last_offer", "last_outcome"]]
    assert seen.loc["1"].tolist() == [pd.Timestamp("2017-12-01"), "c2", "redeemed"]
    assert seen.loc["2"].tolist() == [pd.Timestamp("2017-11-01"), "c1", "no response"]
    assert seen.loc["3"].isna().tolist() == [True, False, False]
    assert seen.loc["3", ["last_offer", "last_outcome"]].tolist() == ["", ""]


def test_every_customer_has_a_label_and_a_sentence_for_each():
    table = portrait([*weekly("1", "m"), ("2", "2017-12-30 10:00", "m"), ("3", "2017-02-01 10:00", "b")])
    for row in table.to_dict("records"):
        labels = row["labels"].split("; ")
        assert labels != [""]
        assert set(labels) <= {rule.name for rule in rules().labels}


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("DAIRY", "milk and cheese"),
        ("FRZN PIZZA/PIES (EXC", ""),
        ("Dairy", ""),
        ("", ""),
    ],
)
def test_only_named_names_are_spoken(name, plain):
    assert Words({"DAIRY": "milk and cheese"}).plain(name) == plain


def test_the_shops_words_are_plain_and_hint_at_nothing_private():
    spoken_words = load_words(ROOT / "words.yaml").names.values()
    assert all(text == text.strip() and not set(text) & set("(/:&*") for text in spoken_words)
    hints = (
        "diet|low.fat|baby food|infant|kid|child|beer|wine|liquor|cigar|tobacco|kosher|halal|hispanic|mexican|vitamin"
    )
    assert [text for text in spoken_words if re.search(hints, text)] == []


def test_a_shop_that_does_not_record_when_members_joined_still_knows_what_they_asked_for():
    rows = [{"customer_id": who, "local": f"{WEEKLY[0]} 18:30", "product_id": "m"} for who in ("1", "2")]
    members = customers(("1", "2017-05-01", "letter"), ("2", None, None))
    dated, undated = (portraits(Shop(rows, customers=table)) for table in (members, members.drop(columns="joined_at")))
    assert dated["joined_on"].tolist() == [pd.Timestamp("2017-05-01"), pd.NaT]
    assert undated["joined_on"].isna().all()
    assert undated["joined_on"].dtype == dated["joined_on"].dtype
    assert undated["asked_channel"].tolist() == dated["asked_channel"].tolist() == ["letter", ""]
