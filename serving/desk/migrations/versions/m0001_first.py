"""The first tables; the audit log's rows can be added, never changed or deleted."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from serving.desk.people import make_secret

revision = "0001"
down_revision = None

WORDS = sa.String().with_variant(sa.String(collation="C"), "postgresql")
NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
REFUSED = "the audit log is append-only"


def text(name: str) -> sa.Column[str]:
    """A column of texts."""
    return sa.Column(name, WORDS, nullable=False)


def upgrade() -> None:
    """Apply."""
    _first()
    _second()
    _third()
    _guard_the_audit_log()
    connection = op.get_bind()
    connection.execute(sa.text("INSERT INTO audit_head (id, number, hash) VALUES (1, 0, :start)"), {"start": "0" * 64})
    make_secret(connection)


def _guard_the_audit_log() -> None:
    if op.get_bind().dialect.name == "sqlite":
        for what in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER audit_no_{what.lower()} BEFORE {what} ON audit "
                f"BEGIN SELECT RAISE(ABORT, '{REFUSED}'); END"
            )
        return
    op.execute(
        "CREATE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{REFUSED}'; END $$"
    )
    op.execute(
        "CREATE TRIGGER audit_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON audit "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change()"
    )


def _first() -> None:
    op.create_table(
        "activity",
        text("customer_id"),
        text("kind"),
        text("channel"),
        text("happened_on"),
        sa.PrimaryKeyConstraint("customer_id", "kind", "channel", "happened_on", name="pk_activity"),
    )
    op.create_table(
        "attempts",
        sa.Column("id", NUMBER, nullable=False),
        text("subject"),
        text("failed_at"),
        sa.PrimaryKeyConstraint("id", name="pk_attempts"),
    )
    op.create_index("ix_attempts_subject_failed_at", "attempts", ["subject", "failed_at"], unique=False)
    op.create_table(
        "audit",
        sa.Column("number", NUMBER, autoincrement=False, nullable=False),
        text("at"),
        text("actor"),
        text("action"),
        text("customer_key"),
        text("detail"),
        text("hash"),
        sa.PrimaryKeyConstraint("number", name="pk_audit"),
    )
    op.create_table(
        "audit_head",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("number", NUMBER, nullable=False),
        text("hash"),
        sa.PrimaryKeyConstraint("id", name="pk_audit_head"),
    )
    op.create_table(
        "customer_keys",
        text("customer_id"),
        text("customer_key"),
        sa.PrimaryKeyConstraint("customer_id", name="pk_customer_keys"),
    )
    op.create_table(
        "erasures",
        text("customer_id"),
        text("requested_at"),
        sa.PrimaryKeyConstraint("customer_id", name="pk_erasures"),
    )
    op.create_table(
        "feeds",
        sa.Column("id", NUMBER, nullable=False),
        text("through_on"),
        sa.Column("n_rows", sa.Integer(), nullable=False),
        text("loaded_at"),
        sa.PrimaryKeyConstraint("id", name="pk_feeds"),
    )
    op.create_table("settings", text("name"), text("value"), sa.PrimaryKeyConstraint("name", name="pk_settings"))


def _second() -> None:
    op.create_table(
        "suppressions",
        sa.Column("id", NUMBER, nullable=False),
        text("customer_id"),
        text("channel"),
        text("reason"),
        text("until_on"),
        text("added_at"),
        text("lifted_at"),
        sa.PrimaryKeyConstraint("id", name="pk_suppressions"),
    )
    op.create_index("ix_suppressions_customer_id", "suppressions", ["customer_id"], unique=False)
    op.create_table(
        "tombstones", text("mark"), text("erased_at"), sa.PrimaryKeyConstraint("mark", name="pk_tombstones")
    )
    op.create_table(
        "users",
        sa.Column("id", NUMBER, nullable=False),
        text("name"),
        text("role"),
        text("password_hash"),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        text("created_at"),
        sa.PrimaryKeyConstraint("id", name="pk_users"),
        sa.UniqueConstraint("name", name="uq_users_name"),
    )
    op.create_table(
        "weeks",
        sa.Column("id", NUMBER, nullable=False),
        text("week"),
        sa.Column("revision", sa.Integer(), nullable=False),
        text("content_hash"),
        text("data_through"),
        text("manifest"),
        sa.Column("n_listed", sa.Integer(), nullable=False),
        text("loaded_at"),
        sa.PrimaryKeyConstraint("id", name="pk_weeks"),
        sa.UniqueConstraint("week", "content_hash", name="uq_weeks_week_content_hash"),
    )
    op.create_table(
        "claims",
        text("week"),
        text("customer_id"),
        sa.Column("user_id", NUMBER, nullable=False),
        text("claimed_at"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_claims_user_id"),
        sa.PrimaryKeyConstraint("week", "customer_id", name="pk_claims"),
    )
    op.create_index("ix_claims_customer_id", "claims", ["customer_id"], unique=False)
    op.create_index("ix_claims_user_id", "claims", ["user_id"], unique=False)
    op.create_table(
        "documents",
        sa.Column("week_id", NUMBER, autoincrement=False, nullable=False),
        text("kind"),
        text("body"),
        text("content_hash"),
        sa.ForeignKeyConstraint(["week_id"], ["weeks.id"], name="fk_documents_week_id"),
        sa.PrimaryKeyConstraint("week_id", "kind", name="pk_documents"),
    )
    op.create_table(
        "entries",
        sa.Column("week_id", NUMBER, autoincrement=False, nullable=False),
        sa.Column("place", sa.Integer(), autoincrement=False, nullable=False),
        text("customer_id"),
        sa.Column("is_work", sa.Boolean(), nullable=False),
        text("tier"),
        text("state"),
        text("value_tier"),
        text("group"),
        text("risk_band"),
        text("change"),
        text("offer"),
        text("channel"),
        sa.Column("p_lapse", sa.Double(), nullable=False),
        sa.Column("value_at_stake", sa.Double(), nullable=False),
        sa.Column("expected_loss", sa.Double(), nullable=False),
        sa.Column("expected_profit", sa.Double(), nullable=False),
        text("last_purchase_on"),
        text("send_on"),
        text("act_by"),
        text("facts"),
        sa.ForeignKeyConstraint(["week_id"], ["weeks.id"], name="fk_entries_week_id"),
        sa.PrimaryKeyConstraint("week_id", "place", name="pk_entries"),
        sa.UniqueConstraint("week_id", "customer_id", name="uq_entries_week_id_customer_id"),
    )
    op.create_index("ix_entries_customer_id", "entries", ["customer_id"], unique=False)
    op.create_index("ix_entries_week_id_act_by_place", "entries", ["week_id", "act_by", "place"], unique=False)
    op.create_index("ix_entries_week_id_change_place", "entries", ["week_id", "change", "place"], unique=False)
    op.create_index("ix_entries_week_id_channel_place", "entries", ["week_id", "channel", "place"], unique=False)
    op.create_index(
        "ix_entries_week_id_expected_loss_place", "entries", ["week_id", "expected_loss", "place"], unique=False
    )
    op.create_index(
        "ix_entries_week_id_expected_profit_place", "entries", ["week_id", "expected_profit", "place"], unique=False
    )
    op.create_index("ix_entries_week_id_group_place", "entries", ["week_id", "group", "place"], unique=False)
    op.create_index(
        "ix_entries_week_id_last_purchase_on_place", "entries", ["week_id", "last_purchase_on", "place"], unique=False
    )
    op.create_index("ix_entries_week_id_offer_place", "entries", ["week_id", "offer", "place"], unique=False)
    op.create_index("ix_entries_week_id_p_lapse_place", "entries", ["week_id", "p_lapse", "place"], unique=False)
    op.create_index("ix_entries_week_id_risk_band_place", "entries", ["week_id", "risk_band", "place"], unique=False)
    op.create_index("ix_entries_week_id_send_on_place", "entries", ["week_id", "send_on", "place"], unique=False)
    op.create_index("ix_entries_week_id_tier_place", "entries", ["week_id", "tier", "place"], unique=False)
    op.create_index(
        "ix_entries_week_id_value_at_stake_place", "entries", ["week_id", "value_at_stake", "place"], unique=False
    )
    op.create_table(
        "entry_labels",
        sa.Column("week_id", NUMBER, autoincrement=False, nullable=False),
        text("label"),
        sa.Column("place", sa.Integer(), autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(["week_id"], ["weeks.id"], name="fk_entry_labels_week_id"),
        sa.PrimaryKeyConstraint("week_id", "label", "place", name="pk_entry_labels"),
    )


def _third() -> None:
    op.create_table(
        "histories",
        sa.Column("week_id", NUMBER, autoincrement=False, nullable=False),
        text("customer_id"),
        text("first_on"),
        text("cents"),
        sa.ForeignKeyConstraint(["week_id"], ["weeks.id"], name="fk_histories_week_id"),
        sa.PrimaryKeyConstraint("week_id", "customer_id", name="pk_histories"),
    )
    op.create_table(
        "in_force",
        text("week"),
        sa.Column("week_id", NUMBER, nullable=False),
        sa.ForeignKeyConstraint(["week_id"], ["weeks.id"], name="fk_in_force_week_id"),
        sa.PrimaryKeyConstraint("week", name="pk_in_force"),
    )
    op.create_table(
        "outcomes",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("user_id", NUMBER, nullable=False),
        text("key"),
        text("body_hash"),
        text("week"),
        text("customer_id"),
        text("kind"),
        text("reason"),
        text("offer"),
        text("channel"),
        text("note"),
        text("happened_at"),
        text("recorded_at"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_outcomes_user_id"),
        sa.PrimaryKeyConstraint("id", name="pk_outcomes"),
        sa.UniqueConstraint("user_id", "key", name="uq_outcomes_user_id_key"),
    )
    op.create_index("ix_outcomes_customer_id", "outcomes", ["customer_id"], unique=False)
    op.create_index("ix_outcomes_week_customer_id", "outcomes", ["week", "customer_id"], unique=False)
    op.create_table(
        "sessions",
        text("cookie_hash"),
        sa.Column("user_id", NUMBER, nullable=False),
        text("csrf"),
        text("created_at"),
        text("expires_at"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_sessions_user_id"),
        sa.PrimaryKeyConstraint("cookie_hash", name="pk_sessions"),
    )
    op.create_index("ix_sessions_user_id", "sessions", ["user_id"], unique=False)
    op.create_table(
        "tokens",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("user_id", NUMBER, nullable=False),
        text("name"),
        text("role"),
        text("token_hash"),
        text("created_at"),
        text("expires_at"),
        text("revoked_at"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_tokens_user_id"),
        sa.PrimaryKeyConstraint("id", name="pk_tokens"),
        sa.UniqueConstraint("token_hash", name="uq_tokens_token_hash"),
    )
    op.create_index("ix_tokens_user_id", "tokens", ["user_id"], unique=False)
