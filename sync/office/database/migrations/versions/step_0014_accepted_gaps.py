"""Gaps that an administrator accepted, kept from being rewritten."""

from typing import Any

from alembic import op
from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    LargeBinary,
    PrimaryKeyConstraint,
    Text,
    UniqueConstraint,
)

from sync.office.database.columns import Whole
from sync.office.database.migrations.history import keep

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Take the step."""
    columns: dict[str, Any] = {
        "epoch_id": Whole, "from_seq": Whole, "to_seq": Whole, "prev_hash": LargeBinary, "hash": LargeBinary,
        "lost_after_us": Whole, "lost_before_us": Whole, "reason": Text, "accepted_us": Whole,
        "accepted_by": Text, "envelope": LargeBinary,
    }  # fmt: skip
    op.create_table(
        "accepted_gaps",
        Column("id", Whole, nullable=False),
        *(Column(name, kind, nullable=name == "lost_after_us") for name, kind in columns.items()),
        CheckConstraint("from_seq >= 1 AND to_seq >= from_seq", name=op.f("ck_accepted_gaps_ordered")),
        CheckConstraint("length(prev_hash) = 32", name=op.f("ck_accepted_gaps_prev_hash")),
        CheckConstraint("length(hash) = 32", name=op.f("ck_accepted_gaps_hash")),
        ForeignKeyConstraint(["epoch_id"], ["epochs.id"], name=op.f("fk_accepted_gaps_epoch_id")),
        PrimaryKeyConstraint("id", name=op.f("pk_accepted_gaps")),
        UniqueConstraint("epoch_id", "from_seq", name=op.f("uq_accepted_gaps_epoch_id_from_seq")),
        sqlite_strict=True,
    )
    keep("accepted_gaps", columns=("id", *columns), rows=True)
