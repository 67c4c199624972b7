"""Moves people over to the current recognition chain: one template, from a recognition without any doubt.

Runs on the loop's thread after the employee has been told. Trust boundary: whoever stood in front of the
camera. So the person must still be enabled, have consented to the text in force, have no template of the
current chain yet, and look like nobody else who has; the audit trail says "template.moved".
"""

import secrets
import threading

import structlog

from clockface.errors import ClockfaceError
from edge.inference.pipeline import Recogniser
from edge.store.audit import DAEMON
from edge.store.store import Store
from edge.types.faces import Embedding
from edge.types.identity import PersonId, TemplateId
from edge.types.people import Template
from edge.types.verdicts import Outcome, Verdict

log = structlog.get_logger(__name__)


class Mover:
    """Called with every verdict, before the next frame is judged.

    Args:
        store: The ledger.
        recogniser: Whose galleries learn at once.
        consent_text_version: The consent text now in force.
        lock: Held while ledger and gallery change together.
    """

    def __init__(
        self, *, store: Store, recogniser: Recogniser, consent_text_version: str, lock: threading.RLock
    ) -> None:
        self._store = store
        self._recogniser = recogniser
        self._consent_text_version = consent_text_version
        self._lock = lock
        self._model_hash = next(iter(recogniser.galleries))

    def __call__(self, verdict: Verdict) -> None:
        """Store a template of the current chain if this verdict allows it. Never raises: attendance goes on."""
        if verdict.outcome is not Outcome.RECOGNISED or verdict.track_id is None or verdict.person_id is None:
            return
        try:
            vector = self._recogniser.take_move(verdict.track_id)
            if vector is not None and self._move(verdict.person_id, vector):
                log.info("template_moved", model_hash=self._model_hash)
        except (
            ClockfaceError
        ) as error:  # a full disk, a person removed meanwhile: the previous chain still serves
            log.warning("template_not_moved", error=error)

    def _move(self, person_id: PersonId, vector: Embedding) -> bool:
        gallery = self._recogniser.galleries[self._model_hash]
        threshold = self._recogniser.thresholds[self._model_hash].score
        with self._lock:
            if not self._may(person_id) or person_id in gallery:
                return False
            if any(score >= threshold for _, score in gallery.nearest(vector, limit=1)):
                return False  # somebody else's face in the current chain: staff must look
            template = Template(TemplateId(secrets.token_hex(16)), person_id, self._model_hash, vector)
            with self._store.database.write():
                self._store.templates.add(template)
                self._store.audit.append(
                    "template.moved", actor=DAEMON, subject=person_id, detail=template.template_id
                )
            gallery.add([template])
        return True

    def _may(self, person_id: PersonId) -> bool:
        consent = self._store.consents.current(person_id)
        return (
            self._store.people.get(person_id).enabled
            and consent is not None
            and consent.text_version == self._consent_text_version
        )
