"""A check: one question about the live model, with a code that stays, a number, a threshold, and what to do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

Plain = dict[str, Any]
Status = Literal["alert", "passed", "not enough data"]
ALERT: Status = "alert"
PASSED: Status = "passed"
NOT_ENOUGH: Status = "not enough data"

QUESTIONS = {
    "DRIFT_FEATURE": "Do customers look like those that the champion was fitted on?",
    "DRIFT_SCORE": "Does the champion say of them what it said of those?",
    "CALIBRATION": "Did as many lapse as it said?",
    "RANKING": "Did those lapse whom it put first?",
    "LIST_TURNOVER": "Is this week's list as like last week's as usual?",
    "CHAMPION_OLD": "Are the champion's labels recent?",
}
REMEDIES = {
    "DRIFT_FEATURE": "look whether the shop or its data changed in these columns (reports/data, the last import); if "
    "the data are right, let a challenger learn from them, and compare it before promoting",
    "DRIFT_SCORE": "look at the features that moved most; if none did, look whether the champion's files changed",
    "CALIBRATION": "do not plan offers by these probabilities; compare the challenger, and promote it if it is better",
    "RANKING": "compare the challenger with the champion on the latest cutoffs; promote it if it is better",
    "LIST_TURNOVER": "compare both weeks' lists (`regulars list --week WEEK`) before the team works on this one",
    "CHAMPION_OLD": "compare the challenger with the champion (MLflow), and promote it or say why not",
}
"""Codes are stable: other programs may wait for them."""


@dataclass(frozen=True)
class Check:
    """One check's end. `number` and `threshold` are in the check's own unit; None where nothing could be measured."""

    code: str
    status: Status
    what: str
    number: float | None
    threshold: float | None
    on: str
    to_do: str = ""

    def plain(self) -> Plain:
        """As JSON, with the question that was asked."""
        return {**asdict(self), "question": QUESTIONS[self.code]}


def judged(code: str, is_alert: bool, what: str, *, number: float | None, threshold: float | None, on: str) -> Check:
    """A check that had enough data; what to do stands with an alert."""
    status: Status = ALERT if is_alert else PASSED
    return Check(code, status, what, number, threshold, on, REMEDIES[code] if is_alert else "")


def undecided(
    code: str, why: str, on: str, until: str = "nothing to do: it is judged as soon as there is enough"
) -> Check:
    """A check that had not enough data, which is not a pass."""
    return Check(code, NOT_ENOUGH, why, None, None, on, until)


def counts(checks: Sequence[Check]) -> dict[str, int]:
    """How many checks ended in each status."""
    found = Counter(check.status for check in checks)
    return {status: found[status] for status in (ALERT, PASSED, NOT_ENOUGH)}


def in_a_line(told: Plain) -> str:
    """`monitor.json` in one line: the alerts' codes, or that all is quiet, and how many checks could not decide.

    >>> in_a_line({"alerts": [], "counts": {"alert": 0, "passed": 4, "not enough data": 2}})
    'all quiet; 2 checks without enough data'
    """
    alerts, open_ = told["alerts"], told["counts"][NOT_ENOUGH]
    said = (
        f"alerts: {', '.join(alerts)}" if alerts else "all quiet" if told["counts"][PASSED] else "nothing to judge yet"
    )
    return said + (f"; {open_} check{'s' if open_ > 1 else ''} without enough data" if open_ else "")
