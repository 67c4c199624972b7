"""Records that the person whom they name disowned at the kiosk."""

from alembic import op
from sqlalchemy import CheckConstraint, Column, ForeignKeyConstraint, LargeBinary, PrimaryKeyConstraint, Text

from sync.office.database.columns import Whole
from sync.office.database.migrations.history import keep

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Take the step."""
    op.create_table(
        "voids",
        Column("event_id", Whole, nullable=False, autoincrement=False),
        Column("device_id", Whole, nullable=False),
        Column("epoch", Text, nullable=False),
        Column("seq", Whole, nullable=False),
        Column("hash", LargeBinary, nullable=False),
        CheckConstraint("length(hash) = 32", name=op.f("ck_voids_hash")),
        ForeignKeyConstraint(["device_id"], ["devices.id"], name=op.f("fk_voids_device_id_devices")),
        ForeignKeyConstraint(["event_id"], ["events.id"], name=op.f("fk_voids_event_id_events")),
        PrimaryKeyConstraint("event_id", name=op.f("pk_voids")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_voids_device_id_hash"), "voids", ["device_id", "hash"])
    keep("voids", columns=("event_id", "device_id", "epoch", "seq", "hash"), rows=True)
