"""What the desk refuses in one line, what twice is as once, and that the size of a part changes no export."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from contracts.errors import ContractError, ParameterError, UnknownNameError
from serving.desk import accounts, audit, clock, credentials, exporting, schema, sending, work
from serving.desk.database import open_desk
from serving.desk.errors import ConflictError
from serving.desk.filters import Filters
from serving.desk.sending import STALE_VARIABLE
from serving.desk.weeks import find_week
from serving.desk.work import Outcome
from tests.desks import TODAY, Filled

UNFIT = {
    "a kind that is none": ({"kind": "contactd"}, r"kind: expected one of .*did you mean 'contacted'"),
    "a reason that is none": ({"reason": "prise"}, r"reason: expected one of .*did you mean 'price'"),
    "no key": ({"key": ""}, "expected a key and a customer_id, got an empty one"),
    "nobody": ({"customer_id": ""}, "expected a key and a customer_id, got an empty one"),
    "a note beyond all bounds": ({"note": "x" * 100_000}, "note: expected at most [0-9]+ characters"),
    "a note with a NUL": ({"note": "a\x00b"}, "note: expected at most [0-9]+ characters"),
    "no instant": ({"happened_at": "yesterday"}, "expected an instant as 2018-01-02T10:30:00Z, got 'yesterday'"),
    "an instant without offset": ({"happened_at": "2018-01-02T10:30:00"}, "expected an instant with its offset"),
    "an instant before time": ({"happened_at": "0001-01-01T00:00:00+14:00"}, "expected an instant of this age"),
}


def n_rows(filled: Filled, table: sa.Table) -> int:
    with filled.desk.reading() as connection:
        return int(connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one())


def logged(filled: Filled, action: str) -> int:
    with filled.desk.reading() as connection:
        return sum(row["action"] == action for row in audit.page(connection, 0, 500))


def first(filled: Filled) -> str:
    return str(filled.listed()["customer_id"].iloc[0])


@pytest.mark.parametrize(("change", "said"), UNFIT.values(), ids=UNFIT)
def test_an_outcome_that_cannot_be_is_refused_and_nothing_is_kept(small, change, said):
    good = {"key": "k1", "customer_id": first(small), "kind": "contacted"}
    with pytest.raises(ParameterError, match=said), small.desk.writing() as connection:
        work.record(connection, small.actors["agent"], small.week(), [Outcome(**good), Outcome(**good | change)])
    assert n_rows(small, schema.outcomes) == 0


def test_who_left_the_list_cannot_be_claimed(small):
    customer_id = first(small)
    with small.desk.writing() as connection:
        connection.execute(schema.entries.update().where(schema.entries.c.customer_id == customer_id).values(is_work=0))
        with pytest.raises(ConflictError, match="got one who left it"):
            work.claim(connection, small.actors["agent"], small.week(), customer_id)
    assert n_rows(small, schema.claims) == 0


def test_what_nobody_holds_cannot_be_handed_over_and_is_given_back_in_silence(small):
    with small.desk.writing() as connection:
        with pytest.raises(ConflictError, match="claim first"):
            work.hand_over(connection, small.actors["agent"], small.week(), first(small), "meg")
        work.release(connection, small.actors["agent"], small.week(), first(small))
    assert logged(small, "claim given back") == 0


def test_a_suppression_is_lifted_once_and_needs_a_number_that_is(small):
    actor = small.actors["manager"]
    with small.desk.writing() as connection:
        with pytest.raises(ParameterError, match="expected a day"):
            work.suppress(connection, actor, first(small), reason="asked", until_on="soon")
        number = work.suppress(connection, actor, first(small), reason="asked", until_on="2018-02-01")
        assert [row["id"] for row in work.suppressed(connection)] == [number]
        for _ in range(2):
            work.lift(connection, actor, number)
        assert work.suppressed(connection) == []
        with pytest.raises(UnknownNameError, match="no suppression 999"):
            work.lift(connection, actor, 999)
    assert logged(small, "suppression lifted") == 1


def test_a_suppression_of_a_channel_drops_who_would_get_the_offer_by_it_alone(small):
    rows = small.listed()
    one = rows[rows["channel"] != ""].iloc[0]
    row = {"customer_id": one["customer_id"], "channel": one["channel"]}
    with small.desk.writing() as connection:
        number = work.suppress(connection, small.actors["manager"], row["customer_id"], reason="r", channel="carrier")
        assert sending.dropped(connection, small.week(), [row], TODAY) == {}
        work.lift(connection, small.actors["manager"], number)
        work.suppress(connection, small.actors["manager"], row["customer_id"], reason="r", channel=row["channel"])
        assert sending.dropped(connection, small.week(), [row], TODAY) == {row["customer_id"]: "suppressed"}


def test_a_complaint_about_another_channel_drops_nobody(small):
    customer_id, through = first(small), TODAY.isoformat()
    said = {"customer_id": customer_id, "kind": "consent_withdrawn", "channel": "carrier", "happened_on": through}
    row = {"customer_id": customer_id, "channel": "email"}
    with small.desk.writing() as connection:
        assert sending.take_activity(connection, [said], through, clock.now()) == 1
        assert sending.dropped(connection, small.week(), [row], TODAY) == {}
        told = sending.dropped(connection, small.week(), [row | {"channel": "carrier"}], TODAY)
    assert told == {customer_id: f"withdrew consent on {through}"}


def test_accounts_are_named_as_the_rules_say_and_once(small):
    with small.desk.writing() as connection:
        with pytest.raises(ParameterError, match="expected a name of lower-case letters"):
            accounts.add_user(connection, "test", "Ann Smith", "agent", "a long enough password")
        with pytest.raises(ConflictError, match="got 'ann', which has an account"):
            accounts.add_user(connection, "test", "ann", "agent", "a long enough password")


def test_a_token_lives_for_some_days_and_is_revoked_once(small):
    with small.desk.writing() as connection:
        with pytest.raises(ParameterError, match=r"expected 1 to [0-9]+ days, got 0"):
            credentials.make_token(connection, "test", "ann", "till", days=0)
        token = credentials.make_token(connection, "test", "ann", "till")
        number = credentials.all_tokens(connection)[-1]["id"]
        assert credentials.of_token(connection, token).name == "ann"
        for _ in range(2):
            credentials.revoke_token(connection, "test", number)
        with pytest.raises(UnknownNameError, match="no token 999"):
            credentials.revoke_token(connection, "test", 999)
    assert logged(small, "token revoked") == 1


def test_the_longest_silence_is_a_number_of_days(small, monkeypatch):
    monkeypatch.setenv(STALE_VARIABLE, "three")
    with small.desk.reading() as connection, pytest.raises(ParameterError, match=f"{STALE_VARIABLE}: expected whole"):
        sending.refuse_stale(connection, small.week(), TODAY)


def test_recent_activity_of_nobody_is_refused_by_its_line():
    with pytest.raises(ParameterError, match="line 3: expected a customer_id, got none"):
        sending.read_activity(b"customer_id,kind,happened_on\nc1,purchase,2018-01-02\n,purchase,2018-01-02\n")


def test_a_desk_without_a_week_says_how_to_get_one(tmp_path):
    desk = open_desk(f"sqlite:///{tmp_path}/desk.sqlite")
    with desk.reading() as connection, pytest.raises(UnknownNameError, match="found none; run `make run` first"):
        find_week(connection)
    desk.close()


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///", "sqlite:///:memory:"])
def test_a_desk_is_never_held_in_memory_alone(url):
    with pytest.raises(ParameterError, match=r"expected a file, as sqlite:///desk.sqlite, got none"):
        open_desk(url)


def test_a_preset_that_asks_for_no_published_field_is_refused(monkeypatch):
    known = {"own": {"name": "own", "columns": [("who", "customer_id"), ("how much", "p_laps")]}}
    monkeypatch.setattr(exporting, "presets", lambda: known)
    with pytest.raises(ContractError, match=r"preset own: no published field 'p_laps'.*did you mean 'p_lapse'"):
        exporting.columns_of("own")
    with pytest.raises(UnknownNameError, match=r"no preset 'owm'.*did you mean 'own'"):
        exporting.columns_of("owm")


def test_those_who_left_the_list_are_not_exported(small):
    with small.desk.writing() as connection, pytest.raises(ParameterError, match="nobody is to contact"):
        exporting.prepare(connection, small.actors["manager"], small.week(), Filters(change="left"), TODAY)
    assert logged(small, "exported") == 0


@pytest.fixture
def exported(small: Filled, tmp_path: Any) -> Callable[[str], Any]:
    """Writes the week's whole list in a format and gives what is in the file."""

    def write(kind: str) -> Any:
        path = tmp_path / f"list.{kind}"
        with small.desk.writing() as connection:
            wanted = exporting.prepare(connection, small.actors["manager"], small.week(), Filters(), date(2018, 1, 2))
            exporting.write_file(connection, wanted, kind, path)
        return pq.read_table(path) if kind == "parquet" else path.read_bytes()

    return write


@pytest.fixture(params=[1, 7])
def part_rows(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    def set_small() -> None:
        monkeypatch.setattr(exporting, "PART", request.param)

    return set_small


@pytest.mark.parametrize("kind", ["csv", "ndjson", "parquet"])
def test_an_export_is_the_same_however_many_rows_are_taken_at_a_time(exported, part_rows, kind):
    whole = exported(kind)
    part_rows()
    assert exported(kind) == whole
    assert len(whole) > 10
