"""What is done for people in the ledger: retention, a person's own data, and what is processed, in numbers."""

from datetime import date
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, StringConstraints

from edge.api.protocol.exchange import Message
from edge.api.protocol.fields import MAX_PAGE, Line, PersonKey, Sha256
from edge.api.protocol.people import ConsentView, PersonView


class RetentionAsked(Message):
    """Remove what is over (`[retention]`), or only say what would go."""

    dry_run: bool = False
    backups: int = Field(default=0, ge=0, description="Backups that the caller removed: for the audit trail.")


class RetentionDone(Message):
    """How many of each went, or would go."""

    dry_run: bool
    templates: int = Field(ge=0, description="Templates that recognised nobody here for too long.")
    people: int = Field(ge=0, description="People whom this left without any: badge or PIN remain.")
    events: int = Field(ge=0, description="Events that the office has confirmed.")
    audit_entries: int = Field(ge=0)
    reports: int = Field(ge=0, description="Crash reports and support bundles that nobody fetched.")
    alarms: int = Field(ge=0, description="Cleared alarms.")
    complete: bool = Field(description="False if the daemon was told to end meanwhile.")
    longest_held_ms: float = Field(ge=0.0, description="Longest time that a batch held the ledger.")


class TemplateHeld(Message):
    """A template as it is listed for its person."""

    template_id: PersonKey
    chain: Sha256
    since: date | None = Field(description="None where it is older than the table of dates.")
    last_match: date | None = Field(description="When its chain last recognised the person here.")
    vector: tuple[float, ...] | None = Field(default=None, max_length=4096)


class DossierAsked(Message):
    """All that is held on one person; with the templates' numbers only where they are asked for."""

    vectors: bool = False


class Dossier(Message):
    """What the ledger holds on one person, besides their events and the audit trail."""

    person: PersonView
    consents: tuple[ConsentView, ...] = Field(max_length=1000, description="Oldest first, withdrawn ones too.")
    templates: tuple[TemplateHeld, ...] = Field(max_length=1000)
    sealed_templates: int = Field(ge=0, description="From other kiosks, which this one cannot open yet.")
    on_roster: bool = Field(description="Whether the central office knows the person.")
    parcels_waiting: int = Field(ge=0, description="On their way to the office.")
    messages: tuple[Line, ...] = Field(default=(), max_length=100, description="Of the office, to be shown.")
    backups_until: date | None = Field(description="When the last backup that exists now is removed.")


class PersonEventQuery(Message):
    """A page of the events about a person; `after` as the page before says."""

    after: int = Field(default=0, ge=0)


class PersonEvent(Message):
    """An event about a person, as it was signed."""

    state: Literal["counts", "voided", "reissued"] = Field(
        description="voided: the person disowned it. reissued: it stands once more under another identity."
    )
    event: Annotated[str, StringConstraints(max_length=16 * 1024)] = Field(description="CloudEvents JSON.")


class PersonEventList(Message):
    """Events about a person, oldest first. A page may be empty and still not be the last."""

    events: tuple[PersonEvent, ...] = Field(max_length=MAX_PAGE)
    next_after: int | None = None


class ProcessingView(Message):
    """What is processed here, in numbers: nobody in it."""

    people: int = Field(ge=0)
    with_face: int = Field(ge=0, description="People with a consent and a template.")
    consents: int = Field(ge=0, description="Consents in force.")
    outdated_consents: int = Field(ge=0, description="Of them, to another text than the one in force.")
    templates: dict[Sha256, Annotated[int, Field(ge=0)]] = Field(description="By recognition chain.")
    events: int = Field(ge=0)
    oldest_event: date | None
    unconfirmed_events: int = Field(ge=0)
    audit_entries: int = Field(ge=0)
    oldest_audit: date | None
    parcels_waiting: int = Field(ge=0)
    office: Line | None = Field(description="Whom the device reports to.")
    last_backup: AwareDatetime | None
    backups_until: date | None
    last_retention: AwareDatetime | None
    retired_ledgers: int = Field(ge=0, description="Ledgers that a restore put aside and nobody destroyed.")
