"""A small project with real fits, tables and a database, for the tests of register, publish, release and commands."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from contracts import tables
from contracts.files import write_json, write_table, write_text
from contracts.params import load_params
from models.bundle import write_model
from models.learners.quantile_logit import N_QUANTILES, QuantileLogit
from models.record import tracking
from models.record.champions import sync_champion
from models.record.run_record import Evidence
from models.value.at_stake import UNMEASURED, write_value
from pipeline import register
from pipeline.inbox import ensure_inbox
from pipeline.release import release
from serving.published import write_week
from serving.weekly_list import Terms, build_week
from tests.desks import database, desk, filled, module_desk, postgres_server, small  # noqa: F401 – fixtures
from tests.projects import REGISTER

REPOSITORY = Path(__file__).parents[2]
NOW = datetime(2018, 1, 1, 6, 0, tzinfo=UTC)
FEATURE_NAMES = ("days_since_last_purchase", "purchase_days_91d")
TERMS = Terms("USD", 28, 91, "5 USD off the first shop")
CUTOFFS = {
    "data_end": "2018-01-01",
    "scored": "2018-01-01",
    "previous": "2017-12-25",
    "test": ["2017-11-27", "2017-12-04"],
    "fit": ["2017-10-16"],
    "release": ["2017-10-16", "2017-10-30"],
}
SELECTION = {
    "families": [
        {"family": "recency", "n_features": 1, "log_loss_lost": 0.02, "log_loss_lost_low": 0.01},
        {"family": "frequency", "n_features": 1, "log_loss_lost": 0.0, "log_loss_lost_low": -0.01},
    ],
    "n_features": 3,
    "n_in_model": 2,
    "unstable": ["purchase_days_91d"],
}
NOTHING_COMPARED = {"verdict": "nothing to compare", "sentence": "Nothing to compare: first.", "champion": ""}
SECRET = "SECRETOFFER"


@pytest.fixture(autouse=True)
def _no_leaked_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "MLFLOW_TRACKING_URI",
        "MLFLOW_REGISTRY_URI",
        "MLFLOW_EXPERIMENT_NAME",
        "MLFLOW_RUN_ID",
        "DVC_EXP_NAME",
    ):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def template_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty MLflow database; laying one out takes seconds, copying it does not."""
    root = tmp_path_factory.mktemp("template")
    with tracking.session(root):
        pass
    return root / "mlflow.db"


def lapse_model(name: str, intercept: float = -1.5) -> QuantileLogit:
    """A model of two features; the intercept makes it another model with another hash."""
    quantiles = np.tile(np.linspace(0.0, 90.0, N_QUANTILES), (2, 1))
    return QuantileLogit(name, FEATURE_NAMES, quantiles, np.array([0.9, -0.6, 0.0, 0.0]), intercept, 1.0)


@dataclass(frozen=True)
class Project:
    """A project folder as the stages before `register` leave it."""

    root: Path

    @property
    def evidence(self) -> Evidence:
        return Evidence.below(self.root)

    def fit(self, intercept: float = -1.5, *, grade: str = "model", is_passed: bool = True) -> None:
        """Write release fits, metrics and the gate's verdict."""
        released = "regulars" if grade == "model" else "rfm_logit"
        for name, shift in (("regulars", 0.0), ("rfm_logit", 0.25)):
            write_model(self.root / "artifacts" / "release_fit" / name, lapse_model(name, intercept + shift))
        gain = {"value": 0.005, "low": 0.001, "high": 0.009}
        gate = {
            "released": released,
            "grade": grade,
            "passed": is_passed,
            "rule": "beats rfm_logit in log loss by a paired 95 % interval",
            "best_baseline": "rfm_logit",
            "log_loss_gain": gain,
            "auc_gain": gain,
        }
        write_json(self.root / "reports" / "gate.json", gate)
        write_json(self.root / "reports" / "metrics.json", _metrics(intercept))

    def build_week(self, n_customers: int = 12, seed: int = 1, list_size: int = 8) -> None:
        """Write data/week from drawn tables."""
        week = build_week(*week_tables(n_customers, seed), CUTOFFS, list_size=list_size, terms=TERMS)
        params = load_params(self.root / "params.yaml").model_dump(by_alias=True, mode="json")
        write_week(self.root / "data" / "week", week, {"tables": {}, "params": params})


def _metrics(intercept: float) -> dict[str, Any]:
    test = {"auc_mean": 0.8, "auc_low": 0.7, "auc_high": 0.9, "average_precision": 0.4, "brier": 0.1}
    test |= {"log_loss": round(0.3 + intercept / 1000, 6), "calibration_error": 0.01, "lift_at_10": 3.0}
    by_cutoff = [{"cutoff_on": day, "auc": 0.8, "log_loss": 0.3} for day in CUTOFFS["test"]]
    return {"test": test, "by_cutoff": by_cutoff, "baselines": {"rfm_logit": {**test, "log_loss": 0.31}}}


@pytest.fixture(scope="session")
def template_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project as the stages before `register` leave it; tests copy it."""
    root = tmp_path_factory.mktemp("shop")
    shutil.copyfile(REPOSITORY / "params.yaml", root / "params.yaml")
    (root / "requirements.lock").write_text("numpy==2\n")
    project = Project(root)
    project.fit()
    write_json(root / "data" / "cutoffs.json", CUTOFFS)
    (root / "reports" / "plots").mkdir(parents=True)
    (root / "reports" / "plots" / "roc.csv").write_text("false_positive_rate,true_positive_rate\n0,0\n1,1\n")
    write_json(root / "reports" / "selection" / "selection.json", SELECTION)
    write_text(root / "reports" / "card" / "model_card.md", "# Model card\n")
    write_value(root / "artifacts" / "value", UNMEASURED)
    for name in ("value", "tuning"):
        write_json(root / "reports" / name / f"{name}.json", {})
    write_json(root / "reports" / "comparison" / "comparison.json", NOTHING_COMPARED)
    judged = judged_rows()
    write_table(root / "data" / "snapshots.parquet", pd.DataFrame({"customer_id": ["ID0"]}), lambda frame: frame)
    write_table(root / "data" / "test_predictions.parquet", judged, tables.TEST_PREDICTIONS)
    baselines = judged[["customer_id", "cutoff_on"]].assign(rfm_logit=judged["p_lapse"])
    write_table(root / "data" / "baseline_predictions.parquet", baselines, tables.BASELINE_PREDICTIONS)
    write_table(root / "data" / "features" / "2018-01-01.parquet", _features(), tables.FEATURES)
    project.build_week()
    return root


@pytest.fixture
def bare_project(tmp_path: Path, template_project: Path) -> Project:
    """A project whose database does not exist yet."""
    return Project(Path(shutil.copytree(template_project, tmp_path / "shop")))


@pytest.fixture
def project(bare_project: Project, template_database: Path) -> Iterator[Project]:
    """A project with an empty database."""
    shutil.copyfile(template_database, bare_project.root / "mlflow.db")
    return bare_project


def run_register(root: Path) -> None:
    """Stage `register` in a project's folder, after the wish that `regulars run` writes first."""
    sync_champion(root, NOW)
    with contextlib.chdir(root):
        register.main(REGISTER)


@pytest.fixture(scope="session")
def template_released(
    tmp_path_factory: pytest.TempPathFactory, template_project: Path, template_database: Path
) -> Path:
    """A project with its first release and a published week; copies of it share its `mlruns`, as MLflow names it."""
    root = Path(shutil.copytree(template_project, tmp_path_factory.mktemp("released") / "shop"))
    shutil.copyfile(template_database, root / "mlflow.db")
    run_register(root)
    release(root, now=NOW)
    return root


@pytest.fixture
def released(tmp_path: Path, template_released: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A released project as the working folder."""
    root = Path(shutil.copytree(template_released, tmp_path / "shop", ignore=shutil.ignore_patterns("mlruns")))
    monkeypatch.chdir(root)
    monkeypatch.setenv("COLUMNS", "100")
    return Project(root)


@pytest.fixture
def shop(released, template_released) -> Path:
    """A released project with all that a person wrote, and its own copy of MLflow's files."""
    root = released.root
    for name in ("offers.yaml", "portraits.yaml", "words.yaml", "dvc.yaml"):
        shutil.copyfile(REPOSITORY / name, root / name)
    shutil.copytree(template_released / "mlruns", root / "mlruns")
    ensure_inbox(root)
    (root / "inbox" / "excluded.txt").write_text("TILL\n")
    return root


@pytest.fixture
def register_again() -> Callable[[Path], None]:
    """Stage `register` once more."""
    return run_register


def judged_rows(n_customers: int = 30) -> pd.DataFrame:
    """What the test fit said of a few customers at two cutoffs, and what they did."""
    draw = np.random.default_rng(5)
    frame = pd.DataFrame({"customer_id": [f"ID{n}" for n in range(n_customers)] * 2})
    frame["cutoff_on"] = pd.to_datetime(np.repeat(CUTOFFS["test"], n_customers))
    frame["p_lapse"] = draw.random(len(frame)).round(6)
    return frame.assign(lapsed=draw.random(len(frame)) < frame["p_lapse"])


def _features(n_rows: int = 40) -> pd.DataFrame:
    generator = np.random.default_rng(3)
    frame = pd.DataFrame({"customer_id": [f"ID{n}" for n in range(n_rows)], "cutoff_on": pd.Timestamp("2018-01-01")})
    for name in FEATURE_NAMES:
        frame[name] = generator.integers(0, 90, n_rows).astype("float32")
    return frame


def week_tables(n_customers: int, seed: int) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Scores, portraits and plan of drawn customers; every text of a plan for a control holds `SECRET`."""
    draw = np.random.default_rng(seed)
    ids = [f"C{n:03d}" for n in range(n_customers)]
    arms = ["treated", "control", "none"] * n_customers
    scored = [position for position in range(n_customers) if position % 5 != 4]
    return (
        pd.DataFrame([_score(ids[position], draw) for position in scored]),
        pd.DataFrame([_portrait(name, draw) for name in ids]),
        pd.DataFrame([_planned(name, arm, draw) for name, arm in zip(ids, arms, strict=False)]),
    )


MONDAY = pd.Timestamp("2018-01-01")


def _score(customer_id: str, draw: np.random.Generator) -> dict[str, Any]:
    p_lapse, value = float(draw.random()), float(draw.random() * 100)
    return {
        "customer_id": customer_id,
        "cutoff_on": MONDAY,
        "p_lapse": p_lapse,
        "p_lapse_week_before": p_lapse / 2,
        "change": "up",
        "risk_band": "high" if p_lapse >= 0.4 else "low",
        "value_at_stake": value,
        "value_at_stake_low": value / 2,
        "value_at_stake_high": value * 2,
        "expected_loss": p_lapse * value,
        "reasons": "30 days silent, usually 7; fewer visits [91 days]",
        "model_version": "0123456789ab",
        "model_grade": "model",
    }


def _portrait(customer_id: str, draw: np.random.Generator) -> dict[str, Any]:
    return {
        "customer_id": customer_id,
        "cutoff_on": MONDAY,
        "tier": str(draw.choice(tables.TIERS)),
        "state": "active",
        "value_tier": "middle",
        "group": str(draw.choice(["trusted regulars", "regulars at risk"])),
        "treatment": "thanks, and a first look",
        "promise": "We keep your place.",
        "labels": "weekly",
        "evidence": "Buys every 7 days.",
        "promotion_sensitivity": "mixed",
        "favourite_category": "bread",
        "matched_product": "rye loaf",
        "due_product": "",
        "n_purchase_days": 9,
        "last_purchase_on": MONDAY - timedelta(days=20),
        "usual_gap_days": 7.0,
        "next_due_on": MONDAY - timedelta(days=13),
        "last_contact_on": pd.NaT,
        "last_offer": "",
        "last_outcome": "",
        "consented_channels": "",
        "interaction": "unknown",
        "payer": "unknown",
        "spend": 120.0,
        "spend_ever": 300.0,
        "headroom": 15.0,
        "first_purchase_on": MONDAY - timedelta(days=200),
        "joined_on": pd.NaT,
        "due_from_on": MONDAY - timedelta(days=14),
        "due_until_on": MONDAY - timedelta(days=10),
        "goes_with_product": "",
        "within_price_product": "",
        "lapsed_product": "",
        "has_open_complaint": False,
        "asked_channel": "",
        "answered_channel": "",
    }


def _planned(customer_id: str, arm: str, draw: np.random.Generator) -> dict[str, Any]:
    is_planned = arm != "none"
    text = SECRET if arm == "control" else "A rye loaf is kept for you."
    money = float(draw.random() * 10) if is_planned else 0.0
    when = MONDAY + timedelta(days=1) if is_planned else pd.NaT
    return {
        "customer_id": customer_id,
        "cutoff_on": MONDAY,
        "offer": text if is_planned else "none",
        "mechanic": text if is_planned else "none",
        "offer_text": text if is_planned else "",
        "channel": text if is_planned else "",
        "send_on": when,
        "act_by": when,
        "valid_until": when,
        "notice_on": when,
        "follow_up_on": when,
        "codes": text if is_planned else "",
        "offer_cost": money,
        "price_benefit": money,
        "benefit": money,
        "effect": 0.1 if is_planned else 0.0,
        "expected_profit": money,
        "expected_profit_low": money / 2,
        "expected_profit_high": money * 2,
        "why_none": "" if is_planned else "nothing pays",
        "why": text if is_planned else "",
        "arm": arm,
        "purpose": "plan" if is_planned else "",
        "propensity": 0.5 if is_planned else None,
        "options": "",
        "p_savable": 0.2,
    }


@pytest.fixture
def drawn_week(draw_week: Callable[..., Any]) -> Callable[..., Any]:
    """`build_week` on drawn tables."""
    return draw_week


@pytest.fixture(scope="session")
def draw_week() -> Callable[..., Any]:
    """The same for fixtures of a wider scope."""
    return lambda n_customers=12, seed=1, list_size=8: build_week(
        *week_tables(n_customers, seed), CUTOFFS, list_size=list_size, terms=TERMS
    )


@pytest.fixture
def snapshot_of() -> Callable[[Path], dict[str, tuple[int, bytes]]]:
    """Every file below a folder with its time of change and bytes."""
    return lambda folder: {
        path.relative_to(folder).as_posix(): (path.stat().st_mtime_ns, path.read_bytes())
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture
def read_lines() -> Callable[[Path], list[dict[str, Any]]]:
    """The entries of a JSONL file."""
    return lambda path: [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture
def week_tables_of() -> Callable[..., Any]:
    """The drawn tables themselves, and their cutoffs."""
    return lambda n_customers=12, seed=1: (*week_tables(n_customers, seed), CUTOFFS)
