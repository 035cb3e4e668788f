"""The pictures of the documentation, taken in a real browser from a project that has run: the desk and MLflow.

    python -m benchmarks.pictures SHOP RECORD

SHOP is a project with a published week of a simulated shop (tutorial: from a file to the list), so that no picture
shows anybody's data; RECORD one with a challenger (tutorial: the first experiment), of which figures alone are
shown. Needs Chromium.
"""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.error import URLError

from contracts.errors import SourceError
from models.record.tracking import session
from serving.published import find_week

PICTURES = Path(__file__).parents[1] / "docs" / "pictures"
WIDTH, HEIGHT = 1280, 860
WAIT_SECONDS = 120.0
ROW = "table tbody tr"


@contextmanager
def served(project: Path, command: Sequence[str], address: str) -> Iterator[None]:
    """A server of the project, from when it answers until it is ended."""
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.STDOUT}
    server = subprocess.Popen(command, cwd=project, env=_environment(), **quiet)  # type: ignore[call-overload]  # noqa: S603
    try:
        _wait(address)
        yield
    finally:
        server.terminate()
        server.wait(30)


def _environment() -> dict[str, str]:
    return dict(os.environ) | {"PYTHONPATH": str(Path(__file__).parents[1])}


def _wait(address: str) -> None:
    end = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < end:
        try:
            with urllib.request.urlopen(address, timeout=5):  # noqa: S310 – our own address
                return
        except (URLError, OSError):
            time.sleep(0.5)
    raise SourceError(f"expected an answer at {address} within {WAIT_SECONDS:.0f} s, got none; look at the server")


def free_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def desk(page: Any, project: Path) -> None:
    """The list and a customer, as a manager sees them on the first day of the week."""
    port, password = free_port(), secrets.token_urlsafe(18)
    ours = [sys.executable, "-m", "pipeline.cli"]
    day = find_week(project / "published").data_through + timedelta(days=1)
    with tempfile.TemporaryDirectory() as scratch:
        there = Path(shutil.copytree(project, Path(scratch) / "shop", ignore=shutil.ignore_patterns("desk", ".git")))
        adding = [*ours, "user", "add", "meg", "--role", "manager"]
        subprocess.run(adding, cwd=there, env=_environment(), input=f"{password}\n", text=True, check=True)  # noqa: S603
        address = f"http://127.0.0.1:{port}"
        with served(there, [*ours, "serve", "--port", str(port)], f"{address}/v1/health"):
            page.goto(f"{address}/sign-in")
            page.locator("input[name=name]").fill("meg")
            page.locator("input[name=password]").fill(password)
            page.get_by_role("button", name="Sign in").click()
            page.goto(f"{address}/weeks/latest/list?on={day}")
            page.locator(ROW).first.wait_for()
            page.screenshot(path=PICTURES / "desk-list.png")
            page.locator(f"{ROW} a").first.click()
            page.locator("svg.bars rect").first.wait_for()
            page.screenshot(path=PICTURES / "desk-customer.png")


def record(page: Any, project: Path) -> None:
    """The challenger's run in MLflow: its description, and its comparison with the champion."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    store = f"sqlite:///{project.resolve()}/mlflow.db"
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", store, "--host", "127.0.0.1"]
    command += ["--artifacts-destination", f"{project.resolve()}/mlruns", "--serve-artifacts"]
    with session(project) as client:
        run = client.search_runs(["1"], order_by=["attributes.start_time DESC"], max_results=1)[0].info.run_id
    with served(project, [*command, "--port", str(port), "--workers", "1"], f"{address}/health"):
        page.goto(f"{address}/#/experiments/1/runs/{run}/artifacts/comparison/comparison.html")
        page.locator("iframe").first.wait_for(timeout=60_000)
        for closing in page.get_by_label("Close").all():
            closing.click()
        page.wait_for_timeout(2000)
        page.screenshot(path=PICTURES / "mlflow-run.png")


def main(arguments: Sequence[str]) -> None:
    """Take every picture from the projects that are named."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 – a package of the tests

    shop, judged = (Path(argument) for argument in arguments)
    program = shutil.which("chromium")
    for project in (shop, judged):
        if not (project / "published").is_dir() or program is None:
            raise SourceError(f"expected a published week in {project}, and Chromium; run `regulars run` there")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        desk(page, shop)
        record(page, judged)
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1:])
