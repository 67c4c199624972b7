"""Who may use the office, what they did and read, and how far followers have come.

The audit is a hash chain that a trigger keeps from being rewritten. Trust boundary: an actor is an account of
the operating system as the kernel vouches for it; details are codes and random ids.
"""

from sqlalchemy import Index

from sync.office.database.columns import digest, moment, one_of, table, text, whole

operators = table(
    "operators",
    "Accounts and their roles.",
    text("account", key=True),
    one_of("role", "viewer", "clerk", "administrator"),
    moment("added_us"),
    text("added_by"),
    moment("ended_us", optional=True),
)

audit = table(
    "audit",
    "Who did or read what. seq is gapless; hash covers prev_hash and every column.",
    whole("seq", key=True),
    moment("at_us"),
    text("actor"),
    text("action"),
    text("subject"),
    text("detail"),
    digest("prev_hash"),
    digest("hash"),
)
Index(None, audit.c.at_us)
Index(None, audit.c.subject)

followers = table(
    "followers",
    "How far somebody who follows the events has come: a webhook, an export.",
    text("name", key=True),
    whole("position", default=0),  # events.id
    moment("moved_us", optional=True),
)

office = table(
    "office",
    "Facts about this database: its random id, its name, the software that last migrated it.",
    text("name", key=True),
    text("value"),
)
