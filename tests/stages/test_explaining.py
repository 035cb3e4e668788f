"""`regulars explain`: one customer's decision at the terminal, from the tables of the last run."""

from __future__ import annotations

import pandas as pd
import pytest

from contracts.files import read_table
from contracts.tables import PLAN, PORTRAITS
from tests.projects import Project

Tables = tuple[Project, pd.DataFrame, pd.DataFrame]


@pytest.fixture
def made(fresh: tuple[Project, str]) -> Tables:
    """The project of a first run, its plan and its portraits."""
    data = fresh[0].path / "data"
    return fresh[0], read_table(data / "plan.parquet", PLAN), read_table(data / "portraits.parquet", PORTRAITS)


def test_an_offer_is_explained_with_what_was_open_beside_it(made: Tables) -> None:
    project, plan, _ = made
    row = plan[plan["arm"] == "treated"].iloc[0]
    said = project.regulars("explain", row["customer_id"], "--all")
    assert row["customer_id"] in said
    assert "decision" in said
    assert "What was open" in said
    assert "What was not open" in said
    assert f"{row['expected_profit']:.2f}" in said
    assert "made anew it would decide otherwise" not in said


def test_nothing_is_explained_too(made: Tables) -> None:
    project, plan, _ = made
    row = plan[(plan["arm"] == "none") & (plan["offer"] == "none")].iloc[0]
    said = project.regulars("explain", row["customer_id"])
    assert "decision" in said
    assert "--all lists them" in said


def test_what_was_held_back_from_a_control_stays_unsaid(made: Tables) -> None:
    project, plan, _ = made
    held = plan[plan["arm"] == "control"].iloc[0]
    said = project.regulars("explain", held["customer_id"])
    assert "left alone at random this week" in said
    assert "decision" not in said
    assert held["offer"] == "none" or held["offer"] not in said


def test_who_is_gone_or_unknown_is_told(made: Tables) -> None:
    project, plan, portraits = made
    gone = portraits.loc[~portraits["customer_id"].isin(plan["customer_id"]), "customer_id"].iloc[0]
    assert "win-back sheet" in project.regulars("explain", gone)
    assert "no customer 'nobody-like-this'" in project.regulars("explain", "nobody-like-this", fails=True)
