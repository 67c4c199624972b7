"""Corrections, pay periods and holidays."""

from alembic import op
from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    PrimaryKeyConstraint,
    Text,
    UniqueConstraint,
)

from sync.office.database.columns import Whole

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Take the step."""
    op.create_table(
        "correction_requests",
        Column("id", Whole, nullable=False),
        Column("person", Text, nullable=False),
        Column("site", Text, nullable=False),
        Column("day", Text, nullable=False),
        Column("kind", Text, nullable=False),
        Column("event_id", Whole, nullable=True),
        Column("time_us", Whole, nullable=True),
        Column("direction", Text, nullable=True),
        Column("work_code", Text, nullable=True),
        Column("reason", Text, nullable=False),
        Column("requested_by", Text, nullable=False),
        Column("requested_us", Whole, nullable=False),
        Column("state", Text, nullable=False),
        Column("decided_by", Text, nullable=True),
        Column("decided_us", Whole, nullable=True),
        Column("decision_note", Text, nullable=True),
        CheckConstraint(
            "(event_id IS NULL) = (kind = 'add_event')", name=op.f("ck_correction_requests_event_named")
        ),
        CheckConstraint(
            "(kind <> 'change_direction') OR direction IS NOT NULL",
            name=op.f("ck_correction_requests_direction_named"),
        ),
        CheckConstraint(
            "(kind NOT IN ('add_event', 'change_time')) OR time_us IS NOT NULL",
            name=op.f("ck_correction_requests_time_named"),
        ),
        CheckConstraint(
            "(state = 'pending') = (decided_us IS NULL)", name=op.f("ck_correction_requests_decided")
        ),
        CheckConstraint("direction IN ('in', 'out')", name=op.f("ck_correction_requests_direction")),
        CheckConstraint(
            "kind IN ('void_event', 'add_event', 'change_direction', 'change_time')",
            name=op.f("ck_correction_requests_kind"),
        ),
        CheckConstraint(
            "state IN ('pending', 'approved', 'refused')", name=op.f("ck_correction_requests_state")
        ),
        CheckConstraint(
            "(decided_us IS NULL) = (decided_by IS NULL)", name=op.f("ck_correction_requests_decider_named")
        ),
        ForeignKeyConstraint(["event_id"], ["events.id"], name=op.f("fk_correction_requests_event_id")),
        ForeignKeyConstraint(["person"], ["people.person"], name=op.f("fk_correction_requests_person")),
        ForeignKeyConstraint(["site"], ["sites.site"], name=op.f("fk_correction_requests_site")),
        PrimaryKeyConstraint("id", name=op.f("pk_correction_requests")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_correction_requests_person_day"), "correction_requests", ["person", "day"])
    op.create_index(op.f("ix_correction_requests_state"), "correction_requests", ["state"])
    op.create_table(
        "pay_periods",
        Column("id", Whole, nullable=False),
        Column("site", Text, nullable=False),
        Column("first_day", Text, nullable=False),
        Column("last_day", Text, nullable=False),
        Column("closed_us", Whole, nullable=True),
        Column("closed_by", Text, nullable=True),
        CheckConstraint("(closed_us IS NULL) = (closed_by IS NULL)", name=op.f("ck_pay_periods_closer_named")),
        CheckConstraint("last_day >= first_day", name=op.f("ck_pay_periods_ordered")),
        ForeignKeyConstraint(["site"], ["sites.site"], name=op.f("fk_pay_periods_site")),
        PrimaryKeyConstraint("id", name=op.f("pk_pay_periods")),
        UniqueConstraint("site", "first_day", name=op.f("uq_pay_periods_site_first_day")),
        sqlite_strict=True,
    )
    op.create_table(
        "holidays",
        Column("site", Text, nullable=False),
        Column("day", Text, nullable=False),
        Column("name", Text, nullable=False),
        ForeignKeyConstraint(["site"], ["sites.site"], name=op.f("fk_holidays_site")),
        PrimaryKeyConstraint("site", "day", name=op.f("pk_holidays")),
        sqlite_strict=True,
    )
