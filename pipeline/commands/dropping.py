"""Exports that leave as a file of this machine, or at any address that fsspec knows: a bucket, an SFTP server."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from datetime import date
from pathlib import Path, PurePosixPath

from contracts.errors import ParameterError, StateError

Write = Callable[[Path], int]


def filled_in(place: str, week: str, on: date) -> str:
    """The place with `{week}` and `{on}` filled in: one line in a timetable names a new file each day.

    >>> filled_in("s3://shop/lists/{week}-{on}.csv", "2018-W01", date(2018, 1, 2))
    's3://shop/lists/2018-W01-2018-01-02.csv'
    """
    return place.replace("{week}", week).replace("{on}", on.isoformat())


def drop(place: str, write: Write) -> int:
    """Let `write` make the file and bring it to its place, whole or not at all; return what it returned.

    Raises:
        ParameterError: nothing here knows such addresses.
        StateError: the place cannot be reached or written.
    """
    if "://" not in place:
        return write(Path(place))
    with tempfile.TemporaryDirectory(prefix="regulars-") as folder:
        made = Path(folder) / PurePosixPath(place).name
        n_rows = write(made)
        _bring(made, place)
    return n_rows


def _bring(made: Path, place: str) -> None:
    import fsspec

    scheme = place.partition("://")[0]
    try:
        system, path = fsspec.core.url_to_fs(place)
    except (ImportError, ValueError) as error:
        raise ParameterError(f"expected an address that fsspec can open, got one of '{scheme[:20]}': {error}") from None
    # the address may hold a bucket's name or an account: no message repeats it
    try:
        system.makedirs(system._parent(path), exist_ok=True)
        system.put_file(str(made), f"{path}.part")
        system.mv(f"{path}.part", path)
    except OSError as error:
        what = error.strerror or type(error).__name__
        raise StateError(f"expected to write to the {scheme} address, it was refused ({what}); look after it") from None
