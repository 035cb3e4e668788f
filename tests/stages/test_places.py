"""Wherever the work is done, the bytes are the same: processes, a Dask cluster; disk or object storage."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from ruamel.yaml import YAML

from contracts.files import digest, read_json
from events.store import read_lines, read_side
from tests.clusters import cluster, s3_server, upload
from tests.projects import Project

BY_BUCKET = ("ingest", "snapshot", "featurize", "score", "portray")
STAGES = (*BY_BUCKET, "plan")
MADE = (
    "data/events",
    "data/snapshots.parquet",
    "data/features",
    "data/scores.parquet",
    "data/portraits.parquet",
    "data/plan.parquet",
)
COLUMNS = (
    *("customer_id", "order_id", "ordered_at", "product_id", "store_id"),
    *("quantity", "amount", "discount", "coupon_discount"),
)
SIDES = ("products", "contacts", "responses", "campaigns")
N_FILES = 5


def bring_files(project: Project) -> Path:
    """The project's purchases as a shop's own export: a few Parquet files, in which customers are mixed."""
    lines = read_lines(project.path / "data" / "events", "purchases")
    lines = lines.sort_values(["ordered_at", "customer_id", "source_line"], ignore_index=True)[list(COLUMNS)]
    folder = project.path / "raw"
    folder.mkdir()
    for number in range(N_FILES):
        part = lines[lines.index % N_FILES == number]
        part.to_parquet(folder / f"sales_{number}.parquet", index=False)
    for name in SIDES:
        read_side(project.path / "data" / "events", name).to_parquet(folder / f"{name}.parquet", index=False)
    return folder


@pytest.fixture(scope="module")
def base(fresh, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project that reads its own files, its stages run in this machine's usual way: one process each."""
    target = tmp_path_factory.mktemp("places") / "base"
    shutil.copytree(fresh[0].path, target, symlinks=True, ignore=shutil.ignore_patterns(".git", "cache", "tmp"))
    project = Project(target)
    bring_files(project)
    project.set("ingest", "source", "files")
    project.set("ingest", "path", "raw")
    project.set("ingest", "sample_customers", None)
    project.set("ingest", "n_buckets", 6)
    yaml = YAML()
    plain = yaml.load(target / "params.yaml")
    plain["ingest"]["format"]["columns"] = {name: name for name in COLUMNS}
    plain["ingest"]["include"] = ["*sales_*.parquet"]
    plain["ingest"]["tables"] = {name: f"*{name}.parquet" for name in SIDES}
    yaml.dump(plain, target / "params.yaml")
    run_stages(project, STAGES)
    return project


def run_stages(project: Project, stages: tuple[str, ...], **environment: str) -> None:
    commands = YAML(typ="safe").load((project.path / "dvc.yaml").read_text())["stages"]
    given = [f"{name}={value}" for name, value in environment.items()]
    for stage in stages:
        project.run("env", *given, sys.executable, *commands[stage]["cmd"].split()[1:])


def copy_of(base: Project, target: Path) -> Project:
    """The same project without what these stages make."""
    shutil.copytree(base.path, target, symlinks=True)
    for made in MADE:
        path = target / made
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    (target / "data" / ".events.recipe.json").unlink()
    return Project(target)


def bytes_of(project: Project, *without: str) -> dict[str, str]:
    root = project.path
    paths = [path for made in MADE for path in ([root / made] if (root / made).is_file() else (root / made).rglob("*"))]
    named = {path.relative_to(root).as_posix(): path for path in paths if path.is_file()}
    return {name: digest(path.read_bytes()) for name, path in named.items() if not name.startswith(without)}


def at(address: str) -> dict[str, str]:
    return {"REGULARS_EXECUTOR": "dask", "REGULARS_SCHEDULER": address}


def feature_rows(project: Project) -> pd.DataFrame:
    table = pd.read_parquet(project.path / "data" / "features")
    return table.sort_values(["cutoff_on", "customer_id"], ignore_index=True)


@pytest.mark.parametrize(
    "n_workers", [pytest.param(1, marks=pytest.mark.prove), 2, pytest.param(4, marks=pytest.mark.prove)]
)
def test_a_dask_cluster_gives_the_same_bytes(base: Project, tmp_path: Path, n_workers: int) -> None:
    there = copy_of(base, tmp_path / "there")
    with cluster(tmp_path / "cluster", n_workers, there.path) as dask:
        run_stages(there, BY_BUCKET, **at(dask.address))
    run_stages(there, ("plan",))
    assert bytes_of(there) == bytes_of(base)


def test_processes_give_the_same_bytes(base: Project, tmp_path: Path) -> None:
    there = copy_of(base, tmp_path / "there")
    run_stages(there, BY_BUCKET, REGULARS_WORKERS="2")
    run_stages(there, ("plan",))
    assert bytes_of(there) == bytes_of(base)


def test_object_storage_and_other_buckets_give_the_same_features_scores_and_plan(base: Project, tmp_path: Path) -> None:
    there = copy_of(base, tmp_path / "there")
    there.set("ingest", "path", "s3://shop/exports")
    there.set("ingest", "n_buckets", 3)
    (tmp_path / "shop").mkdir()
    shutil.move(there.path / "raw", tmp_path / "shop" / "exports")
    with s3_server() as s3, cluster(tmp_path / "cluster", 2, there.path, s3) as dask:
        upload(tmp_path / "shop", "shop", s3)
        run_stages(there, BY_BUCKET, **at(dask.address), **s3)
        facts = read_json(there.path / "data" / "events" / "manifest.json")
    run_stages(there, ("plan",))
    assert len(facts["parts"]) == N_FILES
    pd.testing.assert_frame_equal(feature_rows(there), feature_rows(base))
    different = ("data/events", "data/features")
    assert bytes_of(there, *different) == bytes_of(base, *different)


def test_a_worker_killed_in_the_midst_of_a_stage_is_survived(base: Project, tmp_path: Path) -> None:
    """The stage ends well: every bucket once, none missing, and the bytes are the usual ones."""
    there = copy_of(base, tmp_path / "there")
    with cluster(tmp_path / "cluster", 2, there.path) as dask:
        for stage in ("ingest", "featurize"):
            if stage == "featurize":
                run_stages(there, ("snapshot",))
            victim = dask.processes[-1]
            with subprocess.Popen(["sh", "-c", f"sleep 4.0; kill -9 {victim.pid}"]):
                run_stages(there, (stage,), **at(dask.address))
            victim.wait()
            dask.add_worker()
        run_stages(there, ("score", "portray"), **at(dask.address))
    run_stages(there, ("plan",))
    assert bytes_of(there) == bytes_of(base)


def test_dvc_watches_object_storage(tmp_path: Path) -> None:
    """A stage that depends on a folder there runs once, and again when an object has come: no more, no less."""
    (tmp_path / "up" / "exports").mkdir(parents=True)
    (tmp_path / "up" / "exports" / "one.csv").write_text("1")
    project = Project(tmp_path / "project")
    project.path.mkdir()
    (project.path / "dvc.yaml").write_text(
        "stages:\n  ingest:\n    cmd: echo ran >> ran.log; date > out\n    deps: [s3://shop/exports]\n    outs: [out]\n"
    )
    project.run("git", "init", "-q")
    project.run("dvc", "init", "-q")
    log = project.path / "ran.log"
    with s3_server() as s3:
        given = ("env", *(f"{name}={value}" for name, value in s3.items()))
        upload(tmp_path / "up", "shop", s3)
        for n_runs in (1, 1):
            project.run(*given, "dvc", "repro", "-q")
            assert log.read_text().count("ran") == n_runs
        (tmp_path / "up" / "exports" / "two.csv").write_text("2")
        upload(tmp_path / "up", "shop", s3)
        project.run(*given, "dvc", "repro", "-q")
        assert log.read_text().count("ran") == 2
