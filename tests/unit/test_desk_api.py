"""The desk over HTTP: who gets in, one shape of errors, work that counts once, files that are safe."""

from __future__ import annotations

import io
import json
import logging
import re
from datetime import date

import openpyxl
import pandas as pd
import pyarrow.parquet as pq
import pytest
from fastapi.routing import APIRoute
from starlette.testclient import TestClient

from contracts.tables import AT_RISK
from serving.api.access import OPEN, SIGN_IN, SIGN_IN_PAGE, Needs
from serving.api.app import create_app
from serving.api.watching import MOST_BYTES
from serving.desk import credentials, exporting, schema
from serving.desk.actors import ROLES
from tests.desks import NAMES, PASSWORD, Filled

TODAY = date(2018, 1, 2)


class Client:
    """A client with a token of every role."""

    def __init__(self, filled: Filled) -> None:
        self.filled = filled
        self.app = create_app(filled.desk, lambda: TODAY)
        self.http = TestClient(self.app, base_url="https://desk.test", raise_server_exceptions=False)
        with filled.desk.writing() as connection:
            self.tokens = {
                role: credentials.make_token(connection, "test", name, "test") for role, name in NAMES.items()
            }

    def __call__(self, method: str, path: str, role: str | None = "manager", **rest):
        headers = {"Authorization": f"Bearer {self.tokens[role]}"} if role else {}
        return self.http.request(method, path, headers=headers | rest.pop("headers", {}), **rest)

    def first(self) -> str:
        return str(self.filled.listed()["customer_id"].iloc[0])


@pytest.fixture
def ask(filled) -> Client:
    return Client(filled)


@pytest.fixture
def asked(small) -> Client:
    return Client(small)


def routes(app) -> list[tuple[str, str, str | None]]:
    """Every route of the application as (method, path, least role)."""
    found = []
    for route in app.routes:
        assert isinstance(route, APIRoute), f"{route} is none of our routes: its role cannot be read"
        roles = [part.call.role for part in route.dependant.dependencies if isinstance(part.call, Needs)]
        found += [(method, route.path, roles[0] if roles else None) for method in route.methods]
    return found


def filled_in(path: str) -> str:
    values = {"week": "2018-W01", "customer_id:path": "nobody", "name": "nobody", "number": "999"}
    return re.sub(r"\{([\w:]+)\}", lambda match: values[match[1]], path)


def test_every_route_but_the_open_ones_names_a_role(asked):
    without = {(method, path) for method, path, role in routes(asked.app) if role is None}
    assert without == {("GET", path) for path in OPEN} | {("POST", SIGN_IN), ("POST", SIGN_IN_PAGE)}


def test_every_route_lets_in_whom_it_says_and_nobody_else(asked):
    for method, path, least in routes(asked.app):
        if least is None:
            continue
        url = filled_in(path)
        assert asked(method, url, None).status_code == 401, path
        assert asked(method, url, None, headers={"Authorization": "Bearer rgl_wrong"}).status_code == 401, path
        for role in ROLES:
            own = {"claimed_by": NAMES[role]} if path.endswith("/export") else {}
            answer = asked(method, url, role, params=own)
            is_let_in = ROLES.index(role) >= ROLES.index(least)
            assert (answer.status_code in (401, 403)) != is_let_in, f"{method} {path} as {role}: {answer.text}"
            assert answer.status_code < 500, f"{method} {path}: {answer.text}"


def test_errors_have_one_shape(asked):
    for answer in (
        asked("GET", "/v1/weeks/2018-W01/customers/nobody"),
        asked("GET", "/v1/weeks/2018-W99"),
        asked("GET", "/v1/weeks/2018-W01/entries?sort=nothing"),
        asked("GET", "/v1/weeks/2018-W01/entries?limit=0"),
        asked("GET", "/v1/weeks/2018-W01/entries?cursor=abc"),
        asked("GET", "/nowhere"),
        asked("GET", "/v1/weeks", None),
        asked("PUT", "/v1/weeks"),
    ):
        told = answer.json()
        assert answer.headers["content-type"] == "application/problem+json"
        assert set(told) == {"type", "title", "status", "detail", "errors"}
        assert told["status"] == answer.status_code >= 400
    assert "did you mean" in asked("GET", "/v1/weeks/2018-W01/entries?sort=p_laps").json()["detail"]


def test_pages_hold_every_entry_once_and_choose_fields(ask):
    seen, cursor = [], ""
    while True:
        params = {"limit": 7, "sort": "-p_lapse", "fields": "customer_id,p_lapse", "cursor": cursor}
        told = ask("GET", "/v1/weeks/latest/entries", "viewer", params=params).json()
        assert all(set(row) == {"customer_id", "p_lapse"} for row in told["items"])
        seen += told["items"]
        cursor = told["next"]
        if not cursor:
            break
    listed = ask.filled.listed()
    wanted = listed.sort_values("p_lapse", ascending=False, kind="stable", na_position="last")
    assert [row["customer_id"] for row in seen] == wanted["customer_id"].tolist()


def test_a_viewer_sees_no_message_and_no_money_of_a_customer(asked):
    row = asked("GET", "/v1/weeks/latest/entries", "viewer").json()["items"][0]
    one = asked("GET", f"/v1/weeks/latest/customers/{asked.first()}", "viewer").json()
    for name in ("offer_text", "evidence", "spend", "codes"):
        assert name not in row
        assert one["facts"].get(name) is None
        assert asked("GET", f"/v1/weeks/latest/entries?fields={name}", "viewer").status_code == 422
        assert name in asked("GET", "/v1/weeks/latest/entries", "agent").json()["items"][0]
    assert one["outcomes"] == []


def test_an_outcome_counts_once_under_its_key(ask):
    body = {"customer_id": ask.first(), "kind": "contacted", "note": "rang"}
    headers = {"Idempotency-Key": "a-1"}
    answers = [ask("POST", "/v1/outcomes", "agent", json=body, headers=headers) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [201, 200, 200]
    assert [answer.json()["results"] for answer in answers] == [["recorded"], ["repeated"], ["repeated"]]
    other = ask("POST", "/v1/outcomes", "agent", json=body | {"kind": "redeemed"}, headers=headers)
    assert other.status_code == 409
    assert ask("POST", "/v1/outcomes", "agent", json=body).status_code == 422
    shown = ask("GET", f"/v1/weeks/latest/customers/{ask.first()}", "agent").json()["outcomes"]
    assert [(one["kind"], one["recorded_by"], one["note"]) for one in shown] == [("contacted", "ann", "rang")]
    # the key of one account says nothing about another's
    assert ask("POST", "/v1/outcomes", "manager", json=body, headers=headers).status_code == 201


def test_a_batch_is_recorded_whole_or_not_at_all(ask):
    ids = ask.filled.listed()["customer_id"].tolist()
    good = [{"key": f"k{n}", "customer_id": name, "kind": "contacted"} for n, name in enumerate(ids[:3])]
    strange = {"key": "k9", "customer_id": "a stranger", "kind": "contacted"}
    assert ask("POST", "/v1/outcomes/batch", json={"outcomes": [*good, strange]}).status_code == 404
    told = ask("POST", "/v1/outcomes/batch", json={"outcomes": [*good, good[0]]}).json()
    assert told == {"results": ["recorded"] * 3 + ["repeated"], "n_recorded": 3}
    text = "key,customer_id,kind,reason\n" + "\n".join(f"k{n},{name},contacted," for n, name in enumerate(ids[:4]))
    answer = ask("POST", "/v1/outcomes/csv", content=text, headers={"Content-Type": "text/csv"})
    assert answer.json()["n_recorded"] == 1, answer.text
    bad = ask(
        "POST", "/v1/outcomes/csv", content="key,customer_id,kind\na,b,sneezed\n", headers={"Content-Type": "text/csv"}
    )
    assert bad.status_code == 422
    assert "line 2: kind" in bad.json()["detail"]


def test_a_claim_is_one_persons_and_can_be_handed_over(ask):
    body = {"customer_id": ask.first()}
    assert ask("POST", "/v1/claims", "agent", json=body).json() == {"claimed_by": "ann"}
    assert ask("POST", "/v1/claims", "agent", json=body).status_code == 200
    assert ask("POST", "/v1/claims", "admin", json=body).status_code == 409
    unclaimed = ask("GET", "/v1/weeks/latest/entries?unclaimed=true&limit=500").json()["items"]
    assert ask.first() not in {row["customer_id"] for row in unclaimed}
    assert ask("POST", "/v1/claims/hand-over", "agent", json=body | {"to": "vic"}).status_code == 409
    assert ask("POST", "/v1/claims/hand-over", "agent", json=body | {"to": "meg"}).status_code == 200
    assert ask("POST", "/v1/claims/give-back", "agent", json=body).status_code == 403
    mine = ask("GET", "/v1/weeks/latest/entries?claimed_by=meg").json()["items"]
    assert [row["claimed_by"] for row in mine] == ["meg"]
    assert ask("POST", "/v1/claims/give-back", "manager", json=body).status_code == 200


def sign_in(asked, name="ada", password=PASSWORD, **headers):
    return asked.http.post("/v1/session", json={"name": name, "password": password}, headers=headers)


def test_a_browsers_session_needs_its_csrf_token_for_changes(asked):
    told = sign_in(asked)
    cookie = told.headers["set-cookie"]
    for part in ("__Host-regulars=", "HttpOnly", "Secure", "SameSite=strict", "Path=/"):
        assert part in cookie
    assert asked.http.get("/v1/users").status_code == 200
    body = {"customer_id": asked.first()}
    assert asked.http.post("/v1/claims", json=body).status_code == 403
    assert asked.http.post("/v1/claims", json=body, headers={"X-CSRF-Token": "wrong"}).status_code == 403
    right = {"X-CSRF-Token": told.json()["csrf"]}
    foreign = asked.http.post("/v1/claims", json=body, headers=right | {"Sec-Fetch-Site": "cross-site"})
    assert foreign.status_code == 403
    assert asked.http.post("/v1/claims", json=body, headers=right).status_code == 200
    assert asked.http.delete("/v1/session", headers=right).status_code == 204
    assert asked.http.get("/v1/users").status_code == 401
    # the cookie itself is out of force, not only forgotten by this browser
    again = asked.http.get("/v1/users", headers={"Cookie": cookie.split(";")[0]})
    assert again.status_code == 401


def test_too_many_wrong_passwords_have_to_wait_even_with_the_right_one(asked):
    for _ in range(5):
        assert sign_in(asked, password="a wrong password").status_code == 401
    refused = sign_in(asked)
    assert refused.status_code == 429
    assert 0 < int(refused.headers["retry-after"]) <= 900
    assert sign_in(asked, name="meg").status_code == 201
    assert sign_in(asked, name="nobody").status_code == 401


def test_secrets_are_stored_as_hashes_only(asked):
    sign_in(asked)
    with asked.filled.desk.reading() as connection:
        held = [str(row) for table in schema.metadata.sorted_tables for row in connection.execute(table.select()).all()]
    shown = [*asked.tokens.values(), PASSWORD, asked.http.cookies["__Host-regulars"]]
    assert not [text for text in held for secret in shown if secret in text]
    assert any("$argon2id$" in text for text in held)


def test_a_token_ends_when_revoked_expired_or_its_account_is_shut(asked):
    number = asked("GET", "/v1/tokens", "admin").json()[0]["id"]
    assert asked("GET", "/v1/weeks", "viewer").status_code == 200
    assert asked("DELETE", f"/v1/tokens/{number}", "admin").status_code == 204
    assert asked("GET", "/v1/weeks", "viewer").status_code == 401
    assert asked("PATCH", "/v1/users/ann", "admin", json={"is_active": False}).status_code == 200
    assert asked("GET", "/v1/weeks", "agent").status_code == 401
    with asked.filled.desk.writing() as connection:
        past = {"expires_at": "2020-01-01T00:00:00.000000Z"}
        connection.execute(schema.tokens.update().where(schema.tokens.c.user_id == 3).values(**past))
    assert asked("GET", "/v1/weeks", "manager").status_code == 401
    assert asked("PATCH", "/v1/users/ada", "admin", json={"role": "viewer"}).status_code == 409


def test_a_token_never_has_more_than_its_account(asked):
    body = {"user": "ann", "name": "phone", "role": "admin"}
    assert asked("POST", "/v1/tokens", "admin", json=body).status_code == 422
    asked("PATCH", "/v1/users/meg", "admin", json={"role": "viewer"})
    assert asked("GET", "/v1/suppressions", "manager").status_code == 403


def test_every_answer_carries_safe_headers_and_is_compressed(asked):
    for path in ("/v1/health", "/v1/weeks", "/nowhere"):
        headers = asked("GET", path).headers
        assert "script-src 'self'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert (headers["x-content-type-options"], headers["x-frame-options"]) == ("nosniff", "DENY")
        assert headers["cache-control"] == "no-store"
    assert asked("GET", "/v1/weeks/latest/entries").headers["content-encoding"] == "gzip"


def test_the_service_tells_how_it_is(asked, caplog):
    assert asked("GET", "/v1/health", None).json() == {"status": "up"}
    assert asked("GET", "/v1/ready", None).json() == {"status": "ready"}
    with caplog.at_level(logging.DEBUG):
        asked("GET", f"/v1/weeks/latest/customers/{asked.first()}")
        asked("GET", "/v1/weeks/latest/customers/C999")
        asked("POST", "/v1/erasures", "admin", json={"customer_id": asked.first()})
    metrics = asked("GET", "/v1/metrics").text
    assert '/v1/weeks/{week}/customers/{customer_id:path}",status="200"} 1.0' in metrics
    ours = [record.getMessage() for record in caplog.records if record.name.startswith("regulars")]
    assert len(ours) == 3
    for text in (metrics, *ours):
        assert asked.first() not in text
        assert "C999" not in text


def test_a_body_beyond_the_limit_is_refused(asked):
    big = b"x" * (MOST_BYTES + 1)
    assert asked("POST", "/v1/outcomes/csv", content=big, headers={"Content-Type": "text/csv"}).status_code == 413


def export(ask, kind="csv", role="manager", **params):
    return ask("GET", "/v1/weeks/latest/export", role, params={"format": kind, **params})


def test_exports_hold_the_list_in_four_formats(ask):
    listed = ask.filled.listed()
    ids = listed["customer_id"].tolist()
    found = pd.read_csv(io.BytesIO(export(ask).content))
    assert list(found.columns) == list(AT_RISK.columns)
    assert found["customer_id"].tolist() == ids
    table = pq.read_table(io.BytesIO(export(ask, "parquet").content))
    assert table["customer_id"].to_pylist() == ids
    assert table["act_by"].to_pylist() == [None if pd.isna(day) else day.date() for day in listed["act_by"]]
    assert table.schema.metadata[b"contract"] == exporting.CONTRACT.encode()
    lines = [json.loads(line) for line in export(ask, "ndjson").text.splitlines()]
    assert [line["p_lapse"] for line in lines] == [None if pd.isna(p) else p for p in listed["p_lapse"]]
    sheet = openpyxl.load_workbook(io.BytesIO(export(ask, "xlsx").content)).active
    rows = list(sheet.iter_rows(values_only=True))
    assert [row[rows[0].index("customer_id")] for row in rows[1:]] == ids
    assert {export(ask, preset=name).status_code for name in exporting.presets()} == {200}


def test_an_export_of_nonsense_is_refused_before_it_begins(asked):
    for params in ({"change": "sideways"}, {"sort": "luck"}, {"change": "left"}, {"on": "2018-02-31"}):
        assert export(asked, **params).status_code == 422, params
    assert export(asked, preset="sms").status_code == 404


def test_an_agent_exports_only_what_they_claimed(asked):
    assert export(asked, role="agent").status_code == 403
    assert export(asked, role="agent", claimed_by="meg").status_code == 403
    asked("POST", "/v1/claims", "agent", json={"customer_id": asked.first()})
    own = pd.read_csv(io.BytesIO(export(asked, role="agent", claimed_by="ann").content))
    assert own["customer_id"].tolist() == [asked.first()]


def test_no_cell_can_become_a_formula():
    evil = ["=1+1", "+49", "-2", "@SUM(A1)", "\t=1", "\u200b=1", "\uff1d1"]
    rows = [{"customer_id": text} for text in evil]
    column = (exporting.Column("who", "customer_id"),)
    cells = b"".join(exporting.csv_parts(iter(rows), column)).decode().splitlines()
    assert not [cell for cell in cells if cell.lstrip('"')[0] in "=+-@\t\u200b\uff1d"]


def test_a_workbooks_text_stays_text(tmp_path):
    rows = [{"customer_id": "=HYPERLINK(1)"}, {"customer_id": "a\x0bb"}]
    exporting.write_xlsx(iter(rows), (exporting.Column("who", "customer_id"),), tmp_path / "x.xlsx")
    cells = [row[0] for row in openpyxl.load_workbook(tmp_path / "x.xlsx").active.iter_rows(min_row=2)]
    assert [(cell.value, cell.data_type) for cell in cells] == [("=HYPERLINK(1)", "s"), ("a b", "s")]


def activity(ask, kind, name, on="2018-01-02", channel=""):
    row = {"customer_id": name, "kind": kind, "happened_on": on, "channel": channel}
    return ask("POST", "/v1/activity", json={"through_on": "2018-01-02", "rows": [row]})


def treated(ask) -> pd.DataFrame:
    listed = ask.filled.listed()
    return listed[listed["arm"] == "treated"]


def test_who_bought_complained_or_withdrew_is_not_sent_anything(ask):
    names = treated(ask)["customer_id"].tolist()
    channel = treated(ask)["channel"].iloc[0]
    before = ask("GET", "/v1/weeks/latest/due", "agent").json()
    assert [row["customer_id"] for row in before["rows"]] == names
    activity(ask, "purchase", names[0])
    activity(ask, "complaint", names[1])
    activity(ask, "consent_withdrawn", names[2], channel=channel)
    activity(ask, "consent_withdrawn", names[3], channel="another channel")
    ask("POST", "/v1/suppressions", "agent", json={"customer_id": names[4]})
    headers = {"Idempotency-Key": "c"}
    ask("POST", "/v1/outcomes", json={"customer_id": names[5], "kind": "contacted"}, headers=headers)
    due = ask("GET", "/v1/weeks/latest/due", "agent").json()
    assert [row["customer_id"] for row in due["rows"]] == [names[3], *names[6:]]
    wanted = {"bought": 1, "complained": 1, "withdrew consent": 1, "suppressed": 1, "already contacted": 1}
    assert due["dropped"] == wanted
    exported = set(pd.read_csv(io.BytesIO(export(ask).content))["customer_id"])
    assert exported == set(ask.filled.listed()["customer_id"]) - {*names[:3], *names[4:6]}
    shown = {row["customer_id"]: row["since"] for row in ask("GET", "/v1/weeks/latest/entries").json()["items"]}
    assert shown[names[0]] == "bought on 2018-01-02"
    activity(ask, "complaint_closed", names[1])
    assert names[1] in {row["customer_id"] for row in ask("GET", "/v1/weeks/latest/due", "agent").json()["rows"]}


def test_what_happened_before_the_weeks_data_ended_or_after_the_day_drops_nobody(ask):
    name = treated(ask)["customer_id"].iloc[0]
    activity(ask, "purchase", name, on="2017-12-31")
    activity(ask, "purchase", name, on="2018-01-03")
    assert ask("GET", "/v1/weeks/latest/due", "agent").json()["dropped"] == {}


def test_stale_data_are_refused_in_one_line(ask):
    late = "2018-01-05"
    for path in ("due", "export"):
        assert ask("GET", f"/v1/weeks/latest/{path}", params={"on": "2018-01-04"}).status_code == 200
        refused = ask("GET", f"/v1/weeks/latest/{path}", params={"on": late})
        assert refused.status_code == 409
        assert "activity is known through 2017-12-31, 5 days before 2018-01-05" in refused.json()["detail"]
    activity(ask, "purchase", "somebody")
    assert ask("GET", "/v1/weeks/latest/due", params={"on": late}).status_code == 200


def test_erasure_hides_at_once_and_forever(ask, tmp_path, drawn_week):
    from serving.desk.loading import load_week
    from tests.desks import no_history, published

    name = ask.first()
    ask("POST", "/v1/claims", "agent", json={"customer_id": name})
    ask("POST", "/v1/outcomes", json={"customer_id": name, "kind": "contacted"}, headers={"Idempotency-Key": "c"})
    keys = [row["customer_key"] for row in ask("GET", "/v1/audit", "admin").json() if row["customer_key"]]
    told = ask("POST", "/v1/erasures", "admin", json={"customer_id": name}).json()
    assert told == {"n_deleted": 3, "n_awaited": 1}
    assert ask("GET", f"/v1/weeks/latest/customers/{name}").status_code == 404
    with ask.filled.desk.reading() as connection:
        for table in schema.metadata.sorted_tables:
            if table.name != "erasures":
                assert not [row for row in connection.execute(table.select()) if name in map(str, row)], table.name
        assert keys[0] not in connection.execute(schema.customer_keys.select()).scalars().all()
    later = published(tmp_path, drawn_week, n_customers=60, list_size=25, seed=7)
    assert name in set(later.customers()["customer_id"])
    load_week(ask.filled.desk, later, no_history, {})
    assert ask("GET", f"/v1/weeks/latest/customers/{name}").status_code == 404


def test_a_reader_pages_on_in_the_week_that_it_began(ask, tmp_path, drawn_week):
    from serving.desk.loading import load_week
    from tests.desks import no_history, published

    first = ask("GET", "/v1/weeks/latest/entries?limit=10").json()
    load_week(ask.filled.desk, published(tmp_path, drawn_week, n_customers=60, list_size=25, seed=7), no_history, {})
    rest = ask("GET", "/v1/weeks/latest/entries", params={"limit": 500, "cursor": first["next"]}).json()
    assert rest["week"]["revision"] == 1
    both = [row["customer_id"] for row in first["items"] + rest["items"]]
    assert both == ask.filled.listed()["customer_id"].tolist()
    assert ask("GET", "/v1/weeks/latest/entries").json()["week"]["revision"] == 2
