"""The doors example as its README says, command by command: no model, a plan of visits and greetings, two sheets."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pandas as pd
import pytest

from contracts.files import read_json
from contracts.params import load_params
from tests.example_shops import commands, set_by_hand
from tests.projects import Project, checkout


def set_all(project: Project, when: str) -> None:
    for section, values in set_by_hand("doors", when).items():
        for key, value in values.items():
            project.set(section, key, value)


@pytest.fixture(scope="module")
def followed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, dict[str, str]]:
    """A checkout in which the README was followed, and what each `regulars` command printed."""
    project = checkout(tmp_path_factory.mktemp("doors"), smaller={})
    set_all(project, "before")
    said: dict[str, str] = {}
    for program, *arguments in commands("doors"):
        printed = project.regulars(*arguments) if program == "regulars" else project.run(program, *arguments)
        said |= {arguments[0]: printed} if program == "regulars" else {}
        if arguments[0] == "init":
            set_all(project, "after")
    return project, said


@pytest.fixture(scope="module")
def week(followed: tuple[Project, dict[str, str]]) -> Path:
    (folder,) = (followed[0].path / "published").iterdir()
    return folder


@pytest.fixture(scope="module")
def orders(followed: tuple[Project, dict[str, str]]) -> pd.DataFrame:
    """One row a member who ordered before the week and takes marketing, from the shop's own files."""
    shop, cutoff = followed[0].path / "examples/doors/shop", read_json(followed[0].path / "data/cutoffs.json")["scored"]
    lines = pd.read_csv(shop / "purchases.csv").query("ordered_at < @cutoff")
    members = lines.assign(day=lines["ordered_at"].str[:10]).groupby("customer_id")
    table = members.agg(n_days=("day", "nunique"), last=("day", "max"), paid=("amount", "sum"))
    refusing = pd.read_csv(shop / "customers.csv").query("no_marketing == 'yes'")["customer_id"]
    active_days = load_params(followed[0].path / "params.yaml").task.active_days
    gone_before = (date.fromisoformat(cutoff) - timedelta(days=active_days)).isoformat()
    ties = pd.read_csv(shop / "interactions.csv")
    ties = ties[ties["kind"].isin(["care_visit", "referral"]) & (ties["happened_at"] < cutoff)]
    last_tie = ties["happened_at"].str[:10].groupby(ties["customer_id"]).max().reindex(table.index).fillna("")
    last = table["last"].where(table["last"] > last_tie, last_tie)  # a visit or a referral keeps a member
    return table.assign(is_gone=last < gone_before)[~table.index.isin(refusing)]


def test_the_list_is_made_by_rule_and_shows_no_probability(followed, week: Path) -> None:
    said = followed[1]
    assert "NO MODEL" in said["init"]
    assert "no model" in said["run"]
    assert "no model" in said["list"]
    assert "are sound" in said["offers"]
    assert read_json(week / "manifest.json")["model_grade"] == "none"
    listed, full = pd.read_parquet(week / "at_risk.parquet"), pd.read_parquet(week / "customers.parquet")
    assert listed["p_lapse"].isna().all()
    assert full[["p_lapse", "expected_loss", "effect"]].isna().all(axis=None)
    assert set(listed["risk_band"]) <= {"high", "medium", "low", ""}  # kept by a visit alone: no purchase to go by


def test_members_are_given_visits_and_greetings_and_no_price(week: Path) -> None:
    full = pd.read_parquet(week / "customers.parquet")
    treated = full[full["arm"] == "treated"]
    assert set(pd.read_parquet(week / "at_risk.parquet")["customer_id"]) >= set(treated["customer_id"])
    assert {"yearly_check_up", "year_end_greeting", "put_right"} <= set(treated["offer"])
    assert set(treated["mechanic"]) <= {"free_service", "recognition", "referral", "invitation", "service_recovery"}
    assert (treated["price_benefit"] == 0).all()
    assert (full["arm"] == "control").any()


def left_alone(week: Path) -> set[str]:
    """The controls of the week and of the year: in no sheet."""
    full = pd.read_parquet(week / "customers.parquet")
    return set(full.loc[full["arm"].isin(["control", "universal"]), "customer_id"])


def test_the_win_back_sheet_has_the_gone_the_best_first(week: Path, orders: pd.DataFrame) -> None:
    sheet = pd.read_csv(week / "win_back.csv")
    gone = orders[orders["is_gone"] & ~orders.index.isin(left_alone(week))]
    assert set(sheet["customer_id"]) == set(gone.index)
    assert sheet["spend_ever"].to_list() == pytest.approx(sorted(gone["paid"], reverse=True), abs=0.01)


def test_the_welcome_sheet_has_who_ordered_once_the_latest_first(week: Path, orders: pd.DataFrame) -> None:
    sheet = pd.read_csv(week / "welcome.csv")
    once = orders[~orders["is_gone"] & (orders["n_days"] == 1) & ~orders.index.isin(left_alone(week))]
    assert set(sheet["customer_id"]) == set(once.index)
    assert sheet["first_purchase_on"].is_monotonic_decreasing
    assert sheet["offer_text"].notna().sum() == (sheet["offer"] != "none").sum() > 0
