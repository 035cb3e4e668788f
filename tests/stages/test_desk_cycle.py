"""A week's cycle through real server, real database and real pipeline: published, worked, pulled, collected.

The first week is two months old, so that its wave has run its course by the second run; the desk's clock is put back to
it once the team has worked, since what is recorded counts from then on.
"""

from __future__ import annotations

import csv
import http.client
import random
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from urllib.parse import urlencode

import pandas as pd
import pytest

from contracts.files import read_json
from serving.desk.database import address, open_desk
from serving.desk.schema import outcomes
from serving.published import find_week, weeks
from tests.desks import PASSWORD
from tests.projects import Project, checkout

N_DAYS, WAVE_AGE_DAYS, MORE_DAYS = 430, 56, 21
ACCOUNTS = {"ada": "admin", "meg": "manager", "ann": "agent"}


def purchases(n_customers: int, first: date) -> list[tuple[str, date, str]]:
    """Customers with a rhythm of their own, of whom some stop, in the order of their days."""
    draw = random.Random(5)
    rows = []
    for number in range(n_customers):
        gap, day = draw.choice([4, 7, 7, 14]), draw.randrange(60)
        left = draw.randrange(day + 1, N_DAYS + 1) if draw.random() < 0.5 else N_DAYS
        while day < min(left, N_DAYS):
            rows.append((f"K-{number:04d}", first + timedelta(days=day), f"{draw.uniform(3, 60):.2f}"))
            day += max(1, round(draw.gammavariate(4, gap / 4)))
    return sorted(rows, key=lambda row: row[1])


def write_sales(path: Path, rows: list[tuple[str, date, str]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("customer", "date", "amount"))
        writer.writerows((name, day.isoformat(), amount) for name, day, amount in rows)


class Browser:
    """What a browser does that knows one page's form after the other: keeps the cookie, sends the form's token."""

    def __init__(self, port: int) -> None:
        self.port, self.cookie = port, ""

    def ask(self, method: str, path: str, form: dict[str, str] | None = None) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        headers = {"Accept": "text/html", "Cookie": self.cookie}
        if form is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        connection.request(method, path, urlencode(form) if form is not None else None, headers)
        answer = connection.getresponse()
        body = answer.read().decode()
        self.cookie = (answer.getheader("Set-Cookie") or self.cookie).split(";")[0]
        connection.close()
        if answer.status == 303:
            return self.ask("GET", str(answer.getheader("Location")))
        return answer.status, body

    def form(self, path: str, action: str, **filled: str) -> str:
        """Open a page, fill in its form of this address, send it; the page that follows."""
        status, page = self.ask("GET", path)
        assert status == 200, page[:500]
        csrf = re.search(r'name="csrf" value="([^"]+)"', page)
        assert csrf, "the page carries the session's token"
        status, after = self.ask("POST", action, {"csrf": csrf[1], "next": path, **filled})
        assert status == 200, after[:500]
        return after

    def sign_in(self, name: str) -> None:
        status, _ = self.ask("POST", "/sign-in", {"name": name, "password": PASSWORD, "next": "/"})
        assert status == 200


@contextmanager
def served(project: Project) -> Iterator[int]:
    """`regulars serve` in the project, on a free port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    command = [sys.executable, "-m", "pipeline.cli", "serve", "--port", str(port)]
    environment = {"PYTHONPATH": str(project.path), "PATH": "/usr/bin:/bin"}
    process = subprocess.Popen(command, cwd=project.path, env=environment, stdout=subprocess.DEVNULL)
    try:
        for _ in range(300):
            with socket.socket() as tried:
                if tried.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        yield port
    finally:
        process.terminate()
        process.wait(30)


def with_accounts(project: Project) -> None:
    for name, role in ACCOUNTS.items():
        subprocess.run(
            [sys.executable, "-m", "pipeline.cli", "user", "add", name, "--role", role],
            cwd=project.path, env={"PYTHONPATH": str(project.path), "PATH": "/usr/bin:/bin"},
            input=f"{PASSWORD}\n", text=True, check=True, capture_output=True,
        )  # fmt: skip


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, list[tuple[str, date, str]], date]:
    """A shop whose first week lies two months back, published; the purchases that come after, and that Monday."""
    folder = tmp_path_factory.mktemp("cycle")
    today = date.today()  # noqa: DTZ011 – of the machine, like the server's
    monday = today - timedelta(days=today.weekday() + WAVE_AGE_DAYS)
    rows = purchases(300, monday + timedelta(days=WAVE_AGE_DAYS + MORE_DAYS - N_DAYS))
    project = checkout(folder, smaller={"train": {"num_trees": 3, "n_bags": 1}})
    (folder / "sales").mkdir()
    write_sales(folder / "sales" / "first.csv", [row for row in rows if row[1] < monday])
    project.regulars("init", "sales", "--yes", "--time-zone", "Europe/Berlin")
    project.regulars("run")
    return project, [row for row in rows if row[1] >= monday], monday


def as_if_recorded_then(project: Project) -> None:
    """Let the desk's clock have stood where the work was done: what is recorded today is no news of two months ago."""
    desk = open_desk(address(project.path))
    with desk.writing() as connection:
        connection.execute(outcomes.update().values(recorded_at=outcomes.c.happened_at))
    desk.close()


def test_what_the_team_does_this_week_is_what_the_next_run_knows(shop) -> None:
    project, later, monday = shop
    first = find_week(project.path / "published")
    listed = first.at_risk()
    treated = listed.loc[listed["arm"] == "treated", "customer_id"].tolist()
    assert len(treated) >= 3, "somebody is to be contacted"
    contacted, declined, wrong = treated[:3]
    with_accounts(project)
    with served(project) as port:
        browser = Browser(port)
        browser.sign_in("ann")
        place = f"/weeks/{first.week}"
        for name in treated[:3]:
            browser.form(f"{place}/list", f"{place}/claims", customer_id=name, what="claim")
        day = (monday + timedelta(days=2)).isoformat()
        for name, kind, reason in (
            (contacted, "contacted", ""),
            (declined, "contacted", ""),
            (declined, "declined", "price"),
            (wrong, "skipped", "wrongly listed"),
        ):
            told = {"kind": kind, "reason": reason, "day": day, "note": "", "key": f"{name}-{kind}"}
            page = browser.form(f"{place}/customers/{name}", f"{place}/outcomes", customer_id=name, **told)
            assert "Recorded." in page
        status, week = browser.ask("GET", "/")
        assert status == 200
        assert 'data-kind="contacted">2<' in week
    as_if_recorded_then(project)
    # the next run, after more was bought
    write_sales(project.path / "sales" / "second.csv", later)
    said = project.regulars("pull")
    assert "inbox/desk: 2 of 2" in said
    project.regulars("run")
    names = weeks(project.path / "published")
    assert names[-1] > first.week
    waves = pd.read_parquet(project.path / "data" / "wave_outcomes.parquet")
    of_wave = waves[waves["wave"] == first.week].set_index("customer_id")
    assert len(of_wave), "the first wave has matured"
    assert set(of_wave.index[of_wave["is_contacted"]]) == {contacted, declined}
    assert of_wave.loc[[declined, wrong], "reason"].to_dict() == {declined: "price", wrong: "wrongly listed"}
    assert first.week in str(read_json(project.path / "reports" / "effects" / "effects.json"))
    # and the desk shows the new week, with what was recorded of the old one still there
    with served(project) as port:
        browser = Browser(port)
        browser.sign_in("meg")
        assert names[-1] in browser.ask("GET", "/")[1]
        assert "price" in browser.ask("GET", f"{place}/customers/{declined}")[1]
