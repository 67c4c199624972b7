"""Templates at rest: FACE-encrypted embeddings that know whose they are and which model made them.

Loading is on the path to readiness, so it decrypts straight into the one matrix that the gallery keeps. Trust
boundary: the ledger file; a token that does not open, or opens to another row's template, is refused by name.
"""

import re
import sqlite3
import struct
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge.errors import ConsentMissing, EnrolmentError, LedgerCorrupt
from edge.store.audit import DAEMON, AuditTrail
from edge.store.database import Database
from edge.store.people import unknown
from edge.store.template_dates import TemplateDates
from edge.store.vault import Vault, moved
from edge.types.identity import ModelHash, PersonId, TemplateId
from edge.types.people import Template

MAGIC = b"CFT1"
HEADER = struct.Struct("<4s16s16s32sH")  # magic and version, template id, person id, model hash, dim
MAX_DIM = 4096
NORM_TOLERANCE = 1e-3
_BATCH = 500
_ID = re.compile(r"[0-9a-f]{32}\Z")
_HASH = re.compile(r"[0-9a-f]{64}\Z")

# Only people who may be recognised now: enabled, and with a consent in force.
_LIVE = """FROM templates JOIN people USING (person_id)
    JOIN consents ON consents.person_id = templates.person_id AND consents.current = 1
    WHERE people.enabled = 1 AND templates.model_hash = ?"""
_LIVE_BATCH = (
    f"SELECT templates.row, template_id, templates.person_id, vector, templates.written_by {_LIVE} "
    "AND templates.row > ? ORDER BY templates.row LIMIT ?"
)


class TemplateSet(NamedTuple):
    """All templates of one model that may be matched.

    Args:
        template_ids: n ids.
        person_ids: n ids: whose each one is.
        matrix: (n, dim) float32, C-contiguous, L2-normalised rows, owned by the caller; (0, 0) if there
            is none.
    """

    template_ids: tuple[TemplateId, ...]
    person_ids: tuple[PersonId, ...]
    matrix: NDArray[np.float32]

    def __repr__(self) -> str:
        return f"TemplateSet({len(self.template_ids)} templates, ********)"


class Templates:
    """The templates table."""

    def __init__(self, database: Database, *, vault: Vault, audit: AuditTrail, dates: TemplateDates) -> None:
        self._database = database
        self._vault = vault
        self._audit = audit
        self._dates = dates
        self._travel: Callable[[Template], None] | None = None
        self._held_back: Callable[[PersonId], bool] | None = None

    def hold_back(self, outdated: Callable[[PersonId], bool]) -> None:
        """Have nobody matched of whom this is true; their templates stay."""
        self._held_back = outdated

    def travel_by(self, travel: Callable[[Template], None]) -> None:
        """Have every template that is stored from now on handed to `travel`, in the same transaction."""
        self._travel = travel

    def add(self, template: Template, *, actor: str = DAEMON, travels: bool = True) -> None:
        """Store a template.

        Args:
            template: Of a person who consents.
            actor: Account on whose behalf, for the audit.
            travels: Whether the site's other kiosks are to have it; not if it came from one of them.

        Raises:
            PersonUnknown: There is no such person.
            ConsentMissing: The person has no consent in force.
            EnrolmentError: The vector is not a finite, normalised float32 vector, or an id is malformed.
        """
        plaintext = encode(template)
        with self._database.write() as connection:
            _refuse_without_consent(connection, template.person_id)
            connection.execute(
                "INSERT INTO templates (template_id, person_id, model_hash, vector, written_by) "
                "VALUES (?, ?, ?, ?, ?)",
                (
                    template.template_id,
                    template.person_id,
                    template.model_hash,
                    self._vault.seal(plaintext),
                    self._vault.number,
                ),
            )
            self._dates.note(connection, template.template_id)
            self._audit.append(
                "template.added", actor=actor, subject=template.person_id, detail=template.template_id
            )
            if travels and self._travel is not None:
                self._travel(template)

    def load_all(self, model_hash: ModelHash) -> TemplateSet:
        """Decrypt every template of one model whose person is enabled and consents.

        Raises:
            SecretWrong: FACE_DATA_ENCRYPTION_KEY lacks the key that wrote one.
            LedgerCorrupt: A row was altered or moved; it is named by its template id.
        """
        with self._database.read() as connection:
            count = int(connection.execute(f"SELECT count(*) {_LIVE}", (model_hash,)).fetchone()[0])
        ids: list[TemplateId] = []
        people: list[PersonId] = []
        matrix = np.empty((0, 0), dtype=np.float32)
        for template_id, person_id, vector in self._live(model_hash):
            if not ids:
                matrix = np.empty((count, vector.shape[0]), dtype=np.float32)
            if vector.shape[0] != matrix.shape[1]:
                raise LedgerCorrupt("templates of one model differ in length", where=f"template {template_id}")
            if len(ids) == count:  # added since they were counted; the caller hears of it by its own path
                break
            matrix[len(ids)] = vector
            ids.append(template_id)
            people.append(person_id)
        return TemplateSet(tuple(ids), tuple(people), matrix[: len(ids)])

    def _live(self, model_hash: ModelHash) -> Iterator[tuple[TemplateId, PersonId, NDArray[np.float32]]]:
        """Decrypt between short reads, so that a reload does not keep anybody from being recorded."""
        position = 0
        while True:
            with self._database.read() as connection:
                rows = connection.execute(_LIVE_BATCH, (model_hash, position, _BATCH)).fetchall()
            if not rows:
                return
            for _, template_id, person_id, token, written_by in rows:
                if self._is_held_back(PersonId(person_id)):
                    continue
                plaintext = self._vault.open(token, written_by, where=f"template {template_id}")
                vector = decode(plaintext, template_id=template_id, person_id=person_id, model_hash=model_hash)
                yield TemplateId(template_id), PersonId(person_id), vector
            position = rows[-1][0]

    def _is_held_back(self, person_id: PersonId) -> bool:
        return self._held_back is not None and self._held_back(person_id)

    def of_live_person(self, person_id: PersonId, model_hash: ModelHash) -> tuple[Template, ...]:
        """Decrypt one person's templates of one model; none if they may not be matched.

        Raises:
            SecretWrong, LedgerCorrupt: As `load_all`.
        """
        if self._is_held_back(person_id):
            return ()
        with self._database.read() as connection:
            rows = connection.execute(
                f"SELECT template_id, vector, templates.written_by {_LIVE} AND templates.person_id = ?",
                (model_hash, person_id),
            ).fetchall()
        return tuple(
            self._opened(template_id, person_id, model_hash, token, written_by)
            for template_id, token, written_by in rows
        )

    def get(self, template_id: TemplateId) -> Template | None:
        """Decrypt one template, or None.

        Raises:
            SecretWrong, LedgerCorrupt: As `load_all`.
        """
        with self._database.read() as connection:
            row = connection.execute(
                "SELECT person_id, model_hash, vector, written_by FROM templates WHERE template_id = ?",
                (template_id,),
            ).fetchone()
        return None if row is None else self._opened(template_id, *row)

    def _opened(
        self, template_id: str, person_id: str, model_hash: str, token: bytes, written_by: int
    ) -> Template:
        plaintext = self._vault.open(token, written_by, where=f"template {template_id}")
        vector = decode(plaintext, template_id=template_id, person_id=person_id, model_hash=model_hash)
        return Template(TemplateId(template_id), PersonId(person_id), ModelHash(model_hash), vector)

    def check_all(self) -> int:
        """Open every template, also of disabled people.

        Returns:
            How many there are.

        Raises:
            SecretWrong, LedgerCorrupt: As `load_all`.
        """
        position = count = 0
        while True:
            with self._database.read() as connection:
                rows = connection.execute(
                    "SELECT row, template_id, person_id, model_hash, vector, written_by FROM templates "
                    "WHERE row > ? ORDER BY row LIMIT ?",
                    (position, _BATCH),
                ).fetchall()
            if not rows:
                return count
            for _, template_id, person_id, model_hash, token, written_by in rows:
                plaintext = self._vault.open(token, written_by, where=f"template {template_id}")
                decode(plaintext, template_id=template_id, person_id=person_id, model_hash=model_hash)
            position, count = rows[-1][0], count + len(rows)

    def of_person(self, person_id: PersonId) -> tuple[tuple[TemplateId, ModelHash], ...]:
        """List a person's templates without decrypting them, oldest first."""
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT template_id, model_hash FROM templates WHERE person_id = ? ORDER BY row", (person_id,)
            ).fetchall()
        return tuple((TemplateId(template_id), ModelHash(model)) for template_id, model in rows)

    def remove(self, template_id: TemplateId, *, actor: str = DAEMON) -> bool:
        """Erase one template.

        Returns:
            Whether there was one.
        """
        with self._database.write() as connection:
            row = connection.execute(
                "DELETE FROM templates WHERE template_id = ? RETURNING person_id", (template_id,)
            ).fetchone()
            if row is not None:
                self._audit.append("template.removed", actor=actor, subject=row[0], detail=template_id)
        if row is not None:
            self._database.scrub()
        return row is not None

    def counts_by_person(self, model_hash: ModelHash) -> dict[PersonId, int]:
        """How many templates each person has for one model, also disabled people."""
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT person_id, count(*) FROM templates WHERE model_hash = ? GROUP BY person_id",
                (model_hash,),
            ).fetchall()
        return {PersonId(person_id): int(count) for person_id, count in rows}

    def counts_by_model(self) -> dict[ModelHash, int]:
        """How many templates each model has."""
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT model_hash, count(*) FROM templates GROUP BY model_hash"
            ).fetchall()
        return {ModelHash(model_hash): int(count) for model_hash, count in rows}


def encode(template: Template) -> bytes:
    """A template's plaintext: a header of 70 bytes that binds it, then little-endian float32.

    Raises:
        EnrolmentError: The vector or an id is not what it must be.
    """
    vector = template.vector
    if not (_ID.match(template.template_id) and _ID.match(template.person_id)):
        raise EnrolmentError("a template's ids must be 32 hex digits each")
    if not _HASH.match(template.model_hash):
        raise EnrolmentError("a template's model hash must be 64 hex digits")
    if vector.dtype != np.float32 or vector.ndim != 1 or not 1 <= vector.shape[0] <= MAX_DIM:
        raise EnrolmentError(f"a template's vector must be float32 with 1 to {MAX_DIM} numbers")
    norm = float(np.linalg.norm(vector))
    if not np.isfinite(vector).all() or abs(norm - 1.0) > NORM_TOLERANCE:
        raise EnrolmentError("a template's vector must be finite and of length 1")
    header = HEADER.pack(
        MAGIC,
        bytes.fromhex(template.template_id),
        bytes.fromhex(template.person_id),
        bytes.fromhex(template.model_hash),
        vector.shape[0],
    )
    return header + vector.astype("<f4", copy=False).tobytes()


def decode(plaintext: bytes, *, template_id: str, person_id: str, model_hash: str) -> NDArray[np.float32]:
    """Read a plaintext that must belong to exactly this row: (dim,) float32, a read-only view.

    Raises:
        LedgerCorrupt: It belongs to another row, or is not a template.
    """
    where = f"template {template_id}"
    if len(plaintext) < HEADER.size or not plaintext.startswith(MAGIC):
        raise LedgerCorrupt("an encrypted value is not a template", where=where)
    _, template, person, model, dim = HEADER.unpack_from(plaintext)
    if (template.hex(), person.hex(), model.hex()) != (template_id, person_id, model_hash):
        raise moved(where)
    if not 1 <= dim <= MAX_DIM or len(plaintext) != HEADER.size + 4 * dim:
        raise LedgerCorrupt("a template has another length than it says", where=where)
    return np.frombuffer(plaintext, dtype="<f4", offset=HEADER.size)


def _refuse_without_consent(connection: sqlite3.Connection, person_id: PersonId) -> None:
    row = connection.execute(
        "SELECT EXISTS (SELECT 1 FROM consents WHERE person_id = people.person_id AND current = 1) "
        "FROM people WHERE person_id = ?",
        (person_id,),
    ).fetchone()
    if row is None:
        raise unknown(person_id)
    if not row[0]:
        raise ConsentMissing(
            "no consent to biometric processing is recorded for this person",
            where=f"person {person_id}",
            next_step="record the consent first: clockface enroll --help",
        )
