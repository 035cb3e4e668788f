"""The errors a user can meet: one line each (expected, got, what to do) and an exit code a family."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class RegularsError(Exception):
    """A mistake that a user can mend. The message is one line; `exit_code` names the family."""

    exit_code = 1


class ParameterError(RegularsError):
    """`params.yaml`, `offers.yaml` or a command's argument says something that is not allowed."""

    exit_code = 3


class ContractError(RegularsError):
    """A table or file breaks its contract."""

    exit_code = 4


class SourceError(RegularsError):
    """The purchase data cannot be found or read."""

    exit_code = 5


class TimeError(RegularsError):
    """A window is not complete, or two windows that must not meet do: a leak, refused."""

    exit_code = 6


class GuardError(RegularsError):
    """A plan breaks the loyalty guard; it is not published."""

    exit_code = 7


class StateError(RegularsError):
    """The registry, the ledger or the published weeks are not as the command needs them."""

    exit_code = 8


class UnknownNameError(RegularsError):
    """A week, customer or model version that is not there."""

    exit_code = 9


class ExecutorError(RegularsError):
    """Worker processes or the cluster did not do the work; the last good outputs are still in place."""

    exit_code = 12


def nearest(name: str, known: Iterable[str]) -> str:
    """A hint at the nearest right name, or an empty string when none is near.

    >>> nearest("num_leafs", ["num_leaves", "seed"])
    "; did you mean 'num_leaves'?"
    """
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f"; did you mean '{close[0]}'?" if close else ""
