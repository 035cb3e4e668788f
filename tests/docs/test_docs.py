"""What the docs say is so: commands exist and run, links lead somewhere, the glossary and tables name real things."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / name for name in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md")]
PAGES += sorted((ROOT / "docs").rglob("*.md"))


def commands(page: Path) -> list[str]:
    """Lines of the page's shell blocks, without comments."""
    blocks = re.findall(r"```sh\n(.*?)```", page.read_text(), flags=re.DOTALL)
    lines = [line.split("  #")[0].split(" # ")[0].strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if line and not line.startswith("#")]


def make_targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))


def help_of(*command: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", *command, "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return done.stdout


def test_the_readme_sets_up_everything_with_two_commands() -> None:
    assert commands(ROOT / "README.md")[:2] == ["make run", "make test"]


@pytest.mark.parametrize("line", [line for page in PAGES for line in commands(page)])
def test_a_documented_command_exists_with_its_options(line: str) -> None:
    words = shlex.split(line)
    if words[0] == "make":
        assert set(words[1:]) <= make_targets()
    elif words[0] == "regulars":
        said = help_of("pipeline.cli", words[1])
        assert all(word in said for word in words[2:] if word.startswith("--"))
    else:
        assert words[0] == "dvc"
        depth = 3 if words[1] in ("exp", "metrics", "plots") else 2
        said = help_of("dvc", *words[1:depth])
        assert all(word in said for word in words[depth:] if word.startswith("-"))


def test_every_make_target_is_explained_by_help() -> None:
    said = subprocess.run(["make", "-s", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    shown = set(re.findall(r"make ([a-z-]+)", said))
    assert {"run", "test", "check", "prove", "mlflow", "clean", "setup", "figures", "lock"} <= shown


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text()):
        assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_named_files_exist(page: Path) -> None:
    text = page.read_text()
    for name in re.findall(
        r"`((?:contracts|events|features|models|offers|portraits|serving|pipeline|tests|docs)/[\w./]+\.\w+)`", text
    ):
        assert (ROOT / name).exists(), name


def test_locks_hold_no_addresses() -> None:
    for name in ("requirements.lock", "requirements-dev.lock", "pyproject.toml"):
        assert "://" not in (ROOT / name).read_text(), name


def test_ci_calls_the_readmes_test_command() -> None:
    assert "make test" in (ROOT / ".ci" / "run").read_text().splitlines()


def test_the_data_page_is_made_from_the_contracts() -> None:
    from events.dictionary import page

    assert (ROOT / "docs" / "DATA.md").read_text() == page(), "run `make docs`"


def test_the_feature_pages_are_made_from_the_records() -> None:
    from features.documentation import as_json, page

    assert (ROOT / "docs" / "FEATURES.md").read_text() == page(), "run `make docs`"
    assert (ROOT / "docs" / "features.json").read_text() == as_json(), "run `make docs`"


@pytest.mark.parametrize(
    ("module", "pages"),
    [("events.dictionary", ["DATA.md"]), ("features.documentation", ["FEATURES.md", "features.json"])],
)
def test_make_docs_writes_the_pages_that_are_kept(module: str, pages: list[str], tmp_path: Path) -> None:
    made = [str(tmp_path / page) for page in pages]
    line = " ".join([f"python -m {module}", *(f"docs/{page}" for page in pages)])
    assert line in (ROOT / "Makefile").read_text()
    subprocess.run([sys.executable, "-m", module, *made], cwd=ROOT, check=True)
    for page in pages:
        assert (tmp_path / page).read_bytes() == (ROOT / "docs" / page).read_bytes()
