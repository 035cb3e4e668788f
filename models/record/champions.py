"""Who is champion, and how that comes about by itself: first release, healing, export. Every change is in the ledger.

Each function is idempotent and ordered so that a kill between two steps leaves the former champion in force, or the
new one with the ledger entry still to come, which the next `settle` adds.
"""

from __future__ import annotations

import json
import re
import tempfile
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from contracts.errors import StateError
from contracts.files import read_json, write_text
from contracts.params import load_params
from models.bundle import load_model
from models.candidate import (
    RELEASE_FILE,
    copy_bundle,
    held_hash,
    is_no_model,
    model_hash,
    read_release,
    refuse_other,
)
from models.record import ledger, registry, tracking
from models.record.ledger import NOBODY, PROGRAM, Action, Entry
from models.record.pairing import BETTER, COMPARISON_FILE, JUDGED_ROWS, anonymous, read_salt, released_rows
from models.record.registry import Version
from models.record.run_record import (
    Evidence,
    RunRecord,
    author,
    compared_with,
    content_hash,
    example_rows,
    run_record,
    verdict,
)

if TYPE_CHECKING:
    import pandas as pd

    from models.record.tracking import Client

WISH = Path("inbox") / "champion.json"


@dataclass(frozen=True)
class Place:
    """Where a project keeps its models: its folder, MLflow's experiment, and the registered model's name."""

    root: Path
    experiment: str
    model: str

    @property
    def ledger(self) -> Path:
        """The promotion ledger."""
        return ledger.ledger_path(self.root, self.model)


@dataclass(frozen=True)
class Signature:
    """Who changes the champion, why, and when."""

    who: str
    why: str
    now: datetime


def place(root: Path, params: Path | None = None) -> Place:
    """The place that `params.yaml` names."""
    names = load_params(params or root / "params.yaml").register_
    return Place(root, names.experiment_name, names.model_name)


def present(at: Place) -> Version | None:
    """The champion by the registry's alias, or None. A project without a database is not given one by asking."""
    if not tracking.has_store(at.root):
        return None
    with tracking.session(at.root) as client:
        return registry.champion(client, at.model)


def log_candidate(at: Place, evidence: Evidence, dvc_experiment: str | None) -> str:
    """Log the candidate's run unless it is there; return its id. Moves nothing, so experiments may call it.

    A candidate without a model is not logged: there is nothing to promote; its id is ''.
    """
    if is_no_model(evidence.candidate):
        return ""
    with tracking.session(at.root) as client:
        return _logged(client, at, evidence, dvc_experiment).run_id


def settle(at: Place, evidence: Evidence, now: datetime) -> Version | None:
    """Make the candidate the challenger, see that there is a champion, and return it; the ledger knows it then.

    Nothing goes live by rerunning: only where there is no champion at all does the candidate become it, unreviewed.
    A candidate without a model becomes nothing: a champion of before stays in force, else there is none.
    """
    is_nothing = is_no_model(evidence.candidate)
    if is_nothing and not tracking.has_store(at.root) and not ledger.read_ledger(at.ledger):
        return None
    with tracking.session(at.root) as client:
        champion = registry.champion(client, at.model) or _healed(client, at, evidence, now)
        if is_nothing:
            if champion is not None:
                _record_outside_move(at, champion, now)
            return champion
        run = _logged(client, at, evidence, None)
        facts = _facts(evidence.candidate, str(read_json(evidence.gate).get("rule", ""))) | _judged(evidence, at.root)
        candidate = registry.ensure_version(client, at.model, run, facts)
        registry.describe(client, at.model, candidate, f"{verdict(read_json(evidence.gate))}\n\n{candidate.sentence}")
        registry.move_alias(client, at.model, registry.CHALLENGER, candidate)
        if champion is None:
            crown(client, at, candidate, "first-release", Signature(PROGRAM, _why_first(at), now))
            return candidate
        _record_outside_move(at, champion, now)
        if _may_promote_itself(candidate, champion, evidence):
            crown(client, at, candidate, "promote", Signature(PROGRAM, candidate.sentence, now))
            return candidate
        return champion


def _may_promote_itself(candidate: Version, champion: Version, evidence: Evidence) -> bool:
    """Whether automatic promotion is on, and the gate and the comparison with the present champion are both won."""
    is_better = candidate.verdict == BETTER and candidate.compared_with == champion.model_hash
    return is_better and candidate.gate_passed and load_params(evidence.params).register_.auto_promote


def _judged(evidence: Evidence, root: Path) -> dict[str, str]:
    """What the comparison with the champion said, and who wrote the code."""
    told = read_json(evidence.comparison / COMPARISON_FILE)
    low = told.get("gains", {}).get("log_loss", {}).get("low")
    return {
        "verdict": told["verdict"],
        "verdict_sentence": told["sentence"],
        "compared_with": compared_with(evidence.comparison),
        "gain_low": "" if low is None else str(low),
        "author": author(root),
    }


def crown(client: Client, at: Place, version: Version, action: Action, signed: Signature) -> Entry:
    """Move the alias `champion` to a version and enter that in the ledger."""
    entry = replace(_entry(at, version, action, signed), n_judged=_n_judged(client, at, version))
    registry.move_alias(client, at.model, registry.CHAMPION, version)
    ledger.append(at.ledger, entry)
    return entry


def _n_judged(client: Client, at: Place, version: Version) -> int:
    """Candidates that have been judged on the rows that this one was; 0 where its run does not say."""
    rows = tracking.run_tag(client, version.run_id, JUDGED_ROWS)
    experiment = tracking.experiment_id(client, at.experiment, at.root)
    return tracking.count_others(client, experiment, JUDGED_ROWS, rows, version.model_hash) + 1 if rows else 0


def _entry(at: Place, version: Version, action: Action, signed: Signature) -> Entry:
    before = ledger.champion_entry(ledger.read_ledger(at.ledger))
    return Entry(
        at=signed.now.astimezone(UTC).isoformat(timespec="seconds"),
        who=signed.who,
        why=signed.why,
        action=action,
        model_hash=version.model_hash,
        from_hash=before.model_hash if before else None,
        version=version.number,
        run_id=version.run_id,
        verdict=version.sentence,
    )


def _why_first(at: Place) -> str:
    lost = ledger.champion_entry(ledger.read_ledger(at.ledger))
    return f"the champion {lost.model_hash[:12]} is lost, and no copy was found" if lost else "there was no champion"


def _record_outside_move(at: Place, champion: Version, now: datetime) -> None:
    """Enter a change of champion that the ledger has not seen: made in MLflow's pages, or cut off before its entry."""
    known = ledger.champion_entry(ledger.read_ledger(at.ledger))
    if known is None:
        ledger.append(at.ledger, _entry(at, champion, "first-release", Signature(PROGRAM, _why_first(at), now)))
    elif known.model_hash != champion.model_hash:
        signed = Signature(NOBODY, "the alias was moved in the registry", now)
        ledger.append(at.ledger, _entry(at, champion, "promote", signed))


def _logged(client: Client, at: Place, evidence: Evidence, dvc_experiment: str | None) -> tracking.LoggedRun:
    experiment = tracking.experiment_id(client, at.experiment, at.root)
    found = tracking.find_run(client, experiment, content_hash(evidence))
    champion = compared_with(evidence.comparison)
    if found and champion in ("", tracking.run_tag(client, found.run_id, "regulars.compared_with")):
        return found
    now = registry.champion(client, at.model)
    reference = tracking.run_params(client, experiment, now.run_id if now else None)
    record = run_record(evidence, evidence.params.resolve().parent, reference, dvc_experiment)
    n_judged = _n_candidates(client, experiment, record) + 1
    told = f"Candidate {n_judged} judged on these rows: the more there are, the luckier the best one looks."
    tags = {**record.tags, "regulars.n_judged": str(n_judged)}
    record = replace(record, tags=tags, note=f"{record.note}\n\n{told}")
    if found:  # the same candidate against another champion: the run is told anew, its model stays
        tracking.tell_again(client, found.run_id, record, evidence.comparison)
        return found
    rows = released_rows(evidence.predictions, evidence.baselines, read_release(evidence.candidate)["name"])
    record = replace(record, judged=anonymous(rows, read_salt(at.ledger.parent)))
    example = _example(evidence.candidate, evidence.features)
    return tracking.log_run(client, experiment, record, evidence.candidate, example)


def _n_candidates(client: Client, experiment: str, record: RunRecord) -> int:
    """Other models whose runs were judged on the same rows."""
    rows, own = record.tags[JUDGED_ROWS], record.tags["regulars.model_hash"]
    return tracking.count_others(client, experiment, JUDGED_ROWS, rows, own)


def _example(bundle: Path, features: Path) -> pd.DataFrame:
    return example_rows(features, load_model(bundle).features)


def _facts(bundle: Path, gate_rule: str) -> dict[str, str]:
    release = read_release(bundle)
    return {
        "model_hash": release["model_hash"],
        "grade": release["grade"],
        "model_name": release["name"],
        "gate_passed": str(release["gate_passed"]).lower(),
        "gate_rule": gate_rule,
    }


def _healed(client: Client, at: Place, evidence: Evidence, now: datetime) -> Version | None:
    """Register the ledger's champion again in a registry that lost it, from an exported copy; None without a copy."""
    entries = ledger.read_ledger(at.ledger)
    lost = ledger.champion_entry(entries)
    bundle = _copy_of(lost.model_hash, at, evidence) if lost else None
    if bundle is None:
        return None
    run = _logged_again(client, at, bundle, evidence)
    version = registry.ensure_version(client, at.model, run, _facts(bundle, "healed from an exported copy"))
    review = registry.REVIEWED if ledger.is_reviewed(entries) else registry.UNREVIEWED
    version = registry.set_tags(client, at.model, version, {"review": review})
    crown(client, at, version, "healed", Signature(PROGRAM, "the registry had lost its champion", now))
    return version


def _copy_of(wanted: str, at: Place, evidence: Evidence) -> Path | None:
    for bundle in (at.root / "artifacts" / "champion", evidence.candidate):
        if (bundle / RELEASE_FILE).is_file() and held_hash(bundle) == wanted:
            return bundle
    return None


def _logged_again(client: Client, at: Place, bundle: Path, evidence: Evidence) -> tracking.LoggedRun:
    if _is_told(evidence) and held_hash(evidence.candidate) == model_hash(bundle):
        return _logged(client, at, evidence, None)
    digest = model_hash(bundle)
    tags = {"regulars.model_hash": digest, "regulars.differs": "healed: parameters and figures were lost"}
    record = RunRecord(f"healed {digest[:12]}", f"healed-{digest}", tags)
    experiment = tracking.experiment_id(client, at.experiment, at.root)
    return tracking.log_run(client, experiment, record, bundle, _example(bundle, evidence.features))


def _is_told(evidence: Evidence) -> bool:
    files = (evidence.gate, evidence.metrics, evidence.cutoffs, evidence.candidate / RELEASE_FILE)
    return all(path.exists() for path in files)


def sync_champion(root: Path, now: datetime) -> str | None:
    """Write the champion's hash to `inbox/champion.json`, on which stage `register` depends; only if it changed.

    A registry that lost its champion is healed first, else the next run would put the candidate live. Returns the hash,
    or None where there is no champion yet.
    """
    at = place(root)
    champion = present(at)
    if champion is None and ledger.read_ledger(at.ledger):
        with tracking.session(root) as client:
            champion = _healed(client, at, Evidence.below(root), now)
    wanted = champion.model_hash if champion else None
    text = json.dumps({"model_hash": wanted}) + "\n"
    path = root / WISH
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        write_text(path, text)
    return wanted


def wished(at: Place, path: Path) -> str | None:
    """The hash of the model to export: the wish file's, else the present champion's; None where there is none yet.

    A wish of null in a project that has a champion (a fresh wish file, a killed run) never puts a candidate live.

    Raises:
        StateError: the file holds neither null nor a hash.
    """
    plain = read_json(path)
    wish = plain.get("model_hash") if isinstance(plain, dict) else plain
    if wish is not None and not (isinstance(wish, str) and re.fullmatch(r"[0-9a-f]{64}", wish)):
        raise StateError(f"{path}: expected a model's hash or null, got something else; delete it, then `regulars run`")
    champion = present(at) if wish is None else None
    return champion.model_hash if champion else wish


def export_champion(at: Place, wanted: str | None, candidate: Path, target: Path) -> None:
    """Put the champion's bundle in `target`: the candidate if it is wanted (or nothing is), else from the registry.

    Raises:
        StateError: the wanted model is neither the candidate nor in the registry.
    """
    if wanted is None or wanted == held_hash(candidate):
        copy_bundle(candidate, target)
        return
    with tracking.session(at.root) as client, tempfile.TemporaryDirectory(prefix="regulars-") as into:
        version = registry.find(client, at.model, wanted)
        if version is None:
            raise StateError(
                f"the champion {wanted[:12]} is not in the registry; run `regulars run`, or promote another"
            )
        bundle = tracking.download_bundle(version.source, Path(into))
        refuse_other(bundle, wanted)
        copy_bundle(bundle, target)
