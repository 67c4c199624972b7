"""Sites and devices: what the office decided about them, and what they last told of themselves.

`devices` is written by operators, `device_health` by the receiver. Trust boundary: an identity on the wire
counts only if its certificate names a device here, and a signature only if its key stands in `device_keys`.
"""

from sqlalchemy import CheckConstraint, Index, UniqueConstraint

from sync.office.database.columns import digest, flag, link, moment, number, one_of, table, text, whole

sites = table(
    "sites",
    "A place with kiosks. Its row is locked while a roster version is given out.",
    text("site", key=True),
    text("name"),
    text("time_zone"),  # IANA name; reports and days follow it
    whole("roster_version", default=0),  # the last one given out; gapless
    moment("created_us"),
)

devices = table(
    "devices",
    "A kiosk, known by (site, device). Its row is locked while a document's number is given out.",
    number(),
    link("site", "sites.site"),
    text("device"),
    text("label", optional=True),  # where it hangs, for people
    one_of("state", "active", "retired", "revoked"),
    digest("sealing_key", optional=True),  # X25519; what the site key is wrapped for
    text("certificate_serial", optional=True),  # of the newest certificate, lower-case hex
    moment("certificate_not_after_us", optional=True),
    moment("registered_us"),
    text("registered_by"),
    moment("ended_us", optional=True),  # retired or revoked
    text("ended_by", optional=True),
    text("ended_reason", optional=True),
    text("trusted_epoch", optional=True),  # a revocation names the last event that is trusted
    whole("trusted_seq", optional=True),
    digest("trusted_hash", optional=True),
    moment("lost_us", optional=True),  # reported lost or stolen
    whole("command_number", default=0),  # the last number given out, so that a pruned outbox repeats none
    whole("roster_number", default=0),
    UniqueConstraint("site", "device"),
    CheckConstraint("(trusted_epoch IS NULL) = (trusted_seq IS NULL)", name="trusted_point"),
)

device_keys = table(
    "device_keys",
    "A device's signing keys (Ed25519), and from which to which epoch each is believed.",
    number(),
    link("device_id", "devices.id"),
    text("key_id"),
    digest("public_key"),
    text("from_epoch", optional=True),  # null: from its first
    text("to_epoch", optional=True),  # null: until now
    moment("added_us"),
    text("added_by"),
    moment("withdrawn_us", optional=True),
    UniqueConstraint("device_id", "key_id"),
)

device_health = table(
    "device_health",
    "What a device last told of itself. Numbers and codes, nothing about people.",
    link("device_id", "devices.id", key=True),
    flag("online", default=False),
    text("session", optional=True),  # of the last birth; a death of another session is stale
    moment("session_us", optional=True),
    moment("last_seen_us", optional=True),
    moment("last_event_us", optional=True),  # when the last event was committed here
    text("software", optional=True),
    text("telemetry", optional=True),  # the last document, JSON
    moment("telemetry_us", optional=True),
    whole("pending", optional=True),  # events that it still holds, as it says
    moment("oldest_pending_us", optional=True),
    whole("roster_version", default=0),  # the site's version that it has applied
    moment("roster_applied_us", optional=True),
)

certificates = table(
    "certificates",
    "Every certificate that the office's own authority issued; public.",
    text("serial", key=True),
    link("device_id", "devices.id", optional=True),  # null: the broker's, the receiver's
    text("subject"),
    digest("fingerprint"),
    moment("not_before_us"),
    moment("not_after_us"),
    text("pem"),
    moment("issued_us"),
    text("issued_by"),
    moment("revoked_us", optional=True),
    text("revoked_reason", optional=True),
)
Index(None, certificates.c.device_id)
