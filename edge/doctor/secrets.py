"""Whether the keys are there, valid, apart and closed to others; and what a thief of the card would hold.

Only their places and fingerprints are ever shown.
"""

import os
import pwd
from collections.abc import Mapping
from pathlib import Path

from edge.config.tree import Config
from edge.doctor.daemon import Daemon
from edge.doctor.findings import Finding, not_available, ok, warn
from edge.store.keys import DATA_FILE, KEY_FILES, KEYS_FOLDER, SIGNING_FILE, load_keyring

SEALED = Path("etc/credstore.encrypted")


def owner_of(path: Path) -> str | None:
    """Account that owns a path, if it is not ours; None if it is ours or not there."""
    try:
        uid = path.stat().st_uid
    except OSError:
        return None
    if uid == os.geteuid():
        return None
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def as_owner(owner: str) -> str:
    """What to type to look with the daemon's eyes."""
    return f"sudo -u '{owner}' clockface doctor"


def check_keys(config: Config, environment: Mapping[str, str], daemon: Daemon, *, root: Path) -> Finding:
    """Load the keys as the daemon does, and say where they lie."""
    state, credentials = config.paths.state, environment.get("CREDENTIALS_DIRECTORY", "")
    sealed = all(any((root / SEALED).glob(f"{name}*")) for name in KEY_FILES)
    if not credentials:
        if daemon.status is not None and sealed:
            return ok("the daemon runs with them; sealed in /etc/credstore.encrypted to this machine")
        if sealed:
            return not_available(
                "sealed in /etc/credstore.encrypted; only clockface-edge.service can open them"
            )
        owner = owner_of(state)
        if owner is not None:
            return not_available(f"{state} belongs to {owner}; look with its eyes: {as_owner(owner)}")
    ring = load_keyring(state=state, environment=environment, allow_environment=config.keys.allow_environment)
    found = f"DATA {ring.data.primary_id}, FACE {ring.face.primary_id}, signing {ring.signing.key_id[:16]}"
    return _place(found, state=state, credentials=credentials, sealed=sealed)


def _place(found: str, *, state: Path, credentials: str, sealed: bool) -> Finding:
    seal = "seal them to this machine with systemd-creds encrypt (see SECURITY.md), then remove the files"
    if credentials and os.path.lexists(Path(credentials) / DATA_FILE):
        if sealed:
            return ok(f"{found}; from systemd credentials, sealed to this machine")
        return warn(f"{found}; from systemd credentials that are not in /etc/credstore.encrypted", seal)
    folder = state / KEYS_FOLDER
    if not os.path.lexists(folder / DATA_FILE):
        return warn(
            f"{found}; the storage keys come from the environment, which other processes can read",
            "for development only: clockface init without the variables makes files instead",
        )
    beside = " (the signing key too)" if os.path.lexists(folder / SIGNING_FILE) else ""
    return warn(
        f"{found}; in plain files in {folder}{beside}: whoever takes the card can read everything", seal
    )
