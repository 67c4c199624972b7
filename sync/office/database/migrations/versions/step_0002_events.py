"""Epochs, events, what waits, gaps, forks and clock corrections; events and epochs keep their history."""

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

from sync.office.database.columns import Flag, Whole
from sync.office.database.migrations.history import keep

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Take the step."""
    op.create_table(
        "epochs",
        Column("id", Whole, nullable=False),
        Column("device_id", Whole, nullable=False),
        Column("epoch", Text, nullable=False),
        Column("ordinal", Whole, nullable=False),
        Column("reason", Text, nullable=True),
        Column("previous_epoch", Text, nullable=True),
        Column("previous_seq", Whole, nullable=True),
        Column("previous_hash", LargeBinary, nullable=True),
        Column("signer", Text, nullable=True),
        Column("begun_us", Whole, nullable=True),
        Column("first_received_us", Whole, nullable=False),
        Column("frontier_seq", Whole, server_default=text("0"), nullable=False),
        Column("frontier_hash", LargeBinary, nullable=False),
        Column("frontier_us", Whole, nullable=True),
        Column("refused_seq", Whole, nullable=True),
        Column("refused_reason", Text, nullable=True),
        CheckConstraint("frontier_seq >= 0", name=op.f("ck_epochs_frontier_seq")),
        CheckConstraint("length(frontier_hash) = 32", name=op.f("ck_epochs_frontier_hash")),
        CheckConstraint("length(previous_hash) = 32", name=op.f("ck_epochs_previous_hash")),
        ForeignKeyConstraint(["device_id"], ["devices.id"], name=op.f("fk_epochs_device_id")),
        PrimaryKeyConstraint("id", name=op.f("pk_epochs")),
        UniqueConstraint("device_id", "epoch", name=op.f("uq_epochs_device_id_epoch")),
        sqlite_strict=True,
    )
    op.create_table(
        "events",
        Column("id", Whole, nullable=False),
        Column("device_id", Whole, nullable=False),
        Column("epoch_id", Whole, nullable=False),
        Column("seq", Whole, nullable=False),
        Column("hash", LargeBinary, nullable=False),
        Column("prev_hash", LargeBinary, nullable=False),
        Column("type", Text, nullable=False),
        Column("time_us", Whole, nullable=False),
        Column("received_us", Whole, nullable=False),
        Column("interpreted", Flag(), nullable=False),
        Column("utc_offset_s", Whole, nullable=True),
        Column("trust", Text, nullable=True),
        Column("boot_id", Text, nullable=True),
        Column("boottime_us", Whole, nullable=True),
        Column("person", Text, nullable=True),
        Column("direction", Text, nullable=True),
        Column("direction_source", Text, nullable=True),
        Column("method", Text, nullable=True),
        Column("day", Text, nullable=True),
        Column("work_code", Text, nullable=True),
        Column("score_millionths", Whole, nullable=True),
        Column("model", LargeBinary, nullable=True),
        Column("change", Text, nullable=True),
        Column("reissues_epoch", Text, nullable=True),
        Column("reissues_seq", Whole, nullable=True),
        Column("reissues_hash", LargeBinary, nullable=True),
        Column("envelope", LargeBinary, nullable=False),
        CheckConstraint("length(hash) = 32", name=op.f("ck_events_hash")),
        CheckConstraint("length(model) = 32", name=op.f("ck_events_model")),
        CheckConstraint("length(prev_hash) = 32", name=op.f("ck_events_prev_hash")),
        CheckConstraint("length(reissues_hash) = 32", name=op.f("ck_events_reissues_hash")),
        CheckConstraint("seq >= 1", name=op.f("ck_events_seq")),
        ForeignKeyConstraint(["device_id"], ["devices.id"], name=op.f("fk_events_device_id")),
        ForeignKeyConstraint(["epoch_id"], ["epochs.id"], name=op.f("fk_events_epoch_id")),
        PrimaryKeyConstraint("id", name=op.f("pk_events")),
        UniqueConstraint("epoch_id", "seq", name=op.f("uq_events_epoch_id_seq")),
        sqlite_strict=True,
    )
    op.create_index(
        op.f("ix_events_day"),
        "events",
        ["day"],
        sqlite_where=text("day IS NOT NULL"),
        postgresql_where=text("day IS NOT NULL"),
    )
    op.create_index(op.f("ix_events_device_id_time_us"), "events", ["device_id", "time_us"])
    op.create_index(
        op.f("ix_events_person_time_us"),
        "events",
        ["person", "time_us"],
        sqlite_where=text("person IS NOT NULL"),
        postgresql_where=text("person IS NOT NULL"),
    )
    op.create_index(
        "ix_events_uninterpreted",
        "events",
        ["id"],
        sqlite_where=text("interpreted = 0"),
        postgresql_where=text("NOT interpreted"),
    )
    op.create_table(
        "waiting",
        Column("id", Whole, nullable=False),
        Column("epoch_id", Whole, nullable=False),
        Column("seq", Whole, nullable=False),
        Column("hash", LargeBinary, nullable=False),
        Column("prev_hash", LargeBinary, nullable=False),
        Column("received_us", Whole, nullable=False),
        Column("envelope", LargeBinary, nullable=False),
        CheckConstraint("length(hash) = 32", name=op.f("ck_waiting_hash")),
        CheckConstraint("length(prev_hash) = 32", name=op.f("ck_waiting_prev_hash")),
        ForeignKeyConstraint(["epoch_id"], ["epochs.id"], name=op.f("fk_waiting_epoch_id")),
        PrimaryKeyConstraint("id", name=op.f("pk_waiting")),
        UniqueConstraint("epoch_id", "seq", "hash", name=op.f("uq_waiting_epoch_id_seq_hash")),
        sqlite_strict=True,
    )
    op.create_table(
        "gaps",
        Column("id", Whole, nullable=False),
        Column("epoch_id", Whole, nullable=False),
        Column("from_seq", Whole, nullable=False),
        Column("to_seq", Whole, nullable=False),
        Column("opened_us", Whole, nullable=False),
        Column("closed_us", Whole, nullable=True),
        CheckConstraint("to_seq >= from_seq", name=op.f("ck_gaps_ordered")),
        ForeignKeyConstraint(["epoch_id"], ["epochs.id"], name=op.f("fk_gaps_epoch_id")),
        PrimaryKeyConstraint("id", name=op.f("pk_gaps")),
        sqlite_strict=True,
    )
    op.create_index(
        "uq_gaps_open",
        "gaps",
        ["epoch_id", "from_seq"],
        unique=True,
        sqlite_where=text("closed_us IS NULL"),
        postgresql_where=text("closed_us IS NULL"),
    )
    op.create_table(
        "forks",
        Column("id", Whole, nullable=False),
        Column("epoch_id", Whole, nullable=False),
        Column("seq", Whole, nullable=False),
        Column("known_hash", LargeBinary, nullable=False),
        Column("other_hash", LargeBinary, nullable=False),
        Column("found_in", Text, nullable=False),
        Column("envelope", LargeBinary, nullable=True),
        Column("found_us", Whole, nullable=False),
        Column("settled_us", Whole, nullable=True),
        Column("settled_by", Text, nullable=True),
        CheckConstraint(
            "found_in IN ('event', 'prev_hash', 'epoch', 'device')", name=op.f("ck_forks_found_in")
        ),
        CheckConstraint("length(known_hash) = 32", name=op.f("ck_forks_known_hash")),
        CheckConstraint("length(other_hash) = 32", name=op.f("ck_forks_other_hash")),
        ForeignKeyConstraint(["epoch_id"], ["epochs.id"], name=op.f("fk_forks_epoch_id")),
        PrimaryKeyConstraint("id", name=op.f("pk_forks")),
        UniqueConstraint("epoch_id", "seq", "other_hash", name=op.f("uq_forks_epoch_id_seq_other_hash")),
        sqlite_strict=True,
    )
    op.create_table(
        "clock_corrections",
        Column("event_id", Whole, nullable=False),
        Column("epoch_id", Whole, nullable=False),
        Column("first_seq", Whole, autoincrement=False, nullable=False),
        Column("last_seq", Whole, nullable=False),
        Column("correction_us", Whole, nullable=False),
        CheckConstraint("last_seq >= first_seq", name=op.f("ck_clock_corrections_ordered")),
        ForeignKeyConstraint(["epoch_id"], ["epochs.id"], name=op.f("fk_clock_corrections_epoch_id")),
        ForeignKeyConstraint(["event_id"], ["events.id"], name=op.f("fk_clock_corrections_event_id")),
        PrimaryKeyConstraint("event_id", "epoch_id", "first_seq", name=op.f("pk_clock_corrections")),
        sqlite_strict=True,
    )
    op.create_index(
        op.f("ix_clock_corrections_epoch_id_first_seq"), "clock_corrections", ["epoch_id", "first_seq"]
    )
    keep("epochs", columns=("id", "device_id", "epoch", "ordinal"), rows=True)
    keep(
        "events",
        columns=(
            "id",
            "device_id",
            "epoch_id",
            "seq",
            "hash",
            "prev_hash",
            "type",
            "time_us",
            "received_us",
            "envelope",
        ),
        rows=True,
    )
