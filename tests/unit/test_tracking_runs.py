from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from contracts.errors import StateError
from contracts.files import digest
from models.bundle import load_model
from models.candidate import compose, model_hash, read_release
from models.record import champions, tracking
from models.record.run_record import differences, example_rows, note, points, run_name


@pytest.fixture
def composed(project):
    """A project with its candidate composed."""
    _compose(project)
    return project


def _compose(project):
    from contracts.files import read_json
    from contracts.params import load_params

    params = load_params(project.root / "params.yaml")
    compose(
        project.evidence.candidate.parent / "release_fit",
        read_json(project.evidence.gate),
        params,
        project.evidence.candidate,
    )


def _log(project, experiment=None):
    return champions.log_candidate(champions.place(project.root), project.evidence, experiment)


def test_the_root_of_a_temporary_experiment_is_the_project(tmp_path):
    inside = tmp_path / ".dvc" / "tmp" / "exps" / "tmpx"
    inside.mkdir(parents=True)
    assert tracking.project_root(inside) == tracking.project_root(tmp_path) == tmp_path.resolve()


def test_the_address_is_absolute_and_can_be_given(tmp_path, monkeypatch):
    assert tracking.tracking_uri(tmp_path) == f"sqlite:///{tmp_path}/mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///other.db")
    assert tracking.tracking_uri(tmp_path) == f"sqlite:///{tmp_path}/other.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://mlflow.example")
    assert tracking.tracking_uri(tmp_path) == "https://mlflow.example"
    assert tracking.has_store(tmp_path)


def test_a_session_leaves_environment_and_import_path_as_they_were(project):
    before, path = dict(os.environ), list(sys.path)
    _compose(project)
    _log(project)
    assert dict(os.environ) == before
    assert sys.path == path


def test_what_mlflow_refuses_is_one_line_without_credentials(project, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "nosuch://user:pass@host/x")
    with pytest.raises(StateError) as caught, tracking.session(project.root):
        pass
    assert "user:pass" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_logging_twice_is_one_run(composed):
    assert _log(composed) == _log(composed)
    with tracking.session(composed.root) as client:
        experiment = client.get_experiment_by_name("regulars").experiment_id
        assert len(client.search_runs([experiment])) == 1


def test_a_run_that_was_killed_does_not_count(composed, monkeypatch):
    def killed(*_):
        raise RuntimeError("killed")

    with monkeypatch.context() as broken:
        broken.setattr(tracking, "_log_model", killed)
        with pytest.raises(RuntimeError):
            _log(composed)
    _log(composed)
    with tracking.session(composed.root) as client:
        experiment = client.get_experiment_by_name("regulars").experiment_id
        assert sorted(run.info.status for run in client.search_runs([experiment])) == ["FAILED", "FINISHED"]


def test_a_finished_run_without_its_model_does_not_count(composed):
    place = champions.place(composed.root)
    first = _log(composed)
    with tracking.session(composed.root) as client:
        experiment = tracking.experiment_id(client, place.experiment, place.root)
        content = client.get_run(first).data.tags[tracking.HASH_TAG]
        client.delete_run(first)
        bare = client.create_run(experiment, tags={tracking.HASH_TAG: content}).info.run_id
        client.set_terminated(bare)
        assert tracking.find_run(client, experiment, content) is None
    assert _log(composed) not in (first, bare)


def test_a_run_tells_figures_parameters_data_and_what_differs(composed):
    (composed.root / "dvc.lock").write_text(
        "schema: '2.0'\nstages:\n  ingest:\n    outs:\n    - path: data/events\n      md5: abc.dir\n  score:\n"
        "    outs:\n    - path: data/scores.parquet\n      md5: def\n"
    )
    first = _log(composed)
    text = (composed.root / "params.yaml").read_text()
    (composed.root / "params.yaml").write_text(text.replace("num_leaves: 12", "num_leaves: 24"))
    second = _log(composed, "warm-otter")
    with tracking.session(composed.root) as client:
        one, two = client.get_run(first), client.get_run(second)
        history = client.get_metric_history(first, "by_cutoff/auc")
        files = {file.path for file in client.list_artifacts(first)}
    assert one.info.run_name.endswith(" · unchanged parameters")
    assert two.info.run_name.endswith(" · num_leaves=24")
    assert two.data.tags["regulars.differs"] == "train.num_leaves=24"
    assert two.data.tags["dvc.experiment"] == "warm-otter"
    assert one.data.metrics["auc_mean"] == 0.8
    assert one.data.metrics["baseline/rfm_logit/log_loss"] == 0.31
    assert [(point.step, point.value) for point in history] == [(1, 0.8), (2, 0.8)]
    assert one.data.params["train.num_leaves"] == "12"
    assert "publish.list_size" not in one.data.params
    assert one.data.tags["data.hash/data/events"] == "abc.dir"
    assert [given.dataset.name for given in one.inputs.dataset_inputs] == ["data/events"]
    assert one.data.tags["mlflow.note.content"].startswith("Gate passed; released regulars (grade model)")
    told = {
        "metrics.json",
        "gate.json",
        "cutoffs.json",
        "plots",
        "selection",
        "comparison",
        "card",
        "value",
        "tuning",
        "requirements.lock",
    }
    assert files == told
    assert one.data.tags["regulars.verdict"] == "nothing to compare"
    assert one.data.tags["task.judged_rows"] == two.data.tags["task.judged_rows"]


def test_the_logged_model_loads_alone_without_pickle_and_predicts_the_same(composed, tmp_path):
    run_id = _log(composed)
    with tracking.session(composed.root) as client:
        model_id = client.get_run(run_id).outputs.model_outputs[0].model_id
    frame = pd.DataFrame({"days_since_last_purchase": [1.0, 80.0, np.nan], "purchase_days_91d": [30.0, 2.0, 7.0]})
    frame.assign(gap_median_days=5.0).to_json(tmp_path / "rows.json")
    code = f"""
import sys, os, json, warnings
warnings.simplefilter("ignore")
import mlflow, pandas as pd
mlflow.set_tracking_uri("sqlite:///{composed.root}/mlflow.db")
model = mlflow.pyfunc.load_model("models:/{model_id}")
assert not any(path and os.path.isdir(os.path.join(path, "pipeline")) for path in sys.path), sys.path
rows = pd.read_json("rows.json").astype("float32")
found = model.predict(rows[rows.columns[::-1]])
assert found["reasons"][1].startswith("no purchase for 80 days, usually every 5 days"), found["reasons"].tolist()
bare = model.predict(rows.drop(columns="gap_median_days"), params={{"n_reasons": 0}})
assert bare["reasons"].tolist() == ["", "", ""]
assert bare["p_lapse"].tolist() == found["p_lapse"].tolist()
print(json.dumps(found["p_lapse"].tolist()))
"""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": os.environ.get("HOME", "/"),
        "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    }
    # -I and a foreign folder: only the code that was logged with the model can be found
    hide = "import sys; sys.meta_path = [f for f in sys.meta_path if 'editable' not in repr(f).lower()]\n"
    done = subprocess.run(
        [sys.executable, "-I", "-c", hide + code],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    expected = load_model(composed.evidence.candidate).predict(frame.astype("float32"))
    np.testing.assert_array_equal(json.loads(done.stdout.splitlines()[-1]), expected)
    logged = list((composed.root / "mlruns").rglob("*"))
    assert not [
        path for path in logged if path.suffix in {".pkl", ".pickle", ".cloudpickle"} or path.name == "python_model.pkl"
    ]


def test_no_customer_stands_in_what_is_logged(composed):
    _log(composed)
    for path in (composed.root / "mlruns").rglob("*"):
        if path.is_file():
            assert b"ID7" not in path.read_bytes(), path
    features = pd.read_parquet(composed.evidence.features)
    example = example_rows(composed.evidence.features, load_model(composed.evidence.candidate).features)
    assert list(example.columns) == ["days_since_last_purchase", "purchase_days_91d"]
    assert list(example.iloc[1]) == [features[name].median() for name in example.columns]


def test_few_customers_give_an_example_of_zeros(tmp_path):
    pd.DataFrame({"a": [1.0] * 19}).to_parquet(tmp_path / "2018-01-01.parquet")
    assert (example_rows(tmp_path, ("a",)) == 0).all().all()


def test_the_database_is_laid_out_in_one_step(bare_project, monkeypatch):
    import mlflow

    def killed(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(mlflow.MlflowClient, "search_experiments", killed)
        with pytest.raises(KeyboardInterrupt), tracking.session(bare_project.root):
            pass
    assert not tracking.has_store(bare_project.root)


def test_the_hash_of_a_candidate_is_that_of_the_bare_fit(composed):
    bare = composed.root / "artifacts" / "release_fit" / "regulars"
    files = sorted(path for path in bare.rglob("*") if path.is_file())
    told = [part for path in files for part in (path.relative_to(bare).as_posix(), path.read_bytes())]
    assert model_hash(composed.evidence.candidate) == digest(*told)
    (composed.evidence.candidate / "model.json").write_text("{}")
    with pytest.raises(StateError, match="expected the model"):
        read_release(composed.evidence.candidate)


def test_names_differences_and_figures():
    assert differences({"a.x": "1", "a.y": "2"}, {"a.x": "1", "a.y": "3"}) == {"a.y": "2"}
    assert differences({"a.x": "1"}, {}) == {}
    named = run_name({f"a.p{n}": "1" for n in range(5)}, 0.25)
    assert named == "0.2500 · p0=1, p1=1, p2=1 and 2 more"
    found = points({"test": {"auc_mean": 0.5, "flag": True, "text": "x"}}, {"passed": True, "auc_gain": {"value": 1}})
    assert {(point.name, point.value) for point in found} == {("auc_mean", 0.5), ("gate/auc_gain/value", 1.0)}
    text = note({"test": {"log_loss": 0.2}, "baselines": {"b": {"log_loss": 0.1}}}, _rule_gate(), {"test": []})
    assert text.index("| b |") < text.index("| regulars |")
    assert text.startswith("Gate not passed; released b (grade rule).")


def _rule_gate():
    return {"released": "b", "grade": "rule", "passed": False, "rule": "r", "best_baseline": None}
