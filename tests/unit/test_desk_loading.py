"""The desk's tables and how weeks come into them: once per content, without controls, whole or not at all."""

from __future__ import annotations

import json
import shutil

import pandas as pd
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from contracts.errors import ContractError, ParameterError, UnknownNameError
from serving.desk import audit, customers, listing, migrating, schema, weeks
from serving.desk.database import open_desk
from serving.desk.filters import Filters
from serving.desk.loading import entry_rows, load_week
from serving.desk.paging import every_row
from tests.desks import no_history, published


def counted(desk) -> dict[str, int]:
    """Rows of every table but the log's."""
    tables = [table for table in schema.metadata.sorted_tables if not table.name.startswith("audit")]
    with desk.reading() as connection:
        return {
            table.name: connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
            for table in tables
        }


def test_migrations_make_what_the_code_expects(desk):
    with desk.reading() as connection:
        assert compare_metadata(MigrationContext.configure(connection), schema.metadata) == []
        assert migrating.is_current(connection)
    assert ScriptDirectory(str(migrating.FOLDER)).get_current_head() == migrating.NEWEST


def test_a_week_is_loaded_once_per_content(filled):
    before = counted(filled.desk)
    documents = {"effects": {"overall": {"verdict": "works"}, "offers": []}}
    again = load_week(filled.desk, filled.revision, no_history, documents)
    assert not again.is_new
    assert counted(filled.desk) == before


def test_no_control_ever_reaches_the_database(filled):
    whole = filled.revision.customers()
    controls = set(whole.loc[whole["arm"] != "treated", "customer_id"]) - set(filled.listed()["customer_id"])
    assert set(whole.loc[whole["arm"] == "control", "customer_id"]) <= controls
    with filled.desk.reading() as connection:
        held = set(connection.execute(sa.select(schema.entries.c.customer_id)).scalars())
        told = connection.execute(sa.select(schema.entries.c.facts)).scalars().all()
    assert held == set(filled.listed()["customer_id"])
    assert not any("SECRETOFFER" in text for text in told)


def test_a_row_says_what_was_published(filled):
    listed = filled.listed()
    with filled.desk.reading() as connection:
        rows = list(every_row(connection, filled.week(), Filters(), 7))
    assert [row["customer_id"] for row in rows] == listed["customer_id"].tolist()
    shown = pd.DataFrame(rows)[["rank", "p_lapse", "offer", "expected_profit"]]
    wanted = listed[["rank", "p_lapse", "offer", "expected_profit"]]
    pd.testing.assert_frame_equal(shown, wanted, check_dtype=False)


def test_texts_may_hold_what_some_take_for_the_end_of_a_line(filled):
    said = "a line\u2028another\x85a third"
    rows = filled.listed().head(3).assign(offer_text=said)
    facts = [json.loads(row[-1]) for row in entry_rows(1, rows, 1)]
    assert [one["offer_text"] for one in facts] == [said] * 3


def test_a_later_revision_takes_over_and_the_first_one_stays(filled, tmp_path, drawn_week):
    second = published(tmp_path, drawn_week, n_customers=60, list_size=25, seed=7)
    assert second.number == 2
    loaded = load_week(filled.desk, second, no_history, {})
    assert loaded.is_new
    assert filled.week().revision == 2
    assert counted(filled.desk)["weeks"] == 2
    # the first again is no news: an older revision does not come back into force
    assert not load_week(filled.desk, filled.revision, no_history, {}).is_new
    assert filled.week().revision == 2


def moved(revision, folder, week: str, keep):
    """A copy of a published revision under a later week's name, with other rows listed."""
    shutil.copytree(revision.folder, folder)
    table = revision.customers().assign(week=week)
    is_kept = table["rank"].notna() & table["customer_id"].map(keep)
    table["rank"] = table["rank"].where(is_kept)
    table["rank"] = table["rank"].rank().astype("Int64")
    table.to_parquet(folder / "customers.parquet")
    manifest = {**revision.manifest, "week": week, "row_hash": week}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return type(revision)(folder, manifest)


def test_who_left_the_list_is_shown_as_such_without_an_offer_unless_now_a_control(filled, tmp_path):
    listed = filled.listed()
    treated = listed.loc[listed["arm"] == "treated", "customer_id"]
    others = listed.loc[listed["arm"] == "none", "customer_id"]
    gone = {*treated.head(2), *others.head(3)}
    later = moved(filled.revision, tmp_path / "later", "2018-W02", lambda name: name not in gone)
    load_week(filled.desk, later, no_history, {})
    with filled.desk.reading() as connection:
        week = weeks.find_week(connection)
        left = list(every_row(connection, week, Filters(change="left")))
        work = {row["customer_id"] for row in every_row(connection, week, Filters())}
    # the treated among them are no longer listed only where something is wrong: they are not told either
    assert {row["customer_id"] for row in left} == set(others.head(3))
    assert {(row["offer"], row["channel"], row["offer_text"], row["rank"]) for row in left} == {("none", "", "", None)}
    assert not gone & work


def test_a_control_in_the_list_stops_the_load(filled, tmp_path):
    later = moved(filled.revision, tmp_path / "later", "2018-W02", bool)
    table = pd.read_parquet(later.folder / "customers.parquet")
    table.loc[table["rank"] == 1, "arm"] = "control"
    table.to_parquet(later.folder / "customers.parquet")
    with pytest.raises(ContractError, match="no control in the list"):
        load_week(filled.desk, later, no_history, {})
    assert filled.week().week == "2018-W01"


def test_weekly_sums_fill_the_weeks_between_with_zeros(filled, tmp_path, drawn_week):
    second = published(tmp_path, drawn_week, n_customers=60, list_size=25, seed=7)
    name = second.at_risk()["customer_id"].iloc[0]
    sums = pd.DataFrame({"customer_id": [name, name], "week_on": ["2017-12-04", "2017-12-25"], "cents": [1250, 301]})
    load_week(filled.desk, second, lambda ids: sums[sums["customer_id"].isin(ids)], {})
    with filled.desk.reading() as connection:
        found = customers.history(connection, filled.week(), name)
        assert customers.history(connection, filled.week(), "nobody") == {"first_on": "", "amounts": []}
    assert found == {"first_on": "2017-12-04", "amounts": [12.5, 0.0, 0.0, 3.01]}


def test_an_unknown_week_names_what_is_there(filled):
    with filled.desk.reading() as connection, pytest.raises(UnknownNameError, match="did you mean '2018-W01'"):
        weeks.find_week(connection, "2018-W10")


@pytest.mark.parametrize("url", ["mysql://ann:s3cr3t@host/desk", "no address"])
def test_another_database_is_one_line_without_the_password(url):
    with pytest.raises(ParameterError, match="REGULARS_DESK_DATABASE: expected") as caught:
        open_desk(url)
    assert "s3cr3t" not in str(caught.value)


def test_other_documents_of_the_same_week_are_loaded_and_noted(small):
    with small.desk.reading() as connection:
        before = audit.head(connection).number
    for _ in range(2):
        again = load_week(small.desk, small.revision, no_history, {"effects": {"overall": {"verdict": "harms"}}})
        assert not again.is_new
    with small.desk.reading() as connection:
        told = audit.page(connection, before, 10)
    assert [(row["action"], row["detail"]["is_new"]) for row in told] == [("week loaded", False)]


def test_filters_that_nobody_meets_together_leave_no_row_and_unknown_ones_are_named(small):
    rows = small.listed()
    pairs = set(zip(rows["tier"], rows["group"], strict=True))
    tier, group = next((t, g) for t in set(rows["tier"]) for g in set(rows["group"]) if (t, g) not in pairs)
    with small.desk.reading() as connection:
        assert listing.first_rows(connection, small.week(), Filters(tier=tier, group=group), 5) == []
        with pytest.raises(
            UnknownNameError, match=f"no customer of the list has tier '{tier}x'; did you mean '{tier}'"
        ):
            listing.first_rows(connection, small.week(), Filters(tier=f"{tier}x"), 5)
