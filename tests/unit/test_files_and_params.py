from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from ruamel.yaml import YAML

from contracts import files, tables
from contracts.errors import ContractError, ParameterError, SourceError
from contracts.params import load_params

CHECK = tables.Table(
    "example", "one thing", ("name",), {"name": tables.column(tables.TEXT, "name"), "p": tables.share("a share")}
)


def example(**columns: object) -> pd.DataFrame:
    return pd.DataFrame({"name": ["a", "b"], "p": [0.1, 0.2], **columns})


def test_a_table_comes_back_as_it_was_written_and_twice_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        files.write_table(tmp_path / name, example(), CHECK)
    pd.testing.assert_frame_equal(files.read_table(tmp_path / "one", CHECK), example())
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        (example().drop(columns="p"), "expected the column 'p'"),
        (example(age=[30, 40]), "unexpected column 'age'"),
        (example(p=[0.1, 1.2]), "column 'p' breaks the rule"),
        (example(name=["a", "a"]), "1 rows repeat the key name"),
    ],
)
def test_a_breach_is_one_line_without_customer_data(frame: pd.DataFrame, said: str, tmp_path: Path) -> None:
    with pytest.raises(ContractError, match="table example: ") as caught:
        files.write_table(tmp_path / "t", frame, CHECK)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "t").exists()


def test_a_failed_write_leaves_the_old_file_and_no_litter(tmp_path: Path) -> None:
    def write_half() -> None:
        with files.atomic_path(tmp_path / "f") as draft:
            draft.write_text("half")
            raise RuntimeError

    files.write_text(tmp_path / "f", "old")
    with pytest.raises(RuntimeError):
        write_half()
    assert (tmp_path / "f").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["f"]


def test_a_failed_folder_leaves_the_old_one(tmp_path: Path) -> None:
    def write(text: str, *, dies: bool) -> None:
        with files.atomic_folder(tmp_path / "d") as draft:
            (draft / "a").write_text(text)
            if dies:
                raise RuntimeError

    write("old", dies=False)
    with pytest.raises(RuntimeError):
        write("half", dies=True)
    assert (tmp_path / "d" / "a").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["d"]


def test_days_are_written_as_dates(tmp_path: Path) -> None:
    check = tables.Table("days", "a day", ("on",), {"on": tables.column(tables.DAY, "d"), "cutoff_on": tables.CUTOFF})
    days = pd.to_datetime(["2018-01-01", "2018-01-08"])
    files.write_table(tmp_path / "t", pd.DataFrame({"on": days, "cutoff_on": days}), check)
    import pyarrow.parquet as pq

    assert str(pq.read_schema(tmp_path / "t").field("cutoff_on").type) == "date32[day]"
    assert (files.read_table(tmp_path / "t", check)["cutoff_on"] == days).all()


def test_missing_and_damaged_files_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="run `dvc repro`"):
        files.read_table(tmp_path / "none.parquet")
    (tmp_path / "bad.json").write_text("{")
    with pytest.raises(ContractError, match="expected JSON"):
        files.read_json(tmp_path / "bad.json")
    (tmp_path / "bytes.json").write_bytes('{"name": "Müller"}'.encode("latin-1"))
    with pytest.raises(ContractError, match="expected UTF-8 text, got other bytes"):
        files.read_json(tmp_path / "bytes.json")
    (tmp_path / "empty.parquet").touch()
    with pytest.raises(ContractError, match="expected a Parquet table, got a damaged file"):
        files.read_table(tmp_path / "empty.parquet")


def test_a_mark_before_a_text_is_no_part_of_it(tmp_path: Path) -> None:
    (tmp_path / "marked.json").write_text('{"a": 1}', encoding="utf-8-sig")
    assert files.read_json(tmp_path / "marked.json") == {"a": 1}


def test_digests_tell_where_one_part_ends() -> None:
    assert files.digest("ab", "c") != files.digest("a", "bc")


def changed(root: Path, tmp_path: Path, section: str, key: str, value: object) -> Path:
    plain = YAML(typ="safe").load((root / "params.yaml").read_text())
    plain[section][key] = value
    path = tmp_path / "params.yaml"
    YAML().dump(plain, path)
    return path


@pytest.mark.parametrize(
    ("section", "key", "value", "said"),
    [
        ("train", "num_leafs", 12, "unknown key 'train.num_leafs'; did you mean 'num_leaves'?"),
        ("register", "experiment", "x", "unknown key 'register.experiment'"),
        ("store", "time_zone", "America/NewYork", "did you mean 'America/New_York'?"),
        ("task", "horizon_days", 0, "'task.horizon_days'"),
        ("score", "risk_band_edges", [0.4, 0.15], "expected rising numbers, got [0.4, 0.15]"),
        ("portray", "returning_days", 30, "expected returning_days < regular_days <= devoted_days"),
        ("plan", "control_share", 1.0, "'plan.control_share'"),
        ("train", "learning_rate", "fast", "'train.learning_rate'"),
        ("monitor", "psi_moved", 9.0, "expected psi_moved at most psi_drifted"),
        ("inspect", "no_such", 1, "unknown key 'inspect.no_such'"),
    ],
)
def test_a_wrong_parameter_is_one_line_with_the_remedy(root, tmp_path, section, key, value, said) -> None:
    with pytest.raises(ParameterError) as caught:
        load_params(changed(root, tmp_path, section, key, value))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("thousands", ".", "decimal and thousands: expected two marks, got '.' for both"),
        ("decimals", ".", "unknown key 'ingest.format.decimals'; did you mean 'decimal'?"),
    ],
)
def test_a_wrong_format_is_one_line_too(root: Path, tmp_path: Path, key: str, value: str, said: str) -> None:
    form = YAML(typ="safe").load((root / "params.yaml").read_text())["ingest"]["format"] | {"decimal": ".", key: value}
    with pytest.raises(ParameterError) as caught:
        load_params(changed(root, tmp_path, "ingest", "format", form))
    assert said in str(caught.value)


def test_a_renamed_key_is_answered_with_its_right_name(root: Path, tmp_path: Path) -> None:
    text = (root / "params.yaml").read_text().replace("  budget:", "  budgt:")
    (tmp_path / "params.yaml").write_text(text)
    with pytest.raises(ParameterError, match=r"unknown key 'plan\.budgt'; did you mean 'budget'"):
        load_params(tmp_path / "params.yaml")


def test_a_missing_key_and_a_missing_file_are_named(root: Path, tmp_path: Path) -> None:
    plain = YAML(typ="safe").load((root / "params.yaml").read_text())
    del plain["task"]["horizon_days"]
    YAML().dump(plain, tmp_path / "params.yaml")
    with pytest.raises(ParameterError, match=r"expected the key 'task.horizon_days'"):
        load_params(tmp_path / "params.yaml")
    with pytest.raises(ParameterError, match="run inside the project"):
        load_params(tmp_path / "none.yaml")
