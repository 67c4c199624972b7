"""What people at the office add to the events: corrections with their approval, closed pay periods, holidays.

Events are never changed. A correction stands beside them, names who asked and who decided, and a report applies
those that were approved.
"""

from sqlalchemy import CheckConstraint, Index, UniqueConstraint

from sync.office.database.columns import digest, link, moment, number, one_of, table, text, whole

correction_requests = table(
    "correction_requests",
    "A wish to see a day differently, and what became of it.",
    number(),
    link("person", "people.person"),
    link("site", "sites.site"),
    text("day"),
    one_of("kind", "void_event", "add_event", "change_direction", "change_time"),
    link("event_id", "events.id", optional=True),  # null only for add_event
    moment("time_us", optional=True),  # of an added or moved event
    one_of("direction", "in", "out", optional=True),
    text("work_code", optional=True),
    text("reason"),
    text("requested_by"),
    moment("requested_us"),
    one_of("state", "pending", "approved", "refused"),
    text("decided_by", optional=True),
    moment("decided_us", optional=True),
    text("decision_note", optional=True),
    CheckConstraint("(event_id IS NULL) = (kind = 'add_event')", name="event_named"),
    CheckConstraint("(kind NOT IN ('add_event', 'change_time')) OR time_us IS NOT NULL", name="time_named"),
    CheckConstraint("(kind <> 'change_direction') OR direction IS NOT NULL", name="direction_named"),
    CheckConstraint("(state = 'pending') = (decided_us IS NULL)", name="decided"),
    CheckConstraint("(decided_us IS NULL) = (decided_by IS NULL)", name="decider_named"),
)
Index(None, correction_requests.c.person, correction_requests.c.day)
Index(None, correction_requests.c.state)

pay_periods = table(
    "pay_periods",
    "Days of a site that are accounted for; no correction is accepted for a closed one.",
    number(),
    link("site", "sites.site"),
    text("first_day"),
    text("last_day"),
    moment("closed_us", optional=True),
    text("closed_by", optional=True),
    UniqueConstraint("site", "first_day"),
    CheckConstraint("last_day >= first_day", name="ordered"),
    CheckConstraint("(closed_us IS NULL) = (closed_by IS NULL)", name="closer_named"),
)

closed_sheets = table(
    "closed_sheets",
    "The days that a period was closed with; reports of a closed period are read from here.",
    link("period_id", "pay_periods.id", key=True),
    text("body"),  # JSON: random ids, moments, marks (`sync.office.periods`)
    digest("digest"),  # of body; it stands in the audit too
    whole("up_to_event"),  # events.id of the newest event at the closing
)

holidays = table(
    "holidays",
    "A site's public holidays.",
    link("site", "sites.site", key=True),
    text("day", key=True),
    text("name"),
)
