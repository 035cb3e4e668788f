"""Bringing a database's tables to this version: numbered migrations, all of them in one transaction."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

NEWEST = "0002"
"""The last migration in `migrations/versions/`; a test holds the two equal."""
FOLDER = Path(__file__).parent / "migrations"
_LOCK = 7_305_141


def is_current(connection: sa.Connection) -> bool:
    """Whether the database has every migration; looked up without loading what migrates."""
    if not sa.inspect(connection).has_table("alembic_version"):
        return False
    return connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar() == NEWEST


def migrate(connection: sa.Connection) -> None:
    """Apply what is missing, within the caller's transaction; of two at once the second finds nothing to do."""
    # loading Alembic takes a quarter of a second, which only a database that lacks something should cost
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
