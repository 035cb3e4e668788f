"""What the desk refuses, beside what the whole product refuses: each with its own place among HTTP's answers."""

from __future__ import annotations

from contracts.errors import RegularsError, StateError


class SignInError(RegularsError):
    """Nobody is signed in, or the name, password, token or cookie is not right."""

    exit_code = 10


class ForbiddenError(RegularsError):
    """The account's role does not allow this."""

    exit_code = 10


class TooManyError(RegularsError):
    """Too many failed attempts; `wait_seconds` says when to try again."""

    exit_code = 10

    def __init__(self, message: str, wait_seconds: int) -> None:
        super().__init__(message)
        self.wait_seconds = wait_seconds


class ConflictError(StateError):
    """Another has done something that this would undo: a claim, a key used for something else."""


class StaleError(StateError):
    """What is known of recent activity is too old to send anything by."""
