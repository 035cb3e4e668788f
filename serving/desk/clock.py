"""Instants and days as the desk writes them: UTC texts of fixed width, and ISO days of the shop."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from contracts.errors import ParameterError


def now() -> str:
    """This instant, as 2018-01-01T06:00:00.000000Z."""
    return written(datetime.now(UTC))


def written(at: datetime) -> str:
    """An aware instant as the desk writes it."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def after(at: str, **span: float) -> str:
    """A written instant and a span after it (`days=`, `minutes=`)."""
    return written(read_instant(at) + timedelta(**span))


def read_instant(text: str) -> datetime:
    """An ISO instant with its offset; `ParameterError` for anything else."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise ParameterError(f"expected an instant as 2018-01-02T10:30:00Z, got '{text[:40]}'") from None
    if found.tzinfo is None:
        raise ParameterError(f"expected an instant with its offset, as 2018-01-02T10:30:00Z, got '{text[:40]}'")
    try:
        return found.astimezone(UTC)
    except OverflowError:
        raise ParameterError(f"expected an instant of this age, got '{text[:40]}'") from None


def read_day(text: str) -> date:
    """An ISO day; `ParameterError` for anything else."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ParameterError(f"expected a day as 2018-01-31, got '{text[:40]}'") from None
