"""What one MLflow run says: its name, parameters, metrics, tags and note, told from the files that the stages wrote.

Plain data in, plain data out; nothing here knows MLflow. A run is one candidate: the model that the gate released, with
the figures and parameters behind it. Its content hash is what makes logging idempotent.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq

from contracts.errors import StateError
from contracts.files import digest, read_json, read_table
from contracts.fit_sample import read_fit_sample
from contracts.params import Task, load_params, read_yaml
from models.candidate import flat_params, model_hash
from models.record.pairing import COMPARISON_FILE, FIT_SHARE, JUDGED_ROWS, rows_hash

INPUT_STAGES = ("ingest", "snapshot", "featurize")
BASELINE_NAME = "unchanged parameters"
N_NAMED_DIFFERENCES = 3
NO_COMMIT = "none"
MIN_ROWS_BEHIND_EXAMPLE = 20
MODEL = "regulars"
SELECTION_FILE = "selection.json"


@dataclass(frozen=True)
class Evidence:
    """The files behind a candidate. `Evidence.below(root)` gives the places that `dvc.yaml` names."""

    params: Path
    candidate: Path
    gate: Path
    metrics: Path
    plots: Path
    selection: Path
    predictions: Path
    baselines: Path
    comparison: Path
    card: Path
    value: Path
    tuning: Path
    cutoffs: Path
    features: Path
    lock: Path
    environment: Path

    @classmethod
    def below(cls, root: Path) -> Evidence:
        """The usual places in a project."""
        return cls(
            params=root / "params.yaml",
            candidate=root / "artifacts" / "candidate",
            gate=root / "reports" / "gate.json",
            metrics=root / "reports" / "metrics.json",
            plots=root / "reports" / "plots",
            selection=root / "reports" / "selection",
            predictions=root / "data" / "test_predictions.parquet",
            baselines=root / "data" / "baseline_predictions.parquet",
            comparison=root / "reports" / "comparison",
            card=root / "reports" / "card",
            value=root / "reports" / "value",
            tuning=root / "reports" / "tuning",
            cutoffs=root / "data" / "cutoffs.json",
            features=root / "data" / "features",
            lock=root / "dvc.lock",
            environment=root / "requirements.lock",
        )


@dataclass(frozen=True)
class Point:
    """One figure of a run; `step` numbers the test cutoffs, so that MLflow draws them as a line."""

    name: str
    value: float
    step: int = 0


@dataclass(frozen=True)
class RunRecord:
    """Everything that a run says beside its model. `judged`: its judged rows without ids (`models.record.pairing`)."""

    name: str
    content_hash: str
    tags: Mapping[str, str]
    params: Mapping[str, str] = field(default_factory=dict)
    points: tuple[Point, ...] = ()
    note: str = ""
    files: tuple[Path, ...] = ()
    judged: pd.DataFrame | None = None
    data_hashes: Mapping[str, str] = field(default_factory=dict)


def content_hash(evidence: Evidence) -> str:
    """What makes a run the same run: the candidate, its figures, its parameters and the gate's verdict."""
    params = flat_params(load_params(evidence.params))
    told = "\n".join(f"{name}={value}" for name, value in sorted(params.items()))
    return digest(model_hash(evidence.candidate), evidence.metrics.read_bytes(), told, evidence.gate.read_bytes())


def differences(params: Mapping[str, str], reference: Mapping[str, str]) -> dict[str, str]:
    """The parameters that differ from a reference run's; none if there is no reference."""
    return {name: value for name, value in params.items() if reference and reference.get(name) != value}


def run_name(different: Mapping[str, str], log_loss: float) -> str:
    """The log loss, then what differs: MLflow's run list shows names, not figures, and cuts them short.

    >>> run_name({"train.num_leaves": "24"}, 0.29117)
    '0.2912 · num_leaves=24'
    """
    return f"{log_loss:.4f} · {_differing(different)}"


def _differing(different: Mapping[str, str]) -> str:
    if not different:
        return BASELINE_NAME
    named = [f"{name.split('.', 1)[1]}={value}" for name, value in different.items()][:N_NAMED_DIFFERENCES]
    more = len(different) - len(named)
    return ", ".join(named) + (f" and {more} more" if more else "")


def points(metrics: Mapping[str, Any], gate: Mapping[str, Any]) -> tuple[Point, ...]:
    """All figures: `auc_mean` and the like of what was released, `baseline/<name>/…`, the gate's intervals.

    `by_cutoff/…`, in steps, is of the model, whose figures stand under `beside/` where a baseline was released.
    """
    found = [Point(name, value) for name, value in _numbers(released_figures(metrics, gate))]
    if is_rule(gate):
        found += [Point(f"beside/{MODEL}/{name}", value) for name, value in _numbers(metrics["test"])]
    found += [Point(f"gate/{name}", value) for name, value in _numbers(gate)]
    found += [Point(f"baseline/{name}", value) for name, value in _numbers(metrics.get("baselines", {}))]
    for step, row in enumerate(metrics.get("by_cutoff", []), start=1):
        found += [Point(f"by_cutoff/{name}", value, step) for name, value in _numbers(row)]
    return tuple(found)


def is_rule(gate: Mapping[str, Any]) -> bool:
    """Whether the gate released a baseline in the model's place."""
    return bool(gate.get("grade") == "rule")


def released_figures(metrics: Mapping[str, Any], gate: Mapping[str, Any]) -> Mapping[str, Any]:
    """The figures of what was released: the model's, or the baseline's that took its place."""
    figures: Mapping[str, Any] = metrics["baselines"][gate["released"]] if is_rule(gate) else metrics.get("test", {})
    return figures


def _numbers(node: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, float]]:
    for name, value in node.items():
        if isinstance(value, Mapping):
            yield from _numbers(value, f"{above}{name}/")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            yield f"{above}{name}", float(value)


def note(metrics: Mapping[str, Any], gate: Mapping[str, Any], cutoffs: Mapping[str, Any], against: str = "") -> str:
    """The verdicts in a sentence each, and a small Markdown table of model and baselines, best log loss first."""
    rows = {"regulars": metrics.get("test", {}), **metrics.get("baselines", {})}
    ordered = sorted(rows.items(), key=lambda row: row[1].get("log_loss", float("inf")))
    columns = ("auc_mean", "log_loss", "average_precision", "calibration_error")
    table = ["| model | AUC | log loss | average precision | calibration error |", "|---|---|---|---|---|"]
    table += [
        f"| {name} | " + " | ".join(_figure(row.get(column)) for column in columns) + " |" for name, row in ordered
    ]
    verdicts = f"{verdict(gate)}\n\n{against}".strip()
    said = read_fit_sample(cutoffs).said
    by = f"; fitted and judged by {said}" if said else ""
    return f"{verdicts}\n\nTest cutoffs {span(cutoffs.get('test', []))}{by}.\n\n" + "\n".join(table)


def verdict(gate: Mapping[str, Any]) -> str:
    """The gate's decision in one sentence, with the paired interval."""
    gain = gate.get("log_loss_gain") or {}
    judged = "passed" if gate["passed"] else "not passed"
    released = f"Gate {judged}; released {gate['released']} (grade {gate['grade']})"
    if not gain or not gate.get("best_baseline"):
        return f"{released}."
    interval = f"{_figure(gain['value'])} [{_figure(gain['low'])}, {_figure(gain['high'])}]"
    who = f"{MODEL} gained" if is_rule(gate) else "log loss gained"
    return f"{released}; {who} against {gate['best_baseline']}: {interval} (95 %, paired; above 0 is better)."


def carried_by(found: Mapping[str, Any]) -> str:
    """The selection report in one line: the families that the model loses by beyond doubt, and what is unstable."""
    if not found["families"]:
        return f"No selection report: {found['why']}."
    carry = [one["family"] for one in found["families"] if (one["log_loss_lost_low"] or 0.0) > 0]
    return (
        f"Carried by {', '.join(carry) or 'no family beyond doubt'} (selection/families.png); reads "
        f"{found['n_in_model']} of {found['n_features']} features, {len(found['unstable'])} of them unstable."
    )


def span(days: list[str]) -> str:
    """'2017-11-13 to 2017-12-04 (4)', or 'none'."""
    return f"{days[0]} to {days[-1]} ({len(days)})" if days else "none"


def _figure(value: Any) -> str:
    return f"{value:.4f}" if isinstance(value, int | float) else "–"


def against_champion(comparison: Path) -> str:
    """The verdict against the champion in one sentence."""
    return str(read_json(comparison / COMPARISON_FILE)["sentence"])


def verdict_of(comparison: Path) -> str:
    """'better', 'no worse', 'not proved', 'same recipe' or 'nothing to compare'."""
    return str(read_json(comparison / COMPARISON_FILE)["verdict"])


def compared_with(comparison: Path) -> str:
    """The hash of the champion that was compared with; '' where nothing could be."""
    told = read_json(comparison / COMPARISON_FILE)
    return str(told["champion"]) if told.get("gains") else ""


def compared(comparison: Path) -> tuple[Point, ...]:
    """The paired gains over the champion, as `vs_champion/…`; none where nothing was compared."""
    found = read_json(comparison / COMPARISON_FILE)
    parts = {"gain": found.get("gains", {}), "profit_gain": found.get("profit_gain", {})}
    return tuple(Point(f"vs_champion/{name}", value) for name, value in _numbers(parts))


def _judged_rows(predictions: Path) -> str:
    return rows_hash(read_table(predictions))[:16]


def author(root: Path) -> str:
    """Who stands behind a run: the commit's author, or git's own user where files differ from it; '' if unknown."""
    _, is_dirty = code_version(root)
    return _git(root, "config", "user.name") if is_dirty else _git(root, "log", "-1", "--format=%an")


def code_version(root: Path) -> tuple[str, bool]:
    """The git commit, and whether files differ from it; ('none', True) where there is no commit."""
    commit = _git(root, "rev-parse", "--verify", "--quiet", "HEAD")
    return (commit or NO_COMMIT, not commit or bool(_git(root, "status", "--porcelain")))


def _git(root: Path, *arguments: str) -> str:
    try:
        command = ["git", *arguments]  # git from PATH, arguments from this module alone
        done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)  # noqa: S603
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def data_hashes(lock: Path) -> dict[str, str]:
    """The hashes that `dvc.lock` holds for the data behind a model; empty before the first lock."""
    if not lock.exists():
        return {}
    plain = read_yaml(lock)
    stages: Mapping[str, Any] = (plain.get("stages") or {}) if isinstance(plain, Mapping) else {}
    outs = [out for name in INPUT_STAGES for out in stages.get(name, {}).get("outs", [])]
    outs = [out for out in outs if out["path"].startswith("data/")]  # audit/ and reports/ stand behind no model
    return {out["path"]: out.get("md5") or out.get("hash", "") for out in outs}


def tags(evidence: Evidence, root: Path, different: Mapping[str, str], experiment: str | None) -> dict[str, str]:
    """What a run is about: model, gate, task, data, code, environment, and what differs from the champion."""
    params = load_params(evidence.params)
    gate, cutoffs = read_json(evidence.gate), read_json(evidence.cutoffs)
    commit, is_dirty = code_version(root)
    facts = {
        "regulars.content_hash": content_hash(evidence),
        "regulars.model_hash": model_hash(evidence.candidate),
        "regulars.released": gate["released"],
        "regulars.grade": gate["grade"],
        "regulars.gate_passed": str(gate["passed"]).lower(),
        "regulars.gate_rule": gate["rule"],
        "regulars.differs": ", ".join(f"{name}={value}" for name, value in different.items()) or "nothing",
        "task.label": label_meaning(params.task),
        "task.horizon_days": str(params.task.horizon_days),
        "task.population": (
            f"{params.task.min_purchase_days} purchase days or more, the last within {params.task.active_days} days"
        ),
        "task.test_cutoffs": ", ".join(cutoffs["test"]),
        "task.scored": cutoffs["scored"],
        JUDGED_ROWS: _judged_rows(evidence.predictions),
        "regulars.verdict": verdict_of(evidence.comparison),
        "regulars.compared_with": compared_with(evidence.comparison),
        "regulars.author": author(root),
        "mlflow.user": author(root),
        "data.source": params.ingest.source,
        "data.end": cutoffs["data_end"],
        "code.commit": commit,
        "code.dirty": str(is_dirty).lower(),
        "mlflow.source.name": "pipeline/register.py",
        "mlflow.source.type": "LOCAL",
    }
    if commit != NO_COMMIT:
        facts["mlflow.source.git.commit"] = commit
    if experiment:
        facts["dvc.experiment"] = experiment
    if evidence.environment.exists():
        facts["environment.hash"] = sha256(evidence.environment.read_bytes()).hexdigest()
    drawn = read_fit_sample(cutoffs)
    if drawn.said:
        facts[FIT_SHARE] = repr(drawn.share)
    return facts | {f"data.hash/{path}": value for path, value in data_hashes(evidence.lock).items()}


def label_meaning(task: Task) -> str:
    """What the label means, in one sentence."""
    if task.label == "flat":
        return f"no purchase in {task.horizon_days} days from the cutoff"
    return (
        f"no purchase from the cutoff within the customer's own horizon: {task.rhythm_multiple:g} usual gaps, "
        f"{task.horizon_days} to {task.max_horizon_days} days"
    )


def run_record(evidence: Evidence, root: Path, reference: Mapping[str, str], experiment: str | None) -> RunRecord:
    """The run of a candidate. `reference` holds the parameters it is compared with, normally the champion's."""
    params = flat_params(load_params(evidence.params))
    metrics, gate, cutoffs = read_json(evidence.metrics), read_json(evidence.gate), read_json(evidence.cutoffs)
    different = differences(params, reference)
    told = note(metrics, gate, cutoffs, against_champion(evidence.comparison))
    return RunRecord(
        name=run_name(different, released_figures(metrics, gate)["log_loss"]),
        content_hash=content_hash(evidence),
        tags=tags(evidence, root, different, experiment),
        params=params,
        points=(*points(metrics, gate), *compared(evidence.comparison)),
        note=f"{told}\n\n{carried_by(read_json(evidence.selection / SELECTION_FILE))}",
        files=(
            *(evidence.metrics, evidence.gate, evidence.cutoffs, evidence.plots, evidence.selection),
            *(evidence.comparison, evidence.card, evidence.value, evidence.tuning),
            *((evidence.environment,) if evidence.environment.exists() else ()),
        ),
        data_hashes=data_hashes(evidence.lock),
    )


def example_rows(features: Path, names: tuple[str, ...]) -> pd.DataFrame:
    """Three made-up rows, the quartiles of each feature on its own, so that no customer's row is held.

    Where fewer than twenty customers stand behind a quartile the rows are zeros instead.
    """
    parts = sorted(features.glob("*.parquet"))
    if not parts:
        raise StateError(f"expected feature tables in {features}, found none; run `dvc repro featurize` first")
    if pq.read_metadata(parts[-1]).num_rows < MIN_ROWS_BEHIND_EXAMPLE:
        return pd.DataFrame(0.0, index=range(3), columns=list(names))
    by_column = [read_table(parts[-1], columns=[name]).quantile([0.25, 0.5, 0.75]) for name in names]  # one at a time
    quartiles = pd.concat(by_column, axis=1).astype("float32").astype("float64")
    return quartiles.reset_index(drop=True)
