"""The desk's commands: the same list and work as over HTTP, and what was recorded comes back into the inbox."""

from __future__ import annotations

import io
import json
import os
import pty
import select
import subprocess
import sys
from datetime import UTC, datetime

import pandas as pd
import pytest

from contracts.event_tables import CONTACTS, RESPONSES
from contracts.files import read_table
from pipeline import cli
from pipeline.commands.following import follow_erasures
from pipeline.desk import ids_at_desk, the_desk
from pipeline.inbox import RECORDED
from pipeline.pulling import pull_desk
from serving.desk import erasing
from serving.published import find_week
from tests.desks import PASSWORD

DAY = "2018-01-02"


@pytest.fixture
def at_work(released, monkeypatch, capsys):
    """A released project with an account `meg` (manager) and `ann` (agent); runs a command and returns its output."""

    def run(*arguments: str, code: int = 0, typed: str = "") -> str:
        monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
        with pytest.raises(SystemExit) as stopped:
            cli.main(list(arguments))
        said = capsys.readouterr()
        assert (stopped.value.code or 0) == code, said
        return said.out + said.err

    for name, role in (("meg", "manager"), ("ann", "agent")):
        run("user", "add", name, "--role", role, typed=f"{PASSWORD}\n")
    return run


def first_treated(folder) -> str:
    listed = find_week(folder / "published").at_risk()
    return str(listed.loc[listed["arm"] == "treated", "customer_id"].iloc[0])


def test_accounts_and_tokens(at_work):
    assert "expected a password of 12" in at_work("user", "add", "bob", typed="short\n", code=3)
    assert "did you mean 'manager'" in at_work("user", "add", "bob", "--role", "manger", typed=f"{PASSWORD}\n", code=3)
    made = at_work("token", "make", "ann", "--name", "phone").strip()
    assert made.startswith("rgl_")
    listed = at_work("token", "list", "--json")
    assert made not in listed
    assert [(one["user"], one["name"]) for one in json.loads(listed)] == [("ann", "phone")]
    at_work("token", "revoke", "1")
    assert "revoked" in at_work("token", "list")
    at_work("user", "change", "ann", "--role", "viewer", code=8)  # no admin would be left
    assert {one["name"]: one["role"] for one in json.loads(at_work("user", "list", "--json"))}["ann"] == "agent"
    assert "rows, as they were written" in at_work("audit", "verify")
    assert "rewritten" in at_work("audit", "verify", "--noted", "0" * 64, code=8)


def test_the_list_of_accounts_says_who_is_shut_out(at_work):
    at_work("user", "add", "ada", "--role", "admin", typed=f"{PASSWORD}\n")
    at_work("user", "change", "ann", "--shut")
    assert [line.split() for line in at_work("user", "list").splitlines()] == [
        ["ada", "admin"],
        ["ann", "agent", "shut", "out"],
        ["meg", "manager"],
    ]
    refused = at_work("due", "--on", DAY), at_work("claim", "nobody", "--as", "ann", code=3)
    assert refused[1] == "regulars: --as: expected an active account, got ann\n"


def test_at_a_terminal_a_password_is_asked_for_twice_and_not_shown(released):
    shown, ours = pty.openpty()
    command = [sys.executable, "-m", "pipeline.cli", "user", "add", "meg", "--role", "manager"]
    with subprocess.Popen(command, stdin=ours, stdout=ours, stderr=ours, start_new_session=True) as typing:
        said = ""
        for _ in range(2):
            said += read_until(shown, ": ")
            os.write(shown, f"{PASSWORD}\n".encode())
        said += read_until(shown, "may sign in, as manager")
    os.close(ours)
    os.close(shown)
    assert typing.returncode == 0, said
    assert said.lower().count("password") >= 1
    assert PASSWORD not in said


def read_until(terminal: int, words: str) -> str:
    """What a terminal shows, up to some words."""
    text = ""
    while words not in text:
        ready, _, _ = select.select([terminal], [], [], 60)
        assert ready, text
        text += os.read(terminal, 4096).decode()
    return text


def test_activity_that_is_not_there_is_one_line_and_loads_nothing(at_work):
    said = at_work("activity", "load", "recnt.csv", "--through", "2018-01-01", code=3)
    assert said == "regulars: expected a CSV file at recnt.csv, found none\n"
    assert "activity is known through 2017-12-31" in at_work("due", code=8), "and today is later"


def test_a_project_without_a_desk_pulls_its_waves_alone(released, capsys):
    with pytest.raises(SystemExit):
        cli.main(["pull"])
    assert capsys.readouterr().out == "inbox/waves: 0 weeks brought up to date\n"


def test_claim_outcome_list_and_show(at_work, released):
    name = first_treated(released.root)
    assert "ann works on this customer" in at_work("claim", name, "--as", "ann")
    assert "meg" in at_work("claim", name, "--as", "ann", "--to", "meg")
    assert json.loads(at_work("list", "--claimed-by", "meg", "--json"))[0]["customer_id"] == name
    assert name not in {row["customer_id"] for row in json.loads(at_work("list", "--unclaimed", "--json"))}
    assert "recorded" in at_work("outcome", name, "--as", "ann", "--kind", "contacted", "--key", "k")
    assert "repeated" in at_work("outcome", name, "--as", "ann", "--kind", "contacted", "--key", "k")
    shown = at_work("show", name)
    assert "worked on by" in shown
    assert "contacted by ann" in shown
    assert json.loads(at_work("show", name, "--json"))["claimed_by"] == "meg"
    assert "did you mean 'contacted'" in at_work("outcome", name, "--as", "ann", "--kind", "contacte", code=3)
    assert "no account 'an'; did you mean 'ann'" in at_work("claim", name, "--as", "an", code=9)


def test_due_export_and_recent_activity(at_work, released, tmp_path):
    name = first_treated(released.root)
    due = json.loads(at_work("due", "--on", DAY, "--json"))
    assert name in {row["customer_id"] for row in due["rows"]}
    assert "activity is known through 2017-12-31" in at_work("due", "--on", "2018-02-01", code=8)
    recent = tmp_path / "recent.csv"
    recent.write_text(f"customer_id,kind,happened_on\n{name},purchase,2018-01-01\n")
    assert "1 rows were new" in at_work("activity", "load", str(recent), "--through", "2018-01-01")
    assert "0 rows were new" in at_work("activity", "load", str(recent), "--through", "2018-01-01")
    assert name not in at_work("due", "--on", DAY, "--json")
    out = tmp_path / "list.csv"
    at_work("export", str(out), "--as", "meg", "--on", DAY)
    listed = find_week(released.root / "published").at_risk()["customer_id"].tolist()
    assert pd.read_csv(out)["customer_id"].tolist() == [one for one in listed if one != name]
    assert "expected the role manager" in at_work("export", str(out), "--as", "ann", "--on", DAY, code=10)
    assert "expected a file that ends in" in at_work("export", "list.doc", "--as", "meg", code=3)
    recent.write_text(f"customer_id,kind,happened_on\n{name},bougth,2018-01-01\n")
    said = at_work("activity", "load", str(recent), "--through", "2018-01-01", code=3)
    assert "line 2: expected a kind" in said
    assert name not in said
    recent.write_text(f"customer_id,kind,happened_on\n{name},purchase,01/01/2018\n")
    said = at_work("activity", "load", str(recent), "--through", "2018-01-01", code=3)
    assert "line 2: expected a day" in said
    for text in ("", f"{name},purchase,2018-01-01\n"):
        recent.write_text(text)
        said = at_work("activity", "load", str(recent), "--through", "2018-01-03", code=3)
        assert "expected the columns customer_id, kind, happened_on" in said
    recent.write_text("customer_id,kind,happened_on\n")
    said = at_work("activity", "load", str(recent), "--through", "2999-01-01", code=3)
    assert "expected a day that has been" in said
    assert "activity is known through 2018-01-01" in at_work("due", "--on", "2018-02-01", code=8)
    assert "0 rows were new" in at_work("activity", "load", str(recent), "--through", "2018-01-01")


def test_what_was_recorded_comes_back_once(at_work, released, snapshot_of):
    name = first_treated(released.root)
    assert pull_desk(released.root) == 0, "nothing recorded yet: the inbox stays as it is"
    at = ("--at", "2018-01-02T23:30:00-05:00")
    at_work("outcome", name, "--as", "ann", "--kind", "contacted", *at)
    at_work("outcome", name, "--as", "ann", "--kind", "declined", "--reason", "price", *at)
    wrong = ("--kind", "skipped", "--reason", "wrongly listed", "--at", "2018-01-03T12:00:00Z")
    at_work("outcome", name, "--as", "ann", *wrong)
    assert "inbox/desk: 2 of 2" in at_work("pull")
    contacts = read_table(released.root / RECORDED / "contacts.parquet", CONTACTS)
    row = contacts.iloc[0]
    assert (row["customer_id"], row["campaign_id"], row["offer"]) == (name, "2018-W01", "A rye loaf is kept for you.")
    assert (row["sent_at"], row["sent_on"]) == (pd.Timestamp("2018-01-03T04:30Z"), pd.Timestamp("2018-01-02"))
    answers = read_table(released.root / RECORDED / "responses.parquet", RESPONSES)
    assert answers[["kind", "reason"]].to_numpy().tolist() == [["declined", "price"], ["declined", "wrongly listed"]]
    before = snapshot_of(released.root / RECORDED)
    assert "inbox/desk: 0 of 2" in at_work("pull")
    assert snapshot_of(released.root / RECORDED) == before


def test_an_erasure_at_the_desk_is_followed_by_every_other_store(at_work, released, monkeypatch):
    monkeypatch.setenv("REGULARS_KEY", "secret")
    name = first_treated(released.root)
    at_work("outcome", name, "--as", "ann", "--kind", "contacted")
    at_work("pull")
    with the_desk(released.root) as desk, desk.writing() as connection:
        erasing.erase(connection, "test", name)
    assert "they were erased" in at_work("show", name, code=9)
    assert name not in at_work("list", "--json", "--top", "100")
    assert follow_erasures(released.root, datetime.now(UTC)) == 1
    assert follow_erasures(released.root, datetime.now(UTC)) == 0
    week = find_week(released.root / "published")
    assert week.number == 2
    assert name not in set(week.customers()["customer_id"])
    assert read_table(released.root / RECORDED / "contacts.parquet").empty
    with the_desk(released.root) as desk, desk.reading() as connection:
        assert erasing.awaited(connection) == []


def test_forgetting_reaches_the_desk(at_work, released, monkeypatch):
    monkeypatch.setenv("REGULARS_KEY", "secret")
    name = first_treated(released.root)
    assert name in at_work("list", "--json", "--top", "100")
    at_work("forget", name, "--yes")
    assert name not in at_work("list", "--json", "--top", "100")
    with the_desk(released.root) as desk, desk.reading() as connection:
        assert erasing.awaited(connection) == []


def test_whom_the_desk_alone_names_is_disclosed_and_forgotten_too(at_work, released, tmp_path, monkeypatch):
    monkeypatch.setenv("REGULARS_KEY", "secret")
    recent = tmp_path / "recent.csv"
    recent.write_text("customer_id,kind,happened_on\nsomebody,purchase,2018-01-01\n")
    at_work("activity", "load", str(recent), "--through", "2018-01-01")
    assert "somebody" in ids_at_desk(released.root)
    told = json.loads(at_work("disclose", "somebody"))["tables"]
    said = {"customer_id": "somebody", "kind": "purchase", "channel": "", "happened_on": "2018-01-01"}
    assert told == {"desk/activity": [said]}
    at_work("forget", "somebody", "--yes")
    assert "somebody" not in ids_at_desk(released.root)


def test_every_command_of_the_desk_says_plain_data(at_work, released, tmp_path):
    name = first_treated(released.root)
    recent = tmp_path / "recent.csv"
    recent.write_text("customer_id,kind,happened_on\nsomebody,purchase,2018-01-01\n")
    given = {
        ("claim", name, "--as", "ann"): {"claimed_by": "ann"},
        ("claim", name, "--as", "ann", "--give-back"): {"claimed_by": ""},
        ("outcome", name, "--as", "ann", "--kind", "opened"): {"kind": "opened", "result": "recorded"},
        ("user", "change", "ann", "--role", "manager"): None,
        ("token", "revoke", "1"): {"number": 1},
        ("activity", "load", str(recent), "--through", "2018-01-01"): {"n_new": 1, "through_on": "2018-01-01"},
    }
    at_work("user", "add", "ada", "--role", "admin", typed=f"{PASSWORD}\n")
    assert set(json.loads(at_work("token", "make", "ann", "--name", "phone", "--json"))) == {"token"}
    for command, told in given.items():
        said = json.loads(at_work(*command, "--json"))
        assert said == (told or {"name": "ann", "role": "manager", "is_active": True})


def test_an_export_is_dropped_at_an_address_whole(at_work, released):
    import fsspec

    said = json.loads(at_work("export", "memory://drop/{week}-{on}.csv", "--as", "meg", "--on", DAY, "--json"))
    assert said["out"] == f"memory://drop/2018-W01-{DAY}.csv"
    memory = fsspec.filesystem("memory")
    assert [path.rpartition("/")[2] for path in memory.ls("/drop", detail=False)] == [f"2018-W01-{DAY}.csv"]
    found = pd.read_csv(io.BytesIO(memory.cat(f"/drop/2018-W01-{DAY}.csv")))
    assert len(found) == said["n_rows"] == len(find_week(released.root / "published").at_risk())
    place = released.root / "drops"
    at_work("export", f"file://{place}/list.ndjson", "--as", "meg", "--on", DAY)
    assert [path.name for path in place.iterdir()] == ["list.ndjson"]
    assert "expected an address that fsspec can open" in at_work(
        "export", "nowhere://x/list.csv", "--as", "meg", "--on", DAY, code=3
    )
    (released.root / "taken").write_text("")
    refused = at_work("export", f"file://{released.root}/taken/list.csv", "--as", "meg", "--on", DAY, code=8)
    assert "it was refused" in refused
    assert "taken" not in refused
