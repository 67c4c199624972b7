"""Signed documents on their way down to one device, and what it answered.

The CLI or the signer process, which hold the operator key, write here; the receiver only publishes what it
finds and stores the answer. Numbers never repeat for a device and channel: `devices` keeps the last one.
"""

from sqlalchemy import Index, UniqueConstraint, and_

from sync.office.database.columns import link, moment, number, one_of, raw, table, text, whole

outbox = table(
    "outbox",
    "A document for one device.",
    number(),
    link("device_id", "devices.id"),
    one_of("channel", "commands", "roster", "certificate"),  # the topic's last part
    whole("number"),
    text("document_id"),
    text("kind"),  # such as restart, identify, roster.delta
    raw("envelope"),
    moment("created_us"),
    text("created_by"),
    moment("expires_us", optional=True),
    moment("first_sent_us", optional=True),
    moment("last_sent_us", optional=True),
    whole("sent_count", default=0),
    moment("withdrawn_us", optional=True),
    moment("answered_us", optional=True),
    text("outcome", optional=True),
    text("outcome_reason", optional=True),
    raw("result", optional=True),  # the device's signed answer
    UniqueConstraint("device_id", "channel", "number"),
    UniqueConstraint("document_id"),
)
Index(
    "ix_outbox_unanswered",
    outbox.c.device_id,
    outbox.c.id,
    sqlite_where=outbox.c.answered_us.is_(None),
    postgresql_where=outbox.c.answered_us.is_(None),
)
unanswered = and_(
    outbox.c.answered_us.is_(None), outbox.c.withdrawn_us.is_(None)
)  # it still waits for its device
