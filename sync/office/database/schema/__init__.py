"""Every table of the office's database, one module a theme. Read `events` first."""

from sync.office.database.columns import metadata
from sync.office.database.schema.access import audit, followers, office, operators
from sync.office.database.schema.attendance import closed_sheets, correction_requests, holidays, pay_periods
from sync.office.database.schema.devices import certificates, device_health, device_keys, devices, sites
from sync.office.database.schema.events import (
    accepted_gaps,
    clock_corrections,
    epochs,
    events,
    forks,
    gaps,
    voids,
    waiting,
)
from sync.office.database.schema.intake import alarms, crash_reports, parcels, quarantine, quarantine_totals
from sync.office.database.schema.outbox import outbox, unanswered
from sync.office.database.schema.people import (
    memberships,
    number_clashes,
    people,
    removal_receipts,
    roster_changes,
    sealed_templates,
)
from sync.office.database.schema.retention import (
    event_checkpoints,
    legal_holds,
    office_keys,
    retention_policies,
    sheet_removals,
)
from sync.office.database.schema.rotation import key_sets, key_states

__all__ = [
    "accepted_gaps",
    "alarms",
    "audit",
    "certificates",
    "clock_corrections",
    "closed_sheets",
    "correction_requests",
    "crash_reports",
    "device_health",
    "device_keys",
    "devices",
    "epochs",
    "event_checkpoints",
    "events",
    "followers",
    "forks",
    "gaps",
    "holidays",
    "key_sets",
    "key_states",
    "legal_holds",
    "memberships",
    "metadata",
    "number_clashes",
    "office",
    "office_keys",
    "operators",
    "outbox",
    "parcels",
    "pay_periods",
    "people",
    "quarantine",
    "quarantine_totals",
    "removal_receipts",
    "retention_policies",
    "roster_changes",
    "sealed_templates",
    "sheet_removals",
    "sites",
    "unanswered",
    "voids",
    "waiting",
]
