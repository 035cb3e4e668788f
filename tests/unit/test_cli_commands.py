from __future__ import annotations

import json
import re
import subprocess
import sys

import pandas as pd
import pytest

from contracts.errors import RegularsError
from contracts.files import write_table
from pipeline import cli
from pipeline import running as running_module
from pipeline.commands.params_file import change_params
from pipeline.running import run_pipeline
from serving.terminal import plain

COMMANDS = ("run", "release", "list", "show", "promote", "rollback", "ledger", "summary", "backtest", "compare")


def _run(capsys, *arguments):
    """Exit code, standard output and standard error of a command."""
    with pytest.raises(SystemExit) as stopped:
        cli.main(list(arguments))
    captured = capsys.readouterr()
    return stopped.value.code or 0, captured.out, captured.err


def test_help_is_quick_and_every_command_has_an_example(capsys):
    for name in COMMANDS:
        code, out, _ = _run(capsys, name, "--help")
        assert code == 0
        assert f"Example: regulars {name}" in " ".join(out.split())


def test_importing_the_command_line_is_light():
    heavy = "('mlflow', 'pandas', 'lightgbm', 'rich.console')"
    code = f"import sys, pipeline.cli; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_list_shows_rows_and_fits_a_hundred_columns(released, capsys):
    code, out, _ = _run(capsys, "list", "--week", "2018-W01", "--top", "5")
    assert code == 0
    assert max(map(len, out.splitlines())) <= 100
    assert "Week 2018-W01" in out
    assert "expected" in out
    assert "[91" in out, "brackets in the data are not markup"


def test_the_list_as_json_and_its_filters(released, capsys):
    _, out, _ = _run(capsys, "list", "--json", "--top", "3")
    rows = json.loads(out)
    assert [row["rank"] for row in rows] == [1, 2, 3]
    assert rows[0]["data_through"] == "2017-12-31"
    _, out, _ = _run(capsys, "list", "--json", "--tier", rows[0]["tier"], "--group", rows[0]["group"])
    assert {(row["tier"], row["group"]) for row in json.loads(out)} == {(rows[0]["tier"], rows[0]["group"])}


def test_show_tells_a_treated_customer_everything_and_a_control_no_offer(released, capsys):
    _, out, _ = _run(capsys, "show", "C000")
    assert "A rye loaf is kept for you." in " ".join(out.split())
    assert "to make no purchase in 28 days" in out
    _, out, _ = _run(capsys, "show", "C001", "--week", "2018-W01")
    assert "SECRETOFFER" not in out
    assert "left alone at random" in out


@pytest.mark.parametrize(
    ("arguments", "exit_code", "words"),
    [
        (("list", "--week", "2018-W09"), 9, "no published week '2018-W09'"),
        (("list", "--tier", "devotd"), 9, "tier 'devotd'"),
        (("show", "nobody"), 9, "no customer 'nobody'"),
        (("promote", "--reviewer", "Ada", "--reason", "x"), 8, "champion already"),
        (("promote", "--reviewer", " ", "--reason", "x"), 3, "--reviewer"),
        (("promote", "--reviewer", "Ada", "--reason", "x", "--version", "7"), 9, "no version 7"),
        (("rollback", "--reviewer", "Ada", "--reason", "x"), 8, "no former champion"),
        (("ledger", "--on", "yesterday"), 3, "expected a day as 2018-01-31"),
        (("run",), 3, "expected dvc.yaml"),
        (("plan-diff", "old.parquet"), 9, "expected the plan old.parquet, found none; run `dvc repro` first"),
    ],
)
def test_a_mistake_is_one_line_and_the_familys_code(released, capsys, arguments, exit_code, words):
    code, _, err = _run(capsys, *arguments)
    assert code == exit_code
    assert len(err.splitlines()) == 1
    assert err.startswith("regulars: ")
    assert words in err


def test_promote_rollback_and_ledger_speak(released, capsys, register_again):
    released.fit(-1.0)
    register_again(released.root)
    _, out, _ = _run(capsys, "promote", "--uncompared", "--reviewer", "Ada", "--reason", "reads well")
    assert "champion is now version 2" in out
    assert "make run" in out
    _, out, _ = _run(capsys, "rollback", "--reviewer", "Ada", "--reason", "too long")
    assert "champion is again version 1" in out
    _, out, _ = _run(capsys, "ledger")
    assert [line.split()[1] for line in out.splitlines()] == ["first-release", "promote", "rollback"]
    _, out, _ = _run(capsys, "ledger", "--on", "2001-01-01")
    assert out == "no champion on 2001-01-01\n"


def test_release_and_summary_say_what_is_in_force(released, capsys):
    _, out, _ = _run(capsys, "release")
    assert "unreviewed; week 2018-W01 revision 1, unchanged" in out
    _, out, _ = _run(capsys, "summary")
    told = " ".join(out.split())
    for words in (
        "log loss lower by +0.0050 [+0.0010, +0.0090]",
        "2 cutoffs 2017-11-27 to 2017-12-04",
        "passed: released regulars",
    ):
        assert words in told
    assert "unreviewed" in told
    assert "published/2018-W01/at_risk.csv" in told
    assert "make mlflow" in told


def test_the_summary_says_what_is_absent_or_undefined(released, capsys):
    """A baseline that could not be fitted, gains that no rows define, and no baseline at all."""
    gate, metrics = (released.root / "reports" / f"{name}.json" for name in ("gate", "metrics"))
    told = json.loads(metrics.read_text())
    metrics.write_text(json.dumps(told | {"absent": {"mbg_nbd": "too few repeat customers"}}))
    verdict = json.loads(gate.read_text())
    gate.write_text(json.dumps(verdict | {"auc_gain": {"value": None, "low": None, "high": None}}))
    said = " ".join(_run(capsys, "summary")[1].split())
    assert "mbg_nbd: too few repeat customers" in said
    assert "log loss lower by +0.0050 [+0.0010, +0.0090], AUC higher by unknown (not defined on these rows)" in said
    gate.write_text(json.dumps(verdict | {"best_baseline": None}))
    said = " ".join(_run(capsys, "summary")[1].split())
    assert "against" not in said
    assert "passed: released regulars" in said


def test_the_summary_offers_a_promotion_where_the_challenger_may_be_promoted(released, capsys, register_again):
    released.fit(-1.0)
    register_again(released.root)
    told = released.root / "reports" / "comparison" / "comparison.json"
    gate = released.root / "reports" / "gate.json"
    verdict = json.loads(gate.read_text())
    for word, passed, is_offered in (("better", True, True), ("better", False, False), ("worse", True, False)):
        told.write_text(json.dumps({"verdict": word, "sentence": "So it was judged."}))
        gate.write_text(json.dumps(verdict | {"passed": passed}))
        said = " ".join(_run(capsys, "summary")[1].split())
        assert "scores nothing until it is promoted. So it was judged." in said
        assert ("regulars promote --reviewer NAME" in said) == is_offered


def test_runs_that_judged_other_rows_are_compared_without_a_verdict(released, capsys, register_again):
    released.fit(-1.0)
    change_params(released.root / "params.yaml", {"train": {"num_leaves": 9}})
    for name in ("test_predictions", "baseline_predictions"):
        path = released.root / "data" / f"{name}.parquet"
        write_table(path, pd.read_parquet(path).iloc[:-1], lambda frame: frame)
    register_again(released.root)
    code, out, _ = _run(capsys, "compare", "champion", "challenger")
    assert code == 0
    assert "No verdict: the runs are not of one task." in out
    assert re.search(r"train.num_leaves: \d+ → 9", out)
    assert "log loss" not in out, "no figures side by side"
    assert (released.root / "reports" / "compare" / "comparison.html").exists()


def test_an_experiment_may_not_release(released, capsys, monkeypatch):
    monkeypatch.setenv("DVC_EXP_NAME", "warm-otter")
    for command in ("release", "run"):
        code, _, err = _run(capsys, command)
        assert code == 8
        assert "dvc exp apply warm-otter" in err


def test_run_tells_the_pipeline_its_champion_and_settles_after_the_first_release(project, monkeypatch, register_again):
    wishes = []

    def reproduce(root):
        """Stands for `dvc repro`: runs the one stage that depends on the wish."""
        wishes.append(json.loads((root / "inbox" / "champion.json").read_text())["model_hash"])
        register_again(root)

    monkeypatch.chdir(project.root)
    monkeypatch.setattr(running_module, "_reproduce", reproduce)
    champion = run_pipeline(project.root).champion
    assert wishes == [None, champion.model_hash]
    run_pipeline(project.root)
    assert wishes == [None, champion.model_hash, champion.model_hash]


def test_a_failed_pipeline_is_one_line(project, monkeypatch):
    (project.root / "dvc.yaml").write_text("stages: {}\n")
    with pytest.raises(RegularsError, match="`dvc repro` stopped with exit code"):
        run_pipeline(project.root)


def test_where_lines_are_objects_those_of_dvc_are_too(project, monkeypatch, capsys):
    monkeypatch.setenv("REGULARS_LOG", "json")
    (project.root / "dvc.yaml").write_text("stages: {}\n")
    with pytest.raises(RegularsError, match="`dvc repro` stopped with exit code"):
        run_pipeline(project.root)
    told = [json.loads(text) for text in capsys.readouterr().out.splitlines()]
    assert {one["source"] for one in told} >= {"dvc"}
    assert any("ERROR" in one["text"] for one in told)


def test_texts_of_the_shop_cannot_steer_the_terminal():
    assert plain("a\x1b[31mb\nc").plain == "a [31mb c"
