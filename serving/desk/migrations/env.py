"""What Alembic runs: on the connection that it is handed, within that connection's transaction."""

from __future__ import annotations

from alembic import context

from serving.desk.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
