from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from contracts.errors import ParameterError, RegularsError, StateError, UnknownNameError
from contracts.files import read_json, write_json
from models.record import champions, ledger, registry, tracking
from models.record.champions import Signature, sync_champion
from models.record.ledger import Entry, append, champion_on, earlier_champion, ledger_path, read_ledger
from models.record.live_record import record_live
from models.record.promotion import promote, rollback
from pipeline.release import release

NOW = datetime(2018, 1, 1, 6, 0, tzinfo=UTC)
ADA = Signature("Ada", "reads well", NOW + timedelta(days=1))


def _compose(project):
    from contracts.params import load_params
    from models.candidate import compose

    params = load_params(project.root / "params.yaml")
    fits = project.root / "artifacts" / "release_fit"
    return compose(fits, read_json(project.evidence.gate), params, project.evidence.candidate)["model_hash"]


def _settle(project, intercept, **gate):
    """Fit, compose and release; return the candidate's hash."""
    project.fit(intercept, **gate)
    made = _compose(project)
    release(project.root, parts=("registry",), now=NOW)
    return made


def _champion(project):
    return champions.present(champions.place(project.root))


def _entry(action, name, on="2018-01-01"):
    return Entry(f"{on}T12:00:00+00:00", "w", "y", action, name, None, 1, "r")


def test_the_ledger_answers_who_was_champion_on_a_day(tmp_path):
    path = ledger_path(tmp_path)
    assert read_ledger(path) == ()
    steps = [_entry("first-release", "a"), _entry("promote", "b", "2018-01-03"), _entry("rollback", "a", "2018-01-03")]
    steps[1] = replace(steps[1], why="pasted:\u2028ranks better,\x85says Ann")
    for step in steps:
        append(path, step)
    assert list(read_ledger(path)) == steps
    assert champion_on(steps, date(2017, 12, 31)) is None
    assert champion_on(steps, date(2018, 1, 2)).model_hash == "a"
    assert champion_on(steps[:2], date(2018, 1, 3)).model_hash == "b"


def test_appending_only_ever_adds(tmp_path, monkeypatch):
    path = ledger_path(tmp_path)
    append(path, _entry("first-release", "a"))
    before = path.read_bytes()
    with monkeypatch.context() as broken:
        broken.setattr(ledger, "write_text", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            append(path, _entry("promote", "b"))
    assert path.read_bytes() == before
    append(path, _entry("promote", "b"))
    assert path.read_bytes().startswith(before)


@pytest.mark.parametrize(
    "line", ["{", "[]", '{"at": "x"}', json.dumps({**_entry("promote", "a").__dict__, "action": "sold"})]
)
def test_a_damaged_ledger_is_named_by_its_line(tmp_path, line):
    path = ledger_path(tmp_path)
    append(path, _entry("first-release", "a"))
    path.write_text(path.read_text() + line + "\n")
    with pytest.raises(StateError, match="line 2"):
        read_ledger(path)


def test_rollback_goes_down_a_stack():
    steps = [_entry("first-release", "a"), _entry("promote", "b"), _entry("healed", "b"), _entry("promote", "c")]
    assert earlier_champion(steps[:1]) is None
    assert earlier_champion(steps) == "b"
    back = [*steps, _entry("rollback", "b")]
    assert earlier_champion(back) == "a"
    assert earlier_champion([*back, _entry("rollback", "a")]) is None
    assert earlier_champion([*back, _entry("promote", "d")]) == "b"


def test_a_first_release_becomes_champion_unreviewed_and_a_later_one_only_challenges(project, read_lines):
    first = _settle(project, -1.5)
    assert (_champion(project).model_hash, _champion(project).review) == (first, "unreviewed")
    second = _settle(project, -1.0)
    assert second != first
    assert _champion(project).model_hash == first
    with tracking.session(project.root) as client:
        assert registry.at_alias(client, "regulars-churn", registry.CHALLENGER).model_hash == second
    assert [line["action"] for line in read_lines(ledger_path(project.root))] == ["first-release"]


def test_promote_and_rollback_move_alias_ledger_and_wish(project, read_lines):
    first, second = _settle(project, -1.5), _settle(project, -1.0)
    entry = promote(project.root, ADA, is_uncompared=True)
    assert (entry.model_hash, entry.from_hash, entry.version, entry.who) == (second, first, 2, "Ada")
    assert (_champion(project).model_hash, _champion(project).review) == (second, "reviewed")
    assert json.loads((project.root / "inbox" / "champion.json").read_text()) == {"model_hash": second}
    back = rollback(project.root, ADA)
    assert (back.model_hash, back.from_hash) == (first, second)
    assert _champion(project).model_hash == first
    with pytest.raises(StateError, match="no former champion"):
        rollback(project.root, ADA)
    actions = [line["action"] for line in read_lines(ledger_path(project.root))]
    assert actions == ["first-release", "promote", "rollback"]


def test_promotion_is_refused_with_the_reason(project):
    with pytest.raises(StateError, match="no challenger yet"):
        promote(project.root, ADA)
    _settle(project, -1.5)
    with pytest.raises(ParameterError, match="--reviewer"):
        promote(project.root, Signature(" ", "x", NOW))
    with pytest.raises(ParameterError, match="--reason"):
        promote(project.root, Signature("Ada", "", NOW))
    with pytest.raises(StateError, match="champion already"):
        promote(project.root, ADA)
    _settle(project, -1.0, grade="rule", is_passed=False)
    with pytest.raises(StateError, match=r"did not pass the release gate .beats rfm_logit"):
        promote(project.root, ADA)
    with pytest.raises(UnknownNameError, match="no version 9"):
        promote(project.root, ADA, 9)


def test_a_fresher_rule_may_replace_a_rule(project):
    _settle(project, -1.5, grade="rule", is_passed=False)
    assert _champion(project).grade == "rule"
    second = _settle(project, -1.0, grade="rule", is_passed=False)
    assert promote(project.root, ADA, is_uncompared=True).model_hash == second


def test_one_version_a_model_hash_and_its_gate_facts_follow_the_latest_evidence(project):
    _settle(project, -1.5)
    project.fit(-1.5, is_passed=False)
    _compose(project)
    release(project.root, parts=("registry",), now=NOW)
    with tracking.session(project.root) as client:
        assert len(client.search_model_versions("name = 'regulars-churn'")) == 1
    assert not _champion(project).gate_passed


def test_an_alias_moved_in_the_registry_takes_effect_and_is_entered(project, read_lines):
    _settle(project, -1.5)
    second = _settle(project, -1.0)
    with tracking.session(project.root) as client:
        client.set_registered_model_alias("regulars-churn", "champion", "2")
    assert sync_champion(project.root, NOW) == second
    release(project.root, parts=("registry",), now=NOW)
    last = read_lines(ledger_path(project.root))[-1]
    assert (last["who"], last["model_hash"]) == ("unknown", second)


def test_a_version_that_regulars_did_not_register_is_refused(project):
    _settle(project, -1.5)
    with tracking.session(project.root) as client:
        source = client.get_model_version("regulars-churn", "1").source
        client.create_model_version("regulars-churn", source)
        client.set_registered_model_alias("regulars-churn", "champion", "2")
    with pytest.raises(StateError, match="no tag model_hash"):
        sync_champion(project.root, NOW)


def test_the_wish_is_written_only_when_it_changes(project, snapshot_of):
    assert sync_champion(project.root, NOW) is None
    assert json.loads((project.root / "inbox" / "champion.json").read_text()) == {"model_hash": None}
    before = snapshot_of(project.root / "inbox")
    sync_champion(project.root, NOW)
    assert snapshot_of(project.root / "inbox") == before


def test_asking_a_fresh_project_makes_no_database(bare_project):
    assert sync_champion(bare_project.root, NOW) is None
    assert not (bare_project.root / "mlflow.db").exists()


def test_the_export_takes_the_candidate_or_the_registry_or_says_what_is_missing(project):
    first, second = _settle(project, -1.5), _settle(project, -1.0)
    at, target = champions.place(project.root), project.root / "artifacts" / "champion"
    for wanted, expected in ((None, second), (second, second), (first, first)):
        champions.export_champion(at, wanted, project.evidence.candidate, target)
        assert champions.model_hash(target) == expected
    with pytest.raises(StateError, match="the champion ffffffffffff is not in the registry"):
        champions.export_champion(at, "f" * 64, project.evidence.candidate, target)


def _compared(project, intercept, verdict, champion_hash):
    """A challenger of which the comparison with a champion said so."""
    told = {"verdict": verdict, "sentence": f"Said: {verdict}.", "champion": champion_hash, "gains": {"log_loss": {}}}
    write_json(project.evidence.comparison / "comparison.json", told)
    return _settle(project, intercept)


def test_a_challenger_that_is_not_proved_is_refused_by_rule(project):
    first = _settle(project, -1.5)
    _compared(project, -1.2, "not proved", first)
    with pytest.raises(StateError, match=r"not promoted \(rule: champion\): Said: not proved"):
        promote(project.root, ADA)
    _compared(project, -1.2, "no worse", first)  # the same model, compared anew
    assert promote(project.root, ADA).model_hash == _champion(project).model_hash != first


def test_a_comparison_with_another_champion_does_not_count(project):
    first = _settle(project, -1.5)
    second = _compared(project, -1.2, "better", first)
    _compared(project, -1.1, "better", first)
    promote(project.root, ADA, 2)
    assert _champion(project).model_hash == second
    with pytest.raises(StateError, match=r"`regulars run`, which compares anew, then promote \(rule: champion\)"):
        promote(project.root, ADA, 3)


def test_nobody_reviews_their_own_work_where_that_is_the_rule(project):
    _settle(project, -1.5)
    _settle(project, -1.2)
    with tracking.session(project.root) as client:
        second = registry.version(client, "regulars-churn", 2)
        registry.set_tags(client, "regulars-churn", second, {"author": "ada"})
    path = project.root / "params.yaml"
    path.write_text(path.read_text().replace("reviewer_is_not_author: false", "reviewer_is_not_author: true"))
    with pytest.raises(StateError, match=r"was written by ada, who may not review it.*\(rule: reviewer\)"):
        promote(project.root, ADA, is_uncompared=True)
    assert promote(project.root, replace(ADA, who="Grace"), is_uncompared=True).who == "Grace"


@pytest.mark.parametrize(
    ("is_on", "verdict", "is_champion"), [(True, "better", True), (True, "no worse", False), (False, "better", False)]
)
def test_a_challenger_promotes_itself_only_if_that_is_on_and_it_is_better(project, is_on, verdict, is_champion):
    first = _settle(project, -1.5)
    path = project.root / "params.yaml"
    path.write_text(path.read_text().replace("auto_promote: false", f"auto_promote: {str(is_on).lower()}"))
    second = _compared(project, -1.2, verdict, first)
    assert _champion(project).model_hash == (second if is_champion else first)
    last = read_ledger(champions.place(project.root).ledger)[-1]
    assert (last.who, last.why) == ("regulars", f"Said: {verdict}." if is_champion else "there was no champion")


def test_the_ledger_says_how_many_candidates_were_judged_on_the_same_rows(project):
    for intercept in (-1.5, -1.2, -1.1):
        _settle(project, intercept)
    assert promote(project.root, ADA, is_uncompared=True).n_judged == 3


def test_matured_live_figures_are_written_to_the_version_that_scored(project):
    first = _settle(project, -1.5)
    second = _settle(project, -1.2)
    pooled = {"n_rows": 40, "auc": 0.8125, "auc_low": None, "log_loss": 0.31}
    weeks = [{"week": "2018-W01"}, {"week": "2018-W02"}]
    live = {second[:12]: {"weeks": weeks, "all": pooled}, "": {"weeks": weeks, "all": pooled}}
    report = project.root / "reports" / "monitor" / "monitor.json"
    at = champions.place(project.root)
    assert record_live(at, report) == 0  # no report yet
    write_json(report, {"live": live})
    assert record_live(at, report) == record_live(at, report) == 1
    with tracking.session(project.root) as client:
        tags = {one.tags["model_hash"]: one.tags for one in client.search_model_versions("name = 'regulars-churn'")}
    told = {"live.weeks": "2, 2018-W01 to 2018-W02", "live.n_rows": "40", "live.auc": "0.8125", "live.log_loss": "0.31"}
    assert {name: value for name, value in tags[second].items() if name.startswith("live.")} == told
    assert not [name for name in tags[first] if name.startswith("live.")]


def test_a_challenger_that_was_never_compared_is_refused_unless_that_is_said(project):
    first = _settle(project, -1.5)
    second = _compared(project, -1.2, "not proved", first)
    write_json(
        project.evidence.comparison / "comparison.json", {"verdict": "x", "sentence": "Nothing.", "champion": first}
    )
    _settle(project, -1.2)  # a run that compares nothing does not unsay what was found
    with pytest.raises(StateError, match=r"not promoted \(rule: champion\): Said: not proved"):
        promote(project.root, ADA)
    _settle(project, -1.1)
    with pytest.raises(StateError, match=r"never compared with a champion \(rule: champion\).*--uncompared"):
        promote(project.root, ADA)
    assert promote(project.root, ADA, 2, is_uncompared=True).model_hash == second


def test_a_run_is_told_anew_when_its_champion_changes(project):
    first = _settle(project, -1.5)
    _compared(project, -1.2, "not proved", first)
    _compared(project, -1.2, "better", "f" * 64)
    with tracking.session(project.root) as client:
        run = client.get_run(registry.version(client, "regulars-churn", 2).run_id)
        described = client.get_model_version("regulars-churn", "2").description
    assert (run.data.tags["regulars.verdict"], run.data.tags["regulars.compared_with"]) == ("better", "f" * 64)
    assert "Said: better." in run.data.tags["mlflow.note.content"]
    assert "Candidate 2 judged on these rows" in run.data.tags["mlflow.note.content"]
    assert described.startswith("Gate passed; released regulars (grade model)")
    assert described.endswith("Said: better.")


@pytest.mark.parametrize(("who", "is_reviewed"), [("Ada", True), ("regulars", False), ("unknown", False)])
def test_what_no_person_signed_is_not_reviewed(who, is_reviewed):
    entry = replace(_entry("promote", "b"), who=who)
    assert ledger.is_reviewed([_entry("first-release", "a"), entry]) is is_reviewed


def test_a_former_champion_that_left_the_registry_cannot_come_back(project):
    first, _ = _settle(project, -1.5), _settle(project, -1.0)
    promote(project.root, ADA, is_uncompared=True)
    with tracking.session(project.root) as client:
        client.delete_model_version("regulars-churn", "1")
    with pytest.raises(StateError, match=f"the former champion {first[:12]} is not in the registry; promote another"):
        rollback(project.root, ADA)


@pytest.mark.parametrize("wish", ["{}x", '{"model_hash": 7}', '"ab"', "[1]"])
def test_a_wish_that_is_no_hash_is_refused(project, wish):
    path = project.root / "inbox" / "champion.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(wish)
    with pytest.raises(RegularsError, match=r"champion\.json"):
        champions.wished(champions.place(project.root), path)


def test_a_project_without_a_model_keeps_its_champion_and_notes_who_moved_it(project, read_lines):
    _settle(project, -1.5)
    second = _settle(project, -1.0)
    with tracking.session(project.root) as client:
        client.set_registered_model_alias("regulars-churn", "champion", "2")
    no_model = {"grade": "none", "passed": False, "released": "", "rule": "too few labels"}
    told = read_json(project.evidence.candidate / "release.json")
    write_json(project.evidence.candidate / "release.json", {**told, **no_model, "model_hash": ""})
    kept = champions.settle(champions.place(project.root), project.evidence, NOW)
    assert kept is not None
    assert kept.model_hash == second
    last = read_lines(ledger_path(project.root))[-1]
    assert (last["who"], last["model_hash"]) == ("unknown", second)


def test_a_run_tells_the_experiment_and_does_without_a_list_of_packages(project):
    project.fit(-1.5)
    _compose(project)
    project.evidence.environment.unlink()
    at = champions.place(project.root)
    run_id = champions.log_candidate(at, project.evidence, "tall-tale")
    with tracking.session(project.root) as client:
        tags = client.get_run(run_id).data.tags
    assert tags["dvc.experiment"] == "tall-tale"
    assert "environment.hash" not in tags
