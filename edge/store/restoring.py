"""Puts a backup's ledger into the place of the device's, under a new epoch, and repeats what it lacks.

On the hardware that it came from the epoch says "restored", on another "replaced" (another signing key). Erased
people, withdrawn consents and disabled people stay so as far as the journal of erasures on this device tells;
the roster's version goes back, so that the office sends the rest again. Trust boundary: the backup was checked;
the ledger that was there is put aside, never deleted.
"""

import os
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from clockface.secretfiles import replace_secret, sync_folder
from edge.ports import Clock
from edge.store.backup import Manifest
from edge.store.chain import EpochReason
from edge.store.erasures import COMMAND, FILE, Erasure, Erasures
from edge.store.keyplace import STORAGE_FILES, KeyFiles
from edge.store.keys import KEYS_FOLDER, SIGNING_FILE, Keyring, generate_keys, load_keyring
from edge.store.rings import parse_ring
from edge.store.store import Store, ledger_path, open_store
from edge.types.identity import DeviceId, PersonId, TemplateId

DRAFT_FOLDER: Final = ".restore"
ASIDE: Final = "ledger.db.replaced"  # the ledger that was there; with a number if there is one already


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore did: the epoch it opened and why, acts repeated, and where the old ledger is."""

    epoch: str
    reason: EpochReason
    repeated: int
    aside: Path | None


def add_keys(state: Path, manifest: Manifest) -> None:
    """List the backup's storage keys behind the device's own, and make the signing key if there is none.

    Raises:
        SecretError: A list cannot be read or written.
    """
    files = KeyFiles(state / KEYS_FOLDER)
    if not os.path.lexists(files.folder / SIGNING_FILE):
        generate_keys(state, names=[SIGNING_FILE])
    for name, theirs in zip(STORAGE_FILES, (manifest.data_keys, manifest.face_keys), strict=True):
        ours = files.read(name) if os.path.lexists(files.folder / name) else ""
        parts = [part.strip() for part in f"{ours},{theirs}".split(",") if part.strip()]
        text = ",".join(dict.fromkeys(parts))
        parse_ring(text, purpose=name, where=files.described)
        if text != ours:
            replace_secret(files.folder / name, text + "\n")


def restore(
    draft: Path, manifest: Manifest, *, state: Path, clock: Clock, keyring: Keyring, actor: str
) -> Restored:
    """Open a checked ledger under a new epoch, repeat what it does not know of, and give it the ledger's name.

    Args:
        draft: The decrypted ledger, in a folder of its own within the state folder.
        manifest: What it is.
        state: The state folder; nobody has its ledger open.
        clock: Source of time.
        keyring: The device's keys, the backup's among them.
        actor: Account that does it.
    """
    missed = Erasures(state / FILE).since(manifest.erasures)
    reason: EpochReason = "restored" if _signer(draft) == keyring.signing.key_id else "replaced"
    with closing(
        open_store(
            draft,
            keyring=keyring,
            clock=clock,
            device=DeviceId(manifest.device),
            site=manifest.site,
            new_epoch=reason,
        )
    ) as store:
        repeated = sum(_repeat(store, each, actor) for each in missed)
        store.audit.append("ledger.restored", actor=actor, detail=f"repeated={repeated}")
        epoch = store.events.head().epoch
    aside = _put_aside(state)
    draft.rename(ledger_path(state))
    sync_folder(state)
    return Restored(epoch, reason, repeated, aside)


def _signer(ledger: Path) -> str:
    with closing(sqlite3.connect(f"{ledger.absolute().as_uri()}?mode=ro&immutable=1", uri=True)) as connection:
        return str(connection.execute("SELECT signer FROM epochs ORDER BY ordinal DESC LIMIT 1").fetchone()[0])


def _repeat(store: Store, act: Erasure, actor: str) -> bool:
    """Do once more what the backup does not know of; whether there was anything to do."""
    if act.action == COMMAND:
        return store.progress.take_command(int(act.subject))
    person = PersonId(act.subject)
    if not store.people.exists(person):
        return False
    match act.action:
        case "person.removed":
            with store.database.write():
                store.people.remove(person, actor=actor)
                store.events.change_person(person, "removed")
        case "consent.withdrawn":
            with store.database.write():
                store.consents.withdraw(person, actor=actor)
                store.events.change_person(person, "biometrics_removed")
        case "template.removed":
            return store.templates.remove(TemplateId(act.detail), actor=actor)
        case "badge.revoked":
            if store.badges.find(act.detail) is None:  # given out since the backup, and revoked
                store.badges.add(act.detail, person, ends_at=None, actor=actor)
            store.badges.revoke(act.detail, actor=actor)
        case "card.dropped":
            return store.badges.drop_cards(person, actor=actor) > 0
        case "person.disabled" | "person.enabled":
            store.people.set_enabled(person, act.action == "person.enabled", actor=actor)
        case _:
            return False
    return True


def _put_aside(state: Path) -> Path | None:
    """Rename the ledger that is there, with its log."""
    ledger = ledger_path(state)
    if not os.path.lexists(ledger):
        return None
    number = next(n for n in range(1, 1000) if not os.path.lexists(state / f"{ASIDE}.{n}"))
    for suffix in _suffixes(ledger):
        ledger.with_name(ledger.name + suffix).rename(state / f"{ASIDE}.{number}{suffix}")
    return state / f"{ASIDE}.{number}"


def _suffixes(ledger: Path) -> Sequence[str]:
    return [suffix for suffix in ("-wal", "") if os.path.lexists(ledger.with_name(ledger.name + suffix))]


def keys_of(state: Path) -> Keyring:
    """The device's keys from its files."""
    return load_keyring(state=state, environment={}, allow_environment=False)
