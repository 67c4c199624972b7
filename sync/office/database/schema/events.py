"""What devices sent: epochs with their frontiers, the events, and what is not yet or not rightly in a chain.

The signed original stands beside the columns read from it; identity, hash and original are history that a
trigger keeps. Trust boundary: a row in `events` or `waiting` was authentic when it came (its signature held); a
row in `events` is also chained to the one before.
"""

from sqlalchemy import CheckConstraint, Index, UniqueConstraint
from sqlalchemy import text as sql

from sync.office.database.columns import digest, flag, link, moment, number, one_of, raw, table, text, whole

epochs = table(
    "epochs",
    "A device's epoch and how far it is committed. The row is locked while its frontier moves.",
    number(),  # grows in order of arrival
    link("device_id", "devices.id"),
    text("epoch"),
    whole("ordinal"),  # the number in front of the epoch's name
    text("reason", optional=True),  # null until its first event is here, like the next six
    text("previous_epoch", optional=True),
    whole("previous_seq", optional=True),
    digest("previous_hash", optional=True),
    text("signer", optional=True),  # key id
    moment("begun_us", optional=True),  # the device's time
    moment("first_received_us"),
    whole("frontier_seq", default=0),
    digest("frontier_hash"),  # 32 zero bytes before the first event
    moment("frontier_us", optional=True),  # when it last moved
    whole(
        "refused_seq", optional=True
    ),  # the office refused this event of the device; it reissues under a new epoch
    text("refused_reason", optional=True),
    UniqueConstraint("device_id", "epoch"),
    CheckConstraint("frontier_seq >= 0", name="frontier_seq"),
)

events = table(
    "events",
    "Every event, once, in the order in which it was stored.",
    number(),  # arrival; grows for ever. Who follows live asks `arrivals.settled` how far to read
    link("device_id", "devices.id"),
    link("epoch_id", "epochs.id"),
    whole("seq"),
    digest("hash"),
    digest("prev_hash"),
    text("type"),
    moment("time_us"),  # the device's wall time, uncorrected
    moment("received_us"),
    flag("interpreted"),  # false: authentic and chained, but of a type or form that this software does not know
    whole("utc_offset_s", optional=True),
    text("trust", optional=True),
    text("boot_id", optional=True),
    whole("boottime_us", optional=True),
    text("person", optional=True),  # random id
    text("direction", optional=True),
    text("direction_source", optional=True),
    text("method", optional=True),
    text("day", optional=True),  # ISO, in the site's time zone, as the device saw it
    text("work_code", optional=True),
    whole("score_millionths", optional=True),
    digest("model", optional=True),
    text("change", optional=True),  # what staff did to the person at the kiosk
    text(
        "reissues_epoch", optional=True
    ),  # this event is one that the office refused, or that a restore repeats
    whole("reissues_seq", optional=True),
    digest("reissues_hash", optional=True),
    raw("envelope"),  # the signed original; last, so that SQLite reads the columns without it
    UniqueConstraint("epoch_id", "seq"),
    CheckConstraint("seq >= 1", name="seq"),
)
Index(  # by day alone: its entries are appended; with the person in it, 500 events took twice as long
    None,
    events.c.day,
    sqlite_where=events.c.day.is_not(None),
    postgresql_where=events.c.day.is_not(None),
)
Index(
    None,
    events.c.person,
    events.c.time_us,
    sqlite_where=events.c.person.is_not(None),
    postgresql_where=events.c.person.is_not(None),
)
Index(None, events.c.device_id, events.c.time_us)
Index(
    "ix_events_uninterpreted",
    events.c.id,
    sqlite_where=sql("interpreted = 0"),
    postgresql_where=sql("NOT interpreted"),
)

waiting = table(
    "waiting",
    "Authentic events that came before their turn; deleted when the frontier reaches them.",
    number(),
    link("epoch_id", "epochs.id"),
    whole("seq"),
    digest("hash"),
    digest("prev_hash"),
    moment("received_us"),
    raw("envelope"),
    UniqueConstraint("epoch_id", "seq", "hash"),
)

gaps = table(
    "gaps",
    "Stretches of an epoch that are missing while later events wait.",
    number(),
    link("epoch_id", "epochs.id"),
    whole("from_seq"),
    whole("to_seq"),
    moment("opened_us"),
    moment("closed_us", optional=True),
    CheckConstraint("to_seq >= from_seq", name="ordered"),
)
Index(
    "uq_gaps_open",
    gaps.c.epoch_id,
    gaps.c.from_seq,
    unique=True,
    sqlite_where=gaps.c.closed_us.is_(None),
    postgresql_where=gaps.c.closed_us.is_(None),
)

accepted_gaps = table(
    "accepted_gaps",
    "Events that nobody holds any more, as an administrator accepted it: the chain goes on behind them.",
    number(),
    link("epoch_id", "epochs.id"),
    whole("from_seq"),
    whole("to_seq"),
    digest("prev_hash"),  # of the event before the first one
    digest("hash"),  # of the last one, as what follows it names it
    moment("lost_after_us", optional=True),  # the device's time of the last event before them
    moment("lost_before_us"),  # of what follows, at the latest of the acceptance
    text("reason"),
    moment("accepted_us"),
    text("accepted_by"),
    raw("envelope"),  # signed with the operator's key
    UniqueConstraint("epoch_id", "from_seq"),
    CheckConstraint("from_seq >= 1 AND to_seq >= from_seq", name="ordered"),
)

forks = table(
    "forks",
    "Two authentic histories of one device: the office holds one hash, this is the other.",
    number(),
    link("epoch_id", "epochs.id"),
    whole("seq"),
    digest("known_hash"),
    digest("other_hash"),
    one_of("found_in", "event", "prev_hash", "epoch", "device"),  # where the other hash came from
    raw("envelope", optional=True),  # the evidence
    moment("found_us"),
    moment("settled_us", optional=True),
    text("settled_by", optional=True),
    UniqueConstraint("epoch_id", "seq", "other_hash"),
)

clock_corrections = table(
    "clock_corrections",
    "What a device later said of its clock: true time = time_us + correction_us for the range.",
    link("event_id", "events.id", key=True),  # the event that says so
    link("epoch_id", "epochs.id", key=True),  # the epoch that it speaks of
    whole("first_seq", key=True),
    whole("last_seq"),
    whole("correction_us"),
    CheckConstraint("last_seq >= first_seq", name="ordered"),
)
Index(None, clock_corrections.c.epoch_id, clock_corrections.c.first_seq)

voids = table(
    "voids",
    "Records that the person whom they name disowned at the kiosk, at once: reports leave them out.",
    link("event_id", "events.id", key=True),  # the event that says so
    link("device_id", "devices.id"),
    text("epoch"),  # what is voided, as the device made it
    whole("seq"),
    digest("hash"),
)
Index(None, voids.c.device_id, voids.c.hash)
