"""Signed documents on their way down."""

from alembic import op
from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    LargeBinary,
    PrimaryKeyConstraint,
    Text,
    UniqueConstraint,
    text,
)

from sync.office.database.columns import Whole

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Take the step."""
    op.create_table(
        "outbox",
        Column("id", Whole, nullable=False),
        Column("device_id", Whole, nullable=False),
        Column("channel", Text, nullable=False),
        Column("number", Whole, nullable=False),
        Column("document_id", Text, nullable=False),
        Column("kind", Text, nullable=False),
        Column("envelope", LargeBinary, nullable=False),
        Column("created_us", Whole, nullable=False),
        Column("created_by", Text, nullable=False),
        Column("expires_us", Whole, nullable=True),
        Column("first_sent_us", Whole, nullable=True),
        Column("last_sent_us", Whole, nullable=True),
        Column("sent_count", Whole, server_default=text("0"), nullable=False),
        Column("withdrawn_us", Whole, nullable=True),
        Column("answered_us", Whole, nullable=True),
        Column("outcome", Text, nullable=True),
        Column("outcome_reason", Text, nullable=True),
        Column("result", LargeBinary, nullable=True),
        CheckConstraint("channel IN ('commands', 'roster', 'certificate')", name=op.f("ck_outbox_channel")),
        ForeignKeyConstraint(["device_id"], ["devices.id"], name=op.f("fk_outbox_device_id")),
        PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
        UniqueConstraint("device_id", "channel", "number", name=op.f("uq_outbox_device_id_channel_number")),
        UniqueConstraint("document_id", name=op.f("uq_outbox_document_id")),
        sqlite_strict=True,
    )
    op.create_index(
        "ix_outbox_unanswered",
        "outbox",
        ["device_id", "id"],
        sqlite_where=text("answered_us IS NULL"),
        postgresql_where=text("answered_us IS NULL"),
    )
