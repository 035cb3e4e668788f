"""What somebody with bad intent, or in a hurry, might try at the desk, and what comes of it."""

from __future__ import annotations

import json
from datetime import date

import pytest
import sqlalchemy as sa
from starlette.testclient import TestClient

from serving.desk import accounts, audit, erasing, schema, weeks
from serving.desk.counting import KIND, counts
from serving.desk.filters import Filters
from serving.desk.paging import every_row
from tests.desks import PASSWORD
from tests.unit.test_desk_api import Client, export, sign_in, treated

HTML = {"Accept": "text/html"}
PATHS = ("../../etc/passwd", "..%2f..%2fetc%2fpasswd", "....//desk.css", "desk.css%00", "/etc/passwd", "desk.css/..")
ELSEWHERE = (
    "//evil.test", "https://evil.test", "/\\evil.test", "/\t/evil.test", "javascript:alert(1)", "\\\\evil.test"
)  # fmt: skip


@pytest.fixture
def asked(small) -> Client:
    return Client(small)


@pytest.fixture
def ask(filled) -> Client:
    return Client(filled)


def log(asked: Client, action: str) -> list[dict]:
    with asked.filled.desk.reading() as connection:
        return [row for row in audit.page(connection, 0, 1000) if row["action"] == action]


def test_a_day_gone_by_does_not_get_round_what_is_known_today(asked):
    """Else whoever is refused today asks as of last week, and sends today."""
    asked.app.state.today = lambda: date(2018, 1, 20)
    assert asked("GET", "/v1/weeks/latest/due", "agent").status_code == 409
    past = {"on": "2018-01-02"}
    assert asked("GET", "/v1/weeks/latest/due", "agent", params=past).status_code == 403
    own = past | {"claimed_by": "ann"}
    assert asked("GET", "/v1/weeks/latest/export", "agent", params=own).status_code == 403
    # a manager looks back, and that stands in the log
    assert asked("GET", "/v1/weeks/latest/due", "manager", params=past).status_code == 200
    assert export(asked, on="2018-01-02").status_code == 200
    assert [row["detail"]["on"] for row in log(asked, "asked what is due")] == ["2018-01-02"]
    assert [row["detail"]["on"] for row in log(asked, "exported")] == ["2018-01-02"]


def test_who_was_contacted_is_not_handed_to_a_channel_again(asked):
    name = treated(asked)["customer_id"].iloc[0]
    assert name in export(asked).text
    body, key = {"customer_id": name, "kind": "contacted"}, {"Idempotency-Key": "1"}
    assert asked("POST", "/v1/outcomes", "agent", json=body, headers=key).status_code == 201
    assert name not in export(asked).text


def test_erasure_takes_a_customer_out_of_every_count(ask):
    listed = ask.filled.listed()
    name = treated(ask)["customer_id"].iloc[0]
    with ask.filled.desk.writing() as connection:
        erasing.erase(connection, "test", name)
    wanted = counts(listed[listed["customer_id"] != name])
    with ask.filled.desk.reading() as connection:
        week = weeks.find_week(connection)
        told = weeks.document(connection, week, KIND)
        shown = list(every_row(connection, week, Filters()))
    assert week.n_listed == len(shown) == len(listed) - 1
    assert json.dumps(told, sort_keys=True) == json.dumps(wanted, sort_keys=True)


def test_nothing_new_is_kept_of_who_was_erased(asked):
    name = asked.first()
    asked("POST", "/v1/erasures", "admin", json={"customer_id": name})
    row = {"customer_id": name, "kind": "purchase", "happened_on": "2018-01-02"}
    assert asked("POST", "/v1/activity", json={"through_on": "2018-01-02", "rows": [row]}).json() == {"n_new": 0}
    assert asked("POST", "/v1/suppressions", "agent", json={"customer_id": name}).status_code == 404
    with asked.filled.desk.reading() as connection:
        assert connection.execute(sa.select(schema.activity)).all() == []


def test_a_failure_of_ours_is_a_page_in_a_browser_and_says_nothing_of_itself(asked, monkeypatch):
    from serving.pages import listing

    def fails(*_: object, **__: object) -> None:
        raise RuntimeError("C001 secret")

    monkeypatch.setattr(listing, "page", fails)
    shown = asked("GET", "/weeks/latest/list", headers=HTML)
    assert (shown.status_code, shown.headers["content-type"]) == (500, "text/html; charset=utf-8")
    assert "The desk failed to answer" in shown.text
    assert "secret" not in shown.text
    monkeypatch.setattr("serving.pages.problems.render", fails)
    assert asked("GET", "/weeks/latest/list", headers=HTML).json()["status"] == 500


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 201),
        ({"Origin": "null"}, 201),
        ({"Origin": "https://desk.test"}, 201),
        ({"Origin": "https://evil.test"}, 403),
        ({"Origin": "https://desk.test.evil.test"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "null"}, 201),
    ],
)
def test_another_sites_page_signs_nobody_in(asked, headers, status):
    assert sign_in(asked, **headers).status_code == status


def test_a_cookie_known_before_sign_in_is_worth_nothing_after(asked):
    planted = {"Cookie": "__Host-regulars=planted-by-somebody-else"}
    told = sign_in(asked, **planted)
    assert "planted" not in told.headers["set-cookie"]
    fresh = TestClient(asked.app, base_url="https://desk.test")
    assert fresh.get("/v1/session", headers=planted).status_code == 401


def test_what_was_typed_in_the_wrong_field_is_not_kept(asked):
    sign_in(asked, name="my secret password!", password="ada")
    sign_in(asked, name="ada", password="a wrong password")
    with asked.filled.desk.reading() as connection:
        held = [str(row) for table in schema.metadata.sorted_tables for row in connection.execute(table.select())]
    assert not [row for row in held if "my secret password!" in row]
    assert [row["detail"]["user"] for row in log(asked, "sign-in failed")] == ["unknown", "ada"]


def test_a_new_password_ends_sessions_and_is_hashed_before_the_lock(asked, monkeypatch):
    sign_in(asked, name="meg")
    held = []
    real = accounts.hashed

    def hashed(password: str) -> str:
        with asked.filled.desk.writing():  # would wait for itself, were it called within a writer's transaction
            held.append(password)
        return real(password)

    monkeypatch.setattr(accounts, "hashed", hashed)
    body = {"password": "another long password"}
    assert asked("PATCH", "/v1/users/meg", "admin", json=body).status_code == 200
    assert held == ["another long password"]
    assert asked.http.get("/v1/session").status_code == 401
    assert sign_in(asked, name="meg", password=PASSWORD).status_code == 401
    assert sign_in(asked, name="meg", password="another long password").status_code == 201


def test_an_admin_gives_a_new_password_by_page(asked):
    csrf = sign_in(asked).json()["csrf"]
    page = asked.http.get("/accounts", headers=HTML).text
    assert "New password of meg" in page
    form = {"csrf": csrf, "what": "password", "password": "quite another password"}
    done = asked.http.post("/accounts/meg", data=form, headers=HTML, follow_redirects=False)
    assert done.status_code == 303
    refused = asked.http.post("/accounts/meg", data=form | {"password": "short"}, headers=HTML)
    assert refused.status_code == 422
    assert sign_in(asked, name="meg", password="quite another password").status_code == 201


def test_a_row_of_the_log_cannot_be_replaced(filled):
    with filled.desk.reading() as connection:
        row = connection.execute(sa.select(schema.audit).limit(1)).mappings().one()
    changed = {**row, "actor": "nobody"}
    adding = schema.audit.insert().values(**changed).prefix_with("OR REPLACE", dialect="sqlite")
    with pytest.raises(Exception, match=r"append-only|another did the same"), filled.desk.writing() as connection:
        connection.execute(adding)


@pytest.mark.parametrize("name", PATHS)
def test_no_file_but_the_pages_own_is_served(asked, name):
    assert asked("GET", f"/static/{name}", None).status_code in (404, 422)


@pytest.mark.parametrize("preset", ['x"; filename="evil.exe', "plain\r\nSet-Cookie: a=b", "../plain"])
def test_nothing_that_was_asked_for_reaches_a_header(asked, preset):
    answer = export(asked, preset=preset)
    assert answer.status_code == 404
    assert "content-disposition" not in answer.headers
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("place", ELSEWHERE)
def test_after_signing_in_nobody_is_led_elsewhere(asked, place):
    form = {"name": "ada", "password": PASSWORD, "next": place}
    done = asked.http.post("/sign-in", data=form, follow_redirects=False)
    assert (done.status_code, done.headers["location"]) == (303, "/")


def test_deep_or_broken_bodies_are_refused_in_one_line(asked):
    json_type = {"Content-Type": "application/json"}
    for body in (b"[" * 200_000, b'{"customer_id": ', b"\xff\xfe", b"null"):
        answer = asked("POST", "/v1/outcomes", "agent", content=body, headers=json_type | {"Idempotency-Key": "1"})
        assert answer.status_code in (400, 422), answer.text
        assert answer.headers["content-type"] == "application/problem+json"
