"""A replayed week is what the stages give on data cut at its Monday, and nothing later reaches it."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

import pandas as pd
import pytest
from ruamel.yaml import YAML

from contracts import tables, windows
from contracts.errors import TimeError
from contracts.files import read_json, read_table
from contracts.params import Params, Simulate, load_params
from events.as_of import absent_at
from events.building import build_store
from events.recipe import recipe
from events.sources import Source
from events.store import open_store
from events.tombstones import Tombstones
from features.customer_days import DayBook
from models.candidate import compose
from models.evaluation import as_live
from pipeline import cli, evaluate, featurize, score, snapshot, train
from pipeline.backtest import run_backtest, sentences, table_of
from pipeline.replay import Replayed, open_shop, replay, weeks_to_replay
from tests.projects import ROOT
from tests.stores import simulated_source

ZONE = "Europe/Amsterdam"
MONDAY = date(2022, 11, 7)
SMALLER: dict[str, dict[str, object]] = {
    "store": {"time_zone": ZONE, "currency": "EUR"},
    "ingest": {"source": "simulation", "n_buckets": 2},
    "snapshot": {"n_test_cutoffs": 2},
    "train": {"num_trees": 20, "n_bags": 1, "contest_below": 0},
    "evaluate": {"n_bootstrap": 100, "n_origins": 0, "capacity": 20},
    "publish": {"list_size": 20},
}
INSTANTS = {"contacts": "sent_at", "responses": "responded_at", "interactions": "happened_at"}
Change = Callable[[pd.DataFrame], pd.DataFrame]


@dataclass(frozen=True)
class Project:
    """A folder with parameters and an event store."""

    path: Path

    @property
    def params(self) -> Params:
        return load_params(self.path / "params.yaml")

    def replayed(self, monday: date) -> Replayed:
        shop = open_shop(self.path / "data/events", self.params, self.path / "trials")
        return next(iter(replay(shop, [monday], print)))


@pytest.fixture(scope="module")
def source() -> Source:
    """A simulated shop, in which many of the last purchases before the Monday are given back after it."""
    return changed(simulated_source(Simulate(n_customers=250, n_weeks=60, seed=5)), given_back)


def given_back(lines: pd.DataFrame) -> pd.DataFrame:
    """The lines, and the undoing of every fifth line of the four weeks before the Monday, four weeks later."""
    before = windows.rows_before(lines[lines["amount"] > 0], MONDAY, ZONE)
    recent = before[~windows.is_before_day(before["ordered_at"], MONDAY - timedelta(weeks=4), ZONE)].iloc[::5]
    undoing = recent.assign(
        amount=-recent["amount"],
        quantity=-recent["quantity"],
        ordered_at=recent["ordered_at"] + pd.Timedelta(days=28),
        known_at=recent["known_at"].where(pd.Series(False, index=recent.index)),
        source_line=recent["source_line"] + 1_000_000,
    )
    return pd.concat([lines, undoing], ignore_index=True)


def changed(source: Source, change: Change, **side: pd.DataFrame) -> Source:
    """The source with other lines and further tables."""
    (part,) = source.parts

    def chunks() -> Iterator[pd.DataFrame]:
        return (change(lines) for lines in part.chunks())

    digest = "".join(reversed(part.digest))
    return replace(source, parts=(replace(part, digest=digest, chunks=chunks),), side={**source.side, **side})


def cut_at(source: Source, monday: date) -> Source:
    """What the shop's systems held when the Monday began; who is a member is as of today."""
    side = {
        name: windows.rows_before(source.side[name], monday, ZONE, instant)
        for name, instant in INSTANTS.items()
        if name in source.side
    }
    side |= {"promotions": windows.known_before(source.side["promotions"], monday, ZONE)}
    return changed(source, lambda lines: windows.rows_before(lines, monday, ZONE), **side)


def project(folder: Path, source: Source) -> Project:
    yaml = YAML()
    plain = yaml.load(ROOT / "params.yaml")
    for section, values in SMALLER.items():
        plain[section] |= values
    folder.mkdir()
    yaml.dump(plain, folder / "params.yaml")
    shutil.copytree(ROOT / "trials", folder / "trials")
    made = Project(folder)
    build_store(source, folder / "data/events", recipe(made.params, source, Tombstones(), date(2026, 1, 1)))
    return made


@pytest.fixture(scope="module")
def whole(source: Source, tmp_path_factory: pytest.TempPathFactory) -> Project:
    return project(tmp_path_factory.mktemp("whole") / "shop", source)


@pytest.fixture(scope="module")
def cut(source: Source, tmp_path_factory: pytest.TempPathFactory) -> Project:
    return project(tmp_path_factory.mktemp("cut") / "shop", cut_at(source, MONDAY))


@pytest.fixture(scope="module")
def replayed(whole: Project) -> Replayed:
    return whole.replayed(MONDAY)


ROWS, CUTOFFS, FEATURES = "data/snapshots.parquet", "data/cutoffs.json", "data/features"
TEST_FIT, RELEASE_FIT, VALUE = "artifacts/test_fit", "artifacts/release_fit", "artifacts/value"
JUDGED = ("data/predictions.parquet", "data/baselines.parquet", "metrics.json", "gate.json", "plots", "chosen", "card")
UNTOLD = ["reasons", "model_version", "redeem_odds"]  # a replay plans no offers
MODEL = {"released": "regulars", "grade": "model", "passed": True, "rule": "by this test"}


def run_stages(made: Project) -> None:
    """The stages from the event store on, up to the gate."""
    with contextlib.chdir(made.path):
        snapshot.main(["data/events", "inbox/waves", ROWS, CUTOFFS])
        featurize.main(["data/events", ROWS, "trials", FEATURES, "features.json"])
        train.main([ROWS, CUTOFFS, FEATURES, TEST_FIT, RELEASE_FIT, VALUE, "values", "tuning", "tuned"])
        evaluate.main([ROWS, CUTOFFS, FEATURES, TEST_FIT, *JUDGED])


def staged_scores(made: Project, verdict: dict[str, object]) -> pd.DataFrame:
    """The scores of a project without a champion, whose gate said this: its release becomes champion."""
    with contextlib.chdir(made.path):
        compose(Path(RELEASE_FIT), verdict, made.params, Path("artifacts/champion"))
        written = ["data/scores.parquet", "redemption.json"]
        score.main(["data/events", ROWS, CUTOFFS, FEATURES, "artifacts/champion", VALUE, *written])
        return read_table("data/scores.parquet", tables.SCORES)


@pytest.fixture(scope="module")
def staged(cut: Project) -> Project:
    """The project of the cut data, its stages run."""
    run_stages(cut)
    return cut


def assert_same_scores(one: pd.DataFrame, other: pd.DataFrame) -> None:
    assert len(one) > 80
    pd.testing.assert_frame_equal(
        one.drop(columns=UNTOLD, errors="ignore"), other.drop(columns=UNTOLD), rtol=0, atol=1e-9
    )


def test_many_purchases_are_undone_only_after_the_monday(whole: Project, cut: Project) -> None:
    bought = open_store(whole.path / "data/events").whole().purchases
    undone = bought[bought["undone_at"].notna()]
    before = windows.is_before_day(undone["ordered_at"], MONDAY, ZONE)
    assert (before & ~windows.is_before_day(undone["undone_at"], MONDAY, ZONE)).sum() > 50
    assert read_json(cut.path / "data/events/manifest.json")["data_end_on"] == MONDAY.isoformat()


def test_a_replayed_week_is_what_the_stages_give_on_data_cut_at_its_monday(staged: Project, replayed: Replayed) -> None:
    verdict = read_json(staged.path / "gate.json")
    scores = staged_scores(staged, verdict)
    assert_same_scores(replayed.scores, scores)
    assert (replayed.fitted.name, replayed.fitted.grade) == (verdict["released"], verdict["grade"])
    best = scores.sort_values(["expected_loss", "customer_id"], ascending=[False, True])["customer_id"].head(20)
    assert replayed.listed.tolist() == best.tolist()


def test_so_it_is_where_the_gate_releases_the_model(
    whole: Project, staged: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(as_live, "gate", lambda *_: MODEL)
    assert_same_scores(whole.replayed(MONDAY).scores, staged_scores(staged, MODEL))


def test_what_was_known_only_later_would_have_moved_it(
    whole: Project, replayed: Replayed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DayBook, "as_of", lambda book, _: book)
    told = whole.replayed(MONDAY).scores
    assert not told["expected_loss"].equals(replayed.scores["expected_loss"])


def test_a_week_without_a_model_is_a_list_by_rules(whole: Project, cut: Project, tmp_path: Path) -> None:
    few = Project(tmp_path / "few")
    shutil.copytree(cut.path, few.path)
    yaml = YAML()
    plain = yaml.load(few.path / "params.yaml")
    plain["snapshot"]["min_labels"] = 1_000_000
    yaml.dump(plain, few.path / "params.yaml")
    run_stages(few)
    scores = staged_scores(few, read_json(few.path / "gate.json"))
    replayed = next(
        iter(replay(open_shop(whole.path / "data/events", few.params, whole.path / "trials"), [MONDAY], print))
    )
    assert_same_scores(replayed.scores, scores)
    assert len(replayed.listed) == 20
    (tmp_path / "data").symlink_to(whole.path / "data")
    shutil.copytree(ROOT / "trials", tmp_path / "trials")
    found = run_backtest(tmp_path, few.params, 1, 1, print)
    assert "auc" not in found["weeks"][0]
    assert "too few labels" in found["weeks"][0]["why"]
    assert table_of(found).row_count == 2
    assert len(sentences(found)) == 6
    assert sentences(found)[0] == "the gate passed in 0 of 1 weeks; what it released: none"


def test_nothing_after_the_monday_moves_its_replay(source: Source, replayed: Replayed, tmp_path: Path) -> None:
    def otherwise(lines: pd.DataFrame) -> pd.DataFrame:
        """What came after is another history: undoings never happen, half the rest is tripled, half is lost."""
        before = lines.index.isin(windows.rows_before(lines, MONDAY, ZONE).index)
        after = lines[~before & (lines["amount"] > 0)].iloc[::2]
        return pd.concat([lines[before], after.assign(amount=after["amount"] * 3)], ignore_index=True)

    other = project(tmp_path / "other", changed(source, otherwise)).replayed(MONDAY)
    pd.testing.assert_frame_equal(replayed.scores, other.scores, check_exact=True)
    assert replayed.listed.tolist() == other.listed.tolist()


def test_what_was_not_yet_recorded_is_absent_then(whole: Project, cut: Project) -> None:
    shelf, then = (open_store(made.path / "data/events") for made in (whole, cut))
    assert absent_at(shelf, shelf.whole(), MONDAY) == then.absent
    before_all = absent_at(shelf, shelf.whole(), date(2022, 1, 3))
    assert {"returns", "hour"} <= before_all - shelf.absent


def test_the_command_shows_and_writes_the_weeks(whole: Project, capsys: pytest.CaptureFixture[str]) -> None:
    with contextlib.chdir(whole.path), pytest.raises(SystemExit) as stopped:
        cli.main(["backtest", "--weeks", "2"])
    out = capsys.readouterr().out
    assert not stopped.value.code
    found = json.loads((whole.path / "reports/backtest/backtest.json").read_text())
    weeks = [week["cutoff_on"] for week in found["weeks"]]
    assert all(day in out for day in weeks)
    assert "an assumption" in " ".join(out.split())
    assert [week["n_listed"] for week in found["weeks"]] == [20, 20]
    assert found["weeks"][0]["overlap_with_week_before"] is None
    assert 0 <= found["weeks"][1]["overlap_with_week_before"] <= 1
    table = pd.read_csv(whole.path / "reports/backtest/weeks.csv")
    assert table["cutoff_on"].tolist() == weeks
    assert (whole.path / "reports/backtest/backtest.png").stat().st_size > 10_000


def test_a_history_too_short_is_one_clear_line(whole: Project, capsys: pytest.CaptureFixture[str]) -> None:
    with contextlib.chdir(whole.path), pytest.raises(SystemExit) as stopped:
        cli.main(["backtest", "--weeks", "90"])
    assert stopped.value.code == TimeError.exit_code
    (line,) = capsys.readouterr().err.splitlines()
    assert "the earliest Monday that can be replayed is" in line
    assert "expected --weeks at most" in line
    short = whole.params.model_copy(
        update={"snapshot": whole.params.snapshot.model_copy(update={"min_history_days": 999})}
    )
    with pytest.raises(TimeError, match="leave no training cutoff before any Monday"):
        weeks_to_replay(open_shop(whole.path / "data/events", short, whole.path / "trials"), 1)
