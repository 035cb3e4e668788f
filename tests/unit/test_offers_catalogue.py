"""The catalogue: what it holds, and the one line that refuses what it may not."""

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from contracts.errors import ParameterError
from contracts.params import load_params
from contracts.portrait_rules import load_portrait_rules
from contracts.words import Words
from offers.catalogue import template_fields
from offers.catalogue_file import check_margins, check_names, load_catalogue, load_sound_catalogue

ROOT = Path(__file__).parents[2]
PARAMS = load_params(ROOT / "params.yaml")
FORBIDDEN = PARAMS.plan.forbidden_attributes
RULES = load_portrait_rules(ROOT / "portraits.yaml", FORBIDDEN)


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
            load_sound_catalogue(path, PARAMS, RULES, Words({}))
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
    check_names(catalogue, RULES, "offers.yaml")
    check_margins(catalogue, 0.25, 0.0, "offers.yaml")
    worth = {
        round(sum(part.redeem * (part.price_worth + part.other_worth) for part in (entry, *entry.with_)), 9)
        for entry in catalogue.offers
    }
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
    assert refusal() == "offer 'thank_you': unknown group 'trusted regular'; did you mean 'trusted regulars'?"
    offer(raw, "thank_you")["audience"]["groups"] = ["trusted regulars"]
    offer(raw, "five_back")["save_by_group"] = {"newcomer": {"mean": 0.1, "strength": 5}}
    assert refusal() == "offer 'five_back': unknown group 'newcomer'; did you mean 'newcomers'?"


def test_a_misspelt_label_gets_the_nearest_name(raw, refusal):
    offer(raw, "thank_you")["audience"]["labels"] = ["weekend shoper"]
    assert refusal() == "offer 'thank_you': unknown label 'weekend shoper'; did you mean 'weekend shopper'?"


def test_no_price_hangs_on_loyalty_or_on_the_shop_visited(raw, refusal):
    offer(raw, "five_back")["audience"]["labels"] = ["with us again and again"]
    assert "may not hang on the label 'with us again and again', for it rests on first_on" in refusal()
    offer(raw, "five_back")["audience"]["labels"] = ["one favourite store"]
    assert "for it rests on n_stores" in refusal()
    del offer(raw, "five_back")["audience"]["labels"]
    offer(raw, "five_back")["audience"]["without_labels"] = ["new here"]
    assert "may not hang on the label 'new here'" in refusal()


def test_a_price_benefit_for_everyone_is_a_mass_discount(raw, refusal):
    del offer(raw, "five_back")["audience"]
    assert "a price benefit for everyone is a mass discount" in refusal()


def test_a_price_benefit_says_on_what_basket_and_leaves_the_margin_floor(raw, refusal):
    offer(raw, "five_back")["basket"] = 16.0
    # a quarter of 16 is 4, and 5 is given: 1 of 16 is lost
    assert refusal().startswith("offer 'five_back': on a basket of 16 it leaves a margin of -6.2%, expected at least")
    del offer(raw, "five_back")["basket"]
    assert "a price benefit needs basket" in refusal()


def test_a_price_is_declared_as_one_and_below_its_basket(raw, refusal):
    entry = offer(raw, "five_back")
    entry.update(price_worth=0.0, other_worth=5.0)
    assert "a threshold is a price benefit; expected price_worth above 0 and other_worth 0" in refusal()
    entry.update(price_worth=300.0, other_worth=0.0)
    assert "cannot be worth more than its basket of 40" in refusal()


def test_a_price_hangs_on_nothing_that_stands_for_a_tier(raw, refusal):
    entry = offer(raw, "five_back")
    entry["audience"]["tiers"] = ["new", "returning"]
    assert "admits every higher one, up to 'devoted'" in refusal()
    del entry["audience"]["tiers"]
    entry["audience"]["risk_bands"] = ["unscored", "high"]
    assert "a price benefit for the unscored goes to newcomers" in refusal()
    entry["audience"]["risk_bands"] = ["high"]
    entry["days_after"] = {"welcome_help": 1}
    assert "may not hang on 'welcome_help', which is for some tiers or groups" in refusal()
    del entry["days_after"]
    entry["never_with"] = ["thank_you"]
    assert "may not hang on 'thank_you'" in refusal()
    entry["never_with"] = []
    entry.update(occasion={"kind": "joining"}, capacity=5)
    assert "may not hang on an anniversary" in refusal()


def test_a_reordered_list_is_no_audience(raw, refusal):
    offer(raw, "five_back")["audience"] = {"states": ["lapsing", "active"]}
    assert "mass discount" in refusal()


def test_a_bundle_is_judged_as_a_whole(raw, refusal):
    part = {"code": "MORE", "mechanic": "money_off", "price_worth": 3.0, "other_worth": 0.0, "cost": 3.0, "redeem": 0.1}
    offer(raw, "thank_you")["with"] = [part | {"valid_days": 7}]
    assert "may not go to 'promotion-led' customers" in refusal()
    offer(raw, "thank_you")["with"] = [part | {"valid_days": 7, "code": "TENTH", "mechanic": "upgrade"}]
    assert "may not name groups" in refusal()
    offer(raw, "thank_you")["with"] = [part | {"valid_days": 7, "price_worth": 0.0, "mechanic": "upgrade"}]
    assert "expected a benefit" in refusal()
    offer(raw, "thank_you")["with"] = [part | {"valid_days": 7, "mechanik": "upgrade"}]
    assert "unknown key 'mechanik'; did you mean 'mechanic'?" in refusal()


def test_an_occasion_is_a_real_day_and_has_a_capacity(raw, refusal):
    entry = offer(raw, "a_year_with_us")
    entry["occasion"] = {"kind": "calendar", "days": ["02-30"]}
    assert "expected month and day, as '12-06', got '02-30'" in refusal()
    entry["occasion"] = {"kind": "calendar"}
    assert "expected days exactly where kind is calendar" in refusal()
    entry["occasion"] = {"kind": "joining"}
    del entry["capacity"]
    assert "needs a capacity of its own: no mass messages" in refusal()


def test_exclusions_name_offers_of_the_catalogue(raw, refusal):
    offer(raw, "five_back")["never_with"] = ["tenth_of"]
    assert refusal() == "offer 'five_back': unknown offer 'tenth_of'; did you mean 'tenth_off'?"
    offer(raw, "five_back")["never_with"] = []
    offer(raw, "five_back")["days_after"] = {"tenth_of": 7}
    assert refusal() == "offer 'five_back': unknown offer 'tenth_of'; did you mean 'tenth_off'?"


def test_a_message_fits_its_channel(raw, refusal):
    offer(raw, "three_dollars_off")["text"] = "come " * 60 + "until {valid_until}."
    assert refusal().startswith("offer 'three_dollars_off': its message may take ")
    assert "expected at most 320 by 'app_push'" in refusal()


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
    with pytest.raises(ParameterError, match="the file is empty; expected sender, message, channels, offers"):
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


def test_a_price_may_hang_on_habits_and_on_offers_that_are_open_to_all(raw, tmp_path):
    entry = offer(raw, "five_back")
    entry["audience"]["labels"] = ["weekend shopper"]
    entry["never_with"] = ["tenth_off"]
    path = tmp_path / "offers.yaml"
    YAML(typ="safe", pure=True).dump(raw, path)
    made = load_sound_catalogue(path, PARAMS, RULES, Words({})).offer("five_back")
    assert made.gives_price
    assert (made.audience.labels, made.never_with) == (("weekend shopper",), ("tenth_off",))


def test_a_gain_lies_within_its_interval(raw, refusal):
    offer(raw, "thank_you")["assumed_gain"] = {"mean": 0.5, "low": 0.6, "high": 0.9}
    assert refusal() == "offer 'thank_you'.assumed_gain: expected low <= mean <= high, got 0.6, 0.5, 0.9"


def test_no_offer_is_called_none(raw, refusal):
    entry = next(entry for entry in raw["offers"] if not any(entry["id"] in str(one) for one in raw["offers"][1:]))
    entry["id"] = "none"
    assert refusal() == "'none' is always open and needs no entry"


def test_a_value_of_another_kind_says_where_it_stands(raw, refusal):
    raw["sender"] = ["Journey Market"]
    assert refusal() == "'sender': Input should be a valid string, got ['Journey Market']"
