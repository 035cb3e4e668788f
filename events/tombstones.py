"""Erased customers: a keyed hash of each id, so that ingest leaves them out and nobody can read who they were."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from contracts.errors import ContractError, ParameterError
from contracts.files import read_json, write_json
from events.lines import keyed_hash

CHECK = "regulars: the secret behind these hashes"


@dataclass(frozen=True)
class Tombstones:
    """`hashes` of erased ids, and `check`, the hash of a known text, by which a wrong secret is told."""

    hashes: frozenset[str] = field(default_factory=frozenset)
    check: str = ""

    def holds(self, customer_id: str, key: bytes) -> bool:
        """Whether the id (as it is stored) was erased."""
        return bool(self.hashes) and keyed_hash(key, customer_id) in self.hashes

    def with_one_more(self, customer_id: str, key: bytes) -> Tombstones:
        """The same and one id more."""
        return Tombstones(self.hashes | {keyed_hash(key, customer_id)}, keyed_hash(key, CHECK))


@dataclass(frozen=True)
class Erased:
    """Tells whether an id was erased; can be handed to other processes."""

    tombstones: Tombstones = field(default_factory=Tombstones)
    key: bytes = field(default=b"", repr=False)

    def __call__(self, customer_id: str) -> bool:
        """Whether the id was erased."""
        return self.tombstones.holds(customer_id, self.key)


def read_tombstones(path: Path) -> Tombstones:
    """The file's tombstones; none where it does not exist yet."""
    if not path.exists():
        return Tombstones()
    plain = read_json(path)
    erased = plain.get("erased") if isinstance(plain, dict) else None
    if not isinstance(erased, list) or not all(isinstance(name, str) for name in erased):
        raise ContractError(f"{path}: expected a list 'erased', found none; restore the file from a backup")
    return Tombstones(frozenset(erased), str(plain.get("check", "")))


def write_tombstones(path: Path, tombstones: Tombstones) -> None:
    """Write them, sorted, in one step."""
    write_json(path, {"erased": sorted(tombstones.hashes), "check": tombstones.check})


def refuse_foreign(tombstones: Tombstones, key: bytes) -> None:
    """Raise `ParameterError` if the hashes were made with another secret: erased customers would come back."""
    if tombstones.hashes and tombstones.check != keyed_hash(key, CHECK):
        raise ParameterError(
            "REGULARS_KEY: expected the secret behind inbox/tombstones.json, got another; set the first one"
        )
