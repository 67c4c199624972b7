"""The ledger as the rest of edge sees it: one `Store`, opened once, closed once.

Opening proves the keys before anything is written: DATA and FACE must open what they sealed, and the signing
key must be the one of the current epoch. Trust boundary: a ledger of another device, with other keys, damaged
or newer is a named error here, and never an empty store.
"""

import secrets
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from clockface.errors import ConfigError
from edge.errors import LedgerCorrupt
from edge.ports import Clock
from edge.store.audit import AuditTrail
from edge.store.badges import Badges
from edge.store.chain import Chain, EpochReason, wrong_signer
from edge.store.clock import ClockMarks
from edge.store.consents import Consents
from edge.store.credentials import CredentialStore
from edge.store.database import Database
from edge.store.device_keys import DeviceKeys
from edge.store.erasures import FILE as ERASURES_FILE
from edge.store.erasures import Erasures
from edge.store.events import EventLog
from edge.store.frontier import Alarms, Frontier
from edge.store.keys import LEDGER_FILE, Keyring
from edge.store.noticeboard import Noticeboard
from edge.store.office import Offices
from edge.store.parcels import Outbox
from edge.store.people import People
from edge.store.progress import OfficeProgress
from edge.store.pruning import Pruning
from edge.store.reissue import Reissues
from edge.store.rotation import Rotation
from edge.store.site import Site
from edge.store.template_dates import TemplateDates
from edge.store.templates import Templates
from edge.store.translation import unix_us
from edge.store.vault import Vault, key_numbers, register_keys
from edge.store.verification import TAIL, Verification, verify_all, verify_tail
from edge.types.identity import DeviceId, ModelHash
from sync.wire.topics import Address

FACE_PROOF = b"clockface: this ledger's face key"
NUMBER_KEY_BYTES = 32


def ledger_path(state: Path) -> Path:
    """Where the ledger lies in the state folder (`paths.state`)."""
    return state / LEDGER_FILE


@dataclass(frozen=True, slots=True, eq=False)
class Store:
    """An open ledger. Usable from several threads.

    Args:
        people: Who is enrolled.
        consents: Who consented.
        templates: Encrypted embeddings.
        events: Punches and their envelopes; the `Ledger` seam.
        audit: Who did what.
        frontier: What the office has committed.
        alarms: What staff must see.
        clock: Time marks and corrections.
        office: Whom the device believes.
        parcels: The outbox beside the events.
        progress: How far the office's commands and roster were applied, and what they were answered.
        reissues: Answers refusals.
        device_keys: Signs documents and opens what was sealed to the device.
        site: Who and what belongs to the whole site.
        noticeboard: What the office wants shown, and whether the kiosk is out of service.
        badges: Badges and cards that were given out.
        credentials: PINs, secrets of codes, wrong tries.
        rotation: Moves every token to the keys that write now.
        template_dates: Since when each template has been here.
        pruning: Removes what retention says is over.
    """

    people: People
    consents: Consents
    templates: Templates
    events: EventLog
    audit: AuditTrail
    frontier: Frontier
    alarms: Alarms
    clock: ClockMarks
    office: Offices
    parcels: Outbox
    progress: OfficeProgress
    reissues: Reissues
    device_keys: DeviceKeys
    site: Site
    noticeboard: Noticeboard
    badges: Badges
    credentials: CredentialStore
    rotation: Rotation
    template_dates: TemplateDates
    pruning: Pruning
    database: Database
    chain: Chain

    def close(self) -> None:
        """Close the ledger. May be called twice."""
        self.database.close()

    def verify(self) -> Verification:
        """Check everything: file, keys, every event's hash, signature and place, the audit chain, every token.

        Reads in small batches, so that the kiosk keeps recording meanwhile.
        """
        return verify_all(
            self.database,
            chain=self.chain,
            people=self.people,
            consents=self.consents,
            templates=self.templates,
            audit=self.audit,
            office=self._check_office,
        )

    def _check_office(self) -> None:
        """Open every token that has to do with the office, or with ways in without a face.

        Raises:
            LedgerCorrupt, SecretWrong: One was altered or moved, or its key is not on the ring.
        """
        self.office.current()
        self.parcels.check_all()
        self.progress.check_all()
        self.badges.check_all()
        self.credentials.check_all()


def create_store(
    path: Path,
    *,
    keyring: Keyring,
    clock: Clock,
    device: DeviceId,
    site: str,
    models: Sequence[ModelHash] = (),
    reason: EpochReason = "provisioned",
) -> Store:
    """Make a new ledger, whose first event says that the device was provisioned, and open it.

    Args:
        path: Where there is no file yet; its folder exists, mode 0700.
        keyring: The device's keys.
        clock: Source of time.
        device: The device's name; with `site` it names the source of every event.
        site: The site's name.
        models: Hashes of the recognition chains in use, for the first event.
        reason: What the first event says: "replaced" on hardware that takes another's place.

    Raises:
        StoreError: A ledger exists already, or why it cannot be made.
    """

    def populate(database: Database) -> None:
        with database.write() as connection:
            register_keys(connection, keyring.data, keyring.face, since_us=unix_us(clock.now().wall))
            _insert_identity(connection, keyring, site=site, device=device)
            store = _assemble(database, connection, keyring=keyring, clock=clock, names=(site, device))
            store.events.begin_epoch(reason, models=models)
            store.audit.append("ledger.created")

    Database.create(path, populate)
    return open_store(path, keyring=keyring, clock=clock, device=device, site=site)


def open_store(
    path: Path,
    *,
    keyring: Keyring,
    clock: Clock,
    device: DeviceId,
    site: str,
    new_epoch: EpochReason | None = None,
) -> Store:
    """Open the ledger of this device.

    Args:
        path: Of the ledger.
        keyring: The device's keys; for a rotation the first key of a list writes from now on.
        clock: Source of time.
        device: As it was created with.
        site: As it was created with.
        new_epoch: Open an epoch at once, for this reason: the only way to go on with another signing key.

    Raises:
        LedgerMissing, LedgerCorrupt, LedgerNewer, LedgerReadOnly, LedgerLocked, LedgerDiskFull: See each.
        SecretWrong: A key is not the one that this ledger was written with.
        ConfigError: The ledger belongs to another device or site.
    """
    database = Database.open(path)
    try:
        with database.write() as connection:
            known = key_numbers(connection)
            if not {keyring.data.primary_id, keyring.face.primary_id} <= known.keys():
                register_keys(connection, keyring.data, keyring.face, since_us=unix_us(clock.now().wall))
            store = _assemble(database, connection, keyring=keyring, clock=clock, names=(site, device))
            if new_epoch is not None:
                store.events.begin_epoch(new_epoch)
            signer = store.chain.head(connection).signer
            if signer != keyring.signing.key_id:
                raise wrong_signer(signer, keyring.signing.key_id)
        verify_tail(database, chain=store.chain, count=TAIL)
    except BaseException:
        database.close()
        raise
    return store


def _insert_identity(connection: sqlite3.Connection, keyring: Keyring, *, site: str, device: DeviceId) -> None:
    numbers = key_numbers(connection)
    data = Vault(keyring.data, numbers=numbers)
    number_key = secrets.token_hex(NUMBER_KEY_BYTES)
    connection.execute(
        "INSERT INTO identity (one, site, device, number_key, number_key_by, face_proof, face_proof_by) "
        "VALUES (1, ?, ?, ?, ?, ?, ?)",
        (
            site,
            device,
            data.seal_fields("identity", "number key", {"key": number_key}),
            data.number,
            keyring.face.encrypt(FACE_PROOF),
            numbers[keyring.face.primary_id],
        ),
    )


def _assemble(
    database: Database,
    connection: sqlite3.Connection,
    *,
    keyring: Keyring,
    clock: Clock,
    names: tuple[str, DeviceId],
) -> Store:
    site, device = names
    numbers = key_numbers(connection)
    data = Vault(keyring.data, numbers=numbers)
    face = Vault(keyring.face, numbers=numbers)
    number_key = _prove(connection, database.path, data=data, face=face, names=names)
    chain = Chain(vault=data, signing=keyring.signing, site=site, device=device)
    erasures = Erasures(database.path.with_name(ERASURES_FILE))
    audit = AuditTrail(database, vault=data, clock=clock, erasures=erasures)
    alarms = Alarms(database, clock=clock)
    events = EventLog(database, vault=data, chain=chain, clock=clock, audit=audit)
    frontier = Frontier(database, chain=chain, alarms=alarms, device=device)
    keys = DeviceKeys.of(keyring)
    dates = TemplateDates(database, vault=data, clock=clock)
    return Store(
        people=People(database, vault=data, number_key=number_key, clock=clock, audit=audit),
        consents=Consents(database, vault=data, audit=audit),
        templates=Templates(database, vault=face, audit=audit, dates=dates),
        events=events,
        audit=audit,
        frontier=frontier,
        alarms=alarms,
        clock=ClockMarks(database, chain=chain),
        office=Offices(database, vault=data, audit=audit),
        parcels=Outbox(database, vault=data, keys=keys, clock=clock),
        progress=OfficeProgress(database, vault=data, erasures=erasures),
        site=Site(database),
        noticeboard=Noticeboard(database, vault=data),
        badges=Badges(database, vault=data, card_key=number_key, clock=clock, audit=audit),
        credentials=CredentialStore(database, vault=data, subject_key=number_key, audit=audit),
        template_dates=dates,
        pruning=Pruning(database, audit=audit, keys=keys, address=Address(site, device), clock=clock),
        rotation=Rotation(database, rings=(keyring.data, keyring.face), clock=clock, audit=audit),
        reissues=Reissues(
            database, chain=chain, events=events, frontier=frontier, alarms=alarms, audit=audit, clock=clock
        ),
        device_keys=keys,
        database=database,
        chain=chain,
    )


def _prove(
    connection: sqlite3.Connection, path: Path, *, data: Vault, face: Vault, names: tuple[str, DeviceId]
) -> bytes:
    """Open what each storage key sealed at creation; returns the key of the blind index of employee numbers."""
    row = connection.execute(
        "SELECT site, device, number_key, number_key_by, face_proof, face_proof_by FROM identity"
    ).fetchone()
    if row is None:
        raise LedgerCorrupt("the ledger does not say whose it is", where=str(path))
    if (row[0], row[1]) != names:
        raise ConfigError(
            f"the ledger belongs to device {row[1]} of site {row[0]}, the configuration names {names[1]} of "
            f"{names[0]}",
            where=str(path),
            next_step=f'set device.name = "{row[1]}" and device.site = "{row[0]}", or use another state folder',
        )
    fields = data.open_fields("identity", "number key", row[2], row[3])
    if face.open(row[4], row[5], where="identity face proof") != FACE_PROOF:
        raise LedgerCorrupt("the proof of the face key is not what it must be", where=str(path))
    return bytes.fromhex(str(fields["key"]))
