"""How long attendance stays: policies, what is kept all the same, and the checkpoints behind which it goes.

A checkpoint is signed with the operator's key; triggers let go of an event's content only behind one. Trust
boundary: whoever owns the database can write a row here, and `verify` finds one that no office key signed.
"""

from sqlalchemy import CheckConstraint, Index, UniqueConstraint

from sync.office.database.columns import digest, link, moment, number, one_of, raw, table, text, whole

office_keys = table(
    "office_keys",
    "The office's own public keys, present and past, so that what they signed can be checked for ever.",
    number(),
    one_of("purpose", "online", "operator"),
    text("key_id"),
    digest("public_key"),
    moment("added_us"),
    text("added_by"),
    UniqueConstraint("purpose", "key_id"),
)

event_checkpoints = table(
    "event_checkpoints",
    "Up to where an epoch's events may be without their content. Replaced as it moves on.",
    link("epoch_id", "epochs.id", key=True),
    whole("seq"),
    digest("hash"),
    text("through_day", optional=True),  # the last attendance day that it may have taken from reports
    whole("emptied"),  # events of the epoch that lost their content so far
    raw("envelope"),
    moment("signed_us"),
    CheckConstraint("seq >= 1", name="seq"),
)

retention_policies = table(
    "retention_policies",
    "What an administrator decided for a site; it comes before the configuration.",
    link("site", "sites.site", key=True),
    whole("attendance_days"),  # 0: for ever
    moment("set_us"),
    text("set_by"),
    CheckConstraint("attendance_days = 0 OR attendance_days >= 31", name="attendance_days"),
)

legal_holds = table(
    "legal_holds",
    "Whose attendance, or which site's, is kept whatever its age.",
    number(),
    text("person", optional=True),  # random id, at every site
    link("site", "sites.site", optional=True),
    text("reason"),
    moment("placed_us"),
    text("placed_by"),
    moment("ended_us", optional=True),
    text("ended_by", optional=True),
    CheckConstraint("(person IS NULL) <> (site IS NULL)", name="one_subject"),
    CheckConstraint("(ended_us IS NULL) = (ended_by IS NULL)", name="ender_named"),
)
Index(
    "uq_legal_holds_person",
    legal_holds.c.person,
    unique=True,
    sqlite_where=legal_holds.c.ended_us.is_(None),
    postgresql_where=legal_holds.c.ended_us.is_(None),
)
Index(
    "uq_legal_holds_site",
    legal_holds.c.site,
    unique=True,
    sqlite_where=legal_holds.c.ended_us.is_(None),
    postgresql_where=legal_holds.c.ended_us.is_(None),
)

sheet_removals = table(
    "sheet_removals",
    "Closed pay periods whose sheet was let go when its time was over; its SHA-256 stays.",
    link("period_id", "pay_periods.id", key=True),
    raw("envelope"),  # signed with the operator's key
    moment("removed_us"),
)
