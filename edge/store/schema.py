"""The ledger's tables, as steps from one version to the next; each step and its record share one transaction.

What is in the clear here is what a thief of the file learns: random ids, counts, the model's hash, the UTC
day of a punch. Everything personal is a Fernet token in `body`, `profile`, `vector` or `payload`, and
`written_by` names the key, so that a rotation knows its work. A step that was released is never edited.
"""

from dataclasses import dataclass

APPLICATION_ID = 0x434C4B46  # "CLKF"


@dataclass(frozen=True, slots=True)
class Migration:
    """One step: the version it leads to, what it is for, and its statements."""

    version: int
    name: str
    statements: tuple[str, ...]


_FIRST = (
    "CREATE TABLE migrations (version INTEGER PRIMARY KEY, name TEXT NOT NULL, software TEXT NOT NULL) STRICT",
    "CREATE TABLE storage_keys (id INTEGER PRIMARY KEY, key_id TEXT NOT NULL UNIQUE) STRICT",
    """CREATE TABLE identity (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        site TEXT NOT NULL,
        device TEXT NOT NULL,
        number_key BLOB NOT NULL,
        number_key_by INTEGER NOT NULL REFERENCES storage_keys (id),
        face_proof BLOB NOT NULL,
        face_proof_by INTEGER NOT NULL REFERENCES storage_keys (id)
    ) STRICT""",
    """CREATE TABLE people (
        row INTEGER PRIMARY KEY,
        person_id TEXT NOT NULL UNIQUE,
        number_index BLOB NOT NULL UNIQUE,
        enabled INTEGER NOT NULL CHECK (enabled IN (0, 1)),
        profile BLOB NOT NULL,
        written_by INTEGER NOT NULL REFERENCES storage_keys (id)
    ) STRICT""",
    """CREATE TABLE consents (
        row INTEGER PRIMARY KEY,
        person_id TEXT NOT NULL REFERENCES people (person_id) ON DELETE CASCADE,
        current INTEGER NOT NULL CHECK (current IN (0, 1)),
        body BLOB NOT NULL,
        written_by INTEGER NOT NULL REFERENCES storage_keys (id)
    ) STRICT""",
    "CREATE INDEX consents_of ON consents (person_id)",
    "CREATE UNIQUE INDEX consent_in_force ON consents (person_id) WHERE current = 1",
    """CREATE TABLE templates (
        row INTEGER PRIMARY KEY,
        template_id TEXT NOT NULL UNIQUE,
        person_id TEXT NOT NULL REFERENCES people (person_id) ON DELETE CASCADE,
        model_hash TEXT NOT NULL,
        vector BLOB NOT NULL,
        written_by INTEGER NOT NULL REFERENCES storage_keys (id)
    ) STRICT""",
    "CREATE INDEX templates_of ON templates (person_id, model_hash)",
    """CREATE TRIGGER template_needs_consent BEFORE INSERT ON templates
    WHEN NOT EXISTS (SELECT 1 FROM consents WHERE person_id = new.person_id AND current = 1)
    BEGIN SELECT RAISE (ABORT, 'no consent'); END""",
    """CREATE TABLE epochs (
        ordinal INTEGER PRIMARY KEY CHECK (ordinal BETWEEN 1 AND 999999),
        epoch TEXT NOT NULL UNIQUE,
        signer TEXT NOT NULL,
        public_key BLOB NOT NULL CHECK (length(public_key) = 32)
    ) STRICT""",
    """CREATE TABLE events (
        position INTEGER PRIMARY KEY,
        epoch INTEGER NOT NULL REFERENCES epochs (ordinal),
        seq INTEGER NOT NULL CHECK (seq >= 1),
        punch_day INTEGER,
        uncorrected INTEGER NOT NULL CHECK (uncorrected IN (0, 1)),
        hash BLOB NOT NULL CHECK (length(hash) = 32),
        prev_hash BLOB NOT NULL CHECK (length(prev_hash) = 32),
        signature BLOB NOT NULL CHECK (length(signature) = 64),
        payload BLOB NOT NULL,
        written_by INTEGER NOT NULL REFERENCES storage_keys (id),
        UNIQUE (epoch, seq)
    ) STRICT""",
    "CREATE INDEX events_by_day ON events (punch_day) WHERE punch_day IS NOT NULL",
    "CREATE INDEX events_uncorrected ON events (position) WHERE uncorrected = 1",
    """CREATE TRIGGER events_are_history
    BEFORE UPDATE OF epoch, seq, punch_day, hash, prev_hash, signature ON events
    BEGIN SELECT RAISE (ABORT, 'history is not rewritten'); END""",
    """CREATE TABLE last_punches (
        person_id TEXT PRIMARY KEY REFERENCES people (person_id) ON DELETE CASCADE,
        body BLOB NOT NULL,
        written_by INTEGER NOT NULL REFERENCES storage_keys (id)
    ) STRICT""",
    """CREATE TABLE frontier (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        epoch INTEGER NOT NULL REFERENCES epochs (ordinal),
        seq INTEGER NOT NULL,
        hash BLOB NOT NULL CHECK (length(hash) = 32),
        position INTEGER NOT NULL
    ) STRICT""",
    """CREATE TABLE alarms (
        row INTEGER PRIMARY KEY,
        kind TEXT NOT NULL,
        detail TEXT NOT NULL,
        raised_us INTEGER NOT NULL,
        cleared INTEGER NOT NULL DEFAULT 0 CHECK (cleared IN (0, 1)),
        UNIQUE (kind, detail)
    ) STRICT""",
    """CREATE TABLE clock_mark (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        wall_us INTEGER NOT NULL,
        trusted INTEGER NOT NULL CHECK (trusted IN (0, 1))
    ) STRICT""",
    """CREATE TABLE audit (
        seq INTEGER PRIMARY KEY,
        hash BLOB NOT NULL CHECK (length(hash) = 32),
        prev_hash BLOB NOT NULL CHECK (length(prev_hash) = 32),
        body BLOB NOT NULL,
        written_by INTEGER NOT NULL REFERENCES storage_keys (id)
    ) STRICT""",
    """CREATE TRIGGER audit_is_history BEFORE UPDATE OF seq, hash, prev_hash ON audit
    BEGIN SELECT RAISE (ABORT, 'history is not rewritten'); END""",
)

# The device and its office: whom it believes, how far each epoch is committed, what it hands in besides events,
# and what the office told it. What could lie (keys, texts, results) is a token: an edited file forges none.
_OFFICE = (
    # Whose acks, commands and roster count; body: name, bundle, keys, when and by whom installed.
    """CREATE TABLE office (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        body BLOB NOT NULL,
        written_by INTEGER NOT NULL REFERENCES storage_keys (id)
    ) STRICT""",
    # The newest event of each epoch that the office has committed. presumed: it holds a longer history of an
    # epoch that is over here (a restored backup), so ours is part of it.
    """CREATE TABLE committed (
        epoch INTEGER PRIMARY KEY REFERENCES epochs (ordinal),
        seq INTEGER NOT NULL,
        hash BLOB NOT NULL CHECK (length(hash) = 32),
        position INTEGER NOT NULL,
        presumed INTEGER NOT NULL CHECK (presumed IN (0, 1))
    ) STRICT""",
    """INSERT INTO committed (seq, hash, epoch, position, presumed)
        SELECT max(seq), hash, epoch, position, 0 FROM events
        WHERE position <= (SELECT position FROM frontier) GROUP BY epoch""",
    # Events that the office refused and that were issued again, or need not be: they are not sent any more.
    """CREATE TABLE superseded (
        epoch INTEGER PRIMARY KEY REFERENCES epochs (ordinal),
        first_position INTEGER NOT NULL,
        last_position INTEGER NOT NULL CHECK (last_position >= first_position),
        reissued_in INTEGER NOT NULL REFERENCES epochs (ordinal)
    ) STRICT""",
    # The outbox beside the events; subject: the person whom a parcel is about, or empty.
    """CREATE TABLE parcels (
        row INTEGER PRIMARY KEY,
        parcel_id TEXT NOT NULL UNIQUE,
        payload_type TEXT NOT NULL,
        subject TEXT NOT NULL,
        made_us INTEGER NOT NULL,
        envelope BLOB NOT NULL,
        written_by INTEGER NOT NULL REFERENCES storage_keys (id)
    ) STRICT""",
    "CREATE INDEX parcels_of ON parcels (payload_type, subject)",
    # How far the office's numbered documents have been applied; neither ever goes back.
    """CREATE TABLE office_progress (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        command_number INTEGER NOT NULL,
        roster_version INTEGER NOT NULL
    ) STRICT""",
    "INSERT INTO office_progress (one, command_number, roster_version) VALUES (1, 0, 0)",
    # Signed results by the document that they answer, so that a repeated one gets the same answer; the newest.
    """CREATE TABLE results (
        row INTEGER PRIMARY KEY,
        document_id TEXT NOT NULL UNIQUE,
        envelope BLOB NOT NULL,
        written_by INTEGER NOT NULL REFERENCES storage_keys (id)
    ) STRICT""",
    # A row: an operator took the kiosk out of service; body: the reason, when, by which command.
    """CREATE TABLE out_of_service (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        body BLOB NOT NULL,
        written_by INTEGER NOT NULL REFERENCES storage_keys (id)
    ) STRICT""",
    # What the office wants shown, to everybody (person_id NULL) or to one person; body: the text.
    """CREATE TABLE messages (
        row INTEGER PRIMARY KEY,
        message_id TEXT NOT NULL UNIQUE,
        person_id TEXT REFERENCES people (person_id) ON DELETE CASCADE,
        until_us INTEGER NOT NULL,
        body BLOB NOT NULL,
        written_by INTEGER NOT NULL REFERENCES storage_keys (id)
    ) STRICT""",
    # Who is on the office's roster of the site, and the roster's version that last said so.
    """CREATE TABLE site_people (
        person_id TEXT PRIMARY KEY REFERENCES people (person_id) ON DELETE CASCADE,
        roster_version INTEGER NOT NULL
    ) STRICT""",
)

# Templates between the site's kiosks.
_SITE = (
    # Under which site key a stored template travelled last; origin 'office': it came down, not to go up again.
    """CREATE TABLE shared_templates (
        template_id TEXT PRIMARY KEY REFERENCES templates (template_id) ON DELETE CASCADE,
        site_key TEXT NOT NULL,
        origin TEXT NOT NULL CHECK (origin IN ('device', 'office'))
    ) STRICT""",
    # Templates that came down under a site key that this device does not have yet: it cannot open them either.
    """CREATE TABLE sealed_templates (
        row INTEGER PRIMARY KEY,
        template_id TEXT NOT NULL UNIQUE,
        person_id TEXT NOT NULL REFERENCES people (person_id) ON DELETE CASCADE,
        model_hash TEXT NOT NULL,
        site_key TEXT NOT NULL,
        sealed BLOB NOT NULL
    ) STRICT""",
    "CREATE INDEX sealed_templates_of ON sealed_templates (person_id)",
    # The latest synchronised time, which a later reading of an unset clock must not hide.
    "ALTER TABLE clock_mark ADD COLUMN trusted_us INTEGER",
    "UPDATE clock_mark SET trusted_us = wall_us WHERE trusted = 1",
)

# Ways in without a face, and records that were not of the person whom they name.
_BADGES = (
    # The key that seals badges where the site has none; body: 32 bytes.
    """CREATE TABLE badge_key (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        body BLOB NOT NULL,
        written_by INTEGER NOT NULL REFERENCES storage_keys (id)
    ) STRICT""",
    # Badges that were issued or revoked here; body: whose, under which key, until when, by whom.
    """CREATE TABLE badges (
        row INTEGER PRIMARY KEY,
        badge_id TEXT NOT NULL UNIQUE,
        person_id TEXT NOT NULL REFERENCES people (person_id) ON DELETE CASCADE,
        revoked INTEGER NOT NULL CHECK (revoked IN (0, 1)),
        body BLOB NOT NULL,
        written_by INTEGER NOT NULL REFERENCES storage_keys (id)
    ) STRICT""",
    "CREATE INDEX badges_of ON badges (person_id)",
    # Cards of a reader that types; card_index: a keyed fingerprint of what it types, which is kept nowhere.
    """CREATE TABLE cards (
        row INTEGER PRIMARY KEY,
        card_index BLOB NOT NULL UNIQUE,
        person_id TEXT NOT NULL REFERENCES people (person_id) ON DELETE CASCADE
    ) STRICT""",
    # What a person knows or has besides a badge; body: hash of the PIN, secret of the code, their own way.
    """CREATE TABLE credentials (
        person_id TEXT PRIMARY KEY REFERENCES people (person_id) ON DELETE CASCADE,
        body BLOB NOT NULL,
        written_by INTEGER NOT NULL REFERENCES storage_keys (id)
    ) STRICT""",
    # Wrong PINs by whom or what they were typed for, existing or not; body: how many, and until when to wait.
    """CREATE TABLE lockouts (
        row INTEGER PRIMARY KEY,
        subject BLOB NOT NULL UNIQUE,
        body BLOB NOT NULL,
        written_by INTEGER NOT NULL REFERENCES storage_keys (id)
    ) STRICT""",
    # Punches that the person said at once were not theirs, and the event that says so.
    """CREATE TABLE voided (
        position INTEGER PRIMARY KEY,
        by_position INTEGER NOT NULL
    ) STRICT""",
)

# A change of the storage keys, as far as it has come.
_ROTATION = (
    # The journal: to which keys, how far; a row while one is under way, and of the last one. Tokens know their
    # key themselves, so what the journal lost is found again.
    """CREATE TABLE key_rotation (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        rotation TEXT NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('running', 'paused', 'rewritten', 'verified')),
        data_key INTEGER NOT NULL REFERENCES storage_keys (id),
        face_key INTEGER NOT NULL REFERENCES storage_keys (id),
        begun_us INTEGER NOT NULL,
        ended_us INTEGER,
        place INTEGER NOT NULL,
        row INTEGER NOT NULL,
        done INTEGER NOT NULL,
        total INTEGER NOT NULL,
        batches INTEGER NOT NULL
    ) STRICT""",
    # Since when a key has been writing; unknown for those of before.
    "ALTER TABLE storage_keys ADD COLUMN since_us INTEGER",
)

# What was removed when its time was over, so that the rest of a chain can still be followed from somewhere.
_RETENTION = (
    # The last entry that is gone, signed: position is events.position or audit.seq.
    """CREATE TABLE checkpoints (
        chain TEXT PRIMARY KEY CHECK (chain IN ('events', 'audit')),
        position INTEGER NOT NULL,
        epoch INTEGER REFERENCES epochs (ordinal),
        seq INTEGER NOT NULL,
        hash BLOB NOT NULL CHECK (length(hash) = 32),
        envelope BLOB NOT NULL
    ) STRICT""",
    # Since when a template has been here; body: the UTC day.
    """CREATE TABLE template_dates (
        row INTEGER PRIMARY KEY,
        template_id TEXT NOT NULL UNIQUE REFERENCES templates (template_id) ON DELETE CASCADE,
        body BLOB NOT NULL,
        written_by INTEGER NOT NULL REFERENCES storage_keys (id)
    ) STRICT""",
)

# The audit trail goes to the office too.
_AUDIT_HANDED_IN = (
    # Up to which entry the office was told.
    """CREATE TABLE audit_handed_in (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        seq INTEGER NOT NULL
    ) STRICT""",
)

MIGRATIONS = (
    Migration(1, "the first tables", _FIRST),
    Migration(2, "the office", _OFFICE),
    Migration(3, "templates of the site", _SITE),
    Migration(4, "ways in without a face", _BADGES),
    Migration(5, "rotation of the storage keys", _ROTATION),
    Migration(6, "retention", _RETENTION),
    Migration(7, "the audit trail for the office", _AUDIT_HANDED_IN),
)
NEWEST = MIGRATIONS[-1].version
