"""The record of published experiments: what was sent stands, damage is said in one line, drafts are swept."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pandas as pd
import pytest

from contracts.errors import ContractError
from contracts.files import read_table, write_table
from contracts.wave_tables import WAVES
from pipeline import release as releasing
from pipeline.inbox import KEPT_WAVES, WAVES_FOLDER, keep_wave, pull_waves, read_waves
from pipeline.privacy import forget
from tests.unit.test_erasure import NOW, Shop
from tests.unit.test_wave_outcomes import wave

ROOT = Path(__file__).parents[2]
WEEK = "2018-W01"
BEFORE, SENDING = date(2018, 1, 1), date(2018, 1, 2)
"""The first messages of `wave()` are due on 2018-01-02."""


class Inbox:
    """A project with nothing but the week's wave, and what is kept of it."""

    def __init__(self, root: Path) -> None:
        self.root, self.drawn, self.folder = root, root / "data" / "wave.parquet", root / KEPT_WAVES

    def keeps(self, rows: pd.DataFrame, today: date) -> str:
        write_table(self.drawn, rows, WAVES)
        return keep_wave(self.root, self.drawn, WEEK, today)

    def holds(self, rows: pd.DataFrame, name: str = WEEK) -> None:
        write_table(self.folder / f"{name}.parquet", rows, WAVES)

    def kept(self) -> list[str]:
        return read_waves(self.folder)["customer_id"].tolist()


@pytest.fixture
def inbox(tmp_path: Path) -> Inbox:
    return Inbox(tmp_path)


def test_before_anything_is_sent_a_revision_takes_the_place(inbox: Inbox) -> None:
    assert not inbox.keeps(wave(), BEFORE)
    assert not inbox.keeps(wave().iloc[:2], BEFORE)
    assert inbox.kept() == ["a", "b"]
    assert not inbox.keeps(WAVES.empty(), BEFORE)
    assert list(inbox.folder.iterdir()) == []


def test_what_was_sent_stands(inbox: Inbox) -> None:
    inbox.keeps(wave(), BEFORE)
    written = (inbox.folder / f"{WEEK}.parquet").read_bytes()
    for revision in (wave().iloc[:2], WAVES.empty()):
        assert "first sent (2018-01-02)" in inbox.keeps(revision, SENDING)
        assert (inbox.folder / f"{WEEK}.parquet").read_bytes() == written
    assert not inbox.keeps(wave(), SENDING)


def test_a_record_without_a_day_of_sending_was_never_sent(inbox: Inbox) -> None:
    inbox.keeps(wave(send_on=pd.NaT), BEFORE)
    assert not inbox.keeps(wave().iloc[:1], date(2018, 3, 1))
    assert inbox.kept() == ["a"]


def test_a_week_without_anyone_drawn_leaves_no_file_and_an_old_one_none_either(inbox: Inbox) -> None:
    assert not inbox.keeps(WAVES.empty(), SENDING)
    assert not inbox.folder.exists()
    inbox.drawn.unlink()
    assert not keep_wave(inbox.root, inbox.drawn, WEEK, SENDING)


def test_the_release_says_in_one_line_that_the_record_stands(inbox: Inbox, capsys: pytest.CaptureFixture[str]) -> None:
    """In New York it is still the day before at four in the morning, UTC."""
    (inbox.root / "params.yaml").write_bytes((ROOT / "params.yaml").read_bytes())
    inbox.keeps(wave(), BEFORE)
    write_table(inbox.drawn, wave().iloc[:2], WAVES)
    releasing._keep_experiment(inbox.root, WEEK, datetime(2018, 1, 2, 15, 0, tzinfo=UTC))
    assert capsys.readouterr().out.count("\n") == 1
    assert inbox.kept() == ["a", "b", "c", "d"]
    releasing._keep_experiment(inbox.root, WEEK, datetime(2018, 1, 2, 4, 0, tzinfo=UTC))
    assert not capsys.readouterr().out
    assert inbox.kept() == ["a", "b"]


def test_weeks_are_read_the_first_first_and_older_ones_lack_columns(inbox: Inbox) -> None:
    later = wave(wave="2018-W02", cutoff_on=pd.Timestamp("2018-01-08"), cost_if_redeemed=2.0)
    inbox.holds(later, "2018-W02")
    inbox.holds(wave().drop(columns="options"))
    found = read_waves(inbox.folder)
    assert found["wave"].tolist() == [WEEK] * 4 + ["2018-W02"] * 4
    assert found["options"].tolist()[:4] == [""] * 4
    assert found["cost_if_redeemed"].isna().tolist() == [True] * 4 + [False] * 4


def test_a_week_whose_customers_were_all_erased_is_empty(inbox: Inbox) -> None:
    inbox.holds(WAVES.empty())
    assert inbox.kept() == []


TWO_MONDAYS = wave(cutoff_on=[pd.Timestamp("2018-01-01")] * 3 + [pd.Timestamp("2018-01-08")])


@pytest.mark.parametrize(
    ("rows", "got"),
    [
        (wave(wave="2018-W02"), "that of 2018-W02"),
        (wave(cutoff_on=pd.Timestamp("2018-01-08")), "the Monday 2018-01-08"),
        (wave(cutoff_on=pd.Timestamp("2018-01-02")), "the Monday 2018-01-02"),
        (TWO_MONDAYS, "2 Mondays"),
    ],
)
def test_a_forged_or_renamed_week_is_refused_in_one_line(inbox: Inbox, rows: pd.DataFrame, got: str) -> None:
    inbox.holds(rows)
    place = inbox.folder / f"{WEEK}.parquet"
    with pytest.raises(ContractError) as refused:
        read_waves(inbox.folder)
    assert str(refused.value) == f"expected the wave of {WEEK} in {place}, got {got}; restore it or delete it"


def test_repeated_customers_and_missing_columns_are_refused(inbox: Inbox) -> None:
    twice = pd.concat([wave(), wave().iloc[:1]])
    for rows, what in ((twice, "1 rows repeat the key"), (wave().drop(columns="arm"), "column 'arm'")):
        write_table(inbox.folder / f"{WEEK}.parquet", rows, lambda frame: frame)
        with pytest.raises(ContractError, match=f"expected the wave of {WEEK} .*{what}.*restore it or delete it"):
            read_waves(inbox.folder)


@pytest.mark.parametrize("damaged", [b"", b"PAR1", b"no table at all"])
def test_a_damaged_file_is_one_line_to_readers_and_to_the_release(inbox: Inbox, damaged: bytes) -> None:
    inbox.holds(wave())
    (inbox.folder / f"{WEEK}.parquet").write_bytes(damaged)
    said = r"got no Parquet file that can be read; restore it or delete it"
    with pytest.raises(ContractError, match=said) as refused:
        read_waves(inbox.folder)
    assert "\n" not in str(refused.value)
    with pytest.raises(ContractError, match=said):
        inbox.keeps(wave(), BEFORE)


def test_a_killed_write_of_a_week_is_swept_when_someone_is_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REGULARS_KEY", "secret")
    shop = Shop(tmp_path)
    shop.brings("ann bob")
    shop.ingests()
    kept = tmp_path / WAVES_FOLDER / f"{WEEK}.parquet"
    write_table(kept, wave(customer_id=["ann", "bob", "c", "d"]), WAVES)
    drafts = [kept.with_name(f".{kept.name}.x1y2"), tmp_path / "data" / ".wave.parquet.x1y2"]
    for draft in drafts:
        draft.write_bytes(kept.read_bytes())
    removed = forget(tmp_path, "ann", NOW)
    assert removed["drafts deleted"] == 2
    assert not any(draft.exists() for draft in drafts)
    assert read_table(kept, WAVES)["customer_id"].tolist() == ["bob", "c", "d"]


def test_what_is_kept_comes_into_the_inbox_with_the_next_pull(inbox: Inbox) -> None:
    inbox.keeps(wave(), BEFORE)
    assert read_waves(inbox.root / WAVES_FOLDER).empty
    assert pull_waves(inbox.root) == 1
    assert read_waves(inbox.root / WAVES_FOLDER)["customer_id"].tolist() == ["a", "b", "c", "d"]
    assert pull_waves(inbox.root) == 0
    inbox.keeps(WAVES.empty(), BEFORE)
    assert read_waves(inbox.root / WAVES_FOLDER).empty
