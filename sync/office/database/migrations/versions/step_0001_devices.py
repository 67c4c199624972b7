"""Sites, devices, their keys, health and certificates."""

from alembic import op
from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    LargeBinary,
    PrimaryKeyConstraint,
    Text,
    UniqueConstraint,
    false,
    text,
)

from sync.office.database.columns import Flag, Whole
from sync.office.database.migrations.history import keep

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Take the step."""
    op.create_table(
        "sites",
        Column("site", Text, nullable=False),
        Column("name", Text, nullable=False),
        Column("time_zone", Text, nullable=False),
        Column("roster_version", Whole, server_default=text("0"), nullable=False),
        Column("created_us", Whole, nullable=False),
        PrimaryKeyConstraint("site", name=op.f("pk_sites")),
        sqlite_strict=True,
    )
    op.create_table(
        "devices",
        Column("id", Whole, nullable=False),
        Column("site", Text, nullable=False),
        Column("device", Text, nullable=False),
        Column("label", Text, nullable=True),
        Column("state", Text, nullable=False),
        Column("sealing_key", LargeBinary, nullable=True),
        Column("certificate_serial", Text, nullable=True),
        Column("certificate_not_after_us", Whole, nullable=True),
        Column("registered_us", Whole, nullable=False),
        Column("registered_by", Text, nullable=False),
        Column("ended_us", Whole, nullable=True),
        Column("ended_by", Text, nullable=True),
        Column("ended_reason", Text, nullable=True),
        Column("trusted_epoch", Text, nullable=True),
        Column("trusted_seq", Whole, nullable=True),
        Column("trusted_hash", LargeBinary, nullable=True),
        Column("lost_us", Whole, nullable=True),
        Column("command_number", Whole, server_default=text("0"), nullable=False),
        Column("roster_number", Whole, server_default=text("0"), nullable=False),
        CheckConstraint("state IN ('active', 'retired', 'revoked')", name=op.f("ck_devices_state")),
        CheckConstraint(
            "(trusted_epoch IS NULL) = (trusted_seq IS NULL)", name=op.f("ck_devices_trusted_point")
        ),
        CheckConstraint("length(sealing_key) = 32", name=op.f("ck_devices_sealing_key")),
        CheckConstraint("length(trusted_hash) = 32", name=op.f("ck_devices_trusted_hash")),
        ForeignKeyConstraint(["site"], ["sites.site"], name=op.f("fk_devices_site")),
        PrimaryKeyConstraint("id", name=op.f("pk_devices")),
        UniqueConstraint("site", "device", name=op.f("uq_devices_site_device")),
        sqlite_strict=True,
    )
    op.create_table(
        "device_keys",
        Column("id", Whole, nullable=False),
        Column("device_id", Whole, nullable=False),
        Column("key_id", Text, nullable=False),
        Column("public_key", LargeBinary, nullable=False),
        Column("from_epoch", Text, nullable=True),
        Column("to_epoch", Text, nullable=True),
        Column("added_us", Whole, nullable=False),
        Column("added_by", Text, nullable=False),
        Column("withdrawn_us", Whole, nullable=True),
        CheckConstraint("length(public_key) = 32", name=op.f("ck_device_keys_public_key")),
        ForeignKeyConstraint(["device_id"], ["devices.id"], name=op.f("fk_device_keys_device_id")),
        PrimaryKeyConstraint("id", name=op.f("pk_device_keys")),
        UniqueConstraint("device_id", "key_id", name=op.f("uq_device_keys_device_id_key_id")),
        sqlite_strict=True,
    )
    op.create_table(
        "device_health",
        Column("device_id", Whole, nullable=False),
        Column("online", Flag(), server_default=false(), nullable=False),
        Column("session", Text, nullable=True),
        Column("session_us", Whole, nullable=True),
        Column("last_seen_us", Whole, nullable=True),
        Column("last_event_us", Whole, nullable=True),
        Column("software", Text, nullable=True),
        Column("telemetry", Text, nullable=True),
        Column("telemetry_us", Whole, nullable=True),
        Column("pending", Whole, nullable=True),
        Column("oldest_pending_us", Whole, nullable=True),
        Column("roster_version", Whole, server_default=text("0"), nullable=False),
        Column("roster_applied_us", Whole, nullable=True),
        ForeignKeyConstraint(["device_id"], ["devices.id"], name=op.f("fk_device_health_device_id")),
        PrimaryKeyConstraint("device_id", name=op.f("pk_device_health")),
        sqlite_strict=True,
    )
    op.create_table(
        "certificates",
        Column("serial", Text, nullable=False),
        Column("device_id", Whole, nullable=True),
        Column("subject", Text, nullable=False),
        Column("fingerprint", LargeBinary, nullable=False),
        Column("not_before_us", Whole, nullable=False),
        Column("not_after_us", Whole, nullable=False),
        Column("pem", Text, nullable=False),
        Column("issued_us", Whole, nullable=False),
        Column("issued_by", Text, nullable=False),
        Column("revoked_us", Whole, nullable=True),
        Column("revoked_reason", Text, nullable=True),
        CheckConstraint("length(fingerprint) = 32", name=op.f("ck_certificates_fingerprint")),
        ForeignKeyConstraint(["device_id"], ["devices.id"], name=op.f("fk_certificates_device_id")),
        PrimaryKeyConstraint("serial", name=op.f("pk_certificates")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_certificates_device_id"), "certificates", ["device_id"])
    keep("devices", columns=("site", "device"), rows=False)
    keep("device_keys", columns=("device_id", "key_id", "public_key"), rows=False)
