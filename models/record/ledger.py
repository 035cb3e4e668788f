"""The promotion ledger: who made which model the champion, when and why. Lines are only ever added.

One line of `ledger/promotions.jsonl` is one change of champion. The registry's alias says who is champion now; the
ledger says who was on any day, and survives a lost registry.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Literal, get_args

from filelock import FileLock

from contracts.errors import StateError
from contracts.files import write_text

Action = Literal["first-release", "promote", "rollback", "healed"]
WAIT_SECONDS = 60
PROGRAM = "regulars"
NOBODY = "unknown"
"""Who signs for what no person did: the program itself, and whoever moved the alias in the registry."""


@dataclass(frozen=True)
class Entry:
    """One change of champion. `at` is ISO 8601 in UTC; `version` and `run_id` are MLflow's at that time.

    `n_judged` is how many candidates had been judged on the same rows by then: the more, the luckier the best looks.
    `verdict` is what the comparison with the champion of that time said.
    """

    at: str
    who: str
    why: str
    action: Action
    model_hash: str
    from_hash: str | None
    version: int
    run_id: str
    n_judged: int = 0
    verdict: str = ""

    @property
    def on(self) -> date:
        """The UTC day of the change."""
        return datetime.fromisoformat(self.at).date()


DEFAULT_MODEL = "regulars-churn"


def ledger_path(root: Path, model: str = DEFAULT_MODEL) -> Path:
    """Where the ledger of a registered model lies: another shop or label has a model, and a ledger, of its own."""
    return root / "ledger" / ("promotions.jsonl" if model == DEFAULT_MODEL else f"promotions-{model}.jsonl")


def read_ledger(path: Path) -> tuple[Entry, ...]:
    """All entries, earliest first; a damaged line is a `StateError` that names it."""
    if not path.exists():
        return ()
    lines = path.read_text(encoding="utf-8").split("\n")  # a reason may hold other ends of lines, as U+2028
    return tuple(_entry(line, number, path) for number, line in enumerate(lines, start=1) if line.strip())


def _entry(line: str, number: int, path: Path) -> Entry:
    try:
        entry = Entry(**json.loads(line))
        datetime.fromisoformat(entry.at)
    except (ValueError, TypeError):
        raise StateError(
            f"expected a ledger entry in {path} line {number}, got something else; restore the file"
        ) from None
    if entry.action not in get_args(Action):
        raise StateError(f"{path} line {number}: unknown action '{entry.action}'; restore the file")
    return entry


def append(path: Path, entry: Entry) -> None:
    """Add one entry. The file is replaced in one step under a lock: a kill leaves it with or without, never half."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_suffix(".lock"), timeout=WAIT_SECONDS):
        before = path.read_text(encoding="utf-8") if path.exists() else ""
        gap = "" if not before or before.endswith("\n") else "\n"
        write_text(path, before + gap + json.dumps(asdict(entry), ensure_ascii=False) + "\n")


def champion_entry(entries: Sequence[Entry]) -> Entry | None:
    """The entry that made the present champion, or None in an empty ledger."""
    return entries[-1] if entries else None


def champion_on(entries: Sequence[Entry], day: date) -> Entry | None:
    """The entry in force at the end of a UTC day, or None before the first one."""
    return champion_entry([entry for entry in entries if entry.on <= day])


def is_reviewed(entries: Sequence[Entry]) -> bool:
    """Whether a named person put the present champion in place; a healed one keeps what it had."""
    made = [entry for entry in entries if entry.action != "healed"]
    return bool(made) and made[-1].action in ("promote", "rollback") and made[-1].who not in (PROGRAM, NOBODY)


def earlier_champion(entries: Sequence[Entry]) -> str | None:
    """The model hash that a rollback goes to: the champion before the present one, rollbacks undone; None if none.

    >>> steps = [("first-release", "a"), ("promote", "b"), ("promote", "c"), ("rollback", "b")]
    >>> earlier_champion([Entry("2018-01-01", "", "", action, name, None, 1, "") for action, name in steps])
    'a'
    """
    standing: list[str] = []
    for entry in entries:
        if entry.action == "rollback" and len(standing) > 1:
            standing.pop()
        elif not standing or standing[-1] != entry.model_hash:
            standing.append(entry.model_hash)
    return standing[-2] if len(standing) > 1 else None
