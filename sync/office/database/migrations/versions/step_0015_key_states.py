"""How far the rotation of the office's own keys is."""

from alembic import op
from sqlalchemy import (
    CheckConstraint,
    Column,
    LargeBinary,
    PrimaryKeyConstraint,
    Text,
    UniqueConstraint,
    text,
)

from sync.office.database.columns import Whole

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Take the step."""
    op.create_table(
        "key_states",
        Column("id", Whole, nullable=False),
        Column("purpose", Text, nullable=False),
        Column("key_id", Text, nullable=False),
        Column("state", Text, nullable=False),
        Column("changed_us", Whole, nullable=False),
        Column("changed_by", Text, nullable=False),
        CheckConstraint("purpose IN ('online', 'operator')", name=op.f("ck_key_states_purpose")),
        CheckConstraint(
            "state IN ('next', 'present', 'previous', 'retired')", name=op.f("ck_key_states_state")
        ),
        PrimaryKeyConstraint("id", name=op.f("pk_key_states")),
        UniqueConstraint("purpose", "key_id", name=op.f("uq_key_states_purpose_key_id")),
        sqlite_strict=True,
    )
    op.create_index(
        "uq_key_states_one",
        "key_states",
        ["purpose", "state"],
        unique=True,
        sqlite_where=text("state != 'retired'"),
        postgresql_where=text("state != 'retired'"),
    )
    op.create_table(
        "key_sets",
        Column("purpose", Text, nullable=False),
        Column("envelope", LargeBinary, nullable=False),
        Column("signed_us", Whole, nullable=False),
        PrimaryKeyConstraint("purpose", name=op.f("pk_key_sets")),
        sqlite_strict=True,
    )
