"""What stays of a device that went out of use: a receipt, and its audit trail, in the state folder.

No name, number, template or key stands in either; the audit trail names accounts of staff and random ids.
Trust boundary: whoever may write the state folder owns the device; a receipt is for people, and proves nothing.
"""

import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from edge.errors import ProvisioningError
from edge.provisioning import as_owner, replace_file
from edge.store.audit import AuditEntry
from edge.store.store import ledger_path

RECEIPT_FILE = "retired.json"
AUDIT_FILE = "retired-audit.jsonl"
MAX_BYTES = 64 * 1024


class LastEvent(BaseModel):
    """The last event that the device signed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    epoch: str
    seq: int
    hash: str


class Receipt(BaseModel):
    """What a device was, and how it ended.

    Args:
        reason: retired, or moved to another site.
        last: None where the ledger did not open any more.
        confirmed: Whether the office had confirmed everything.
        events_lost: Events that the office had not confirmed when the ledger was destroyed.
        parcels_lost: Other documents of which the same is true.
        site_keys: Names of the site keys that were here: the rest of the site should get another one.
        destroyed_at: None as long as keys or ledger may still be there.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Literal[1] = 1
    site: str
    device: str
    reason: Literal["retired", "moved"]
    at: str
    by: str
    signing_key: str | None
    office: str | None
    last: LastEvent | None
    confirmed: bool
    events: int
    people: int
    templates: int
    events_lost: int
    parcels_lost: int
    audit_entries: int
    audit_head: str
    site_keys: tuple[str, ...]
    destroyed_at: str | None = None

    @property
    def line(self) -> str:
        """On one line, for `clockface status`."""
        how = {"retired": "was retired", "moved": "left its site"}[self.reason]
        office = (
            "the office has confirmed everything"
            if self.confirmed
            else f"NOT confirmed by the office: {self.events_lost} events, {self.parcels_lost} parcels"
        )
        ended = (
            "keys and ledger are destroyed" if self.destroyed_at else "keys and ledger are NOT destroyed yet"
        )
        return f"{self.device} of site {self.site} {how} on {self.at[:10]} by {self.by}; {office}; {ended}"


def keep(receipt: Receipt, *, state: Path) -> None:
    """Write the receipt, complete or as before, mode 0600.

    Raises:
        ProvisioningError: It cannot be written.
    """
    replace_file(state / RECEIPT_FILE, receipt.model_dump_json(indent=1).encode() + b"\n", mode=0o600)


def keep_audit(entries: Iterable[AuditEntry], *, state: Path) -> tuple[int, str]:
    """Write the audit trail as JSON lines, mode 0600; returns how many entries, and the last one's hash.

    Raises:
        ProvisioningError: It cannot be written.
    """
    lines, head, count = [], "", 0
    for entry in entries:
        lines.append(json.dumps({**asdict(entry), "at": entry.at.isoformat()}))
        head, count = entry.hash, count + 1
    replace_file(state / AUDIT_FILE, ("\n".join(lines) + "\n").encode(), mode=0o600)
    return count, head


def retired_device(state: Path) -> Receipt | None:
    """The receipt, where no ledger has been begun since.

    Raises:
        ProvisioningError: It is there and cannot be read.
    """
    try:
        with as_owner(state):
            return None if ledger_path(state).exists() else read_receipt(state)
    except PermissionError:  # an account of staff that may ask the daemon, and not look into its folder
        return None


def read_receipt(state: Path) -> Receipt | None:
    """The receipt of the device that this machine was; None if it was none.

    Raises:
        ProvisioningError: It is there and cannot be read.
    """
    path = state / RECEIPT_FILE
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES)
        return Receipt.model_validate_json(raw)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ProvisioningError(
            f"the receipt of a retired device cannot be read: {error.strerror}",
            where=str(path),
            next_step=f"ls -l {path}; repeat the command with sudo",
        ) from None
    except ValidationError:
        raise ProvisioningError(
            "the receipt of a retired device cannot be read", where=str(path), next_step=f"mv {path} {path}.old"
        ) from None
