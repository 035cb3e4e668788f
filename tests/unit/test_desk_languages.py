"""The desk in another language than English: nothing untranslated, the same placeholders, every page in it."""

from __future__ import annotations

import re
from datetime import date
from string import Formatter
from typing import get_args

import pytest
from starlette.testclient import TestClient

from contracts.event_kinds import REASONS
from contracts.portrait_rules import RiskBand, State, Tier, ValueTier
from events.report.findings import SEVERITIES
from models.monitoring.checks import Status
from offers.effects.verdicts import Verdict
from serving.api.app import create_app
from serving.desk.actors import ROLES
from serving.desk.exporting import presets
from serving.desk.filters import CHANGES
from serving.desk.sending import CONTACTED, SINCE, SUPPRESSED
from serving.desk.work import KINDS
from serving.pages.languages import CHINESE, ENGLISH, Catalogue
from serving.pages.rendering import PAGES
from serving.pages.shown import NOTHING, Shop
from tests.desks import NAMES, PASSWORD

TODAY = date(2018, 1, 2)
HTML = {"Accept": "text/html"}
SAME = {"site.name", "sign_in.command", "column.rank", "site.of"}
"""Texts that may be the same in any language: a name, a command, signs."""
CLOSED = {
    "role": ROLES,
    "may": ROLES,
    "tier": get_args(Tier),
    "state": get_args(State),
    "value_tier": get_args(ValueTier),
    "risk_band": get_args(RiskBand),
    "change": CHANGES,
    "check": get_args(Status),
    "grade": ("model", "rule", "none"),
    "kind": KINDS,
    "reason": REASONS,
    "since": (*SINCE.values(), SUPPRESSED, CONTACTED),
    "limit": ("capacity", "budget"),
    "preset": tuple(presets()),
    "severity": SEVERITIES,
    "verdict": get_args(Verdict),
}
"""Closed lists of names that a page shows."""


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


@pytest.mark.parametrize("other", [CHINESE], ids=lambda one: one.language)
def test_every_text_is_translated_with_the_same_placeholders(other: Catalogue):
    assert list(other.texts) == list(ENGLISH.texts)
    for key, text in ENGLISH.texts.items():
        assert other.texts[key].strip(), key
        assert placeholders(other.texts[key]) == placeholders(text), key
        assert key in SAME or other.texts[key] != text, key


@pytest.mark.parametrize("other", [CHINESE], ids=lambda one: one.language)
def test_every_name_of_a_closed_list_is_translated(other: Catalogue):
    assert set(ENGLISH.names) <= set(other.names)
    for kind, known in ENGLISH.names.items():
        assert set(known) <= set(other.names[kind]), kind
    for kind, names in CLOSED.items():
        missing = set(names) - set(other.names[kind])
        assert not missing, (kind, missing)


@pytest.fixture
def chinese(small):
    """The desk as a shop in Shanghai sees it, with an admin signed in."""
    app = create_app(small.desk, lambda: TODAY, Shop("zh_CN", "Asia/Shanghai"))
    http = TestClient(app, base_url="https://desk.test", headers=HTML, raise_server_exceptions=False)
    answer = http.post("/sign-in", data={"name": NAMES["admin"], "password": PASSWORD, "next": "/"})
    assert answer.status_code == 200
    return http


def test_every_page_is_in_the_shops_language(chinese, small):
    customer = small.listed()["customer_id"].iloc[0]
    told = [text for key, text in ENGLISH.texts.items() if key not in SAME and len(text) > 12 and "{" not in text]
    for path in [path for _, path, _ in PAGES] + [f"/weeks/latest/customers/{customer}", "/sign-in", "/nowhere"]:
        text = chinese.get(path).text
        assert '<html lang="zh-Hans">' in text, path
        assert re.search(r"<h1>[^<]*[\u4e00-\u9fff]", text), path
        shown = re.sub(r"<[^>]*>", "\n", text).splitlines()
        assert not set(told) & {line.strip() for line in shown}, path


def test_days_amounts_and_what_is_done_are_told_in_it(chinese, small):
    customer = small.listed()["customer_id"].iloc[0]
    text = chinese.get("/weeks/latest/list").text
    assert f"<h1>{CHINESE.text('list.title', week='2018-W01')}</h1>" in text
    assert re.search(r"20\d\d年\d{1,2}月\d{1,2}日", text)
    assert "US$" in text
    csrf = re.search(r'name="csrf" value="([^"]+)"', text)
    assert csrf
    sent = {"csrf": csrf[1], "customer_id": customer, "kind": "declined", "reason": "price", "key": "k"}
    page = chinese.post("/weeks/latest/outcomes", data=sent).text
    for word in (CHINESE.texts["done.recorded"], "已拒绝", "价格"):
        assert word in page
    wrong = chinese.post("/sign-in", data={"name": "ann", "password": "not the right one"})
    assert CHINESE.texts["sign_in.wrong"] in wrong.text
    assert CHINESE.texts["problem.403"] in chinese.post("/weeks/latest/claims", data={"what": "claim"}).text


def test_why_nothing_may_be_sent_is_told_in_it(chinese):
    text = chinese.get("/weeks/latest/list?on=2018-03-01").text
    assert CHINESE.texts["fresh.stale"] in text
    assert "2018年3月1日" in text
    assert "activity is known" not in text


def test_what_is_not_known_is_shown_as_nothing_and_an_unforeseen_problem_has_a_text():
    shop = Shop()
    assert {shop.number(None), shop.share(None), shop.instant("")} == {NOTHING}
    assert ENGLISH.text("problem.418") == ENGLISH.text("problem.other")
