"""The desk's pages without a browser: who sees which, nothing unescaped, no change without its token, no script."""

from __future__ import annotations

import json
import re
from datetime import date
from html.parser import HTMLParser

import pytest
import sqlalchemy as sa
from starlette.testclient import TestClient

from contracts.errors import ParameterError
from serving.api.access import COOKIE
from serving.api.app import create_app
from serving.api.watching import HEADERS
from serving.desk import loading, schema, sending, weeks, work
from serving.desk.clock import now
from serving.desk.database import open_desk
from serving.desk.filters import HIDDEN_FROM_VIEWERS, Filters
from serving.desk.paging import page
from serving.pages.pictures import forest
from serving.pages.rendering import HERE, PAGES, environment
from serving.pages.shown import Shop
from serving.pages.words import TEXTS
from tests.desks import NAMES, PASSWORD, Filled

TODAY = date(2018, 1, 2)
HTML = {"Accept": "text/html"}
HOSTILE = "<script>alert(1)</script>\"'&"
LIST = "/weeks/latest/list"


class Seen(HTMLParser):
    """What a test asks of a page: its elements with their attributes, and the text of each form's fields."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str]]] = []
        self.forms: list[dict] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        held = {name: value or "" for name, value in attrs}
        self.found.append((tag, held))
        if tag == "form":
            self.forms.append({"action": held.get("action", ""), "method": held.get("method", "get"), "fields": {}})
        if tag in ("input", "button") and held.get("name") and self.forms:
            self.forms[-1]["fields"][held["name"]] = held.get("value", "")

    def all(self, tag: str) -> list[dict[str, str]]:
        return [held for name, held in self.found if name == tag]


class Browser:
    """A browser without script: it keeps its cookie, follows redirects, sends forms as it found them."""

    def __init__(self, filled: Filled, role: str | None = None) -> None:
        self.filled = filled
        app = create_app(filled.desk, lambda: TODAY, Shop("en_GB", "America/New_York"))
        self.http = TestClient(app, base_url="https://desk.test", headers=HTML, raise_server_exceptions=False)
        if role:
            answer = self.send("/sign-in", {"name": NAMES[role], "password": PASSWORD, "next": "/"})
            assert answer.status_code == 200

    def get(self, path: str, **rest):
        return self.http.get(path, **rest)

    def send(self, path: str, fields: dict[str, str], **rest):
        return self.http.post(path, data=fields, **rest)

    def form(self, path: str, ending: str, **wanted: str) -> dict:
        """The first form of a page that is sent to an address with this ending and holds these fields."""
        for form in Seen(self.get(path).text).forms:
            if form["action"].endswith(ending) and wanted.items() <= form["fields"].items():
                return form
        raise AssertionError(f"{path}: no form to {ending} with {wanted}")

    def first(self) -> str:
        return str(self.filled.listed()["customer_id"].iloc[0])


@pytest.fixture
def browser(small):
    return lambda role=None: Browser(small, role)


def changed_row(filled: Filled, **values) -> str:
    """Give the first listed customer other facts; their id."""
    name = str(filled.listed()["customer_id"].iloc[0])
    where = schema.entries.c.customer_id == name
    with filled.desk.writing() as connection:
        facts = json.loads(connection.execute(sa.select(schema.entries.c.facts).where(where)).scalar_one())
        columns = {key: values[key] for key in values if key in schema.entries.c}
        held = {**columns, "facts": json.dumps(facts | values)}
        connection.execute(schema.entries.update().where(where).values(**held))
    return values.get("customer_id", name)


def pages(customer: str) -> list[tuple[str, str]]:
    more = [("/weeks/2018-W01", "viewer"), (f"/weeks/latest/customers/{customer}", "viewer")]
    return [(path, role) for _, path, role in PAGES] + more


@pytest.mark.parametrize("role", NAMES)
def test_each_page_is_there_for_its_roles_and_needs_no_script_or_style(browser, role):
    one = browser(role)
    for path, least in pages(one.first()):
        answer = one.get(path)
        is_let_in = list(NAMES).index(role) >= list(NAMES).index(least)
        assert answer.status_code == (200 if is_let_in else 403), path
        assert answer.headers["content-type"].startswith("text/html")
        assert answer.headers["content-security-policy"] == HEADERS["Content-Security-Policy"]
        seen = Seen(answer.text)
        for tag, held in seen.found:
            assert tag != "style"
            assert "style" not in held
            assert not [name for name in held if name.startswith("on")]
        assert [held.get("src", "")[:16] for held in seen.all("script")] == ["/static/desk.js?"]
        assert seen.all("html") == [{"lang": "en"}]
        assert all(form["fields"].get("csrf") for form in seen.forms if form["method"] == "post")


def test_nobody_gets_in_without_signing_in_and_comes_back_to_where_they_were(browser):
    one = browser()
    answer = one.get(f"{LIST}?tier=regular")
    assert answer.status_code == 401
    assert one.form(f"{LIST}?tier=regular", "/sign-in")["fields"]["next"] == f"{LIST}?tier=regular"
    wrong = one.send("/sign-in", {"name": "ann", "password": "not the right one"})
    assert wrong.status_code == 401
    assert TEXTS["sign_in.wrong"] in wrong.text
    for place, wanted in ((LIST, LIST), ("//else.where", "/"), ("https://else.where", "/")):
        answer = one.send("/sign-in", {"name": "ann", "password": PASSWORD, "next": place}, follow_redirects=False)
        assert (answer.status_code, answer.headers["location"]) == (303, wanted)
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith(COOKIE)
    assert {"HttpOnly", "Secure", "SameSite=strict"} <= set(cookie.split("; "))


def test_too_many_wrong_passwords_have_to_wait(browser):
    one = browser()
    said = [one.send("/sign-in", {"name": "ann", "password": f"wrong {n}"}).status_code for n in range(6)]
    assert said == [401] * 5 + [429]


def test_signing_in_from_another_site_is_refused(browser):
    answer = browser().send("/sign-in", {"name": "ann", "password": PASSWORD}, headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403


def test_signing_out_ends_the_session(browser):
    one = browser("agent")
    form = one.form("/", "/sign-out")
    assert one.send(form["action"], form["fields"]).status_code == 200
    assert one.get("/").status_code == 401


def test_an_empty_desk_says_how_to_make_the_first_admin(tmp_path):
    desk = open_desk(f"sqlite:///{tmp_path}/desk.sqlite")
    http = TestClient(create_app(desk), base_url="https://desk.test", headers=HTML)
    answer = http.get("/")
    assert (answer.status_code, TEXTS["sign_in.command"] in answer.text) == (401, True)
    desk.close()


def test_a_change_without_the_sessions_token_is_refused(browser):
    one = browser("admin")
    customer = one.first()
    sent = (
        ("/weeks/latest/claims", {"customer_id": customer, "what": "claim"}),
        ("/weeks/latest/outcomes", {"customer_id": customer, "kind": "contacted", "key": "k"}),
        ("/accounts", {"name": "eve", "role": "admin", "password": PASSWORD}),
        ("/accounts/vic", {"what": "role", "role": "admin"}),
        ("/tokens", {"user": "ada", "name": "x", "days": "9"}),
        ("/tokens/1/revoke", {}),
        ("/sign-out", {}),
    )
    for path, fields in sent:
        for csrf in ({}, {"csrf": ""}, {"csrf": "another"}):
            assert one.send(path, fields | csrf).status_code == 403, path
    with one.filled.desk.reading() as connection:
        assert not work.holders(connection, "2018-W01", [customer])
        assert not work.outcomes_of(connection, [customer])
        assert len(connection.execute(sa.select(schema.users)).all()) == len(NAMES)
    assert one.get("/").status_code == 200


def test_hostile_texts_are_shown_as_text(browser, small):
    name = changed_row(
        small, labels=f"{HOSTILE}; other", evidence=f"{HOSTILE}.", reasons=HOSTILE, offer_text=HOSTILE, group=HOSTILE,
        favourite_category=HOSTILE, why=HOSTILE, promise=HOSTILE, offer=HOSTILE, channel=HOSTILE,
        customer_id=f"c/{HOSTILE}",
    )  # fmt: skip
    one = browser("admin")
    address = name.replace("/", "%2F").replace("<", "%3C").replace(">", "%3E").replace('"', "%22").replace("&", "%26")
    for path in (LIST, f"/weeks/latest/customers/{address}", f"{LIST}?group={address}&change=%3Cscript%3E", "/"):
        text = one.get(path).text
        assert "<script>alert" not in text, path
    assert "&lt;script&gt;alert" in one.get(f"/weeks/latest/customers/{address}").text
    links = [held["href"] for held in Seen(one.get(LIST).text).all("a") if "/customers/c" in held["href"]]
    assert one.get(links[0]).status_code == 200
    form = one.form(LIST, "/claims", customer_id=name)
    assert one.send(form["action"], form["fields"] | {"what": "claim"}).status_code == 200
    with small.desk.reading() as connection:
        assert work.holders(connection, "2018-W01", [name]) == {name: "ada"}


def test_a_viewer_sees_no_message_and_no_button(browser, small):
    name = changed_row(small, offer_text="a secret message", evidence="secret sentence.", reasons="a secret reason")
    one = browser("viewer")
    for path in (LIST, f"/weeks/latest/customers/{name}"):
        text = one.get(path).text
        assert "secret" not in text
        assert {form["action"] for form in Seen(text).forms if form["method"] == "post"} <= {
            "/sign-out", "/weeks/2018-W01/claims",
        }  # fmt: skip
        assert 'value="claim"' not in text
        assert "/export" not in text
    assert "offer_text" in HIDDEN_FROM_VIEWERS


def test_a_customer_is_claimed_handed_over_and_given_back_without_script(browser):
    ann, meg = browser("agent"), browser("manager")
    name = ann.first()
    place = f"/weeks/2018-W01/customers/{name}"
    form = ann.form(LIST, "/claims", customer_id=name)
    after = ann.send(form["action"], form["fields"] | {"what": "claim"})
    assert str(after.url).endswith(f"{LIST}?done=claim")
    assert TEXTS["done.claim"] in after.text
    form = ann.form(place, "/claims", what="hand_over")
    assert "handed" in ann.send(form["action"], form["fields"] | {"to": "meg"}).text.lower()
    # it is the manager's now: the agent's page has no button, and a form kept from before is refused
    assert ann.send(form["action"], form["fields"] | {"what": "give_back"}).status_code == 403
    form = meg.form(place, "/claims", what="give_back")
    assert meg.send(form["action"], form["fields"]).status_code == 200
    with ann.filled.desk.reading() as connection:
        assert not work.holders(connection, "2018-W01", [name])


def test_an_outcome_is_recorded_once_and_counted(browser):
    one = browser("agent")
    name = one.first()
    place = f"/weeks/latest/customers/{name}"
    form = one.form(place, "/outcomes")
    fields = form["fields"] | {"kind": "declined", "reason": "price", "note": "a <b>note</b>", "day": "2018-01-02"}
    assert TEXTS["done.recorded"] in one.send(form["action"], fields).text
    assert TEXTS["done.repeated"] in one.send(form["action"], fields).text
    text = one.get(place).text
    assert "a &lt;b&gt;note&lt;/b&gt;" in text
    assert text.count("2 Jan 2018, 12:00") == 1
    assert '<dd data-kind="declined">1</dd>' in one.get("/").text
    wrongly = one.form(place, "/outcomes", reason="wrongly listed")
    assert one.send(wrongly["action"], wrongly["fields"]).status_code == 200
    with one.filled.desk.reading() as connection:
        told = [(row["kind"], row["reason"]) for row in work.outcomes_of(connection, [name])]
    assert sorted(told) == [("declined", "price"), ("skipped", "wrongly listed")]


def test_forms_that_do_not_fit_are_told_so(browser):
    one = browser("admin")
    csrf = one.form("/", "/sign-out")["fields"]["csrf"]
    for path, fields in (
        ("/weeks/latest/claims", {"what": "claim"}),
        ("/weeks/latest/claims", {"customer_id": one.first(), "what": "dance"}),
        ("/weeks/latest/outcomes", {"customer_id": one.first(), "kind": "danced", "key": "k"}),
        ("/weeks/latest/outcomes", {"customer_id": one.first(), "kind": "contacted", "key": "k", "day": "soon"}),
        ("/weeks/latest/outcomes", {"customer_id": "x" * 300, "kind": "contacted", "key": "k"}),
        ("/accounts", {"name": "eve", "role": "admin", "password": "short"}),
        ("/accounts/vic", {"what": "dance"}),
        ("/tokens", {"user": "ada", "name": "x", "days": "many"}),
        ("/tokens", {"user": "ada", "name": "x", "days": "ten"}),
    ):
        answer = one.send(path, fields | {"csrf": csrf})
        assert answer.status_code == 422, path
        assert TEXTS["problem.422"] in answer.text
    many = "&".join(f"f{n}=1" for n in range(500))
    kind = {"content-type": "application/x-www-form-urlencoded"}
    assert one.http.post("/weeks/latest/claims", content=many, headers=kind).status_code == 422


def test_the_list_filters_sorts_and_pages_both_ways(browser, small):
    one = browser("viewer")
    listed = small.listed()

    def shown(path: str) -> list[str]:
        held = [link["href"] for link in Seen(one.get(path).text).all("a")]
        return [link.rpartition("/")[2] for link in held if "/customers/" in link]

    assert shown(LIST) == listed["customer_id"].tolist()
    tier = listed["tier"].iloc[0]
    assert shown(f"{LIST}?tier={tier}&group=&sort=rank") == listed.loc[listed["tier"] == tier, "customer_id"].tolist()
    turned = listed.sort_values("p_lapse", ascending=False, kind="stable", na_position="last")
    assert shown(f"{LIST}?sort=-p_lapse") == turned["customer_id"].tolist()
    assert TEXTS["list.nobody"] in one.get(f"{LIST}?tier=nonesuch").text
    assert one.get(f"{LIST}?sort=nonesuch").status_code == 422


@pytest.mark.parametrize("sort", ["rank", "-rank", "p_lapse", "-value_at_stake", "act_by", "customer_id"])
def test_previous_pages_are_the_next_ones_backwards(filled, sort):
    with filled.desk.reading() as connection:
        seen, cursor = [], ""
        while True:
            found = page(connection, filled.week(), Filters(sort=sort), 4, cursor)
            seen.append([row["customer_id"] for row in found.rows])
            cursor = found.next
            if not cursor:
                break
        assert len(seen) >= 3
        back = [seen[-1]]
        while found.previous:
            found = page(connection, filled.week(), Filters(sort=sort), 4, found.previous)
            back.append([row["customer_id"] for row in found.rows])
        again = page(connection, filled.week(), Filters(sort=sort), 4, found.next)
    assert back[::-1] == seen
    assert [row["customer_id"] for row in again.rows] == seen[1]


def test_the_list_says_who_bought_since_and_what_is_stale(browser, small):
    one = browser("agent")
    assert TEXTS["fresh.stale"] not in one.get(LIST).text
    assert TEXTS["fresh.stale"] in one.get(f"{LIST}?on=2018-03-01").text
    row = {"customer_id": one.first(), "kind": "purchase", "channel": "", "happened_on": "2018-01-02"}
    with small.desk.writing() as connection:
        sending.take_activity(connection, [row], "2018-01-02", now())
    for path in (LIST, f"/weeks/latest/customers/{one.first()}"):
        assert "bought on 2 Jan 2018" in one.get(path).text
        assert TEXTS["work.do_not_send"] in one.get(path).text


def test_exports_follow_the_role_and_refuse_as_a_page(browser):
    ann, meg = browser("agent"), browser("manager")
    own = ann.form(LIST, "/export")
    assert own["fields"]["claimed_by"] == "ann"
    assert "claimed_by" not in meg.form(LIST, "/export")["fields"]
    address = "/weeks/2018-W01/export?format=csv&preset=plain&on="
    assert meg.get(f"{address}2018-01-02").text.count("\n") == 1 + len(meg.filled.listed())
    refused = ann.get(f"{address}2018-01-02")
    assert (refused.status_code, refused.headers["content-type"][:9]) == (403, "text/html")
    stale = meg.get(f"{address}2018-06-01")
    assert (stale.status_code, "activity is known through" in stale.text) == (409, True)


def test_accounts_and_tokens_are_made_by_form_and_a_token_is_shown_once(browser):
    one = browser("admin")
    csrf = {"csrf": one.form("/", "/sign-out")["fields"]["csrf"]}
    one.send("/accounts", csrf | {"name": "eve", "role": "viewer", "password": PASSWORD})
    one.send("/accounts/eve", csrf | {"what": "role", "role": "agent"})
    one.send("/accounts/eve", csrf | {"what": "shut"})
    with one.filled.desk.reading() as connection:
        row = connection.execute(sa.select(schema.users).where(schema.users.c.name == "eve")).one()
    assert (row.role, row.is_active) == ("agent", False)
    made = one.send("/tokens", csrf | {"user": "meg", "name": "crm", "days": "9"}).text
    (token,) = re.findall(r"rgl_[\w-]+", made)
    assert token not in one.get("/accounts").text
    assert one.get("/v1/weeks", headers={"Authorization": f"Bearer {token}"}).status_code == 200
    one.send("/tokens/1/revoke", csrf)
    assert one.get("/v1/weeks", headers={"Authorization": f"Bearer {token}"}).status_code == 401
    log = one.get("/audit").text
    assert log.index("token revoked") < log.index("token made") < log.index("user added")


def test_pages_ask_the_database_the_same_number_of_times_however_many_rows(browser, small):
    one = browser("agent")
    asked: list[str] = []
    sa.event.listen(small.desk.engine, "before_cursor_execute", lambda *given: asked.append(given[2]))
    counted = []
    for path in (f"{LIST}?tier=nonesuch", LIST, "/", f"/weeks/latest/customers/{one.first()}"):
        asked.clear()
        one.get(path)
        counted.append(len([text for text in asked if text.startswith("SELECT")]))
    assert counted[0] == counted[1]
    assert max(counted) <= 12


def test_what_the_reports_hold_is_shown(browser, small):
    unknown = dict.fromkeys(("estimate", "low", "high"))
    one = {
        "name": "gift_card", "n_treated": 400, "n_control": 100, "verdict": "harms", "sentence": "It harms.",
        "retention": {"estimate": -0.05, "low": -0.08, "high": -0.02},
        "margin": {"estimate": -1.5, "low": -2.0, "high": -1.0},
    }  # fmt: skip
    effects = {
        "week_on": "2018-01-01", "currency": "EUR", "n_matured_waves": 3, "first_wave": "2017-W40",
        "last_wave": "2017-W42", "smallest_effect": 0.02, "min_arm": 50, "proposed_for_stopping": ["gift_card"],
        "overall": {**one, "name": "any offer", "verdict": "too early", "retention": unknown, "margin": unknown},
        "offers": [one], "breaches": [{"wave": "2017-W40", "offer": "gift_card", "n": 2, "n_control": 30}],
    }  # fmt: skip
    with small.desk.writing() as connection:
        week = weeks.find_week(connection)
        loading._write_documents(connection, week.id, {"effects": effects})
    text = browser("viewer").get("/campaigns").text
    for part in ("gift card", "−5.0", "−8.0 to −2.0", "−€1.50", "verdict-harms", "too early to say", "not known yet"):
        assert part in text, part
    assert "2 of 30 controls were contacted" in text
    drawn = forest([one["retention"], unknown])
    assert drawn is not None
    assert (drawn.whiskers[0].low, drawn.whiskers[1]) == (0.0, None)


def test_pages_that_are_not_there_are_told_as_pages_and_programs_get_problems(browser):
    one = browser("viewer")
    for path in ("/nowhere", "/weeks/2018-W99", "/weeks/latest/customers/nobody", "/static/other.css"):
        answer = one.get(path)
        assert (answer.status_code, answer.headers["content-type"][:9]) == (404, "text/html"), path
        assert one.get(path, headers={"Accept": "*/*"}).headers["content-type"] == "application/problem+json"
    assert one.get("/v1/weeks/2018-W99").headers["content-type"] == "application/problem+json"


def test_static_files_may_be_kept_for_good(browser):
    one = browser()
    for name in ("desk.css", "desk.js"):
        answer = one.get(f"/static/{name}")
        assert (answer.status_code, "immutable" in answer.headers["cache-control"]) == (200, True)


def test_every_text_of_the_templates_stands_in_the_catalogue_and_is_used():
    parts = [path.read_text() for path in HERE.rglob("*.j2")] + [path.read_text() for path in HERE.glob("*.py")]
    whole = "\n".join(parts)
    asked = set(re.findall(r'\b(?:t|text)\("([\w.-]+)"[,)]', whole)) | set(re.findall(r'"(accounts\.\w+)"', whole))
    assert asked <= set(TEXTS) | {"problem.418"}
    stems = {*re.findall(r'\bt\("([\w.]+\.)" ~', whole), "problem."}
    unused = {key for key in TEXTS if key not in asked and not any(key.startswith(stem) for stem in stems)}
    assert not unused


def test_templates_hold_no_text_of_their_own():
    for name in environment().list_templates():
        source = (HERE / "templates" / name).read_text()
        bare = re.sub(r"<[^>]*>", " ", re.sub(r"\{%.*?%\}|\{\{.*?\}\}", " ", source, flags=re.DOTALL))
        left = re.findall(r"[A-Za-z]{2,}", bare)
        assert not left, (name, left)


def test_the_shops_locale_is_checked():
    with pytest.raises(ParameterError, match="expected a locale"):
        Shop("nonesuch")
    with pytest.raises(ParameterError, match="begins with http"):
        Shop(mlflow_url="javascript:alert(1)")
    assert Shop("de_DE").money(-12.5, "EUR") == "−12,50\xa0€"
    assert Shop("ja_JP").money(99.0, "JPY") == "￥99"
