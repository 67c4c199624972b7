"""What came in beside events: what was refused, parcels, crash reports, and the alarms that all of it raises.

Trust boundary: `quarantine` holds hostile bytes, bounded, never interpreted again; everything else here is from
a device whose signature or certificate held.
"""

from sqlalchemy import Index, UniqueConstraint

from sync.office.database.columns import digest, link, moment, number, raw, table, text, whole

quarantine = table(
    "quarantine",
    "Messages that were refused. The same bytes again only raise `count`.",
    number(),
    digest("digest"),  # SHA-256 of the whole message
    text("reason"),  # code
    text("detail"),
    text("topic"),
    text("claimed_site", optional=True),
    text("claimed_device", optional=True),
    raw("raw"),  # its beginning
    whole("true_bytes"),  # how long it was
    whole("count", default=1),
    moment("first_us"),
    moment("last_us"),
    UniqueConstraint("digest"),
)
Index(None, quarantine.c.last_us)

quarantine_totals = table(
    "quarantine_totals",
    "How many were refused for each reason, also those that are no longer or were never kept.",
    text("reason", key=True),
    whole("refused", default=0),
    whole("unkept", default=0),  # of them, not kept because the table was full
    moment("last_us"),
)

parcels = table(
    "parcels",
    "Parcels that were received; a second delivery only gets its receipt again.",
    number(),
    link("device_id", "devices.id"),
    text("parcel_id"),
    text("kind"),
    digest("digest"),
    moment("received_us"),
    raw(
        "envelope", optional=True
    ),  # kept while somebody must still deal with it: the operator opens what is sealed
    moment("handled_us", optional=True),
    text("outcome", optional=True),
    text("bundle", optional=True),  # of a support bundle's part
    whole("part", optional=True),
    whole("parts", optional=True),
    UniqueConstraint("device_id", "parcel_id"),
)
Index(
    "ix_parcels_unhandled",
    parcels.c.kind,
    parcels.c.id,
    sqlite_where=parcels.c.handled_us.is_(None),
    postgresql_where=parcels.c.handled_us.is_(None),
)

crash_reports = table(
    "crash_reports",
    "Crash reports that a device scrubbed and signed.",
    number(),
    link("device_id", "devices.id"),
    text("parcel_id"),
    text("software", optional=True),
    text("process"),
    text("body"),  # error classes and frames, JSON
    whole("times", default=1),
    moment("happened_us", optional=True),
    moment("received_us"),
    moment("seen_us", optional=True),
    UniqueConstraint("device_id", "parcel_id"),
)

alarms = table(
    "alarms",
    "What somebody must look at. One open alarm for each (kind, subject).",
    number(),
    text("kind"),
    link("device_id", "devices.id", optional=True),
    text("subject"),  # what it is about, such as site/device or site/device/epoch; never a person
    text("detail"),
    moment("raised_us"),
    moment("last_us"),  # seen again
    moment("cleared_us", optional=True),
    moment("notified_us", optional=True),
    moment("clearing_notified_us", optional=True),
    whole("attempts", default=0),  # of telling somebody
)
Index(
    "uq_alarms_open",
    alarms.c.kind,
    alarms.c.subject,
    unique=True,
    sqlite_where=alarms.c.cleared_us.is_(None),
    postgresql_where=alarms.c.cleared_us.is_(None),
)
Index(None, alarms.c.device_id)
