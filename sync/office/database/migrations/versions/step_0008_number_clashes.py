"""Clashes of employee numbers; a roster change's body goes: nothing personal stands beside `people`."""

from alembic import op
from sqlalchemy import Column, ForeignKeyConstraint, PrimaryKeyConstraint, Text

from sync.office.database.columns import Whole

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Take the step."""
    op.create_table(
        "number_clashes",
        Column("person", Text, nullable=False),
        Column("employee_number", Text, nullable=False),
        Column("holder", Text, nullable=False),
        Column("device_id", Whole, nullable=False),
        Column("found_us", Whole, nullable=False),
        ForeignKeyConstraint(["device_id"], ["devices.id"], name=op.f("fk_number_clashes_device_id")),
        ForeignKeyConstraint(["holder"], ["people.person"], name=op.f("fk_number_clashes_holder")),
        ForeignKeyConstraint(["person"], ["people.person"], name=op.f("fk_number_clashes_person")),
        PrimaryKeyConstraint("person", name=op.f("pk_number_clashes")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_number_clashes_holder"), "number_clashes", ["holder"])
    op.drop_column("roster_changes", "body")
