"""Weeks that are loaded in parts, which count once they are whole; an index of all that filters and orders ask."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

NARROW = (
    "week_id", "place", "is_work", "group", "tier", "state", "value_tier", "risk_band", "change", "offer", "channel",
    "p_lapse", "value_at_stake", "expected_loss", "expected_profit", "last_purchase_on", "act_by", "customer_id",
)  # fmt: skip


def upgrade() -> None:
    """Apply."""
    op.add_column("weeks", sa.Column("is_whole", sa.Boolean(), nullable=False, server_default=sa.true()))
    for name in ("week_id_tier_place", "week_id_risk_band_place", "customer_id"):
        op.drop_index(f"ix_entries_{name}", "entries")
    if op.get_bind().dialect.name == "sqlite":  # there REPLACE deletes a row without its trigger
        op.execute(
            "CREATE TRIGGER audit_no_replace BEFORE INSERT ON audit "
            "WHEN EXISTS (SELECT 1 FROM audit WHERE number = NEW.number) "
            "BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END"
        )
    op.create_index("ix_entries_narrow", "entries", list(NARROW), unique=False)
