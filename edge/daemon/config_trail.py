"""Notes in the audit trail that the daemon runs with other settings than the last time.

Settings are a file that its owner edits with an editor: who did it nobody can say, but that they changed, and
to what (by digest), is part of the trail. Trust boundary: none; the digest of the last start lies in the state
folder, and whoever may write there is above the trail.
"""

import hashlib
import json
from pathlib import Path
from typing import Final

import structlog

from edge.config.tree import Config
from edge.store.audit import AuditTrail

FILE: Final = "configuration.sha256"
MAX_BYTES: Final = 200

log = structlog.get_logger(__name__)


def digest_of(config: Config) -> str:
    """SHA-256 of all settings as JSON with sorted keys, hex."""
    return hashlib.sha256(json.dumps(config.model_dump(mode="json"), sort_keys=True).encode()).hexdigest()


def note_settings(config: Config, audit: AuditTrail) -> bool:
    """Add an entry if the settings differ from those of the last start; returns whether they do.

    Raises:
        StoreError: The entry cannot be written.
    """
    path, digest = config.paths.state / FILE, digest_of(config)
    if _last(path) == digest:
        return False
    audit.append("config.changed", detail=f"sha256={digest}")
    try:
        path.write_text(f"{digest}\n", encoding="ascii")
    except OSError as error:
        log.warning("settings_digest_not_kept", error=type(error).__name__)
    return True


def _last(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES).decode("ascii", "replace").strip()
    except OSError:
        return ""
