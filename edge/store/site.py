"""What this ledger knows of the site beyond its kiosk: who is on the roster, and how templates travelled.

Templates under a site key that this device does not have wait here, sealed as they came, until it has the key.
Trust boundary: callers have verified the roster; nothing here is personal but by its person's random id.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from edge.store.database import Database
from edge.types.identity import ModelHash, PersonId, TemplateId


@dataclass(frozen=True, slots=True, eq=False)
class SealedTemplate:
    """A template as it travels: what it is bound to, and `sealing.seal_template`'s bytes."""

    template_id: TemplateId
    person_id: PersonId
    model_hash: ModelHash
    site_key: str
    sealed: bytes

    def __repr__(self) -> str:
        return "SealedTemplate(********)"


class Site:
    """The tables site_people, shared_templates and sealed_templates."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # --- people -------------------------------------------------------------------------------------------

    def knows(self, person_id: PersonId) -> bool:
        """Whether the person is on the office's roster."""
        with self._database.read() as connection:
            found = connection.execute("SELECT 1 FROM site_people WHERE person_id = ?", (person_id,)).fetchone()
        return found is not None

    def note_person(self, person_id: PersonId, version: int) -> None:
        """Note that the roster has the person since this version."""
        with self._database.write() as connection:
            connection.execute(
                "INSERT INTO site_people (person_id, roster_version) VALUES (?, ?) "
                "ON CONFLICT (person_id) DO UPDATE SET roster_version = excluded.roster_version",
                (person_id, version),
            )

    def local_people(self) -> tuple[PersonId, ...]:
        """People whom the office's roster does not have and of whom nothing is on its way to it."""
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT person_id FROM people WHERE person_id NOT IN (SELECT person_id FROM site_people) "
                "AND person_id NOT IN (SELECT subject FROM parcels) ORDER BY row"
            ).fetchall()
        return tuple(PersonId(row[0]) for row in rows)

    # --- templates ----------------------------------------------------------------------------------------

    def note_shared(self, template_id: TemplateId, *, site_key: str, from_office: bool) -> None:
        """Note under which site key a template travelled last, and whence."""
        with self._database.write() as connection:
            connection.execute(
                "INSERT INTO shared_templates (template_id, site_key, origin) VALUES (?, ?, ?) "
                "ON CONFLICT (template_id) DO UPDATE SET site_key = excluded.site_key",
                (template_id, site_key, "office" if from_office else "device"),
            )

    def shared(self, template_ids: Sequence[TemplateId]) -> tuple[TemplateId, ...]:
        """Which of these the site may have: they went up, or came down."""
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT template_id FROM shared_templates "
                "WHERE template_id IN (SELECT value FROM json_each(?))",
                (json.dumps(list(template_ids)),),
            ).fetchall()
        return tuple(TemplateId(row[0]) for row in rows)

    def not_shared(self, site_key: str, *, others_too: bool, limit: int) -> tuple[TemplateId, ...]:
        """Templates that have not travelled under this key.

        Args:
            site_key: The key that seals now.
            others_too: Also those that came from other kiosks: this device made the key.
            limit: At most so many.
        """
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT template_id FROM templates LEFT JOIN shared_templates USING (template_id) "
                "WHERE site_key IS NULL OR (site_key <> ?1 AND (origin = 'device' OR ?2)) "
                "ORDER BY templates.row LIMIT ?3",
                (site_key, int(others_too), limit),
            ).fetchall()
        return tuple(TemplateId(row[0]) for row in rows)

    def keep_sealed(self, template: SealedTemplate) -> None:
        """Keep a template that cannot be opened yet; a newer sealing of it replaces the older."""
        with self._database.write() as connection:
            connection.execute(
                "INSERT INTO sealed_templates (template_id, person_id, model_hash, site_key, sealed) "
                "VALUES (?, ?, ?, ?, ?) ON CONFLICT (template_id) DO UPDATE SET "
                "person_id = excluded.person_id, "
                "model_hash = excluded.model_hash, site_key = excluded.site_key, sealed = excluded.sealed",
                (
                    template.template_id,
                    template.person_id,
                    template.model_hash,
                    template.site_key,
                    template.sealed,
                ),
            )

    def sealed(self, site_keys: Iterable[str], *, limit: int) -> tuple[SealedTemplate, ...]:
        """Kept templates that one of these keys opens, the first so many."""
        wanted: Sequence[str] = tuple(site_keys)
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT template_id, person_id, model_hash, site_key, sealed FROM sealed_templates "  # noqa: S608
                f"WHERE site_key IN ({', '.join('?' * len(wanted))}) ORDER BY row LIMIT ?",
                (*wanted, limit),
            ).fetchall()
        return tuple(SealedTemplate(*row) for row in rows)

    def sealed_count(self) -> int:
        """How many wait for their key."""
        with self._database.read() as connection:
            return int(connection.execute("SELECT count(*) FROM sealed_templates").fetchone()[0])

    def sealed_of(self, person_id: PersonId) -> int:
        """How many of a person wait for their key."""
        with self._database.read() as connection:
            found = connection.execute(
                "SELECT count(*) FROM sealed_templates WHERE person_id = ?", (person_id,)
            ).fetchone()
        return int(found[0])

    def drop_sealed(self, *, template_id: TemplateId | None = None, person_id: PersonId | None = None) -> int:
        """Forget a kept template, or all of a person; returns how many."""
        with self._database.write() as connection:
            return connection.execute(
                "DELETE FROM sealed_templates WHERE template_id = ? OR person_id = ?", (template_id, person_id)
            ).rowcount
