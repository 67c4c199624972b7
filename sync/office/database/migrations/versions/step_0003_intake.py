"""Quarantine, parcels, crash reports and alarms."""

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

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Take the step."""
    op.create_table(
        "quarantine",
        Column("id", Whole, nullable=False),
        Column("digest", LargeBinary, nullable=False),
        Column("reason", Text, nullable=False),
        Column("detail", Text, nullable=False),
        Column("topic", Text, nullable=False),
        Column("claimed_site", Text, nullable=True),
        Column("claimed_device", Text, nullable=True),
        Column("raw", LargeBinary, nullable=False),
        Column("true_bytes", Whole, nullable=False),
        Column("count", Whole, server_default=text("1"), nullable=False),
        Column("first_us", Whole, nullable=False),
        Column("last_us", Whole, nullable=False),
        CheckConstraint("length(digest) = 32", name=op.f("ck_quarantine_digest")),
        PrimaryKeyConstraint("id", name=op.f("pk_quarantine")),
        UniqueConstraint("digest", name=op.f("uq_quarantine_digest")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_quarantine_last_us"), "quarantine", ["last_us"])
    op.create_table(
        "quarantine_totals",
        Column("reason", Text, nullable=False),
        Column("refused", Whole, server_default=text("0"), nullable=False),
        Column("unkept", Whole, server_default=text("0"), nullable=False),
        Column("last_us", Whole, nullable=False),
        PrimaryKeyConstraint("reason", name=op.f("pk_quarantine_totals")),
        sqlite_strict=True,
    )
    op.create_table(
        "parcels",
        Column("id", Whole, nullable=False),
        Column("device_id", Whole, nullable=False),
        Column("parcel_id", Text, nullable=False),
        Column("kind", Text, nullable=False),
        Column("digest", LargeBinary, nullable=False),
        Column("received_us", Whole, nullable=False),
        Column("envelope", LargeBinary, nullable=True),
        Column("handled_us", Whole, nullable=True),
        Column("outcome", Text, nullable=True),
        Column("bundle", Text, nullable=True),
        Column("part", Whole, nullable=True),
        Column("parts", Whole, nullable=True),
        CheckConstraint("length(digest) = 32", name=op.f("ck_parcels_digest")),
        ForeignKeyConstraint(["device_id"], ["devices.id"], name=op.f("fk_parcels_device_id")),
        PrimaryKeyConstraint("id", name=op.f("pk_parcels")),
        UniqueConstraint("device_id", "parcel_id", name=op.f("uq_parcels_device_id_parcel_id")),
        sqlite_strict=True,
    )
    op.create_index(
        "ix_parcels_unhandled",
        "parcels",
        ["kind", "id"],
        sqlite_where=text("handled_us IS NULL"),
        postgresql_where=text("handled_us IS NULL"),
    )
    op.create_table(
        "crash_reports",
        Column("id", Whole, nullable=False),
        Column("device_id", Whole, nullable=False),
        Column("parcel_id", Text, nullable=False),
        Column("software", Text, nullable=True),
        Column("process", Text, nullable=False),
        Column("body", Text, nullable=False),
        Column("times", Whole, server_default=text("1"), nullable=False),
        Column("happened_us", Whole, nullable=True),
        Column("received_us", Whole, nullable=False),
        Column("seen_us", Whole, nullable=True),
        ForeignKeyConstraint(["device_id"], ["devices.id"], name=op.f("fk_crash_reports_device_id")),
        PrimaryKeyConstraint("id", name=op.f("pk_crash_reports")),
        UniqueConstraint("device_id", "parcel_id", name=op.f("uq_crash_reports_device_id_parcel_id")),
        sqlite_strict=True,
    )
    op.create_table(
        "alarms",
        Column("id", Whole, nullable=False),
        Column("kind", Text, nullable=False),
        Column("device_id", Whole, nullable=True),
        Column("subject", Text, nullable=False),
        Column("detail", Text, nullable=False),
        Column("raised_us", Whole, nullable=False),
        Column("last_us", Whole, nullable=False),
        Column("cleared_us", Whole, nullable=True),
        Column("notified_us", Whole, nullable=True),
        Column("clearing_notified_us", Whole, nullable=True),
        Column("attempts", Whole, server_default=text("0"), nullable=False),
        ForeignKeyConstraint(["device_id"], ["devices.id"], name=op.f("fk_alarms_device_id")),
        PrimaryKeyConstraint("id", name=op.f("pk_alarms")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_alarms_device_id"), "alarms", ["device_id"])
    op.create_index(
        "uq_alarms_open",
        "alarms",
        ["kind", "subject"],
        unique=True,
        sqlite_where=text("cleared_us IS NULL"),
        postgresql_where=text("cleared_us IS NULL"),
    )
