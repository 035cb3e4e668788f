"""The catalogue: what it holds, and the one line that refuses what it may not."""

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from contracts.errors import ParameterError
from offers.catalogue import template_fields
from offers.catalogue_file import load_catalogue

ROOT = Path(__file__).parents[2]
FORBIDDEN = ["age", "income", "postcode"]


@pytest.fixture
def raw() -> dict:
    return YAML(typ="safe", pure=True).load((ROOT / "offers.yaml").read_text(encoding="utf-8"))


@pytest.fixture
def refusal(raw, tmp_path):
    """Write the changed catalogue, load it, and return the line that refuses it."""

    def refused() -> str:
        path = tmp_path / "offers.yaml"
        YAML(typ="safe", pure=True).dump(raw, path)
        with pytest.raises(ParameterError) as caught:
            load_catalogue(path, FORBIDDEN)
        text = str(caught.value)
        assert "\n" not in text
        return text.removeprefix(f"{path}: ")

    return refused


def offer(raw: dict, name: str) -> dict:
    return next(entry for entry in raw["offers"] if entry["id"] == name)


def test_the_default_catalogue():
    catalogue = load_catalogue(ROOT / "offers.yaml", FORBIDDEN)
    assert len({entry.mechanic for entry in catalogue.offers}) >= 8
    assert [channel.id for channel in catalogue.channels if not channel.needs_consent] == ["till_receipt", "letter"]
    worth = {round(entry.redeem * (entry.price_worth + entry.other_worth), 9) for entry in catalogue.offers}
    assert worth == {0.75}  # the kind of benefit may differ by customer, its worth does not


def test_an_unknown_key_gets_the_nearest_name(raw, refusal):
    offer(raw, "five_back")["price_wroth"] = 5.0
    assert refusal() == "offer 'five_back'.price_wroth: unknown key 'price_wroth'; did you mean 'price_worth'?"


def test_an_unknown_audience_key_gets_the_nearest_name(raw, refusal):
    offer(raw, "five_back")["audience"] = {"tier": ["new"]}
    assert refusal().endswith("unknown key 'tier'; did you mean 'tiers'?")


def test_a_renamed_key_is_misspelt_before_it_is_missing(raw, refusal):
    entry = offer(raw, "five_back")
    entry["mecanic"] = entry.pop("mechanic")
    assert refusal() == "offer 'five_back'.mecanic: unknown key 'mecanic'; did you mean 'mechanic'?"


def test_a_misspelt_group_gets_the_nearest_name(raw, refusal):
    offer(raw, "thank_you")["audience"]["groups"] = ["trusted regular"]
    assert refusal().startswith(
        "offer 'thank_you'.audience.groups: unknown group 'trusted regular'; did you mean 'trusted regulars'?"
    )
    offer(raw, "thank_you")["audience"]["groups"] = ["trusted regulars"]
    raw["left_alone"] = ["leave alon"]
    assert refusal().startswith("left_alone: unknown group 'leave alon'; did you mean 'leave alone'?")


def test_channels_are_called_by_their_id(raw, refusal):
    letter = next(entry for entry in raw["channels"] if entry["id"] == "letter")
    letter["reach"] = 1.5
    assert refusal() == "channel 'letter'.reach: Input should be less than or equal to 1, got 1.5"
    letter["reach"] = 0.5
    letter["capasity"] = letter.pop("capacity")
    assert refusal() == "channel 'letter'.capasity: unknown key 'capasity'; did you mean 'capacity'?"


def test_an_empty_file_says_what_is_expected(tmp_path):
    path = tmp_path / "offers.yaml"
    path.write_text("", encoding="utf-8")
    with pytest.raises(ParameterError, match="the file is empty; expected sender, message, left_alone, channels"):
        load_catalogue(path)


def test_a_forbidden_attribute_is_named_as_such(raw, refusal):
    offer(raw, "five_back")["audience"]["Age"] = ["65+"]
    assert refusal().startswith("offer 'five_back': audience names 'Age', a forbidden attribute; choose by behaviour")
    offer(raw, "five_back")["audience"] = {"age": ["65+"]}
    assert refusal().startswith("offer 'five_back': audience names 'age', a forbidden attribute; choose by behaviour")


def test_a_misspelt_mechanic_or_tier_is_named(raw, refusal):
    offer(raw, "five_back")["mechanic"] = "treshold"
    assert refusal().endswith("got 'treshold'; did you mean 'threshold'?")
    offer(raw, "five_back")["mechanic"] = "threshold"
    offer(raw, "five_back")["audience"]["tiers"] = ["regulr"]
    assert refusal().endswith("got 'regulr'; did you mean 'regular'?")


def test_an_unknown_channel_gets_the_nearest_name(raw, refusal):
    offer(raw, "five_back")["channels"] = ["leter"]
    assert refusal().startswith("offer 'five_back': unknown channel 'leter'; did you mean 'letter'?")


@pytest.mark.parametrize("key", ["price_worth", "other_worth", "cost", "redeem", "taught", "extra"])
def test_no_surcharge_can_be_said(raw, refusal, key):
    offer(raw, "five_back")[key] = -1.0
    assert refusal() == f"offer 'five_back'.{key}: Input should be greater than or equal to 0, got -1.0"


def test_an_offer_without_a_benefit_is_none(raw, refusal):
    offer(raw, "five_back")["price_worth"] = 0.0
    assert "expected a benefit" in refusal()


@pytest.mark.parametrize("mechanic", ["money_off", "percentage", "n_plus_one", "category_discount"])
def test_the_promotion_taught_get_no_deeper_discount(raw, refusal, mechanic):
    offer(raw, "five_back")["mechanic"] = mechanic
    assert f"a {mechanic} may not go to 'promotion-led' customers" in refusal()


def test_a_price_benefit_announces_its_end_and_names_no_group(raw, refusal):
    entry = offer(raw, "five_back")
    entry["audience"]["groups"] = ["newcomers"]
    assert "may not name groups" in refusal()
    del entry["audience"]["groups"]
    entry["text"] = "spend 40 USD and have 5 USD back at the till."
    assert "announces its end" in refusal()


def test_texts_know_a_closed_list_of_fields(raw, refusal):
    entry = offer(raw, "five_back")
    entry["text"] += " {favourite_categry}"
    assert "unknown field '{favourite_categry}'; did you mean 'favourite_category'?" in refusal()
    entry["text"] = "spend it by {valid_until.__class__} and have some back."
    assert "expected plain fields" in refusal()


def test_the_message_frame_greets_names_the_sender_and_says_how_to_stop(raw, refusal):
    raw["message"] = "Hello {name}, {text} Your {sender}"
    assert "says how to stop" in refusal()


def test_ids_and_codes_stand_once(raw, refusal):
    offer(raw, "five_back")["code"] = offer(raw, "tenth_off")["code"]
    assert refusal().startswith("code 'TENTH' stands twice; expected each once")


def test_an_offer_without_a_score_declares_its_gain(raw, refusal):
    del offer(raw, "thank_you")["assumed_gain"]
    assert "expected assumed_gain exactly where needs_score is false" in refusal()


def test_a_missing_file_is_one_line():
    with pytest.raises(ParameterError, match="found none"):
        load_catalogue("nowhere.yaml")


@pytest.mark.parametrize("text", ["{}", "{0}", "{a.b}", "{a[0]}", "{a!r}", "{a:>9}"])
def test_only_plain_fields_are_fields(text):
    with pytest.raises(ValueError, match="plain fields"):
        template_fields(text)
