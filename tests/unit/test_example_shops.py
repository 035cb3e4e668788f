"""The two example shops: what their own files make of their own data, against what is true of each customer."""

from __future__ import annotations

import shutil
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from contracts.errors import ParameterError
from offers.guard.findings import refuse
from pipeline.commands.data import SimulatedShop, simulate_command
from simulation.cases.case import Case, write_case
from simulation.cases.doors import doors
from simulation.cases.hotel import hotel
from tests.example_shops import (
    EXAMPLES,
    Example,
    Planned,
    brought_in,
    commands,
    planned,
    set_by_hand,
    silence_scores,
    without_a_model,
)

PRICES = {"percentage", "money_off", "threshold", "category_discount", "points"}
FOR_ALL = {"recognition", "service_recovery"}
EQUAL_WORTH = 9.0  # EUR that every offer of the hotel is worth to a guest, as the head of its offers.yaml promises


@pytest.fixture(scope="module")
def hotel_case() -> Case:
    return hotel()


@pytest.fixture(scope="module")
def hotel_shop(hotel_case: Case, tmp_path_factory: pytest.TempPathFactory) -> Example:
    return brought_in("hotel", hotel_case, tmp_path_factory.mktemp("hotel"))


@pytest.fixture(scope="module")
def hotel_week(hotel_shop: Example) -> Planned:
    return planned(hotel_shop, silence_scores(hotel_shop))


@pytest.fixture(scope="module")
def doors_case() -> Case:
    return doors()


@pytest.fixture(scope="module")
def doors_shop(doors_case: Case, tmp_path_factory: pytest.TempPathFactory) -> Example:
    return brought_in("doors", doors_case, tmp_path_factory.mktemp("doors"))


@pytest.fixture(scope="module")
def doors_week(doors_shop: Example) -> Planned:
    return planned(doors_shop, without_a_model(silence_scores(doors_shop)))


def offered(week: Planned) -> pd.DataFrame:
    return week.rows[week.rows["offer"] != "none"]


def complaining(case: Case, cutoff: date) -> set[str]:
    """Whose last complaint before the cutoff was not closed before it, from the table as the shop wrote it."""
    events = case.interactions[case.interactions["happened_at"] < cutoff.isoformat()]
    last = events.pivot_table(index="customer_id", columns="kind", values="happened_at", aggfunc="max")
    is_closed = last["complaint_closed"] >= last["complaint"] if "complaint_closed" in last.columns else False
    return set(last.index[last["complaint"].notna() & ~is_closed])


def clear_payers(case: Case, cutoff: date) -> pd.Series:
    """By guest: 'employer' or 'self' where each stay before the cutoff says the same; others are left out."""
    lines = case.purchases[case.purchases["ordered_at"] < cutoff.isoformat()]
    kind = case.truth.set_index("customer_id")["kind"]
    lines = lines.assign(
        kind=lines["customer_id"].map(kind),
        is_employer=(lines["invoice_requested"] == "yes") & (lines["payer"] != "self"),
        is_self=(lines["invoice_requested"] == "no") & (lines["payer"] == "self"),
    )
    every = lines.groupby(["customer_id", "kind"])[["is_employer", "is_self"]].all().reset_index("kind")
    on_expenses = every["is_employer"] & (every["kind"] == "expenses")
    private = every["is_self"] & (every["kind"] == "private")
    said = pd.Series(np.select([on_expenses, private], ["employer", "self"], ""), index=every.index)
    return said[said != ""]


def test_the_hotel_gets_own_rhythms_and_the_doors_no_model(
    hotel_shop: Example, doors_case: Case, doors_shop: Example, doors_week: Planned
) -> None:
    assert hotel_shop.has_model
    assert hotel_shop.params.task.label == "own_rhythm"
    assert not doors_shop.has_model
    before = doors_case.purchases["ordered_at"] < doors_shop.cutoff.isoformat()
    assert set(doors_week.portraits["customer_id"]) == set(doors_case.purchases.loc[before, "customer_id"])


def test_who_pays_is_seen_from_invoices_and_lines(hotel_case: Case, hotel_shop: Example, hotel_week: Planned) -> None:
    clear = clear_payers(hotel_case, hotel_shop.cutoff)
    seen = hotel_week.portraits.set_index("customer_id")["payer"].reindex(clear.index)
    assert (seen == clear).all()
    assert set(clear) == {"employer", "self"}
    labels = hotel_week.portraits.set_index("customer_id")["labels"]
    assert set(labels.index[labels.str.contains("on expenses")]) <= set(labels.index) - set(
        clear[clear == "self"].index
    )


def test_guests_on_expenses_get_a_night_and_private_guests_a_price(
    hotel_case: Case, hotel_shop: Example, hotel_week: Planned
) -> None:
    clear = clear_payers(hotel_case, hotel_shop.cutoff)
    rows = offered(hotel_week)
    truly = rows["customer_id"].map(clear)
    on_expenses, private = set(rows.loc[truly == "employer", "mechanic"]), set(rows.loc[truly == "self", "mechanic"])
    assert "n_plus_one" in on_expenses
    assert not on_expenses & PRICES
    assert private & PRICES
    assert "n_plus_one" not in private
    by_payer = rows[~rows["mechanic"].isin(FOR_ALL)].groupby("payer")["mechanic"].agg(set).to_dict()
    assert by_payer["employer"] == {"n_plus_one"}
    assert by_payer["self"] == {"percentage", "threshold", "upgrade"}


def test_how_a_private_guest_feels_about_prices_chooses_the_kind_alone(hotel_week: Planned) -> None:
    rows = offered(hotel_week)
    kinds = rows[(rows["payer"] == "self") & ~rows["mechanic"].isin(FOR_ALL)]
    by_sensitivity = kinds.groupby("promotion_sensitivity")["mechanic"].agg(set).to_dict()
    assert by_sensitivity == {"full-price": {"upgrade"}, "mixed": {"percentage"}, "promotion-led": {"threshold"}}
    assert rows["benefit"].to_list() == pytest.approx([EQUAL_WORTH] * len(rows))


def test_an_open_complaint_bars_everything_but_putting_it_right(
    hotel_case: Case, hotel_shop: Example, hotel_week: Planned
) -> None:
    waiting = complaining(hotel_case, hotel_shop.cutoff)
    rows = offered(hotel_week)
    theirs = rows["customer_id"].isin(waiting)
    assert set(rows.loc[theirs, "mechanic"]) == {"service_recovery"}
    assert "service_recovery" not in set(rows.loc[~theirs, "mechanic"])
    assert set(rows.loc[theirs, "arm"]) == {"treated"}
    living = hotel_week.rows[~hotel_week.rows["no_marketing"]]
    assert waiting & set(living["customer_id"]) == set(rows.loc[theirs, "customer_id"])


def test_a_guest_with_an_open_complaint_is_offered_nothing_where_it_cannot_be_put_right(
    hotel_case: Case, hotel_shop: Example, hotel_week: Planned, tmp_path: Path
) -> None:
    shutil.copytree(EXAMPLES / "hotel", tmp_path / "files")
    others, _ = (tmp_path / "files" / "offers.yaml").read_text(encoding="utf-8").split("  - id: put_right")
    (tmp_path / "files" / "offers.yaml").write_text(others, encoding="utf-8")
    week = planned(hotel_shop.with_files(tmp_path / "files"), hotel_week.scores, capacity=400)
    assert len(offered(week)) > 50
    assert not set(offered(week)["customer_id"]) & complaining(hotel_case, hotel_shop.cutoff)


@pytest.mark.parametrize(("budget", "capacity"), [(0.0, 60), (25.0, 60), (600.0, 5), (600.0, 300)])
def test_the_guard_passes_whatever_the_limits(
    hotel_shop: Example, hotel_week: Planned, budget: float, capacity: int
) -> None:
    made = planned(hotel_shop, hotel_week.scores, budget=budget, capacity=capacity).made
    refuse(made.guard)
    counted = made.plan[made.plan["mechanic"] != "service_recovery"]  # putting things right is owed beside the budget
    assert counted["offer_cost"].sum() <= budget + 1e-6
    assert (counted["offer"] != "none").sum() <= capacity
    assert len(counted) < len(made.plan)


@pytest.mark.parametrize("seed", [2, 3])
def test_another_hotel_keeps_the_same_promises(seed: int, tmp_path: Path) -> None:
    shop = brought_in("hotel", hotel(150, seed), tmp_path)
    week = planned(shop, silence_scores(shop))
    refuse(week.made.guard)
    rows = offered(week)
    assert not set(rows.loc[rows["payer"] == "employer", "mechanic"]) & PRICES
    assert set(rows.loc[rows["mechanic"] == "n_plus_one", "payer"]) == {"employer"}
    assert rows["benefit"].to_list() == pytest.approx([EQUAL_WORTH] * len(rows))


@pytest.mark.parametrize("name", ["hotel", "doors"])
def test_a_shuffled_forbidden_attribute_changes_no_plan(
    name: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    case, week = request.getfixturevalue(f"{name}_case"), request.getfixturevalue(f"{name}_week")
    ages = case.customers["age"].sample(frac=1, random_state=3).to_numpy()
    other = brought_in(name, case._replace(customers=case.customers.assign(age=ages)), tmp_path)
    scores = silence_scores(other)
    again = planned(other, scores if name == "hotel" else without_a_model(scores))
    audit, before = other.source.audit, request.getfixturevalue(f"{name}_shop").source.audit
    assert audit is not None
    assert (audit.set_index("customer_id")["age"] != before.set_index("customer_id")["age"]).mean() > 0.9
    pd.testing.assert_frame_equal(again.portraits, week.portraits)
    pd.testing.assert_frame_equal(again.made.plan, week.made.plan)


def test_members_get_service_and_occasions_and_no_probability(doors_week: Planned) -> None:
    refuse(doors_week.made.guard)
    rows = offered(doors_week)
    assert (rows["price_benefit"] == 0).all()
    assert set(rows["mechanic"]) == {"free_service", "recognition", "referral", "invitation", "service_recovery"}
    assert doors_week.made.plan["effect"].isna().all()
    assert doors_week.scores["p_lapse"].isna().all()
    said = doors_week.made.plan["why"] + doors_week.made.plan["offer_text"]
    assert not said.str.contains("nan|%|p_lapse", regex=True).any()


def near_anniversary(day: pd.Timestamp, send_on: date, within_days: int) -> bool:
    """Whether the day's anniversary of some later year falls within so many days from the send day on."""
    ahead = [send_on + timedelta(days=k) for k in range(within_days + 1)]
    return any((one.month, one.day) == (day.month, day.day) and one.year > day.year for one in ahead)


def test_a_check_up_goes_to_whose_year_is_round(doors_case: Case, doors_shop: Example, doors_week: Planned) -> None:
    send_on = doors_shop.setting().send_on
    ordered = pd.to_datetime(doors_case.purchases["ordered_at"])
    first = ordered.groupby(doors_case.purchases["customer_id"]).min()
    round_year = {who for who, day in first.items() if near_anniversary(day, send_on, 21)}
    rows = offered(doors_week)
    visited = set(rows.loc[rows["offer"] == "yearly_check_up", "customer_id"])
    assert visited
    assert visited <= round_year
    assert set(rows.loc[rows["offer"] == "you_name_the_day", "tier"]) <= {"returning", "regular", "devoted"}


def test_a_greeting_keeps_its_cap_its_consents_and_its_control(doors_case: Case, doors_week: Planned) -> None:
    rows = offered(doors_week)
    greeted = rows[rows["offer"] == "year_end_greeting"]
    agreed = doors_case.consents.loc[doors_case.consents["channel"] == "email", "customer_id"]
    assert 0 < len(greeted) <= 40
    assert set(greeted["customer_id"]) <= set(agreed)
    assert set(greeted["arm"]) == {"treated", "control"}


def test_a_referral_is_asked_of_whom_others_came_through(doors_case: Case, doors_week: Planned) -> None:
    brought = doors_case.interactions.loc[doors_case.interactions["kind"] == "referral", "customer_id"]
    rows = offered(doors_week)
    asked = set(rows.loc[rows["mechanic"] == "referral", "customer_id"])
    assert asked
    assert asked <= set(brought)


@pytest.mark.parametrize("make", [hotel, doors])
def test_a_seed_is_a_shop(make, tmp_path: Path) -> None:
    one, same, other = make(40, seed=5), make(40, seed=5), make(40, seed=6)
    for table, again in zip(one, same, strict=True):
        pd.testing.assert_frame_equal(table, again)
    assert not one.purchases.equals(other.purchases)
    assert set(one.purchases["customer_id"]) == set(one.customers["customer_id"]) == set(one.truth["customer_id"])
    write_case(one, tmp_path / "shop")
    written = pd.read_csv(tmp_path / "shop" / "purchases.csv", keep_default_na=False)
    pd.testing.assert_frame_equal(written, one.purchases, check_dtype=False)
    with pytest.raises(ParameterError, match="holds files"):
        write_case(one, tmp_path / "shop")


def test_simulate_writes_the_shop_that_is_asked_for(tmp_path: Path) -> None:
    simulate_command(tmp_path / "shop", customers=30, seed=2, shop=SimulatedShop.DOORS)
    files = {path.name for path in (tmp_path / "shop").iterdir()}
    assert files == {"purchases.csv", "products.csv", "customers.csv", "consents.csv", "interactions.csv"}
    assert len(pd.read_csv(tmp_path / "shop" / "customers.csv")) == 30
    assert len(pd.read_csv(tmp_path / "shop-truth" / "customers.csv")) == 30
    with pytest.raises(ParameterError, match="--weeks with --shop grocery alone"):
        simulate_command(tmp_path / "other", weeks=3, shop=SimulatedShop.HOTEL)


def test_both_examples_are_followed_by_the_same_commands() -> None:
    """The doors' are run by a stage test: so the hotel's lead through as well."""
    assert [[word.replace("hotel", "doors") for word in line] for line in commands("hotel")] == commands("doors")
    for name in ("hotel", "doors"):
        assert set_by_hand(name, "before")
        assert set_by_hand(name, "after")


WRITTEN_BY = {
    "doors": {},
    "hotel": {},
    "gift_shop": {"customers": 250},
    "grocery": {"customers": 300, "weeks": 60},
}


def files_in(folder: Path) -> dict[str, Path]:
    return {path.relative_to(folder).as_posix().removesuffix(".gz"): path for path in folder.rglob("*.*")}


@pytest.mark.parametrize("name", WRITTEN_BY)
def test_an_example_s_files_are_what_its_readme_s_command_writes(name: str, tmp_path: Path) -> None:
    size = WRITTEN_BY[name]
    shop = "" if name == "grocery" else f" --shop {name}"
    options = "".join(f" --{key} {value}" for key, value in size.items())
    said = (EXAMPLES / name / "README.md").read_text(encoding="utf-8")
    assert f"`regulars simulate there{shop}{options}`" in said
    simulate_command(tmp_path / "there", shop=SimulatedShop(name), **size)
    written, kept = files_in(tmp_path / "there"), files_in(EXAMPLES / name / "shop")
    assert set(written) == set(kept)
    for file, path in kept.items():
        read = pd.read_parquet if file.endswith(".parquet") else pd.read_csv
        pd.testing.assert_frame_equal(read(path), read(written[file]))
