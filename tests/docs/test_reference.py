"""Reference pages are what the code says; the site builds without a warning."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from contracts.params import read_yaml
from models.evaluation.metrics import METRICS
from pipeline.reference.flow_picture import edges, picture, places
from pipeline.reference.licences import licence_of, locked, page
from pipeline.reference.pages import FIGURES, VARIABLES, main, pages

ROOT = Path(__file__).resolve().parents[2]
ROOMS = (
    "contracts",
    "events",
    "features",
    "models",
    "portraits",
    "offers",
    "serving",
    "simulation",
    "pipeline",
    "benchmarks",
)


@pytest.fixture(scope="module")
def made() -> dict[str, str]:
    return pages()


def test_every_reference_page_is_made_from_the_code(made: dict[str, str]) -> None:
    kept = {path.name: path.read_text() for path in (ROOT / "docs" / "reference").glob("*.md")}
    kept.pop("licences.md")
    assert kept == made, "run `make docs`"


def test_the_command_of_make_docs_writes_every_page(made: dict[str, str], tmp_path: Path) -> None:
    main([str(tmp_path)])
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == made


def test_every_package_of_the_runtime_has_a_licence_and_none_is_the_agpl() -> None:
    lock = (ROOT / "requirements.lock").read_text()
    assert (ROOT / "docs" / "reference" / "licences.md").read_text() == page(lock), "run `make docs`"
    licences = {name: licence_of(name) for name, _ in locked(lock)}
    assert [name for name, licence in licences.items() if not licence] == []
    assert [name for name, licence in licences.items() if re.search("AGPL|Affero", licence)] == []


def test_the_workflow_runs_what_ci_runs() -> None:
    workflow = read_yaml(ROOT / ".github" / "workflows" / "ci.yml")
    steps = workflow["jobs"]["test"]["steps"]
    assert [step["run"] for step in steps if "run" in step] == ["sudo --preserve-env=PATH .ci/run"]
    assert workflow["permissions"] == {"contents": "read"}


def test_the_scheduled_workflow_of_the_tutorial_is_sound() -> None:
    text = (ROOT / "docs" / "tutorials" / "weekly-operation.md").read_text()
    (workflow,) = (YAML(typ="safe").load(block) for block in re.findall(r"```yaml\n(.*?)```", text, flags=re.DOTALL))
    assert workflow["jobs"]["weekly"]["steps"][0]["run"] == ".venv/bin/regulars weekly --json"
    assert workflow["on"]["schedule"] == [{"cron": "0 5 * * 1"}]


def test_cron_lines_call_commands_that_exist() -> None:
    for page_ in (ROOT / "README.md", ROOT / "docs" / "tutorials" / "weekly-operation.md"):
        lines = re.findall(r"```cron\n(.*?)```", page_.read_text(), flags=re.DOTALL)[0].splitlines()
        assert [line.split()[:5] for line in lines] == [["0", "5", "*", "*", "1"], ["30", "6", "*", "*", "1"]]
        assert {re.search(r"bin/regulars (\w+)", line)[1] for line in lines} == {"weekly", "backup"}
        assert all(r"\%F" in line for line in lines if "date" in line), "cron ends a line at a bare %"


def test_the_flows_picture_is_drawn_from_the_stages() -> None:
    stages = read_yaml(ROOT / "dvc.yaml")["stages"]
    assert (ROOT / "docs" / "pictures" / "flow.svg").read_text() == picture(stages), "run `make docs`"


def test_an_arrow_is_drawn_for_what_no_other_way_says() -> None:
    stages = {
        "a": {"deps": ["raw"], "outs": ["x"]},
        "b": {"deps": ["x"], "outs": [{"y": {"cache": False}}]},
        "c": {"deps": ["x/part", "y"], "outs": []},
    }
    assert edges(stages) == {("a", "b"), ("b", "c")}
    assert places(stages, edges(stages)) == {"a": (0, 0), "b": (1, 0), "c": (2, 0)}


def test_every_figure_that_is_measured_is_explained() -> None:
    assert set(METRICS) <= set(FIGURES)


def test_every_variable_that_the_code_reads_is_explained() -> None:
    files = [path for room in (*ROOMS, "tests") for path in (ROOT / room).rglob("*.py")]
    read = {name for path in files for name in re.findall(r"\bREGULARS_[A-Z_]+[A-Z]\b", path.read_text())}
    assert read == set(VARIABLES)


def test_every_parameter_and_command_stands_on_its_page(made: dict[str, str]) -> None:
    for key in ("horizon_days", "harm_at_worst", "num_leaves", "retention_days"):
        assert f"{key}`" in made["parameters.md"]
    assert {"regulars run", "regulars weekly", "regulars user add"} <= set(
        re.findall(r"## `(.+)`", made["commands.md"])
    )


def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    shutil.copyfile(ROOT / "zensical.toml", tmp_path / "zensical.toml")
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    program = Path(sys.executable).parent / "zensical"
    done = subprocess.run([program, "build", "--strict"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "No issues found" in done.stdout + done.stderr


def test_every_page_is_in_the_sites_table_of_contents() -> None:
    listed = set(re.findall(r'= "([\w/.-]+\.md)"', (ROOT / "zensical.toml").read_text()))
    assert listed == {path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")}


def test_the_site_fetches_nothing_from_elsewhere() -> None:
    assert "font = false" in (ROOT / "zensical.toml").read_text()
    for path in (ROOT / "docs").rglob("*.md"):
        assert not re.search(r"!\[[^]]*\]\(https?:", path.read_text()), path
