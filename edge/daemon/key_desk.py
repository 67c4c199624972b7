"""What the running daemon does with its storage keys: tells, rotates, verifies, forgets; copies the ledger.

Trust boundary: staff's socket has judged who asks, and each act is in the audit trail. Nothing here returns a
key, and no old key is given up while a token needs it.
"""

import os
import secrets
import time
from collections import defaultdict
from pathlib import Path
from typing import Final

from edge.api.protocol.device import RestartAsked
from edge.api.protocol.keys import KeysVerified, KeysView, KeyView, RotationAsked, RotationView
from edge.api.service import Peer
from edge.daemon.condition import FaceParts
from edge.daemon.quiet_restart import QUIET_S, QuietRestart
from edge.daemon.rotating import Rotator
from edge.store.keys import Keyring
from edge.store.store import Store
from edge.store.tokens import Purpose
from edge.store.translation import from_unix_us

TRIED: Final = 20  # stored templates that must be recognised
COPY_PREFIX: Final = ".ledger-copy-"


class KeyDesk:
    """The `KeyService` of the running daemon.

    Args:
        store: The ledger.
        keyring: The keys that it was opened with.
        face_path: For the trial recognition; None while the face path is out of service.
        restart: Ends the daemon when nobody is there.
    """

    def __init__(
        self, *, store: Store, keyring: Keyring, face_path: FaceParts | None, restart: QuietRestart
    ) -> None:
        self._store = store
        self._rings = {Purpose.DATA: keyring.data, Purpose.FACE: keyring.face}
        self._face_path = face_path
        self._restart = restart
        self._rotator = Rotator(store.rotation, monotonic_s=time.monotonic)

    def begin(self) -> None:
        """Go on with a rotation that was interrupted; clear up what a killed copy left."""
        for left in self._store.database.path.parent.glob(f"{COPY_PREFIX}*"):
            left.unlink(missing_ok=True)
        self._rotator.start()

    def close(self) -> None:
        """End the background work."""
        self._rotator.close()

    def keys(self) -> KeysView:
        """Say which keys there are, and what each wrote."""
        since = self._store.rotation.since()
        tokens: dict[tuple[Purpose, str], dict[str, int]] = defaultdict(dict)
        for use in self._store.rotation.key_uses():
            tokens[use.column.purpose, use.key_id][use.column.name] = use.tokens
        for purpose, ring in self._rings.items():
            for key_id in ring.keys:
                tokens.setdefault((purpose, key_id), {})
        views = tuple(
            KeyView(
                purpose=purpose.value,
                key_id=key_id,
                writes=key_id == self._rings[purpose].primary_id,
                held=key_id in self._rings[purpose].keys,
                since=None if (began := since.get(key_id)) is None else from_unix_us(began),
                tokens=used,
            )
            for (purpose, key_id), used in tokens.items()
        )
        return KeysView(keys=views, rotation=self.rotation())

    def rotation(self) -> RotationView:
        """Say how far a rotation to the writing keys is."""
        journal = self._store.rotation.journal()
        data, face = self._store.rotation.targets
        ours = journal if journal is not None and (journal.data_key, journal.face_key) == (data, face) else None
        return RotationView(
            state="none" if ours is None else ours.state.value,
            data_key=data,
            face_key=face,
            done=0 if ours is None else ours.done,
            total=0 if ours is None else ours.total,
            batches=0 if ours is None else ours.batches,
            longest_held_ms=self._rotator.longest_held_s * 1000,
            fault=self._rotator.fault,
        )

    def rotate(self, asked: RotationAsked, peer: Peer) -> RotationView:
        """Begin, go on or pause."""
        if asked.action == "pause":
            self._store.rotation.pause(actor=peer.account)
        else:
            self._store.rotation.begin(actor=peer.account)
            self._rotator.wake()
        return self.rotation()

    def verify_keys(self, peer: Peer) -> KeysVerified:
        """Open every token with the writing keys alone, and let the gallery recognise stored templates."""
        tried, recognised, why_not = self._recognise()
        tokens = self._store.rotation.verify_alone(actor=peer.account)
        return KeysVerified(tokens=tokens, tried=tried, recognised=recognised, why_not=why_not)

    def _recognise(self) -> tuple[int, int, str | None]:
        """Search the gallery in use for templates as they stand in the ledger now."""
        if self._face_path is None:
            return 0, 0, "face_path_out_of_service"
        recogniser, tried, recognised = self._face_path.recogniser, 0, 0
        for model_hash, gallery in recogniser.galleries.items():
            threshold = recogniser.thresholds[model_hash].score
            for person_id in list(self._store.templates.counts_by_person(model_hash))[:TRIED]:
                for template in self._store.templates.of_live_person(person_id, model_hash)[:1]:
                    found = gallery.search(template.vector)
                    tried += 1
                    recognised += found.person_id == person_id and found.score >= threshold
        return tried, recognised, None if tried else "no_templates"

    def forget_old_keys(self, peer: Peer) -> RotationView:
        """Let go of the old keys in memory."""
        self._store.rotation.forget_old_keys(actor=peer.account)
        return self.rotation()

    def restart(self, peer: Peer) -> RestartAsked:
        """End as soon as nobody is there; systemd starts the daemon again."""
        self._store.audit.append("daemon.restart_asked", actor=peer.account)
        self._restart.ask()
        return RestartAsked(pid=os.getpid(), quiet_s=QUIET_S)

    def copy_ledger(self, peer: Peer) -> Path:
        """Make a consistent copy beside the ledger; the caller removes it."""
        self._store.audit.append("ledger.copied", actor=peer.account)
        target = self._store.database.path.with_name(f"{COPY_PREFIX}{secrets.token_hex(8)}")
        try:
            self._store.database.copy_to(target)
        except BaseException:
            target.unlink(missing_ok=True)
            raise
        return target
