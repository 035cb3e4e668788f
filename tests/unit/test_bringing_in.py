"""`init`, `check`, `rejects` and `forget` on a small file, as typed: what is asked, said, written, and refused."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from contracts.errors import ParameterError, UnknownNameError
from contracts.params import load_params
from events.store import read_lines
from pipeline import cli, ingest
from pipeline.commands.data import init_command
from pipeline.commands.onboarding import common_place

ROOT = Path(__file__).parents[2]
INGEST = ["inbox/tombstones.json", "inbox/excluded.txt", "data/events", "audit/attributes.parquet"]


@dataclass(frozen=True)
class Said:
    """What a command came to."""

    code: int
    out: str
    error: str

    @property
    def refusal(self) -> str:
        """The one line of a refusal."""
        (line,) = self.error.splitlines()
        assert line.startswith("regulars: ")
        return line


Run = Callable[..., Said]
Captured = pytest.CaptureFixture[str]


def write_sales(path: Path, n_wrong: int = 0) -> None:
    """Seven customers who buy on 168 days, products with codes of digits and one odd code; some lines without a day."""
    path.parent.mkdir(exist_ok=True)
    lines = [f"c{n % 7},2024-{n // 28 + 1:02d}-{n % 28 + 1:02d},5.00,85{100 + n % 40}" for n in range(168)]
    lines[40] = lines[40].rpartition(",")[0] + ",GIFT"
    lines[:n_wrong] = [line.replace("2024-01-", "2024-13-") for line in lines[:n_wrong]]
    path.write_text("\n".join(["customer,date,amount,StockCode", *lines]) + "\n")


@pytest.fixture(scope="module")
def brought_in(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose file was brought in, six of its lines without a readable day; tests copy it."""
    root = tmp_path_factory.mktemp("brought_in")
    shutil.copyfile(ROOT / "params.yaml", root / "params.yaml")
    write_sales(root / "shop" / "sales.csv", n_wrong=6)
    with contextlib.chdir(root):
        init_command([Path("shop")], is_yes=True)
        ingest.main(INGEST)
    return root


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> Run:
    """Runs a command in a new project's folder, with what is typed."""
    shutil.copyfile(ROOT / "params.yaml", tmp_path / "params.yaml")
    monkeypatch.chdir(tmp_path)

    def typed(*arguments: str, types: str = "") -> Said:
        monkeypatch.setattr(sys, "stdin", io.StringIO(types))
        with pytest.raises(SystemExit) as stopped:
            cli.main(list(arguments))
        said = capsys.readouterr()
        return Said(int(stopped.value.code or 0), said.out, said.err)

    return typed


def test_init_asks_what_no_data_tell_and_writes_what_was_agreed_to(run: Run) -> None:
    write_sales(Path("shop/sales.csv"))
    before = Path("params.yaml").read_bytes()
    said = run("init", "shop", "--currency", "USD", types="\n" * 20)
    assert said.code == 0, said
    for words in (
        "found:",
        "to decide:",
        "are these product codes goods? GIFT",
        "what is your margin",
        "in which time",
    ):
        assert words in said.out
    assert "assumed:" not in said.out
    params = load_params("params.yaml")
    assert (params.ingest.source, params.ingest.path, params.store.currency) == ("files", "shop", "USD")
    assert params.ingest.format.columns["customer_id"] == "customer"
    assert Path("params.yaml.before").read_bytes() == before


def test_a_no_writes_nothing_and_says_what_to_set(run: Run) -> None:
    write_sales(Path("shop/sales.csv"))
    before = Path("params.yaml").read_bytes()
    said = run("init", "shop", types="n\n")
    assert said.code == ParameterError.exit_code
    assert "nothing is written; set ingest.rules.non_goods, then run `regulars init` again" in said.refusal
    assert Path("params.yaml").read_bytes() == before
    assert sorted(path.name for path in Path().iterdir()) == ["params.yaml", "shop"]


@pytest.mark.parametrize(
    ("column", "words"),
    [
        ("customer_id", "expected OURS=THEIRS, got 'customer_id'"),
        ("=customer", "expected OURS=THEIRS, got '=customer'"),
        ("customer_id= ", "expected OURS=THEIRS, got 'customer_id= '"),
        ("custmer_id=customer", "unknown name 'custmer_id'; did you mean 'customer_id'?"),
        ("customer_id=who", "expected a column of the files, got none; there is 'customer', 'date', 'amount'"),
    ],
)
def test_a_column_that_there_is_none_of_is_refused(run: Run, column: str, words: str) -> None:
    write_sales(Path("shop/sales.csv"))
    before = Path("params.yaml").read_bytes()
    said = run("init", "shop", "--yes", "--column", column)
    assert said.code == ParameterError.exit_code
    assert words in said.refusal
    assert Path("params.yaml").read_bytes() == before


def test_a_column_named_by_hand_is_taken(run: Run) -> None:
    write_sales(Path("shop/sales.csv"))
    assert run("init", "shop", "--yes", "--column", " customer_id = StockCode ").code == 0
    assert load_params("params.yaml").ingest.format.columns["customer_id"] == "StockCode"


class TestPlaces:
    def test_one_place_is_taken_as_it_is(self, tmp_path: Path) -> None:
        assert common_place([tmp_path]) == (tmp_path, [])

    def test_several_are_their_folder_and_their_names_below_it(self, tmp_path: Path) -> None:
        write_sales(tmp_path / "shop" / "sales.csv")
        write_sales(tmp_path / "till" / "more.csv")
        folder, names = common_place([tmp_path / "shop" / "sales.csv", tmp_path / "till"])
        assert (folder, names) == (tmp_path.resolve(), ["shop/sales.csv", "till/*"])

    def test_where_nothing_is_is_said(self, tmp_path: Path) -> None:
        with pytest.raises(ParameterError, match=r"expected a file or folder at .*nowhere, found none"):
            common_place([tmp_path, tmp_path / "nowhere"])

    @pytest.mark.parametrize("place", [Path("/"), Path.home()])
    def test_the_whole_disk_or_home_is_refused(self, place: Path) -> None:
        with pytest.raises(ParameterError, match="name the folder that holds them"):
            common_place([place])

    def test_files_that_share_no_folder_are_refused(self, tmp_path: Path) -> None:
        write_sales(tmp_path / "sales.csv")
        with pytest.raises(ParameterError, match="put them into one"):
            common_place([tmp_path / "sales.csv", Path("/etc/hosts")])


class TestAfterInit:
    @pytest.fixture
    def shop(self, run: Run, brought_in: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> Run:
        """A project of its own like that one."""
        monkeypatch.setenv("REGULARS_KEY", "a secret of the shop")
        shutil.copytree(brought_in, Path.cwd(), dirs_exist_ok=True)
        capsys.readouterr()
        return run

    def test_check_tells_where_parameters_in_force_differ_and_writes_nothing(self, shop: Run) -> None:
        assert shop("check").out.endswith("parameters fit these data\n")
        text = Path("params.yaml").read_text()
        proposed = load_params("params.yaml").task.horizon_days
        changed = text.replace(f"  horizon_days: {proposed} ", "  horizon_days: 3 ")
        assert changed != text
        Path("params.yaml").write_text(changed)
        said = shop("check")
        assert said.code == 0, said
        assert "parameters in force differ from what these data propose:" in said.out
        assert f"  task.horizon_days: 3 in force, {proposed} proposed" in said.out
        assert Path("params.yaml").read_text() == changed

    def test_init_once_more_keeps_the_name_of_the_shops_model(self, shop: Run) -> None:
        name = load_params("params.yaml").register_.model_name
        assert shop("init", "shop", "--yes").code == 0
        assert load_params("params.yaml").register_.model_name == name
        assert name.startswith("regulars-churn-shop-")

    def test_check_shows_what_is_left_to_a_person(self, shop: Run) -> None:
        write_sales(Path("shop/sales.csv"), n_wrong=28)
        assert "are rejected, as counted above: is that what these data are like?" in shop("check").out

    def test_rejects_say_the_same_as_plain_data(self, shop: Run) -> None:
        told = json.loads(shop("rejects", "--json").out)
        assert [(row["rule"], row["lines"]) for row in told] == [("no_instant", 6)]
        lines = json.loads(shop("rejects", "--rule", "no_instant", "--top", "2", "--json").out)
        assert [(row["file"], row["line"]) for row in lines] == [("sales.csv", 2), ("sales.csv", 3)]

    def test_where_nothing_is_odd_none_is_said(self, shop: Run) -> None:
        assert shop("rejects", "--accounts").out == "none\n"
        assert shop("rejects", "--rule", "no_customer").out == "none\n"
        assert json.loads(shop("rejects", "--accounts", "--json").out) == []

    def test_an_account_that_buys_as_no_person_does_is_named(self, shop: Run, capsys: Captured) -> None:
        days = [f"2024-{n // 28 + 1:02d}-{n % 28 + 1:02d}" for n in range(168)]
        lines = [f"TILL,{day},5.00,{85100 + n}" for day in days for n in range(20)]
        lines += [f"few{n % 20},{day},5.00,85100" for n, day in enumerate(days)]
        with Path("shop/sales.csv").open("a") as file:
            file.write("\n".join(lines) + "\n")
        ingest.main(INGEST)
        capsys.readouterr()
        said = shop("rejects", "--accounts").out
        assert said.startswith("TILL  ")
        assert len(said.splitlines()) == 1

    def test_whoever_hesitates_erases_nobody(self, shop: Run) -> None:
        before = read_lines(Path("data/events"), "purchases")["customer_id"].tolist()
        for typed in ("\n", "n\n"):
            said = shop("forget", "c1", types=typed)
            assert said.code == ParameterError.exit_code
            assert said.refusal == "regulars: nothing was erased"
        assert read_lines(Path("data/events"), "purchases")["customer_id"].tolist() == before
        assert shop("forget", "c1", types="y\n").code == 0
        assert "c1" not in set(read_lines(Path("data/events"), "purchases")["customer_id"])
        assert shop("forget", "c1c", "--yes").code == UnknownNameError.exit_code
