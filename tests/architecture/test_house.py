"""The walls of the house: a stage is one word everywhere, DVC's deps cover the imports, time is owned by one module."""

from __future__ import annotations

import ast
import importlib
import re
from pathlib import Path

import grimp
import pytest
from ruamel.yaml import YAML

from contracts.params import Params

ROOMS = ("contracts", "events", "features", "models", "portraits", "offers", "serving", "simulation", "pipeline")
COMMON_SECTIONS = {"store", "task", "execution"}
READ_BY_PATH = {
    "models/record/mlflow_model.py",
    "models/record/comparison_page.html.j2",
}  # read as files


def plain(path: Path) -> dict:
    return YAML(typ="safe").load(path.read_text())


@pytest.fixture(scope="module")
def stages(root: Path) -> dict[str, dict]:
    return plain(root / "dvc.yaml")["stages"]


@pytest.fixture(scope="module")
def imports(root: Path) -> grimp.ImportGraph:
    return grimp.build_graph(*ROOMS, cache_dir=None)


def architecture_rows(root: Path) -> list[str]:
    text = (root / "ARCHITECTURE.md").read_text()
    table = text.split("## The way of the data")[1].split("\n## ")[0]
    return re.findall(r"^\| `(\w+)` \|", table, flags=re.MULTILINE)


def test_a_stage_is_one_word_everywhere(root: Path, stages: dict[str, dict]) -> None:
    names = list(stages)
    assert names == architecture_rows(root)
    assert set(names) == set(plain(root / "params.yaml")) - COMMON_SECTIONS
    assert set(names) == {info.alias or name for name, info in Params.model_fields.items()} - COMMON_SECTIONS
    for name, stage in stages.items():
        assert (root / "pipeline" / f"{name}.py").exists()
        assert stage["cmd"].startswith(f"python -m pipeline.{name} ")


def test_stage_modules_are_thin_and_do_not_import_each_other(root: Path, stages, imports) -> None:
    for name in stages:
        lines = (root / "pipeline" / f"{name}.py").read_text().splitlines()
        assert len(lines) <= 75, f"pipeline/{name}.py has {len(lines)} lines"
        for other in set(stages) - {name}:
            assert not imports.direct_import_exists(importer=f"pipeline.{name}", imported=f"pipeline.{other}")


def module_path(root: Path, module: str) -> str:
    base = root.joinpath(*module.split("."))
    return (base / "__init__.py" if base.is_dir() else base.with_suffix(".py")).relative_to(root).as_posix()


def test_dvc_deps_cover_the_import_closure(root: Path, stages, imports) -> None:
    for name, stage in stages.items():
        module = f"pipeline.{name}"
        closure = imports.find_upstream_modules(module) | {module}
        closure |= {parent for used in closure if "." in used for parent in [used.rpartition(".")[0]]} - {"pipeline"}
        needed = {module_path(root, used) for used in closure}
        deps = stage["deps"]
        bare = {path for path in needed if not any(path == dep or path.startswith(f"{dep}/") for dep in deps)}
        assert not bare, f"stage {name}: deps lack {sorted(bare)}"
        code = {dep for dep in deps if dep.split("/")[0] in ROOMS}
        code -= READ_BY_PATH
        idle = {dep for dep in code if not any(path == dep or path.startswith(f"{dep}/") for path in needed)}
        assert not idle, f"stage {name}: deps name {sorted(idle)}, which it does not import"


def test_dvc_params_are_the_sections_that_a_stage_reads(stages) -> None:
    for name, stage in stages.items():
        declared = {str(key).split(".")[0] for key in stage["params"]}
        module = importlib.import_module(f"pipeline.{name}")
        assert declared == set(module.SECTIONS), name
        source = ast.parse(Path(module.__file__).read_text())
        read = {
            node.attr.rstrip("_")
            for node in ast.walk(source)
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "params"
        }
        assert read <= declared | {"model_dump", "model_fields"}, f"{name} reads {sorted(read - declared)}"


def test_no_stage_watches_where_work_is_done(stages) -> None:
    """The place changes no result: a run on a cluster after one on a laptop must rerun nothing."""
    place = {"execution", "execution.executor", "execution.workers", "execution.scheduler"}
    for name, stage in stages.items():
        assert not place & {str(key) for key in stage["params"]}, name


def test_state_is_never_a_dvc_output(stages) -> None:
    state = ("inbox", "published", "ledger", "mlflow.db", "mlruns")
    for name, stage in stages.items():
        outs = [next(iter(out)) if isinstance(out, dict) else out for out in stage.get("outs", [])]
        assert not [out for out in outs if out.split("/")[0] in state], name


CUTOFF_NAMES = {"cutoff", "cutoff_on", "today", "instant"}
ORDERING = ast.Lt | ast.LtE | ast.Gt | ast.GtE
ORDERING_METHODS = {"lt", "le", "gt", "ge", "between", "searchsorted"}


def names_of(node: ast.AST) -> set[str]:
    """Names in an expression; what is handed to a function is that function's business."""
    if isinstance(node, ast.Call):
        called = names_of(node.func)
        return called.union(*map(names_of, node.args)) if "day_number" in called else called
    own = {node.attr} if isinstance(node, ast.Attribute) else {node.id} if isinstance(node, ast.Name) else set()
    return own.union(*(names_of(child) for child in ast.iter_child_nodes(node)))


def comparisons_with_a_cutoff(source: str) -> list[int]:
    """Lines that order something against a name that means a cutoff, by operator or by method."""
    found = []
    for node in ast.walk(ast.parse(source)):
        operands: list[ast.expr] = []
        if isinstance(node, ast.Compare) and any(isinstance(op, ORDERING) for op in node.ops):
            operands = [node.left, *node.comparators]
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ORDERING_METHODS:
            operands = node.args
        if any(names_of(operand) & CUTOFF_NAMES for operand in operands):
            found.append(node.lineno)
    return found


def test_one_module_compares_time_with_a_cutoff(root: Path) -> None:
    """And its twin on arrays, which compiled loops need; the plain engine, which has only the first, must equal it."""
    owners = {root / "contracts" / "windows.py", root / "features" / "kernel" / "cutoffs.py"}
    for room in ROOMS:
        for path in (root / room).rglob("*.py"):
            if path not in owners:
                assert not comparisons_with_a_cutoff(path.read_text()), path.relative_to(root)


def test_the_search_for_comparisons_finds_one() -> None:
    assert comparisons_with_a_cutoff("days < windows.day_number(cutoff)") == [1]
    assert comparisons_with_a_cutoff("rows[rows.ordered_at <= cutoff]") == [1]
    assert comparisons_with_a_cutoff("np.searchsorted(days, cut.today - 91)") == [1]
    assert comparisons_with_a_cutoff("rows.ordered_at.lt(self.cutoff)") == [1]
    assert not comparisons_with_a_cutoff("windows.days_until(rows, cutoff) > 0")


def test_no_module_is_two_rooms_in_one(root: Path) -> None:
    for room in ROOMS:
        for path in (root / room).rglob("*.py"):
            assert len(path.read_text().splitlines()) <= 400, path


def imported_names(path: Path) -> set[str]:
    """Top-level packages that a module imports, wherever in it."""
    nodes = list(ast.walk(ast.parse(path.read_text())))
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)]
    return {name.split(".")[0] for name in names}


def test_mlflow_is_imported_in_two_modules(root: Path) -> None:
    users = set()
    for room in ROOMS:
        for path in (root / room).rglob("*.py"):
            if "mlflow" in imported_names(path):
                users.add(path.relative_to(root).as_posix())
    assert users == {"models/record/tracking.py", "models/record/mlflow_model.py"}


def test_no_pickle_is_loaded(root: Path) -> None:
    for room in ROOMS:
        for path in (root / room).rglob("*.py"):
            assert not imported_names(path) & {"pickle", "joblib", "cloudpickle", "dill"}, path


def test_importing_a_module_does_nothing_heavy(root: Path) -> None:
    """The command line answers quickly: importing it loads neither pandas nor LightGBM nor MLflow."""
    import subprocess
    import sys

    heavy = "pandas, lightgbm, mlflow, sklearn, dvc"
    code = f"import sys, pipeline.cli; print([m for m in '{heavy}'.split(', ') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


MAY_READ_AUDIT = {"ingest"}  # writes it; the guard (plan) and the model card (register) may come to read it
ALLOWED_TO_READ_AUDIT = {"plan", "register"}


def test_forbidden_attributes_reach_no_stage_but_guard_and_model_card(stages, imports) -> None:
    """Held twice: no stage depends on `audit/`, and nothing but `ingest` imports the module that knows its place."""
    for name, stage in stages.items():
        read = [dep for dep in stage["deps"] if dep.startswith("audit")]
        assert not read or name in ALLOWED_TO_READ_AUDIT, name
        if name not in MAY_READ_AUDIT | ALLOWED_TO_READ_AUDIT:
            assert "audit" not in stage["cmd"], name
    users = imports.find_modules_that_directly_import("events.audit")
    assert users == {"pipeline.ingest"}


def cells(root: Path, heading: str) -> list[list[str]]:
    """The rows of the table under a heading of ARCHITECTURE.md, each as its cells."""
    text = (root / "ARCHITECTURE.md").read_text().split(f"## {heading}")[1].split("\n## ")[0]
    return [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| `")]


def named(cell: str) -> list[str]:
    return [name.rstrip("/") for name in re.findall(r"`([\w./]+)`", cell)]


def is_of(said: str, out: str) -> bool:
    """Whether an output is the one that a table names, lies in it, or ends with its short name."""
    return out == said or out.startswith(f"{said}/") or out.endswith(f"/{said}")


def test_what_a_stage_writes_is_what_architecture_says(root: Path, stages: dict[str, dict]) -> None:
    rows = {named(row[0])[0]: named(row[3]) for row in cells(root, "The way of the data")}
    for name, stage in stages.items():
        outs = [out if isinstance(out, str) else next(iter(out)) for out in stage["outs"] + stage.get("metrics", [])]
        idle = [said for said in rows[name] if not any(is_of(said, out) for out in outs)]
        unsaid = [out for out in outs if not any(is_of(said, out) for said in rows[name])]
        assert not idle, f"ARCHITECTURE.md says that {name} writes {idle}"
        assert not unsaid, f"ARCHITECTURE.md does not say that {name} writes {unsaid}"


def test_every_room_and_every_folder_in_it_is_in_architecture(root: Path) -> None:
    rows = {named(row[0])[0]: " ".join(row[1:]) for row in cells(root, "The rooms")}
    packages = {path.parent.name for path in root.glob("*/__init__.py")} - {"tests", "benchmarks"}
    assert packages | {"trials"} == set(rows) == set(ROOMS) | {"trials"}
    for room in packages:
        inner = {path.parent.name for path in (root / room).glob("*/__init__.py")}
        for folder in sorted(inner - {"params"}):  # typed parameters are one section each
            assert f"`{folder}/`" in rows[room], f"ARCHITECTURE.md does not name {room}/{folder}/"


def test_every_path_that_architecture_names_is_there(root: Path) -> None:
    """A bare file name stands beside the last path before it in the same cell."""
    for row in cells(root, "Where to change what"):
        beside = None
        for name in named(row[1]):
            paths = [
                root / name,
                *([beside / name] if beside else []),
                *root.glob(f"*/{name}"),
                *root.glob(f"*/*/{name}"),
            ]
            if "/" in name or name.endswith((".py", ".yaml", ".md")):
                there = [path for path in paths if path.exists()]
                assert there, f"ARCHITECTURE.md: {row[0]}: there is no {name}"
                beside = there[0] if there[0].is_dir() else there[0].parent
