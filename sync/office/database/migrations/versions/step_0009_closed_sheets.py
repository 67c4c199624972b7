"""What a pay period was closed with, kept from being rewritten."""

from alembic import op
from sqlalchemy import CheckConstraint, Column, ForeignKeyConstraint, LargeBinary, PrimaryKeyConstraint, Text

from sync.office.database.columns import Whole
from sync.office.database.migrations.history import keep

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Take the step."""
    op.create_table(
        "closed_sheets",
        Column("period_id", Whole, nullable=False, autoincrement=False),
        Column("body", Text, nullable=False),
        Column("digest", LargeBinary, nullable=False),
        Column("up_to_event", Whole, nullable=False),
        CheckConstraint("length(digest) = 32", name=op.f("ck_closed_sheets_digest")),
        ForeignKeyConstraint(
            ["period_id"], ["pay_periods.id"], name=op.f("fk_closed_sheets_period_id_pay_periods")
        ),
        PrimaryKeyConstraint("period_id", name=op.f("pk_closed_sheets")),
        sqlite_strict=True,
    )
    keep("closed_sheets", columns=("period_id", "body", "digest", "up_to_event"), rows=True)
    keep("pay_periods", columns=("site", "first_day", "last_day", "closed_us", "closed_by"), rows=True)
