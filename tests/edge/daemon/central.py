"""A test's own office: its keys, a kiosk's ledger that believes it, and documents as it would sign them."""

import itertools
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from threading import RLock
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from edge.daemon.backups import Backups
from edge.daemon.roster import RosterDesk
from edge.daemon.sharing import Sharing
from edge.store.keys import generate_keys, load_keyring, make_sealing_key
from edge.store.office import Office, key_text
from edge.store.sitekey import SiteKeys
from edge.store.store import Store, create_store, ledger_path, open_store
from edge.types.identity import DeviceId
from sync.wire.canonical import encode, read
from sync.wire.commands import Command, Order, Result
from sync.wire.documents import MAX_DOCUMENT_BYTES, open_document, sign_document, type_of
from sync.wire.fields import format_time
from sync.wire.parcels import PARCELS, AuditParcel, PersonParcel, TemplateParcel
from sync.wire.roster import Change, PersonDetails, PutTemplate, RosterChanges, RosterDocument
from sync.wire.sealing import from_text, seal, to_text, unseal
from sync.wire.topics import Address
from tests.fakes import ManualClock

SITE = "site"
LIFE = timedelta(days=7)


def raw_public(key: Ed25519PrivateKey | X25519PrivateKey) -> str:
    return key_text(key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))


@dataclass
class Central:
    """The office's keys, and what it signs."""

    operator: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    sealing: X25519PrivateKey = field(default_factory=X25519PrivateKey.generate)
    numbers: Any = field(default_factory=lambda: itertools.count(1))

    def install(self, store: Store, clock: ManualClock) -> None:
        """Have a ledger believe this office."""
        store.office.install(
            Office(
                name="Head office",
                bundle=secrets.token_hex(16),
                online_keys=(raw_public(Ed25519PrivateKey.generate()),),
                operator_keys=(raw_public(self.operator),),
                sealing_key=raw_public(self.sealing),
                installed_at=clock.now().wall,
                installed_by="installer",
            )
        )

    def roster(
        self,
        store: Store,
        address: Address,
        changes: Sequence[Change],
        *,
        base: int = 0,
        version: int | None = None,
        issued: datetime,
        signer: Ed25519PrivateKey | None = None,
        life: timedelta = LIFE,
    ) -> bytes:
        """A roster document for one device."""
        sealing = store.device_keys.sealing
        assert sealing is not None
        blank = RosterDocument(
            site=address.site,
            device=address.device,
            id=secrets.token_hex(16),
            base=base,
            version=max([base, *(each.version for each in changes)]) if version is None else version,
            issued=format_time(issued),
            expires=format_time(issued + life),
            sealed="",
        )
        plain = encode(RosterChanges(changes=list(changes)))
        sealed = to_text(seal(plain, to=sealing.public_key(), info=blank.info))
        return sign_document(blank.model_copy(update={"sealed": sealed}), key=signer or self.operator)

    def command(
        self,
        address: Address,
        order: Order,
        *,
        issued: datetime,
        number: int | None = None,
        life: timedelta = timedelta(hours=1),
        signer: Ed25519PrivateKey | None = None,
    ) -> bytes:
        """A command for one device."""
        command = Command(
            site=address.site,
            device=address.device,
            id=secrets.token_hex(16),
            number=next(self.numbers) if number is None else number,
            issued=format_time(issued),
            expires=format_time(issued + life),
            order=order,
        )
        return sign_document(command, key=signer or self.operator)

    def received(self, store: Store) -> list[Any]:
        """Every parcel that waits but the audit trail, opened as the office does: signatures are checked."""
        keys = signer_of(store)
        return [
            open_document(PARCELS[type_of(each.envelope)], each.envelope, keys=keys, address=None)
            for each in store.parcels.waiting(limit=1000)
            if type_of(each.envelope) != AuditParcel.payload_type
        ]

    def details(self, parcel: PersonParcel) -> PersonDetails:
        """What only this office can read in a person's parcel."""
        plain = unseal(from_text(parcel.sealed), key=self.sealing, info=parcel.info)
        return read(PersonDetails, plain, max_bytes=MAX_DOCUMENT_BYTES)


def passed_on(parcel: TemplateParcel, *, version: int) -> PutTemplate:
    """A template as the office hands it on, unread."""
    return PutTemplate(
        version=version,
        person=parcel.person,
        template=parcel.template,
        model=parcel.model,
        site_key=parcel.site_key,
        sealed=parcel.sealed,
    )


def signer_of(store: Store) -> dict[str, Ed25519PublicKey]:
    signing = store.device_keys.signing
    return {signing.key_id: signing.private.public_key()}


def result_of(store: Store, raw: bytes | None) -> Result:
    """A result, with the device's signature checked."""
    assert raw is not None
    return open_document(Result, raw, keys=signer_of(store), address=None)


@dataclass
class Ledger:
    """A device without models: its ledger, its desk, its clock."""

    folder: Path
    name: str
    store: Store
    clock: ManualClock
    desk: RosterDesk
    sharing: Sharing

    @property
    def address(self) -> Address:
        return Address(SITE, self.name)


def open_device(
    folder: Path, name: str = "kiosk", *, site_keys: SiteKeys | None = None, clock: ManualClock | None = None
) -> Ledger:
    """A device in a folder, new or as it was left; close its `store` in the end."""
    clock = clock or ManualClock()
    folder.mkdir(exist_ok=True)
    new = not ledger_path(folder).exists()
    if new:
        generate_keys(folder)
        make_sealing_key(folder)
    keyring = load_keyring(state=folder, environment={}, allow_environment=False)
    make = create_store if new else open_store
    store = make(ledger_path(folder), keyring=keyring, clock=clock, device=DeviceId(name), site=SITE)
    lock, address = RLock(), Address(SITE, name)
    sharing = Sharing(
        store=store, address=address, clock=clock, site_keys=site_keys, made_here=False, lock=lock
    )
    store.templates.travel_by(sharing.template)
    desk = RosterDesk(
        store=store,
        address=address,
        clock=clock,
        site_keys=site_keys,
        recogniser=None,
        lock=lock,
        backups=Backups(store.database.path.parent, days=30, clock=clock),
    )
    return Ledger(folder, name, store, clock, desk, sharing)
