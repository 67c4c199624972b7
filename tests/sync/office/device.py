"""A device that follows sync/wire: takes roster documents and commands by the contract, and answers, signed."""

from typing import Any, Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from sqlalchemy import Connection, update

from sync.office.database import schema
from sync.wire.canonical import read
from sync.wire.commands import Command, Removed, Result
from sync.wire.documents import MAX_DOCUMENT_BYTES, open_document, sign_document
from sync.wire.envelope import signing_key_id
from sync.wire.roster import (
    PersonDetails,
    PutPerson,
    PutTemplate,
    RemovePerson,
    RemoveTemplate,
    RosterChanges,
    RosterDocument,
)
from sync.wire.sealing import from_text, unseal
from tests.sync.office.kiosk import Kiosk

Ending = Literal["done", "refused", "expired", "stale", "gap", "failed"]


class Device(Kiosk):
    """A kiosk with a sealing key and a roster."""

    def __init__(self, site: str = "mill", device: str = "gate", *, operator: Ed25519PublicKey) -> None:
        super().__init__(site, device)
        self.sealing = X25519PrivateKey.generate()
        self.operator = {signing_key_id(operator): operator}
        self.version = 0
        self.number = 0
        self.people: dict[str, PersonDetails] = {}
        self.templates: dict[str, dict[str, str]] = {}
        self.local: dict[str, str] = {}  # numbers of people whom only this device knows
        self.will_end: Ending = "done"

    def register(self, connection: Connection) -> int:
        device_id = super().register(connection)
        raw = self.sealing.public_key().public_bytes_raw()
        devices = schema.devices
        connection.execute(update(devices).where(devices.c.id == device_id).values(sealing_key=raw))
        return device_id

    def take(self, raw: bytes) -> bytes:
        """Apply a roster document, whole or not at all; returns the signed result."""
        document = open_document(RosterDocument, raw, keys=self.operator, address=self.address)
        if document.version <= self.version:
            return self.result(document.id, "done")
        if document.base > self.version:
            return self.result(document.id, "gap")
        plain = unseal(from_text(document.sealed), key=self.sealing, info=document.info)
        changes = read(RosterChanges, plain, max_bytes=MAX_DOCUMENT_BYTES).changes
        versions = [change.version for change in changes]
        assert versions == sorted(set(versions))
        assert all(document.base < version <= document.version for version in versions)
        taken = {number: person for person, number in self.local.items()}
        for change in changes:
            if isinstance(change, RemovePerson):
                taken = {number: person for number, person in taken.items() if person != change.person}
            elif isinstance(change, PutPerson) and taken.get(change.details.number) not in (
                None,
                change.person,
            ):
                return self.result(document.id, "refused", reason="number_taken")
        removed = [self._apply(change) for change in changes if change.version > self.version]
        self.version = document.version
        return self.result(document.id, "done", removed=[each for each in removed if each is not None])

    def _apply(self, change: Any) -> Removed | None:
        held = self.templates.setdefault(change.person, {})
        if isinstance(change, PutPerson):
            self.people[change.person] = change.details
            if change.details.consent is None:
                held.clear()
        elif isinstance(change, PutTemplate):
            if change.person in self.people and self.people[change.person].consent is not None:
                held[change.template] = change.sealed
        elif isinstance(change, RemoveTemplate):
            held.pop(change.template, None)
        else:
            gone = len(held)
            held.clear()
            if isinstance(change, RemovePerson):
                self.people.pop(change.person, None)
                self.local.pop(change.person, None)
                return Removed(person=change.person, templates=gone)
        return None

    def obey(self, raw: bytes) -> bytes:
        """Take a command; returns the signed result."""
        command = open_document(Command, raw, keys=self.operator, address=self.address)
        if command.number <= self.number:
            return self.result(command.id, "stale", reason="stale")
        self.number = command.number
        return self.result(command.id, self.will_end)

    def result(self, answers: str, outcome: Ending, **more: Any) -> bytes:
        """A signed result."""
        document = Result(
            site=self.address.site,
            device=self.address.device,
            answers=answers,
            outcome=outcome,
            roster_version=self.version,
            at="2026-03-02T06:00:00.000000Z",
            **more,
        )
        return sign_document(document, key=self.key)
