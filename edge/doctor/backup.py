"""Says how old the last backup is: a ledger on a flash card without one is a loss that waits."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from edge.doctor.findings import Finding, not_available, ok, warn

FILE: Final = "last_backup"
OLDEST: Final = timedelta(days=7)
_NEXT: Final = "clockface backup create --to FOLDER, on another disk than this one"


def check_backup(state: Path, *, now: datetime) -> Finding:
    """How long ago `clockface backup create` last succeeded here."""
    try:
        made = datetime.fromisoformat((state / FILE).read_text(encoding="ascii").strip())
    except FileNotFoundError:
        return warn("no backup was ever made", f"clockface backup key --out FILE; then {_NEXT}")
    except PermissionError:
        return not_available(f"{state} is closed to this account")
    except (OSError, ValueError):
        return warn(f"{state / FILE} does not say when the last backup was made", _NEXT)
    if made.tzinfo is None or made > now + timedelta(days=1):
        return warn("the last backup's time cannot be right", _NEXT)
    age = now - made
    if age > OLDEST:
        return warn(f"the last backup is {age.days} days old, more than {OLDEST.days}", _NEXT)
    return ok(f"the last backup is of {made:%Y-%m-%d %H:%M} UTC")
