"""How a person changes the champion: promote and roll back, each with a name and a reason, each in the ledger."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from contracts.errors import ParameterError, StateError
from contracts.params import Register, load_params
from models.record import ledger, registry, tracking
from models.record.champions import Place, Signature, crown, place, sync_champion
from models.record.ledger import Action, Entry
from models.record.pairing import UNPROVED, WORSE
from models.record.registry import Version

if TYPE_CHECKING:
    from models.record.tracking import Client


def promote(root: Path, signed: Signature, number: int | None = None, *, is_uncompared: bool = False) -> Entry:
    """Make a version (default: the challenger) the champion, because a named person says why.

    `is_uncompared` sets the rule champion aside, where nothing could be compared; the reason should say so.

    Raises:
        ParameterError: reviewer or reason is empty.
        StateError: there is no challenger, it is champion already, or a rule is broken, which is named: gate (it did
            not pass), champion (not proved as good, or compared with another), reviewer (who is its author).
    """
    _refuse_unsigned(signed)
    at = place(root)
    with tracking.session(root) as client:
        version = _chosen(client, at, number)
        rules = load_params(root / "params.yaml").register_
        _refuse_unfit(version, registry.champion(client, at.model))
        if not is_uncompared:
            _refuse_worse(version, registry.champion(client, at.model), rules)
        _refuse_own(version, signed, rules)
        entry = _made_live(client, at, version, "promote", signed)
    sync_champion(root, signed.now)
    return entry


def rollback(root: Path, signed: Signature) -> Entry:
    """Make the ledger's former champion the champion again; `StateError` if there is none."""
    _refuse_unsigned(signed)
    at = place(root)
    earlier = ledger.earlier_champion(ledger.read_ledger(at.ledger))
    if earlier is None:
        raise StateError("no former champion in the ledger to roll back to; see `regulars ledger`")
    with tracking.session(root) as client:
        version = registry.find(client, at.model, earlier)
        if version is None:
            raise StateError(f"the former champion {earlier[:12]} is not in the registry; promote another version")
        entry = _made_live(client, at, version, "rollback", signed)
    sync_champion(root, signed.now)
    return entry


def _made_live(client: Client, at: Place, version: Version, action: Action, signed: Signature) -> Entry:
    tags = {"review": registry.REVIEWED, "reviewer": signed.who, "review_reason": signed.why}
    registry.set_tags(client, at.model, version, tags)
    return crown(client, at, version, action, signed)


def _refuse_unsigned(signed: Signature) -> None:
    for option, text in (("--reviewer", signed.who), ("--reason", signed.why)):
        if not text.strip():
            raise ParameterError(f"{option}: expected a text, got an empty one; the ledger says who and why")


def _chosen(client: Client, at: Place, number: int | None) -> Version:
    if number is not None:
        return registry.version(client, at.model, number)
    challenger = registry.at_alias(client, at.model, registry.CHALLENGER)
    if challenger is None:
        raise StateError("there is no challenger yet; run `regulars run` first")
    return challenger


def _refuse_unfit(version: Version, champion: Version | None) -> None:
    if champion and champion.model_hash == version.model_hash:
        raise StateError(f"{version.short} is the champion already; nothing to promote")
    # a rule may take a rule's place: the smallest shop never passes the gate, yet its rule must not grow old
    is_fresher_rule = version.grade == "rule" and champion is not None and champion.grade == "rule"
    if not version.gate_passed and not is_fresher_rule:
        rule = version.gate_rule or "no rule recorded"
        raise StateError(f"{version.short} did not pass the release gate ({rule}); not promoted (rule: gate)")


def _refuse_worse(version: Version, champion: Version | None, rules: Register) -> None:
    if champion is None:
        return
    if not version.compared_with:
        raise StateError(
            f"{version.short} was never compared with a champion (rule: champion); run `regulars run`, which compares, "
            "or decide without one: --uncompared"
        )
    if version.compared_with != champion.model_hash:
        raise StateError(
            f"{version.short} was compared with {version.compared_with[:12]}, but the champion is {champion.short}; "
            "run `regulars run`, which compares anew, then promote (rule: champion)"
        )
    is_lost = version.gain_low is not None and version.gain_low <= -rules.max_log_loss_loss
    if is_lost or version.verdict in (UNPROVED, WORSE):
        raise StateError(f"{version.short} not promoted (rule: champion): {version.sentence}")


def _refuse_own(version: Version, signed: Signature, rules: Register) -> None:
    author = version.author.strip()
    if rules.reviewer_is_not_author and author.casefold() in ("", signed.who.strip().casefold()):
        raise StateError(
            f"{version.short} was written by {author or 'nobody that git knows'}, who may not review it; ask someone "
            "else, or set register.reviewer_is_not_author (rule: reviewer)"
        )
