"""The desk's tables. Instants are UTC texts of fixed width, days ISO texts: they sort as text in every database.

Texts that are compared use the bytes' own order in PostgreSQL too, so that pages are the same in both databases.
`migrations/` brings a database here; a test holds the two equal.
"""

from __future__ import annotations

import sqlalchemy as sa

NARROW = "ix_entries_narrow"
NARROW_COLUMNS = (
    "is_work", "group", "tier", "state", "value_tier", "risk_band", "change", "offer", "channel", "p_lapse",
    "value_at_stake", "expected_loss", "expected_profit", "last_purchase_on", "act_by", "customer_id",
)  # fmt: skip
"""What filters and orders ask of an entry."""

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)
NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
"""A row's own number; SQLite counts up only plain INTEGER keys."""


def words() -> sa.types.TypeEngine[str]:
    """A text that is sorted and compared byte by byte."""
    return sa.String().with_variant(sa.String(collation="C"), "postgresql")


def text(name: str, *, nullable: bool = False, index: bool = False) -> sa.Column[str]:
    """A column of texts; '' says none where it may not be null."""
    return sa.Column(name, words(), nullable=nullable, index=index)


def _of_week() -> sa.Column[int]:
    return sa.Column("week_id", NUMBER, sa.ForeignKey("weeks.id"), primary_key=True, autoincrement=False)


# one revision of a published week; never changed once it is whole. Rows of one that is not are those of a load under
# way, or of a killed one, which the next load clears away: nothing shows them
weeks = sa.Table(
    "weeks",
    metadata,
    sa.Column("id", NUMBER, primary_key=True),
    text("week"),
    sa.Column("revision", sa.Integer, nullable=False),
    text("content_hash"),
    text("data_through"),
    text("manifest"),
    sa.Column("n_listed", sa.Integer, nullable=False),
    text("loaded_at"),
    sa.Column("is_whole", sa.Boolean, nullable=False),
    sa.UniqueConstraint("week", "content_hash"),
)
# which revision of a week counts: one row a week
in_force = sa.Table(
    "in_force",
    metadata,
    sa.Column("week", words(), primary_key=True),
    sa.Column("week_id", NUMBER, sa.ForeignKey("weeks.id"), nullable=False),
)
# plain data that came with a week: effects, model and data facts, counts by group
documents = sa.Table(
    "documents", metadata, _of_week(), sa.Column("kind", words(), primary_key=True), text("body"), text("content_hash")
)
# one customer of the list (`is_work`), or who left it since the week before; `facts` is the published row as JSON.
# The other columns are what people filter and sort by; a number or day that is missing is least there. One index
# repeats those columns without the facts, which are long: filters that leave few of a large list need it alone.
entries = sa.Table(
    "entries",
    metadata,
    _of_week(),
    sa.Column("place", sa.Integer, primary_key=True, autoincrement=False),
    text("customer_id"),
    sa.Column("is_work", sa.Boolean, nullable=False),
    text("tier"),
    text("state"),
    text("value_tier"),
    text("group"),
    text("risk_band"),
    text("change"),
    text("offer"),
    text("channel"),
    sa.Column("p_lapse", sa.Double, nullable=False),
    sa.Column("value_at_stake", sa.Double, nullable=False),
    sa.Column("expected_loss", sa.Double, nullable=False),
    sa.Column("expected_profit", sa.Double, nullable=False),
    text("last_purchase_on"),
    text("send_on"),
    text("act_by"),
    text("facts"),
    sa.UniqueConstraint("week_id", "customer_id"),
    *(
        sa.Index(None, "week_id", name, "place")
        for name in (
            "group", "change", "offer", "channel", "p_lapse", "value_at_stake", "expected_loss", "expected_profit",
            "last_purchase_on", "act_by", "send_on",
        )
    ),
    sa.Index(NARROW, "week_id", "place", *NARROW_COLUMNS),
)  # fmt: skip
# one label of one entry
entry_labels = sa.Table(
    "entry_labels",
    metadata,
    _of_week(),
    sa.Column("label", words(), primary_key=True),
    sa.Column("place", sa.Integer, primary_key=True, autoincrement=False),
)
# what one listed customer paid, in cents a week, as a JSON array of whole weeks from `first_on` (a Monday)
histories = sa.Table(
    "histories",
    metadata,
    _of_week(),
    sa.Column("customer_id", words(), primary_key=True),
    text("first_on"),
    text("cents"),
)
# who works on whom this week: it holds across revisions
claims = sa.Table(
    "claims",
    metadata,
    sa.Column("week", words(), primary_key=True),
    sa.Column("customer_id", words(), primary_key=True, index=True),
    sa.Column("user_id", NUMBER, sa.ForeignKey("users.id"), nullable=False, index=True),
    text("claimed_at"),
)
# what one customer did, or what was done about them; `key` is the sender's own, so that sending twice counts once
outcomes = sa.Table(
    "outcomes",
    metadata,
    sa.Column("id", NUMBER, primary_key=True),
    sa.Column("user_id", NUMBER, sa.ForeignKey("users.id"), nullable=False),
    text("key"),
    text("body_hash"),
    text("week"),
    text("customer_id", index=True),
    text("kind"),
    text("reason"),
    text("offer"),
    text("channel"),
    text("note"),
    text("happened_at"),
    text("recorded_at"),
    sa.UniqueConstraint("user_id", "key"),
    sa.Index(None, "week", "customer_id"),
)
# one customer whom nobody is to contact by a channel ('' for all), until a day ('' for good)
suppressions = sa.Table(
    "suppressions",
    metadata,
    sa.Column("id", NUMBER, primary_key=True),
    text("customer_id", index=True),
    text("channel"),
    text("reason"),
    text("until_on"),
    text("added_at"),
    text("lifted_at"),
)
# one thing that a customer did after the data of a week ended
activity = sa.Table(
    "activity",
    metadata,
    sa.Column("customer_id", words(), primary_key=True),
    sa.Column("kind", words(), primary_key=True),
    sa.Column("channel", words(), primary_key=True),
    sa.Column("happened_on", words(), primary_key=True),
)
# one delivery of recent activity: all is known through a day
feeds = sa.Table(
    "feeds",
    metadata,
    sa.Column("id", NUMBER, primary_key=True),
    text("through_on"),
    sa.Column("n_rows", sa.Integer, nullable=False),
    text("loaded_at"),
)
# one account
users = sa.Table(
    "users",
    metadata,
    sa.Column("id", NUMBER, primary_key=True),
    text("name"),
    text("role"),
    text("password_hash"),
    sa.Column("is_active", sa.Boolean, nullable=False),
    text("created_at"),
    sa.UniqueConstraint("name"),
)
# one token of an account, for programs; only its hash is kept
tokens = sa.Table(
    "tokens",
    metadata,
    sa.Column("id", NUMBER, primary_key=True),
    sa.Column("user_id", NUMBER, sa.ForeignKey("users.id"), nullable=False, index=True),
    text("name"),
    text("role"),
    text("token_hash"),
    text("created_at"),
    text("expires_at"),
    text("revoked_at"),
    sa.UniqueConstraint("token_hash"),
)
# one signed-in browser; only the hash of the cookie is kept
sessions = sa.Table(
    "sessions",
    metadata,
    sa.Column("cookie_hash", words(), primary_key=True),
    sa.Column("user_id", NUMBER, sa.ForeignKey("users.id"), nullable=False, index=True),
    text("csrf"),
    text("created_at"),
    text("expires_at"),
)
# one failed attempt to sign in, by name and by address
attempts = sa.Table(
    "attempts",
    metadata,
    sa.Column("id", NUMBER, primary_key=True),
    text("subject"),
    text("failed_at"),
    sa.Index(None, "subject", "failed_at"),
)
# one thing that somebody did; each row's hash covers the row before it
audit = sa.Table(
    "audit",
    metadata,
    sa.Column("number", NUMBER, primary_key=True, autoincrement=False),
    text("at"),
    text("actor"),
    text("action"),
    text("customer_key"),
    text("detail"),
    text("hash"),
)
# the last row's number and hash: what is cut off the end is noticed
audit_head = sa.Table(
    "audit_head",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("number", NUMBER, nullable=False),
    text("hash"),
)
# the name under which the audit log speaks of a customer; erasure destroys it
customer_keys = sa.Table(
    "customer_keys", metadata, sa.Column("customer_id", words(), primary_key=True), text("customer_key")
)
# the keyed hash of whoever was erased: they never come back with a later load
tombstones = sa.Table("tombstones", metadata, sa.Column("mark", words(), primary_key=True), text("erased_at"))
# one erasure that the event store and the published weeks still have to follow; the row goes when they have
erasures = sa.Table("erasures", metadata, sa.Column("customer_id", words(), primary_key=True), text("requested_at"))
# the database's own secrets, made once
settings = sa.Table("settings", metadata, sa.Column("name", words(), primary_key=True), text("value"))
