"""People, memberships, the roster, sealed templates and receipts of removals."""

from alembic import op
from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    LargeBinary,
    PrimaryKeyConstraint,
    Text,
    UniqueConstraint,
    true,
)

from sync.office.database.columns import Flag, Whole

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Take the step."""
    op.create_table(
        "people",
        Column("person", Text, nullable=False),
        Column("employee_number", Text, nullable=True),
        Column("name", Text, nullable=True),
        Column("department", Text, nullable=True),
        Column("greeting", Text, nullable=True),
        Column("language", Text, nullable=True),
        Column("consent_version", Text, nullable=True),
        Column("consent_language", Text, nullable=True),
        Column("consent_how", Text, nullable=True),
        Column("consent_us", Whole, nullable=True),
        Column("active", Flag(), server_default=true(), nullable=False),
        Column("created_us", Whole, nullable=False),
        Column("changed_us", Whole, nullable=False),
        Column("removed_us", Whole, nullable=True),
        PrimaryKeyConstraint("person", name=op.f("pk_people")),
        UniqueConstraint("employee_number", name=op.f("uq_people_employee_number")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_people_department"), "people", ["department"])
    op.create_table(
        "memberships",
        Column("person", Text, nullable=False),
        Column("site", Text, nullable=False),
        Column("since_us", Whole, nullable=False),
        Column("until_us", Whole, nullable=True),
        ForeignKeyConstraint(["person"], ["people.person"], name=op.f("fk_memberships_person")),
        ForeignKeyConstraint(["site"], ["sites.site"], name=op.f("fk_memberships_site")),
        PrimaryKeyConstraint("person", "site", name=op.f("pk_memberships")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_memberships_site"), "memberships", ["site"])
    op.create_table(
        "roster_changes",
        Column("site", Text, nullable=False),
        Column("version", Whole, autoincrement=False, nullable=False),
        Column("kind", Text, nullable=False),
        Column("person", Text, nullable=True),
        Column("template_id", Text, nullable=True),
        Column("body", Text, nullable=True),
        Column("made_us", Whole, nullable=False),
        Column("made_by", Text, nullable=False),
        ForeignKeyConstraint(["site"], ["sites.site"], name=op.f("fk_roster_changes_site")),
        PrimaryKeyConstraint("site", "version", name=op.f("pk_roster_changes")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_roster_changes_person"), "roster_changes", ["person"])
    op.create_table(
        "sealed_templates",
        Column("id", Whole, nullable=False),
        Column("site", Text, nullable=False),
        Column("template_id", Text, nullable=False),
        Column("person", Text, nullable=False),
        Column("model", LargeBinary, nullable=False),
        Column("site_key_id", Text, nullable=False),
        Column("sealed", LargeBinary, nullable=True),
        Column("origin_device_id", Whole, nullable=False),
        Column("received_us", Whole, nullable=False),
        Column("removed_us", Whole, nullable=True),
        CheckConstraint("length(model) = 32", name=op.f("ck_sealed_templates_model")),
        ForeignKeyConstraint(
            ["origin_device_id"], ["devices.id"], name=op.f("fk_sealed_templates_origin_device_id")
        ),
        ForeignKeyConstraint(["site"], ["sites.site"], name=op.f("fk_sealed_templates_site")),
        PrimaryKeyConstraint("id", name=op.f("pk_sealed_templates")),
        UniqueConstraint("site", "template_id", name=op.f("uq_sealed_templates_site_template_id")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_sealed_templates_person"), "sealed_templates", ["person"])
    op.create_table(
        "removal_receipts",
        Column("id", Whole, nullable=False),
        Column("person", Text, nullable=False),
        Column("device_id", Whole, nullable=False),
        Column("roster_version", Whole, nullable=False),
        Column("templates_erased", Whole, nullable=True),
        Column("envelope", LargeBinary, nullable=False),
        Column("received_us", Whole, nullable=False),
        ForeignKeyConstraint(["device_id"], ["devices.id"], name=op.f("fk_removal_receipts_device_id")),
        PrimaryKeyConstraint("id", name=op.f("pk_removal_receipts")),
        UniqueConstraint(
            "person",
            "device_id",
            "roster_version",
            name=op.f("uq_removal_receipts_person_device_id_roster_version"),
        ),
        sqlite_strict=True,
    )
