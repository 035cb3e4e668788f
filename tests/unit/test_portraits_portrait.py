"""The whole portrait on a shop small enough to work out by hand."""

import re
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from contracts import tables
from contracts.event_tables import CONTACTS, PRODUCTS, PURCHASES, RESPONSES
from contracts.params import Portray, Store
from contracts.tables import PORTRAITS, SCORES
from contracts.words import Words, load_words
from portraits.groups import GROUPS, assign_groups
from portraits.labels import LABELS
from portraits.portrait import Known, portray
from portraits.tastes import product_rhythms, spoken

ROOT = Path(__file__).parents[2]
ZONE = "America/New_York"
CUTOFF = date(2018, 1, 1)
LIMITS = Portray(
    returning_days=3,
    regular_days=5,
    devoted_days=50,
    steady_gap_cv=0.9,
    lapsing_gap_multiple=3.0,
    lapsing_min_days=14,
    value_tier_shares=[0.2, 0.5],
    habit_share=0.5,
    promotion_shares=[0.1, 0.2],
    unnamed_categories=["FUEL"],
    unnamed_product_types=["MISC"],
)
GOODS = {"m": ("DAIRY", "MILK"), "b": ("BREAD", "LOAF"), "f": ("FUEL", "PETROL"), "u": ("unknown", "unknown")}
WORDS = Words({"DAIRY": "milk and cheese", "MILK": "milk", "LOAF": "bread"})
WEEKLY = ["2017-11-20", "2017-11-27", "2017-12-04", "2017-12-11", "2017-12-18", "2017-12-25"]


def products() -> pd.DataFrame:
    rows = [(key, "all", *names, key == "m") for key, names in GOODS.items()]
    columns = ["product_id", "department", "category", "product_type", "is_private_label"]
    return PRODUCTS(pd.DataFrame(rows, columns=columns))


def purchases(*lines: tuple[str, str, str]) -> pd.DataFrame:
    """Lines of (customer, local instant, product), one receipt a day, 10 paid and 1 off."""
    table = pd.DataFrame(lines, columns=["customer_id", "local", "product_id"])
    local = pd.to_datetime(table["local"]).astype("datetime64[us]")
    return PURCHASES(
        pd.DataFrame(
            {
                "source": "0" * 12,
                "source_line": range(1, len(table) + 1),
                "customer_id": table["customer_id"],
                "order_id": table["customer_id"] + table["local"].str[:10],
                "ordered_at": local.dt.tz_localize(ZONE).dt.tz_convert("UTC"),
                "ordered_on": local.dt.normalize(),
                "ordered_hour": local.dt.hour.astype("int8"),
                "product_id": table["product_id"],
                "store_id": "s1",
                "quantity": 1.0,
                "amount": 10.0,
                "discount": 1.0,
                "coupon_discount": 0.0,
                "is_cancellation": False,
                "repair": "",
                "undone_at": pd.Series(pd.NaT, index=table.index, dtype="datetime64[us, UTC]"),
            }
        )
    )


def portrait(lines, contacts=None, responses=None, scores=None) -> pd.DataFrame:
    table = portray(
        Known(
            purchases(*lines),
            products(),
            CONTACTS.empty() if contacts is None else contacts,
            RESPONSES.empty() if responses is None else responses,
        ),
        SCORES.empty() if scores is None else scores,
        cutoff=CUTOFF,
        store=Store(time_zone=ZONE, currency="EUR", margin_rate=0.3),
        active_days=90,
        limits=LIMITS,
        words=WORDS,
    )
    return table.set_index("customer_id")


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
    ).astype({"ordered_on": "datetime64[us]"})
    found = product_rhythms(spoken(lines, same), CUTOFF, same).set_index("product")
    assert found["n_days"].to_dict() == {"DAIRY": 1, "MILK": 6}  # a type without words is called by its category
    assert found["is_due"].to_dict() == {"DAIRY": False, "MILK": False}
    assert spoken(lines, Words({"BREAD": "bread"})).empty


def test_trends_are_for_those_who_still_come():
    facts = pd.DataFrame(
        {"days_quarter": [9, 9, 3], "days_quarter_before": [5, 5, 6], "state": ["active", "lapsing", "active"]}
    )
    given = {label.name: label.rule(facts, LIMITS).tolist() for label in LABELS if label.name.startswith("comes ")
             and label.name.endswith(" often")}  # fmt: skip
    assert given == {"comes more often": [True, False, False], "comes less often": [False, False, True]}


def test_a_late_visit_is_one_up_to_the_early_morning():
    row = portrait(weekly("1", "m", hour="02:30")).loc["1"]
    assert "late shopper" in row["labels"]
    assert (
        "100% of your 6 visits since 3 July 2017 began between 9 in the evening and 5 in the morning."
        in (row["evidence"])
    )


def test_groups_are_those_of_the_contract():
    assert tuple(group.name for group in GROUPS) == tables.GROUPS


def test_last_contact_and_what_came_of_it():
    def instant(day: str) -> pd.Timestamp:
        return pd.Timestamp(day, tz=ZONE).tz_convert("UTC")

    sent = [("1", "c1", "2017-11-01"), ("1", "c2", "2017-12-01"), ("1", "c3", "2018-01-01"), ("2", "c1", "2017-11-01")]
    contacts = CONTACTS(
        pd.DataFrame(
            [(c, k, instant(day), pd.Timestamp(day)) for c, k, day in sent],
            columns=["customer_id", "campaign_id", "sent_at", "sent_on"],
        )
    )
    answered = [("1", "c2", "2017-12-05"), ("2", "c1", "2018-01-02")]
    responses = RESPONSES(
        pd.DataFrame(
            [(c, k, "x", "redeemed", instant(day), pd.Timestamp(day), 1) for c, k, day in answered],
            columns=["customer_id", "campaign_id", "coupon_id", "kind", "responded_at", "responded_on", "n"],
        )
    )
    table = portrait([*weekly("1", "m"), *weekly("2", "m"), *weekly("3", "m")], contacts, responses)
    seen = table[["last_contact_on", "last_offer", "last_outcome"]]
    assert seen.loc["1"].tolist() == [pd.Timestamp("2017-12-01"), "c2", "redeemed"]
    assert seen.loc["2"].tolist() == [pd.Timestamp("2017-11-01"), "c1", "no response"]
    assert seen.loc["3"].isna().tolist() == [True, False, False]
    assert seen.loc["3", ["last_offer", "last_outcome"]].tolist() == ["", ""]


def test_labels_speak_in_the_customers_own_numbers():
    row = portrait(weekly("1", "m")).loc["1"]
    assert row["labels"].split("; ") == [
        "steady rhythm", "weekday shopper", "evening shopper", "buys without offers", "likes our own brand",
        "has a favourite",
    ]  # fmt: skip
    assert row["evidence"].startswith(
        "Your visits usually lie 7 days apart, fairly evenly, over 6 shopping days so far. "
        "Only 0% of your 6 visits since 3 July 2017 fell on a Saturday or Sunday. "
        "100% of your 6 visits since 3 July 2017 began between 5 and 9 in the evening."
    )
    assert "reductions took 6.00 EUR off a list price of 66.00 EUR: 9%." in row["evidence"]
    assert row["evidence"].endswith("You bought milk and cheese on 6 of your 6 shopping days since 3 July 2017.")


def test_every_customer_has_a_label_and_a_sentence_for_each():
    table = portrait([*weekly("1", "m"), ("2", "2017-12-30 10:00", "m"), ("3", "2017-02-01 10:00", "b")])
    for row in table.to_dict("records"):
        labels = row["labels"].split("; ")
        assert labels != [""]
        assert set(labels) <= {label.name for label in LABELS}


def test_promotion_groups_are_first_fit_and_cover_everyone():
    table = pd.DataFrame(
        [
            ("devoted", "gone", "top", "unscored", "gone"),
            ("new", "lapsing", "base", "unscored", "newcomers"),
            ("regular", "lapsing", "top", "low", "top regulars at risk"),
            ("devoted", "active", "middle", "high", "regulars at risk"),
            ("returning", "active", "top", "high", "drifting visitors"),
            ("regular", "active", "top", "medium", "wavering regulars"),
            ("devoted", "active", "top", "low", "trusted regulars"),
            ("devoted", "active", "middle", "low", "leave alone"),
            ("returning", "active", "base", "medium", "wavering visitors"),
            ("returning", "active", "base", "low", "leave alone"),
        ],
        columns=["tier", "state", "value_tier", "risk_band", "expected"],
    )
    found = assign_groups(table)
    assert found["group"].tolist() == table["expected"].tolist()
    assert found["promise"].str.endswith(".").all()
    assert {group.name for group in GROUPS} == set(table["expected"])


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
