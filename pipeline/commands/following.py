"""Erasures that were asked for at the desk, carried out over every other store."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from contracts.errors import UnknownNameError
from pipeline.desk import the_desk
from pipeline.privacy import forget
from serving.desk import erasing


def follow_erasures(root: Path, now: datetime) -> int:
    """Forget whoever the desk erased, and return how many; a killed run is finished by another.

    Raises:
        ParameterError: no secret for the tombstone.
    """
    with the_desk(root, is_loading=False) as desk:
        with desk.reading() as connection:
            asked = erasing.awaited(connection)
        for name in asked:
            try:
                forget(root, name, now)
            except UnknownNameError:  # nothing else holds them
                with desk.writing() as connection:
                    erasing.followed(connection, name)
    return len(asked)
