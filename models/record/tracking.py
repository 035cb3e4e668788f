"""MLflow, kept in one place: where it writes, how one run is logged once, how a model comes back.

MLflow is imported inside functions (it takes seconds), told to send no telemetry, and forgotten again: `session` puts
back the environment, the import path and the tracking address that MLflow's own calls change for the whole process.
"""

from __future__ import annotations

import logging
import os
import shutil
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from filelock import FileLock

from contracts.errors import StateError
from contracts.files import write_table
from models.record.pairing import ROWS_FILE
from models.record.run_record import RunRecord

if TYPE_CHECKING:
    import pandas as pd
    from mlflow import MlflowClient

    Client: TypeAlias = MlflowClient

DATABASE = "mlflow.db"
ARTIFACTS = "mlruns"
HASH_TAG = "regulars.content_hash"
TEMPORARY_EXPERIMENT = (".dvc", "tmp", "exps")
CODE_PACKAGES = ("contracts", "features", "models")
REQUIREMENTS = (
    *("lightgbm", "mlflow", "numpy", "pandas", "pyarrow", "pydantic", "ruamel.yaml", "scikit-learn", "scipy"),
    "threadpoolctl",
)
BUNDLE = "bundle"
LOCK_SECONDS = 120
MOST_RUNS = 50_000
COMPARED_FOLDER = "comparison"
QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
    "GIT_PYTHON_REFRESH": "quiet",
}


@dataclass(frozen=True)
class LoggedRun:
    """A finished run and its model's address (`models:/m-…`)."""

    run_id: str
    model_uri: str


def project_root(start: Path | None = None) -> Path:
    """The project of a folder (default: the working folder), also from within DVC's temporary copy of an experiment."""
    here = (start or Path.cwd()).resolve()
    parts = here.parts
    for position in range(len(parts) - len(TEMPORARY_EXPERIMENT) + 1):
        if parts[position : position + len(TEMPORARY_EXPERIMENT)] == TEMPORARY_EXPERIMENT:
            return Path(*parts[:position])
    return here


def tracking_uri(root: Path) -> str:
    """Where runs go: `MLFLOW_TRACKING_URI` if set, else the project's own SQLite file; SQLite paths made absolute.

    A relative SQLite path would, in a temporary experiment, log into a database that is thrown away.
    """
    uri = os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{root / DATABASE}"
    path = _sqlite_path(uri)
    return f"sqlite:///{(root / path).absolute()}" if path else uri


def _sqlite_path(uri: str) -> Path | None:
    name = uri.removeprefix("sqlite:///")
    return Path(name) if name and name != uri else None


def has_store(root: Path) -> bool:
    """Whether there is anything to ask; False only for a SQLite file that does not exist yet."""
    path = _sqlite_path(tracking_uri(root))
    return path is None or path.exists()


@contextmanager
def session(root: Path) -> Iterator[Client]:
    """MLflow's client for a project; `StateError` in one line for whatever MLflow refuses."""
    uri = tracking_uri(root)
    with _undisturbed():
        import mlflow
        from mlflow.exceptions import MlflowException
        from sqlalchemy.exc import DatabaseError

        logging.getLogger("mlflow").setLevel(logging.ERROR)
        try:
            _create_database(uri)
            mlflow.set_tracking_uri(uri)
            yield mlflow.MlflowClient()
        except MlflowException as error:
            first = next(iter(str(error).splitlines()), type(error).__name__).replace(uri, _public(uri))
            raise StateError(f"MLflow at {_public(uri)} refused: {first}; see `make mlflow`") from error
        except DatabaseError as error:
            raise StateError(
                f"MLflow's database at {_public(uri)} cannot be read ({error.orig}); restore it (`regulars restore`)"
            ) from error
        finally:
            mlflow.set_tracking_uri("")


@contextmanager
def _undisturbed() -> Iterator[None]:
    names = {name: value for name, value in os.environ.items() if _is_ours(name)}
    import_path, level = list(sys.path), logging.getLogger("mlflow").level
    os.environ.update(QUIET)
    try:
        with warnings.catch_warnings():
            # MLflow and SQLAlchemy warn about each other while they load; a user can do nothing about it
            warnings.simplefilter("ignore")
            yield
    finally:
        for name in [name for name in os.environ if _is_ours(name)]:
            del os.environ[name]
        os.environ.update(names)
        sys.path[:] = import_path
        logging.getLogger("mlflow").setLevel(level)


def _is_ours(name: str) -> bool:
    return name.startswith("MLFLOW_") or name in QUIET


def _public(uri: str) -> str:
    """An address without user and password."""
    scheme, found, rest = uri.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}" if found and "@" in rest else uri


def _create_database(uri: str) -> None:
    """Make a missing SQLite file in one step: tables are laid out in a draft, which then takes its name.

    MLflow lays out its tables over seconds; two processes at once, or a kill, would leave half of them.
    """
    path = _sqlite_path(uri)
    if path is None or path.exists():
        return
    import mlflow

    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_name(path.name + ".lock"), timeout=LOCK_SECONDS):
        if path.exists():
            return
        draft = path.with_name(path.name + ".draft")
        draft.unlink(missing_ok=True)
        mlflow.MlflowClient(tracking_uri=f"sqlite:///{draft}").search_experiments(max_results=1)
        draft.replace(path)


def experiment_id(client: Client, name: str, root: Path) -> str:
    """The experiment's id; a new one keeps its files in the project's `mlruns/`, unless a server decides."""
    found = client.get_experiment_by_name(name)
    if found is not None:
        return str(found.experiment_id)
    is_local = _sqlite_path(tracking_uri(root)) is not None
    place = (root / ARTIFACTS / name).absolute().as_uri() if is_local else None
    return str(client.create_experiment(name, artifact_location=place))


def find_run(client: Client, experiment: str, content_hash: str) -> LoggedRun | None:
    """The finished run of this content that has its model, or None; a killed one never counts."""
    wanted = f"tags.`{HASH_TAG}` = '{content_hash}' and attributes.status = 'FINISHED'"
    for run in client.search_runs([experiment], filter_string=wanted, order_by=["attributes.start_time ASC"]):
        models = run.outputs.model_outputs if run.outputs else []
        if models:
            return LoggedRun(run.info.run_id, f"models:/{models[0].model_id}")
    return None


def run_params(client: Client, experiment: str, run_id: str | None) -> dict[str, str]:
    """A run's parameters; without a run (or one without parameters) those of the experiment's oldest finished run."""
    from mlflow.exceptions import MlflowException

    try:
        if run_id and (own := client.get_run(run_id).data.params):
            return dict(own)
    except MlflowException:  # the run was deleted for good
        pass
    finished = "attributes.status = 'FINISHED'"
    runs = client.search_runs(
        [experiment], filter_string=finished, order_by=["attributes.start_time ASC"], max_results=20
    )
    return next((dict(run.data.params) for run in runs if run.data.params), {})


def log_run(client: Client, experiment: str, record: RunRecord, bundle: Path, example: pd.DataFrame) -> LoggedRun:
    """Log one run with its model, unless a finished one of the same content is there."""
    import mlflow

    found = find_run(client, experiment, record.content_hash)
    if found:
        return found
    run = client.create_run(experiment, run_name=record.name, tags={**record.tags, HASH_TAG: record.content_hash})
    run_id = run.info.run_id
    with mlflow.start_run(run_id=run_id):  # finished when the block ends, failed when it raises
        _log_figures(client, run_id, record)
        for path in record.files:
            _log_file(client, run_id, path)
        _log_judged(client, run_id, record)
        model_uri = _log_model(record, bundle, example)
    return LoggedRun(run_id, model_uri)


def _log_figures(client: Client, run_id: str, record: RunRecord) -> None:
    from mlflow.entities import Metric, Param, RunTag

    now_ms = int(time.time() * 1000)
    client.log_batch(
        run_id,
        metrics=[Metric(point.name, point.value, now_ms, point.step) for point in record.points],
        params=[Param(name, value) for name, value in record.params.items()],
        tags=[RunTag("mlflow.note.content", record.note)] if record.note else [],
    )
    _log_data(client, run_id, record)


def _log_data(client: Client, run_id: str, record: RunRecord) -> None:
    from mlflow.entities import Dataset, DatasetInput, InputTag

    inputs = [
        DatasetInput(
            Dataset(name, digest[:36], "local", f'{{"path": "{name}"}}'), [InputTag("mlflow.data.context", "training")]
        )
        for name, digest in record.data_hashes.items()
    ]
    if inputs:
        client.log_inputs(run_id, inputs)


def _log_file(client: Client, run_id: str, path: Path) -> None:
    if path.is_dir():
        client.log_artifacts(run_id, str(path), path.name)
    else:
        client.log_artifact(run_id, str(path))


def _log_judged(client: Client, run_id: str, record: RunRecord) -> None:
    if record.judged is None:
        return
    with tempfile.TemporaryDirectory(prefix="regulars-") as place:
        path = Path(place) / ROWS_FILE
        write_table(path, record.judged, lambda rows: rows)
        client.log_artifact(run_id, str(path), COMPARED_FOLDER)


def _log_model(record: RunRecord, bundle: Path, example: pd.DataFrame) -> str:
    import mlflow
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, ParamSchema, ParamSpec, Schema

    from models.reasons import READ_BY_REASONS

    told = [name for name in READ_BY_REASONS if name not in example.columns]
    signature = ModelSignature(
        Schema(
            [
                *(ColSpec("double", name) for name in example.columns),
                *(ColSpec("double", name, required=False) for name in told),
            ]
        ),
        Schema([ColSpec("double", "p_lapse"), ColSpec("string", "reasons")]),
        ParamSchema([ParamSpec("n_reasons", "long", 3)]),
    )
    with tempfile.TemporaryDirectory(prefix="regulars-") as place:
        stage = Path(place)
        shutil.copytree(bundle, stage / BUNDLE)
        logged = mlflow.pyfunc.log_model(
            name="model",
            python_model=str(Path(__file__).with_name("mlflow_model.py")),
            artifacts={BUNDLE: str(stage / BUNDLE)},
            code_paths=_code(stage),
            signature=signature,
            input_example=example,
            pip_requirements=[f"{name}=={version(name)}" for name in REQUIREMENTS],
            tags={name: value for name, value in record.tags.items() if name.startswith("regulars.")},
        )
    return str(logged.model_uri)


def _code(stage: Path) -> list[str]:
    """Copies of our packages without compiled files, so that the model loads where the product is not installed."""
    home = Path(__file__).parents[2]
    for name in CODE_PACKAGES:
        shutil.copytree(home / name, stage / "code" / name, ignore=shutil.ignore_patterns("__pycache__"))
    return [str(stage / "code" / name) for name in CODE_PACKAGES]


def download_file(run_id: str, name: str, into: Path) -> Path | None:
    """Fetch a run's artifact below `into`, or None if it has none of that name; call it within a `session`."""
    import mlflow
    from mlflow.exceptions import MlflowException

    try:
        return Path(mlflow.artifacts.download_artifacts(run_id=run_id, artifact_path=name, dst_path=str(into)))
    except (MlflowException, OSError):
        return None


def run_tag(client: Client, run_id: str, tag: str) -> str:
    """A run's tag, or ''."""
    from mlflow.exceptions import MlflowException

    try:
        return str(client.get_run(run_id).data.tags.get(tag, "")) if run_id else ""
    except MlflowException:  # the run was deleted in MLflow's pages
        return ""


def count_others(client: Client, experiment: str, tag: str, value: str, model_hash: str) -> int:
    """How many other models the finished runs with a tag's value are of."""
    wanted = f"tags.`{tag}` = '{value}' and attributes.status = 'FINISHED'"
    runs = client.search_runs([experiment], filter_string=wanted, max_results=MOST_RUNS)
    return len({run.data.tags.get("regulars.model_hash", "") for run in runs} - {model_hash})


def tell_again(client: Client, run_id: str, record: RunRecord, comparison: Path) -> None:
    """Write a run's verdict, note and comparison anew: its champion has changed."""
    for name in ("regulars.verdict", "regulars.compared_with", "regulars.differs", "regulars.n_judged"):
        client.set_tag(run_id, name, record.tags[name])
    for point in record.points:
        if point.name.startswith("vs_champion/"):
            client.log_metric(run_id, point.name, point.value)
    client.set_tag(run_id, "mlflow.note.content", record.note)
    _log_file(client, run_id, comparison)


def download_bundle(uri: str, into: Path) -> Path:
    """Fetch a model's bundle folder below `into`; call it within a `session`."""
    import mlflow

    place = mlflow.artifacts.download_artifacts(artifact_uri=uri, dst_path=str(into))
    return Path(place) / "artifacts" / BUNDLE
