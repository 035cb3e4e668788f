"""Signing in by a provider: a small real one, over HTTP, with keys of its own; and what it must not be able to say."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey
from starlette.testclient import TestClient

from contracts.errors import ParameterError
from serving.api.app import create_app
from serving.api.oidc import CLIENT, DESK, ISSUER, SECRET, Provider, provider_of
from serving.desk import audit
from serving.pages.vouched import COOKIE
from tests.desks import TODAY

HTML = {"Accept": "text/html"}
DESK_URL = "https://desk.test"


@dataclass
class Issuer:
    """A provider with one person signed in; `lies` change what its tokens say."""

    person: str = "meg"
    key: Any = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "one"}))
    shown_key: Any = None
    lies: dict[str, Any] = field(default_factory=dict)
    header: dict[str, Any] = field(default_factory=lambda: {"alg": "RS256", "kid": "one"})
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    address: str = ""

    def description(self) -> dict[str, Any]:
        ends = {"authorization_endpoint": "/authorize", "token_endpoint": "/token", "jwks_uri": "/keys"}
        return {"issuer": self.address, **{name: f"{self.address}{path}" for name, path in ends.items()}}

    def authorized(self, asked: dict[str, str]) -> str:
        """Where the browser goes back to, with a code for what it asked."""
        assert (asked["response_type"], asked["code_challenge_method"]) == ("code", "S256")
        code = f"code-{len(self.codes)}"
        self.codes[code] = asked
        return f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}"

    def token(self, asked: dict[str, str], authorization: str) -> tuple[int, dict[str, Any]]:
        """Redeem a code, once, for whoever knows the secret and the verifier."""
        before = self.codes.pop(asked["code"], None)
        right = base64.b64encode(b"desk:hush").decode()
        digest = hashlib.sha256(asked["code_verifier"].encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        if before is None or authorization != f"Basic {right}" or challenge != before["code_challenge"]:
            return 400, {"error": "invalid_grant"}
        now = int(time.time())
        claims = {
            "iss": self.address, "aud": "desk", "sub": "1", "nonce": before["nonce"], "iat": now, "exp": now + 60,
            "preferred_username": self.person, **self.lies,
        }  # fmt: skip
        kept = {name: value for name, value in claims.items() if value is not None}
        return 200, {"access_token": "a", "token_type": "Bearer", "id_token": jwt.encode(self.header, kept, self.key)}


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    found = Issuer()

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path, query = self.path.partition("?")[::2]
            if path == "/authorize":
                self.send_response(302)
                self.send_header("Location", found.authorized({name: v[0] for name, v in parse_qs(query).items()}))
                self.end_headers()
            elif path == "/keys":
                self.say(200, {"keys": [(found.shown_key or found.key).as_dict(private=False)]})
            else:
                self.say(200, found.description())

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            form = {name: values[0] for name, values in parse_qs(body).items()}
            self.say(*found.token(form, self.headers["Authorization"]))

        def say(self, status: int, told: dict[str, Any]) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(told).encode())

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    found.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield found
    server.shutdown()
    server.server_close()
    thread.join(10)


@pytest.fixture
def browser(small, issuer) -> TestClient:
    app = create_app(small.desk, lambda: TODAY, None, Provider(issuer.address, "desk", "hush", DESK_URL))
    return TestClient(app, base_url=DESK_URL, headers=HTML, follow_redirects=False)


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        return None


def to_the_provider(browser: TestClient, place: str = "/campaigns") -> str:
    """Set out from the desk, and let the provider say where to go back to."""
    away = browser.get(f"/sign-in/oidc?{urlencode({'next': place})}")
    assert away.status_code == 303
    try:
        urllib.request.build_opener(NoRedirect).open(away.headers["location"])
    except urllib.error.HTTPError as found:
        found.close()
        parts = urlsplit(found.headers["Location"])
        assert f"{parts.scheme}://{parts.netloc}" == DESK_URL
        return f"{parts.path}?{parts.query}"
    raise AssertionError("the provider leads back")


def test_somebody_signs_in_by_the_provider_and_is_where_they_wanted_to_be(browser, small):
    assert "Sign in with your organisation" in browser.get("/sign-in").text
    back = browser.get(to_the_provider(browser))
    assert back.status_code == 200
    assert 'content="0; url=/campaigns"' in back.text
    assert browser.get("/v1/session").json()["name"] == "meg"
    assert COOKIE not in browser.cookies
    with small.desk.reading() as connection:
        head = audit.head(connection)
        assert audit.page(connection, head.number - 1, 1)[0]["actor"] == "meg (manager, session)"


def test_an_answer_counts_once_and_for_the_browser_that_asked(browser):
    back = to_the_provider(browser)
    stranger = TestClient(browser.app, base_url=DESK_URL, headers=HTML)
    assert stranger.get(back).status_code == 401
    other = back.replace("state=", "state=x")
    assert browser.get(other).status_code == 401
    kept = dict(browser.cookies)
    assert browser.get(back).status_code == 200
    again = TestClient(browser.app, base_url=DESK_URL, headers=HTML, cookies={COOKIE: kept[COOKIE]})
    assert again.get(back).status_code == 401


@pytest.mark.parametrize(
    "lies",
    [
        {"iss": "https://evil.test"}, {"aud": "another"}, {"nonce": "old"}, {"exp": 1_500_000_000}, {"exp": None},
        {"nonce": None}, {"preferred_username": "stranger"}, {"preferred_username": None},
    ],
    ids=str,
)  # fmt: skip
def test_whoever_is_not_vouched_for_here_and_now_stays_outside(browser, issuer, lies):
    issuer.lies = lies
    assert browser.get(to_the_provider(browser)).status_code == 401
    assert browser.get("/v1/session").status_code == 401


def test_a_token_of_another_key_or_without_signature_is_none(browser, issuer):
    issuer.shown_key = RSAKey.generate_key(2048, {"kid": "one"})
    assert browser.get(to_the_provider(browser)).status_code == 401


def test_an_account_that_was_shut_out_stays_out(browser, small):
    from serving.desk import accounts

    with small.desk.writing() as connection:
        accounts.change_user(connection, "test", "meg", is_active=False)
    assert browser.get(to_the_provider(browser)).status_code == 401


def test_nobody_is_led_elsewhere_by_way_of_the_provider(browser):
    assert 'content="0; url=/"' in browser.get(to_the_provider(browser, "//evil.test")).text


def test_a_provider_whose_description_names_another_is_refused(browser, issuer, monkeypatch):
    monkeypatch.setattr(issuer, "description", lambda: {**Issuer.description(issuer), "issuer": "https://evil.test"})
    answer = browser.get("/sign-in/oidc")
    assert (answer.status_code, "location" in answer.headers) == (401, False)


def test_a_provider_that_is_silent_is_one_line(small):
    provider = Provider("http://127.0.0.1:1", "desk", "hush", DESK_URL)
    client = TestClient(create_app(small.desk, lambda: TODAY, None, provider), base_url=DESK_URL)
    answer = client.get("/sign-in/oidc")
    assert answer.status_code == 503
    assert "does not answer" in answer.json()["detail"]


def test_without_a_provider_there_is_no_such_page(small):
    client = TestClient(create_app(small.desk, lambda: TODAY), base_url=DESK_URL, headers=HTML)
    assert client.get("/sign-in/oidc").status_code == 404
    assert "organisation" not in client.get("/sign-in").text


def test_the_environment_says_all_or_nothing():
    assert provider_of({}) is None
    whole = {ISSUER: "https://id.test", CLIENT: "desk", SECRET: "hush", DESK: DESK_URL}
    assert provider_of(whole) == Provider("https://id.test", "desk", "hush", DESK_URL)
    with pytest.raises(ParameterError, match=f"{SECRET}: expected a value"):
        provider_of(whole | {SECRET: ""})
    with pytest.raises(ParameterError, match=f"{ISSUER}: expected an address that begins with https"):
        provider_of(whole | {ISSUER: "http://id.test"})
