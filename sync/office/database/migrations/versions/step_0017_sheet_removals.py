"""Closed sheets whose time is over: their rows stay, what they say goes behind a signed word about it."""

from alembic import op
from sqlalchemy import Column, ForeignKeyConstraint, LargeBinary, PrimaryKeyConstraint

from sync.office.database.columns import Whole
from sync.office.database.migrations.history import HISTORY

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    """Take the step."""
    op.create_table(
        "sheet_removals",
        Column("period_id", Whole, nullable=False, autoincrement=False),
        Column("envelope", LargeBinary, nullable=False),
        Column("removed_us", Whole, nullable=False),
        ForeignKeyConstraint(["period_id"], ["pay_periods.id"], name=op.f("fk_sheet_removals_period_id")),
        PrimaryKeyConstraint("period_id", name=op.f("pk_sheet_removals")),
        sqlite_strict=True,
    )
    kept = ("period_id", "digest", "up_to_event")
    same = " AND ".join(f"NEW.{each} = OLD.{each}" for each in kept)
    said = "EXISTS (SELECT 1 FROM sheet_removals WHERE sheet_removals.period_id = OLD.period_id)"
    goes = f"({same} AND length(NEW.body) = 0 AND {said})"
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "CREATE FUNCTION keep_sheets() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN IF NOT {goes} THEN RAISE EXCEPTION '{HISTORY}'; END IF; RETURN NEW; END $$"
        )
        op.execute("DROP TRIGGER closed_sheets_kept ON closed_sheets")
        refuse = "EXECUTE FUNCTION keep_sheets()"
    else:
        op.execute("DROP TRIGGER closed_sheets_kept")
        refuse = f"WHEN NOT {goes} BEGIN SELECT RAISE (ABORT, '{HISTORY}'); END"
    op.execute(
        f"CREATE TRIGGER closed_sheets_kept BEFORE UPDATE OF {', '.join((*kept, 'body'))} ON closed_sheets "
        f"FOR EACH ROW {refuse}"
    )
