"""The desk in a real browser: a morning's work from sign-in to an outcome that counts; axe finds nothing."""

from __future__ import annotations

import shutil
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from contracts.files import read_json
from pipeline.desk import load_published
from serving.api.app import create_app
from serving.desk import audit, work
from serving.desk.database import open_desk
from serving.pages.shown import Shop
from serving.published import find_week
from tests.desks import PASSWORD, Filled, add_accounts
from tests.projects import Project

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
SIZES = {"desktop": (1280, 900), "phone": (375, 800)}
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here (Debian: apt-get install chromium)")


@pytest.fixture(scope="module")
def filled(fresh: tuple[Project, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filled]:
    """A desk that holds the week of a real run, with its reports."""
    root = fresh[0].path
    desk = open_desk(f"sqlite:///{tmp_path_factory.mktemp('desk')}/desk.sqlite")
    load_published(root, desk)
    yield Filled(desk, find_week(root / "published"), add_accounts(desk))
    desk.close()


@pytest.fixture(scope="module")
def address(filled: Filled) -> Iterator[str]:
    """The real server on a free port; the day is the first after the week's data."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    day = date.fromisoformat(filled.week().data_through)
    app = create_app(filled.desk, lambda: date.fromordinal(day.toordinal() + 1), Shop("en_US", "America/New_York"))
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="error", access_log=False))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    place = f"http://127.0.0.1:{port}"
    _await(place)
    yield place
    server.should_exit = True
    thread.join(10)


def _await(place: str) -> None:
    for _ in range(600):
        try:
            urllib.request.urlopen(f"{place}/v1/health").close()
        except urllib.error.URLError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError("the server did not start")


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    api = pytest.importorskip("playwright.sync_api")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def signed_in(chromium: Any, address: str) -> Iterator[Callable[..., Any]]:
    """Open a window of a size and scheme and sign in."""
    held = []

    def opened(name: str, **look: Any) -> Any:
        context = chromium.new_context(**look)
        held.append(context)
        page = context.new_page()
        page.goto(f"{address}/weeks/latest/list")
        page.get_by_label("Name").fill(name)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.get_by_role("heading", level=1).wait_for()
        return page

    yield opened
    for context in held:
        context.close()


def _declined(page: Any) -> int:
    """The count of declined offers that the week's page shows; none shown is 0."""
    shown = page.locator("dd[data-kind=declined]")
    return int(shown.inner_text()) if shown.count() else 0


@pytest.mark.parametrize("is_scripted", [True, False], ids=["with script", "without script"])
def test_a_mornings_work(filled: Filled, signed_in: Callable[..., Any], tmp_path: Path, is_scripted: bool) -> None:
    page = signed_in("ann", java_script_enabled=is_scripted, accept_downloads=True)
    page.get_by_role("link", name="This week").click()
    before = _declined(page)
    page.get_by_role("link", name="List", exact=True).click()
    # filter
    band = filled.listed()["risk_band"].iloc[0]
    page.locator("select[name=risk_band]").select_option(band)
    if not is_scripted:
        page.get_by_role("button", name="Show").click()
    page.wait_for_url(f"**risk_band={band}**")
    page.get_by_label("nobody works on them").check()
    if not is_scripted:
        page.get_by_role("button", name="Show").click()
    page.wait_for_url("**unclaimed=1**")
    # claim
    button = page.get_by_role("button", name="Claim customer").first
    name = button.get_attribute("aria-label").removeprefix("Claim customer ")
    button.click()
    page.get_by_role("link", name=name, exact=True).wait_for(state="detached")
    with filled.desk.reading() as connection:
        assert work.holders(connection, filled.week().week, [name]) == {name: "ann"}
    # open the customer among one's own
    page.get_by_label("nobody works on them").uncheck()
    page.get_by_label("mine").check()
    if not is_scripted:
        page.get_by_role("button", name="Show").click()
    page.get_by_role("link", name=name, exact=True).click()
    page.get_by_role("heading", name=f"Customer {name}").wait_for()
    assert page.locator("svg.bars rect").count() > 0
    # record
    page.locator("select[name=kind]").select_option("declined")
    page.locator("select[name=reason]").select_option("price")
    page.get_by_label("Note").fill("Too dear <b>for her</b>")
    page.get_by_role("button", name="Record", exact=True).click()
    page.get_by_text("Recorded.", exact=True).wait_for()
    assert page.get_by_text("Too dear <b>for her</b>").is_visible()
    # see it counted
    page.get_by_role("link", name="This week").click()
    assert _declined(page) == before + 1
    # export one's own
    page.get_by_role("link", name="List", exact=True).click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Export mine").click()
    download.value.save_as(tmp_path / "mine.csv")
    assert name in (tmp_path / "mine.csv").read_text()
    with filled.desk.reading() as connection:
        head = audit.head(connection)
        assert [row["action"] for row in audit.page(connection, head.number - 1, 1)] == ["exported"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", list(SIZES))
def test_no_page_violates_what_axe_checks(
    filled: Filled, signed_in: Callable[..., Any], address: str, size: str, scheme: str
) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    width, height = SIZES[size]
    page = signed_in("ada", viewport={"width": width, "height": height}, color_scheme=scheme)
    first = filled.listed()["customer_id"].iloc[0]
    places = ["/", "/weeks/latest/list", "/weeks/latest/list?tier=nonesuch", f"/weeks/latest/customers/{first}"]
    places += ["/campaigns", "/weeks", "/model", "/data", "/accounts", "/audit", "/nowhere", "/sign-in"]
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if "404" not in message.text else None)
    for place in places:
        page.goto(f"{address}{place}")
        found = axe.run(page).response["violations"]
        assert not [(one["id"], one["nodes"][0]["html"]) for one in found], place
        assert page.evaluate("document.documentElement.scrollWidth") <= width, place
    assert not said


def test_the_keyboard_is_enough(signed_in: Callable[..., Any]) -> None:
    page = signed_in("ann")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('main') !== null")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_the_week_that_is_shown_is_the_one_that_was_published(filled: Filled, signed_in: Callable[..., Any]) -> None:
    page = signed_in("vic")
    said = read_json(filled.revision.folder / "manifest.json")
    assert page.get_by_role("heading", level=1).inner_text() == f"List of {said['week']}"
    assert f"{said['counts']['n_listed']:,} customers." in page.locator("main").inner_text()
