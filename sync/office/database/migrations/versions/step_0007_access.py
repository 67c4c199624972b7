"""Operators, the audit, followers and facts of the office; the audit keeps its history."""

from alembic import op
from sqlalchemy import CheckConstraint, Column, LargeBinary, PrimaryKeyConstraint, Text, text

from sync.office.database.columns import Whole
from sync.office.database.migrations.history import keep

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Take the step."""
    op.create_table(
        "operators",
        Column("account", Text, nullable=False),
        Column("role", Text, nullable=False),
        Column("added_us", Whole, nullable=False),
        Column("added_by", Text, nullable=False),
        Column("ended_us", Whole, nullable=True),
        CheckConstraint("role IN ('viewer', 'clerk', 'administrator')", name=op.f("ck_operators_role")),
        PrimaryKeyConstraint("account", name=op.f("pk_operators")),
        sqlite_strict=True,
    )
    op.create_table(
        "audit",
        Column("seq", Whole, autoincrement=False, nullable=False),
        Column("at_us", Whole, nullable=False),
        Column("actor", Text, nullable=False),
        Column("action", Text, nullable=False),
        Column("subject", Text, nullable=False),
        Column("detail", Text, nullable=False),
        Column("prev_hash", LargeBinary, nullable=False),
        Column("hash", LargeBinary, nullable=False),
        CheckConstraint("length(hash) = 32", name=op.f("ck_audit_hash")),
        CheckConstraint("length(prev_hash) = 32", name=op.f("ck_audit_prev_hash")),
        PrimaryKeyConstraint("seq", name=op.f("pk_audit")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_audit_at_us"), "audit", ["at_us"])
    op.create_index(op.f("ix_audit_subject"), "audit", ["subject"])
    op.create_table(
        "followers",
        Column("name", Text, nullable=False),
        Column("position", Whole, server_default=text("0"), nullable=False),
        Column("moved_us", Whole, nullable=True),
        PrimaryKeyConstraint("name", name=op.f("pk_followers")),
        sqlite_strict=True,
    )
    op.create_table(
        "office",
        Column("name", Text, nullable=False),
        Column("value", Text, nullable=False),
        PrimaryKeyConstraint("name", name=op.f("pk_office")),
        sqlite_strict=True,
    )
    keep(
        "audit",
        columns=("seq", "at_us", "actor", "action", "subject", "detail", "prev_hash", "hash"),
        rows=True,
    )
