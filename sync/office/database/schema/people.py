"""People and the roster: who a random id is, what each site's kiosks must know, and what they have erased.

The only personal data of the office. A removal empties name, number and greeting and the sealed templates, and
keeps the random id, so that reports still add up. A roster change holds nothing personal: its contents are read
from here when it is signed. The office cannot open a sealed template.
"""

from sqlalchemy import Index, UniqueConstraint

from sync.office.database.columns import digest, flag, link, moment, number, raw, table, text, whole

people = table(
    "people",
    "The office's map from a random id to an employee.",
    text("person", key=True),  # random id: 32 hex digits
    text("employee_number", optional=True),  # null once removed
    text("name", optional=True),
    text("department", optional=True),
    text("greeting", optional=True),
    text("language", optional=True),
    text("consent_version", optional=True),  # of the text that the person agreed to; null: none stands
    text("consent_language", optional=True),
    text("consent_how", optional=True),
    moment("consent_us", optional=True),
    text("consent_proof", optional=True),  # of an imported one: where the evidence lies
    moment("consent_ended_us", optional=True),  # when it was last said that none stands
    text("badges_revoked", optional=True),  # ids, oldest first, with spaces between: they count no more
    flag("active", default=True),
    moment("created_us"),
    moment("changed_us"),
    moment("removed_us", optional=True),
    UniqueConstraint("employee_number"),
)
Index(None, people.c.department)

memberships = table(
    "memberships",
    "At which sites' kiosks a person is known.",
    link("person", "people.person", key=True),
    link("site", "sites.site", key=True),
    moment("since_us"),
    moment("until_us", optional=True),  # null: still
)
Index(None, memberships.c.site)

number_clashes = table(
    "number_clashes",
    "A kiosk gave a person a number that another one has; deleted when somebody has decided.",
    link("person", "people.person", key=True),
    text("employee_number"),  # what the kiosk says
    link("holder", "people.person"),  # whose it is here
    link("device_id", "devices.id"),
    moment("found_us"),
)
Index(None, number_clashes.c.holder)

roster_changes = table(
    "roster_changes",
    "What a site's kiosks must apply, in gapless versions from 1. Signed when it goes into the outbox.",
    link("site", "sites.site", key=True),
    whole("version", key=True),
    text("kind"),
    text("person", optional=True),
    text("template_id", optional=True),
    moment("made_us"),
    text("made_by"),
)
Index(None, roster_changes.c.person)

sealed_templates = table(
    "sealed_templates",
    "Templates sealed under a site key that the office does not have.",
    number(),
    link("site", "sites.site"),
    text("template_id"),
    text("person"),
    digest("model"),
    text("site_key_id"),
    raw("sealed", optional=True),  # null once removed
    link("origin_device_id", "devices.id"),
    moment("received_us"),
    moment("removed_us", optional=True),
    UniqueConstraint("site", "template_id"),
)
Index(None, sealed_templates.c.person)

removal_receipts = table(
    "removal_receipts",
    "A device's signed word that it has erased a person.",
    number(),
    text("person"),
    link("device_id", "devices.id"),
    whole("roster_version"),
    whole("templates_erased", optional=True),
    raw("envelope"),
    moment("received_us"),
    UniqueConstraint("person", "device_id", "roster_version"),
)
