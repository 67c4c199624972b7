"""What the ledger's tests have in common: keys, a ledger in a folder, people, punches, vectors."""

import os
import secrets
from base64 import urlsafe_b64encode
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
from cryptography.fernet import Fernet

from edge.ports import Clock
from edge.store.keys import Keyring, parse_signing_key
from edge.store.rings import parse_ring
from edge.store.store import Store, create_store, open_store
from edge.types.clock import Instant
from edge.types.faces import Embedding
from edge.types.identity import DeviceId, ModelHash, PersonId, TemplateId
from edge.types.people import Consent, Profile, Template
from edge.types.punches import Direction, DirectionSource, Method, Punch

KIOSK = DeviceId("kiosk-1")
SITE = "madrid"
MODEL = ModelHash("ab" * 32)
OTHER_MODEL = ModelHash("cd" * 32)
CONSENT = Consent("2026-1", "en", datetime(2026, 3, 1, 9, 0, tzinfo=UTC), "paper", "operator-jones")


def fernet_key() -> str:
    return Fernet.generate_key().decode()


def keyring(*, data: str | None = None, face: str | None = None, seed: bytes | None = None) -> Keyring:
    """A keyring of fresh keys, or of the given ones."""
    return Keyring(
        parse_ring(data or fernet_key(), purpose="DATA_ENCRYPTION_KEY", where="test"),
        parse_ring(face or fernet_key(), purpose="FACE_DATA_ENCRYPTION_KEY", where="test"),
        parse_signing_key(urlsafe_b64encode(seed or os.urandom(32)).decode(), where="test"),
    )


@dataclass(frozen=True)
class Premises:
    """A folder with a ledger, its keys and its clock."""

    path: Path
    keys: Keyring
    clock: Clock

    def create(self) -> Store:
        return create_store(self.path, keyring=self.keys, clock=self.clock, device=KIOSK, site=SITE)

    def open(self, *, keys: Keyring | None = None) -> Store:
        return open_store(self.path, keyring=keys or self.keys, clock=self.clock, device=KIOSK, site=SITE)


def profile(number: int | str = 1, name: str = "Ada Lovelace") -> Profile:
    return Profile(name=name, number=str(number), greeting="Ada", language="en")


def enrolled(store: Store, number: int | str = 1) -> PersonId:
    """A person with a consent in force."""
    person_id = store.people.add(profile(number))
    store.consents.record(person_id, CONSENT)
    return person_id


def vector(seed: int = 0, dim: int = 192) -> Embedding:
    drawn = np.random.default_rng(seed).normal(size=dim).astype(np.float32)
    return drawn / np.linalg.norm(drawn)


def template(person_id: PersonId, *, seed: int = 0, model: ModelHash = MODEL, dim: int = 192) -> Template:
    return Template(TemplateId(secrets.token_hex(16)), person_id, model, vector(seed, dim))


def punch(person_id: PersonId, at: Instant, direction: Direction = Direction.IN) -> Punch:
    return Punch(
        person_id=person_id,
        at=at,
        direction=direction,
        source=DirectionSource.CHOSEN,
        method=Method.FACE,
        day=date(2026, 3, 2),
        work_code="night-watch",
        score=0.8125,
        model_hash=MODEL,
    )


def badge_punch(person_id: PersonId, at: Instant) -> Punch:
    return replace(punch(person_id, at), method=Method.BADGE, score=None, model_hash=None, work_code=None)
