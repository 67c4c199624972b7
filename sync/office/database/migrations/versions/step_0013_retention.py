"""Retention of attendance: keys, checkpoints, policies, holds, and triggers that let content go behind one."""

from alembic import op
from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    LargeBinary,
    PrimaryKeyConstraint,
    Text,
    UniqueConstraint,
    text,
)

from sync.office.database.columns import Whole
from sync.office.database.migrations.history import HISTORY

revision = "0013"
down_revision = "0012"

_IDENTITY = ("id", "device_id", "epoch_id", "seq", "hash", "prev_hash", "type")
_CONTENT = ("time_us", "received_us", "envelope")


def upgrade() -> None:
    """Take the step."""
    op.create_table(
        "office_keys",
        Column("id", Whole, nullable=False),
        Column("purpose", Text, nullable=False),
        Column("key_id", Text, nullable=False),
        Column("public_key", LargeBinary, nullable=False),
        Column("added_us", Whole, nullable=False),
        Column("added_by", Text, nullable=False),
        CheckConstraint("purpose IN ('online', 'operator')", name=op.f("ck_office_keys_purpose")),
        CheckConstraint("length(public_key) = 32", name=op.f("ck_office_keys_public_key")),
        PrimaryKeyConstraint("id", name=op.f("pk_office_keys")),
        UniqueConstraint("purpose", "key_id", name=op.f("uq_office_keys_purpose_key_id")),
        sqlite_strict=True,
    )
    op.create_table(
        "event_checkpoints",
        Column("epoch_id", Whole, nullable=False, autoincrement=False),
        Column("seq", Whole, nullable=False),
        Column("hash", LargeBinary, nullable=False),
        Column("through_day", Text, nullable=True),
        Column("emptied", Whole, nullable=False),
        Column("envelope", LargeBinary, nullable=False),
        Column("signed_us", Whole, nullable=False),
        CheckConstraint("seq >= 1", name=op.f("ck_event_checkpoints_seq")),
        CheckConstraint("length(hash) = 32", name=op.f("ck_event_checkpoints_hash")),
        ForeignKeyConstraint(["epoch_id"], ["epochs.id"], name=op.f("fk_event_checkpoints_epoch_id")),
        PrimaryKeyConstraint("epoch_id", name=op.f("pk_event_checkpoints")),
        sqlite_strict=True,
    )
    op.create_table(
        "retention_policies",
        Column("site", Text, nullable=False),
        Column("attendance_days", Whole, nullable=False),
        Column("set_us", Whole, nullable=False),
        Column("set_by", Text, nullable=False),
        CheckConstraint(
            "attendance_days = 0 OR attendance_days >= 31", name=op.f("ck_retention_policies_attendance_days")
        ),
        ForeignKeyConstraint(["site"], ["sites.site"], name=op.f("fk_retention_policies_site")),
        PrimaryKeyConstraint("site", name=op.f("pk_retention_policies")),
        sqlite_strict=True,
    )
    _holds()
    _let_content_go()


def _holds() -> None:
    op.create_table(
        "legal_holds",
        Column("id", Whole, nullable=False),
        Column("person", Text, nullable=True),
        Column("site", Text, nullable=True),
        Column("reason", Text, nullable=False),
        Column("placed_us", Whole, nullable=False),
        Column("placed_by", Text, nullable=False),
        Column("ended_us", Whole, nullable=True),
        Column("ended_by", Text, nullable=True),
        CheckConstraint("(person IS NULL) <> (site IS NULL)", name=op.f("ck_legal_holds_one_subject")),
        CheckConstraint("(ended_us IS NULL) = (ended_by IS NULL)", name=op.f("ck_legal_holds_ender_named")),
        ForeignKeyConstraint(["site"], ["sites.site"], name=op.f("fk_legal_holds_site")),
        PrimaryKeyConstraint("id", name=op.f("pk_legal_holds")),
        sqlite_strict=True,
    )
    for of in ("person", "site"):
        op.create_index(
            f"uq_legal_holds_{of}",
            "legal_holds",
            [of],
            unique=True,
            sqlite_where=text("ended_us IS NULL"),
            postgresql_where=text("ended_us IS NULL"),
        )


def _let_content_go() -> None:
    """An event stays who it is; its content goes at once and whole, and only behind a checkpoint."""
    columns = ", ".join((*_IDENTITY, *_CONTENT))
    same = " AND ".join(f"NEW.{each} = OLD.{each}" for each in _IDENTITY)
    behind = (
        "EXISTS (SELECT 1 FROM event_checkpoints WHERE event_checkpoints.epoch_id = OLD.epoch_id "
        "AND event_checkpoints.seq >= OLD.seq)"
    )
    goes = f"({same} AND length(NEW.envelope) = 0 AND NEW.person IS NULL AND {behind})"
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "CREATE FUNCTION keep_events() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN IF NOT {goes} THEN RAISE EXCEPTION '{HISTORY}'; END IF; RETURN NEW; END $$"
        )
        op.execute("DROP TRIGGER events_kept ON events")
        refuse = "EXECUTE FUNCTION keep_events()"
    else:
        op.execute("DROP TRIGGER events_kept")
        refuse = f"WHEN NOT {goes} BEGIN SELECT RAISE (ABORT, '{HISTORY}'); END"
    op.execute(f"CREATE TRIGGER events_kept BEFORE UPDATE OF {columns} ON events FOR EACH ROW {refuse}")
