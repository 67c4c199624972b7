"""A device's roster documents: what it lacks, compacted, filled with what is true now, cut, and sealed to it.

Not yet signed. Trust boundary: contents come from the office's own rows; a sealed template stays sealed.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import islice
from secrets import token_hex
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from sqlalchemy import Connection, Row, select, tuple_

from sync.office.compaction import Kind, Step, compact
from sync.office.database import schema
from sync.office.roster import details_of
from sync.wire.canonical import encode, read
from sync.wire.documents import MAX_DOCUMENT_BYTES
from sync.wire.envelope import decode
from sync.wire.fields import format_time
from sync.wire.roster import (
    Change,
    PutPerson,
    PutTemplate,
    RemovePerson,
    RemoveTemplate,
    RemoveTemplates,
    RosterChanges,
    RosterDocument,
)
from sync.wire.sealing import seal, to_text

LIFE: Final = timedelta(days=30)
MAX_CHANGES: Final = 256  # in a document
MAX_PLAIN_BYTES: Final = 64 * 1024  # sealed and in base64 87 KiB; a document may have 96
READ_AT_ONCE: Final = 200


class Documents:
    """One device's documents, made as they are asked for.

    Args:
        row: The device with its site's `roster_version`.
        now: From when they are valid.
    """

    def __init__(self, connection: Connection, row: Row[Any], *, now: datetime) -> None:
        self._connection = connection
        self._row = row
        self._now = now
        self._sealing_key = X25519PublicKey.from_public_bytes(bytes(row.sealing_key))

    def of(self, base: int) -> Iterator[RosterDocument]:
        """Everything after `base`, cut into documents; the last one ends at the site's version."""
        chunk: list[Change] = []
        size = 0
        for change in self._changes(base):
            needs = len(encode(change)) + 1
            if chunk and (len(chunk) == MAX_CHANGES or size + needs > MAX_PLAIN_BYTES):
                yield self._document(chunk, base=base, version=chunk[-1].version)
                base, chunk, size = chunk[-1].version, [], 0
            chunk.append(change)
            size += needs
        if base < self._row.roster_version:
            yield self._document(chunk, base=base, version=self._row.roster_version)

    def _document(self, chunk: list[Change], *, base: int, version: int) -> RosterDocument:
        blank = RosterDocument(
            site=self._row.site,
            device=self._row.device,
            id=token_hex(16),
            base=base,
            version=version,
            issued=format_time(self._now),
            expires=format_time(self._now + LIFE),
            sealed="",
        )
        sealed = seal(encode(RosterChanges(changes=list(chunk))), to=self._sealing_key, info=blank.info)
        return blank.model_copy(update={"sealed": to_text(sealed)})

    def _changes(self, base: int) -> Iterator[Change]:
        held_back = self._held_back()
        steps = iter(compact(self._steps(base)))
        while batch := list(islice(steps, READ_AT_ONCE)):
            people, templates = self._people(batch), self._templates(batch)
            for step in batch:
                if step.person in held_back and step.kind in (Kind.PUT_PERSON, Kind.PUT_TEMPLATE):
                    continue
                change = _filled(step, people=people, templates=templates)
                if change is not None:
                    yield change

    def _steps(self, base: int) -> list[Step]:
        table = schema.roster_changes
        rows = self._connection.execute(
            select(table.c.version, table.c.kind, table.c.person, table.c.template_id).where(
                table.c.site == self._row.site,
                table.c.version > base,
                table.c.version <= self._row.roster_version,
            )
        )
        return [Step(row.version, Kind(row.kind), row.person, row.template_id) for row in rows]

    def _held_back(self) -> set[str]:
        """Whose number this very device has given to somebody else: it would refuse the whole document."""
        clashes = schema.number_clashes
        rows = self._connection.execute(select(clashes.c.holder).where(clashes.c.device_id == self._row.id))
        return {row.holder for row in rows}

    def _people(self, steps: Sequence[Step]) -> Mapping[str, Row[Any]]:
        people = schema.people
        wanted = {step.person for step in steps if step.kind is Kind.PUT_PERSON}
        rows = self._connection.execute(select(people).where(people.c.person.in_(sorted(wanted))))
        return {row.person: row for row in rows}

    def _templates(self, steps: Sequence[Step]) -> Mapping[str, Row[Any]]:
        table = schema.sealed_templates
        wanted = {(self._row.site, step.template) for step in steps if step.kind is Kind.PUT_TEMPLATE}
        rows = self._connection.execute(
            select(table).where(
                tuple_(table.c.site, table.c.template_id).in_(sorted(wanted)), table.c.removed_us.is_(None)
            )
        )
        return {row.template_id: row for row in rows}


def _filled(step: Step, *, people: Mapping[str, Row[Any]], templates: Mapping[str, Row[Any]]) -> Change | None:
    """A change with what is true now; None where that has gone since, which a later change says."""
    match step.kind:
        case Kind.REMOVE_PERSON:
            return RemovePerson(version=step.version, person=step.person)
        case Kind.REMOVE_TEMPLATE:
            return RemoveTemplate(version=step.version, person=step.person, template=step.template or "")
        case Kind.REMOVE_TEMPLATES:
            return RemoveTemplates(version=step.version, person=step.person)
        case Kind.PUT_PERSON:
            row = people.get(step.person)
            details = None if row is None else details_of(row)
            return (
                None
                if details is None
                else PutPerson(version=step.version, person=step.person, details=details)
            )
        case Kind.PUT_TEMPLATE:
            found = templates.get(step.template or "")
            if found is None:
                return None
            return PutTemplate(
                version=step.version,
                person=step.person,
                template=found.template_id,
                model=bytes(found.model).hex(),
                site_key=found.site_key_id,
                sealed=to_text(bytes(found.sealed)),
            )


def document_of(envelope: bytes) -> RosterDocument:
    """A roster document of our own outbox."""
    payload = decode(envelope, max_payload_bytes=MAX_DOCUMENT_BYTES).payload
    return read(RosterDocument, payload, max_bytes=MAX_DOCUMENT_BYTES)
