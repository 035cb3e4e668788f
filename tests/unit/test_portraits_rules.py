"""`portraits.yaml`: its grammar, the one line that refuses what it may not hold, and the groups."""

from copy import deepcopy

import numpy as np
import pandas as pd
import pytest
from ruamel.yaml import YAML

from contracts.errors import ParameterError
from contracts.portrait_conditions import FORMATS, parse_condition, sentence_fields
from contracts.portrait_facts import FACTS
from contracts.portrait_rules import LEAVE_ALONE, load_portrait_rules
from portraits.conditions import meets, meets_all
from portraits.groups import assign_groups
from portraits.labels import sentences
from tests.portrait_shop import ROOT, Shop, ago, buy, facts, rules

PLAIN = YAML(typ="safe", pure=True).load((ROOT / "portraits.yaml").read_text(encoding="utf-8"))


@pytest.fixture
def raw() -> dict:
    return deepcopy(PLAIN)


@pytest.fixture
def refusal(raw, tmp_path):
    """Write the changed file, load it, and return the line that refuses it."""

    def refused(forbidden=()) -> str:
        path = tmp_path / "portraits.yaml"
        YAML(typ="safe", pure=True).dump(raw, path)
        with pytest.raises(ParameterError) as caught:
            load_portrait_rules(path, forbidden)
        text = str(caught.value)
        assert "\n" not in text
        return text.removeprefix(f"{path}: ")

    return refused


def label(raw: dict, name: str) -> dict:
    return next(entry for entry in raw["labels"] if entry["name"] == name)


def group(raw: dict, name: str) -> dict:
    return next(entry for entry in raw["groups"] if entry["name"] == name)


def test_the_head_of_the_file_lists_every_fact_as_it_is():
    head = (ROOT / "portraits.yaml").read_text(encoding="utf-8").split("\nlabels:\n")[0]
    listed = [line.removeprefix("#   ") for line in head.splitlines() if line.startswith("#   ") and "): " in line]
    assert listed == [fact.line for fact in FACTS.values()]


def test_every_listed_fact_is_computed_and_of_its_kind():
    found = facts(Shop(buy("1", ago(7, 14, 21))))
    for fact in FACTS.values():
        is_number = pd.api.types.is_numeric_dtype(found[fact.name]) and not pd.api.types.is_bool_dtype(found[fact.name])
        assert is_number == (fact.kind == "number"), fact.name
        if fact.values:
            assert set(found[fact.name]) <= set(fact.values), fact.name


NUMBERS = pd.DataFrame({"n_visits": [4.0, 5.0, 6.0, np.nan], "lines_per_visit": [4.0, 6.0, 6.1, 9.0]}).assign(
    shop_lines_per_visit=3.0, weekend_share=[0.1 + 0.2, 0.3, 0.31, np.nan]
)


@pytest.mark.parametrize(
    ("fact", "said", "expected"),
    [
        ("n_visits", "at least 5", [False, True, True, False]),
        ("n_visits", "at most 5", [True, True, False, False]),
        ("n_visits", "more than 5", [False, False, True, False]),
        ("n_visits", "less than 5", [True, False, False, False]),
        ("n_visits", "between 4 and 5", [True, True, False, False]),
        ("n_visits", "is known", [True, True, True, False]),
        ("lines_per_visit", "at least 2 times shop_lines_per_visit", [False, True, True, True]),
        ("lines_per_visit", "more than 2 times shop_lines_per_visit", [False, False, True, True]),
        ("lines_per_visit", "less than  1.5 times shop_lines_per_visit", [True, False, False, False]),
        ("lines_per_visit", "more than shop_lines_per_visit", [True, True, True, True]),
        ("weekend_share", "at most 30 %", [True, True, False, False]),  # 0.1 + 0.2 is 0.3 for a marketer
        ("weekend_share", "more than 0.3", [False, False, True, False]),
    ],
)
def test_conditions_on_numbers(fact, said, expected):
    assert meets(NUMBERS, parse_condition(fact, said)).tolist() == expected


TEXTS = pd.DataFrame(
    {
        "payer": ["self", "employer", "unknown", "gift"],
        "favourite_words": ["milk", "", None, "bread"],
        "has_open_complaint": pd.Series([True, False, pd.NA, True], dtype="boolean"),
    }
)


@pytest.mark.parametrize(
    ("fact", "said", "expected"),
    [
        ("payer", "is employer", [False, True, False, False]),
        ("payer", "is self or gift", [True, False, False, True]),
        ("payer", "is not employer", [True, False, False, True]),  # unknown is not 'not the employer'
        ("payer", "is known", [True, True, False, True]),
        ("favourite_words", "is known", [True, False, False, True]),
        ("favourite_words", "is not milk", [False, False, False, True]),
        ("has_open_complaint", "is yes", [True, False, False, True]),
        ("has_open_complaint", "is no", [False, True, False, False]),
    ],
)
def test_conditions_on_texts_and_flags(fact, said, expected):
    assert meets(TEXTS, parse_condition(fact, said)).tolist() == expected


def test_all_conditions_must_hold_and_all_facts_of_the_sentence_be_known():
    conditions = [parse_condition("n_visits", "at least 4"), parse_condition("lines_per_visit", "at most 6")]
    assert meets_all(NUMBERS, conditions, ()).tolist() == [True, True, False, False]
    lacking = NUMBERS.assign(weekend_share=[np.nan, 0.3, 0.3, 0.3])
    assert meets_all(lacking, conditions, ["weekend_share"]).tolist() == [False, True, False, False]


@pytest.mark.parametrize(
    ("fact", "said", "message"),
    [
        ("n_vists", "at least 5", "unknown fact 'n_vists'; did you mean 'n_visits'?"),
        ("n_visits", "at lest 5", "got 'at lest 5'; did you mean 'at least'?"),
        ("n_visits", "is 5", "'n_visits' is a number: expected at least, at most, more than, less than, between"),
        ("n_visits", 5, "got 5"),
        ("n_visits", "at least", "expected a number, '50 %', a fact or '2 times' a fact, got ''"),
        ("n_visits", "at least five", "expected a number"),
        ("n_visits", "between 2", "expected 'between' with two numbers"),
        ("n_visits", "between 5 and 2", "expected the smaller number first, got '5 and 2'"),
        ("weekend_share", "at least 50", "'weekend_share' is a share: expected 0 to 1 or 0 % to 100 %, got '50'"),
        ("spend", "at least shop_spent", "did you mean 'shop_spend'?"),
        ("spend", "at least 2 times shop_spent", "unknown fact 'shop_spent'; did you mean 'shop_spend'?"),
        ("spend", "at least n_visits", "'spend' (currency) cannot be compared with 'n_visits' (visits)"),
        ("spend", "at least twice times shop_spend", "expected a number before 'times', got 'twice'"),
        ("state", "is gon", "expected active, lapsing, gone, got 'gon'; did you mean 'gone'?"),
        ("state", "at least gone", "'state' is a text: expected is, is not, is known, got 'at least gone'"),
        ("payer", "is unknown", "'unknown' gives no label"),
        ("payer", "is", "expected a value after 'is', got none"),
        ("has_open_complaint", "is true", "expected yes, no, got 'true'"),
        ("has_open_complaint", True, "'has_open_complaint' is a flag: expected is, got True"),
    ],
)
def test_a_condition_that_says_nothing_clear_is_refused(raw, refusal, fact, said, message):
    label(raw, "weekend shopper")["when"] = {fact: said}
    text = refusal()
    assert text.startswith("label 'weekend shopper'.when: ")
    assert message in text


@pytest.mark.parametrize(
    ("says", "message"),
    [
        ("You came {n_vists} times so far.", "unknown fact 'n_vists'; did you mean 'n_visits'?"),
        ("You came {n_visits:.3f} times so far.", "'n_visits' may be written {n_visits}, {n_visits:.0f}"),
        ("You came {n_visits!r} times so far.", "'n_visits' may be written {n_visits}"),
        ("You came {n_visits:{spend}} times so far.", "'n_visits' may be written {n_visits}"),
        ("You came {n_visits.real} times so far.", "unknown fact 'n_visits.real'"),
        ("You came {} times so far, thank you.", "unknown fact ''"),
        ("You began on {first_on:.0f}, thank you.", "'first_on' may be written {first_on}, got"),
        ("You complained: {has_open_complaint}.", "'has_open_complaint' is yes or no and does not read"),
        ("You came {n_visits times so far.", "a field is written as {n_visits:.0f}"),
        ("You came often, and we like it.", "expected the customer's own numbers in the sentence"),
        ("You came {n_visits} times since {since}", "expected one sentence that ends with '.'"),
        ("Your {n_visits} visits say much of your health.", "'health' is no matter for a customer to read here"),
        ("Your {n_visits} visits say you have CHILDREN.", "'CHILDREN' is no matter for a customer to read here"),
    ],
)
def test_a_sentence_is_refused_that_cannot_be_said(raw, refusal, says, message):
    label(raw, "weekend shopper")["says"] = says
    text = refusal()
    assert text.startswith("label 'weekend shopper'.says: ")
    assert message in text


@pytest.mark.parametrize("name", ["a lost cause", "religious shopper", "under age"])
def test_no_label_is_called_what_no_customer_should_read(raw, refusal, name):
    label(raw, "weekend shopper")["name"] = name
    assert "is no matter for a customer to read here; speak of what they did" in refusal()


def test_no_promise_speaks_of_private_matters(raw, refusal):
    group(raw, "newcomers")["promise"] = "We help you and your baby to find your way around."
    assert refusal().startswith("group 'newcomers'.promise: 'baby' is no matter for a customer to read here")


def test_a_forbidden_attribute_is_refused_wherever_it_is_named(raw, refusal):
    entry = label(raw, "weekend shopper")
    entry["when"] = {"Income": "at least 5"}
    assert refusal(["income"]).startswith("label 'weekend shopper' names 'Income', a forbidden attribute")
    entry["when"] = {"spend": "at least 2 times income"}
    assert refusal(["income"]).startswith("label 'weekend shopper' names 'income', a forbidden attribute")
    entry.update(when={"n_visits": "at least 5"}, says="You earn {income:.0f} a year.")
    assert refusal(["income"]).startswith("label 'weekend shopper' names 'income', a forbidden attribute")


def test_a_forbidden_name_is_refused_even_if_it_is_a_fact(raw, refusal):
    assert refusal(["spend_ever", "main_channel", "weekend_share"]).startswith(
        "label 'weekend shopper' names 'weekend_share', a forbidden attribute; labels and groups come from what"
    )
    label(raw, "weekend shopper")["when"] = {"n_visits": "at least 5"}  # the sentence still shows it
    assert refusal(["weekend_share"]).startswith("label 'weekend shopper' names 'weekend_share', a forbidden attribute")
    group(raw, "newcomers")["gender"] = ["f"]
    assert refusal(["gender"]).startswith("group 'newcomers' names 'gender', a forbidden attribute")


def test_keys_and_choices_get_the_nearest_right_one(raw, refusal):
    label(raw, "weekend shopper")["abuot"] = "habits"
    assert refusal() == "label 'weekend shopper'.abuot: unknown key 'abuot'; did you mean 'about'?"
    del label(raw, "weekend shopper")["abuot"]
    label(raw, "weekend shopper")["about"] = "habit"
    assert refusal().endswith("got 'habit'; did you mean 'habits'?")
    del label(raw, "weekend shopper")["about"]
    assert refusal() == "label 'weekend shopper': expected the key 'about', found none; add it"


def test_groups_are_refused_that_leave_somebody_out_or_are_never_reached(raw, refusal):
    raw["groups"][-1]["tiers"] = ["new"]
    assert refusal().startswith("the last group 'undisturbed' must admit everyone, or some customers have no group")
    del raw["groups"][-1]["tiers"]
    del group(raw, "newcomers")["tiers"]
    assert refusal() == "group 'newcomers' admits everyone, so that none after it is reached; put it last"
    group(raw, "newcomers")["tiers"] = ["newest"]
    assert refusal().endswith("got 'newest'; did you mean 'new'?")


def test_a_name_stands_once_and_limits_agree(raw, refusal):
    group(raw, "newcomers")["name"] = "gone"
    assert refusal() == "two groups are called 'gone'; expected each name once"
    group(raw, "gone").update(at_least=5, at_most=4)
    assert refusal().endswith("expected at_least <= at_most, got 5 and 4")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty; expected labels, groups"),
        ("- gone", "Input should be a valid dictionary"),
        ("labels: []", "expected the key 'groups', found none; add it"),
        ("groups: [gone]", "group 'number 1': Input should be a valid dictionary"),
        ("group: []", "unknown key 'group'; did you mean 'groups'?"),
    ],
)
def test_a_file_without_the_two_lists_is_refused(tmp_path, text, message):
    path = tmp_path / "portraits.yaml"
    path.write_text(text)
    with pytest.raises(ParameterError) as caught:
        load_portrait_rules(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert message in str(caught.value)


def test_a_name_that_would_read_as_two_labels_is_refused(raw, refusal):
    label(raw, "weekday shopper")["name"] = "weekday; shopper"
    assert "expected no ';' in a name, for it stands between labels" in refusal()


def test_conditions_that_are_no_list_of_facts_are_refused(raw, refusal):
    label(raw, "weekday shopper")["when"] = "n_visits: at least 5"
    assert "expected conditions as 'fact: at least 5', got something else" in refusal()


def test_two_labels_of_one_name_are_refused(raw, refusal):
    label(raw, "weekday shopper")["name"] = "weekend shopper"
    assert refusal() == "two labels are called 'weekend shopper'; expected each name once"


def test_groups_are_first_fit_and_cover_everyone():
    table = pd.DataFrame(
        [
            ("devoted", "gone", "top", "unscored", "gone"),
            ("new", "lapsing", "base", "unscored", "newcomers"),
            ("regular", "lapsing", "top", "low", "top regulars at risk"),
            ("devoted", "active", "middle", "high", "regulars at risk"),
            ("returning", "active", "top", "high", "drifting visitors"),
            ("regular", "active", "top", "medium", "wavering regulars"),
            ("devoted", "active", "top", "low", "trusted regulars"),
            ("devoted", "active", "middle", "low", "undisturbed"),
            ("returning", "active", "base", "medium", "wavering visitors"),
            ("returning", "active", "base", "low", "undisturbed"),
        ],
        columns=["tier", "state", "value_tier", "risk_band", "expected"],
    )
    found = assign_groups(table, rules().groups)
    assert found["group"].tolist() == table["expected"].tolist()
    assert {one.name for one in rules().groups} == set(table["expected"])
    assert found.loc[3, ["treatment", "promise"]].tolist() == [
        "an offer of the kind that fits how they buy",
        "We notice when you are missing, and do our part to have you back.",
    ]
    assert found.loc[found["treatment"] == LEAVE_ALONE, "group"].unique().tolist() == ["undisturbed"]
    assert rules().group("undisturbed").is_left_alone
    assert not rules().group("gone").is_left_alone


def test_sentences_write_each_kind_of_field():
    told = pd.DataFrame(
        {"n_visits": [6.0, 6.5], "spend": [1234.5, 0.0], "weekend_share": [0.5, 1 / 3], "since": "3 July"}
    )
    says = "{n_visits} {n_visits:.0f} {spend:.2f} {weekend_share:.0%} {{since}} {since}."
    assert sentences(says, told) == ["6 6 1234.50 50% {since} 3 July.", "6.5 6 0.00 33% {since} 3 July."]
    assert sentence_fields(says) == ("n_visits", "spend", "weekend_share", "since")
    assert set(FORMATS) == {"", ".0f", ".0%", ".2f"}
