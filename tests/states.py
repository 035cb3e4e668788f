"""A project's state to back up, restore and look at: an instant, a weekly run, hashes of files, commands as typed."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipeline import cli
from pipeline.operating.backup import LOG
from pipeline.operating.state import DATABASES, held_files
from pipeline.operating.weekly import WeeklyRun
from serving.published import file_sha256

NOW = datetime(2018, 1, 5, 12, tzinfo=UTC)
RUN = WeeklyRun("2018-01-05T06:00:00+00:00", 61.5, 70.2, "published", 0, "2018-W01", 1, 8, 3, 1, "2017-12-31", "ab" * 6)


def contents(root: Path) -> dict[str, str]:
    """Hash of every file of the state but the databases, which are copied as databases, and the log of backups."""
    others = {*DATABASES, LOG.as_posix()}
    return {path.as_posix(): file_sha256(root / path) for path in held_files(root) if path.as_posix() not in others}


def command(capsys, *arguments):
    """Exit code, standard output and standard error of a command."""
    with pytest.raises(SystemExit) as stopped:
        cli.main(list(arguments))
    captured = capsys.readouterr()
    return stopped.value.code or 0, captured.out, captured.err
