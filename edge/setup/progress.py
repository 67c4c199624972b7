"""How far provisioning has come: STATE/provisioning.json, mode 0600, to go on where it was interrupted.

Holds the answers and which steps are done; no key, no passphrase. Trust boundary: whoever may write the state
folder owns the device; what stands here is validated all the same, and only saves work.
"""

import json
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from edge.errors import ProvisioningError
from edge.provisioning import as_owner, replace_file
from edge.setup.answers import Answers
from edge.store.office import Office

FILE = "provisioning.json"
MAX_BYTES = 256 * 1024


class _Believed(BaseModel):
    """The office that a device believed before it moved: public keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    bundle: str
    online_keys: tuple[str, ...]
    operator_keys: tuple[str, ...]
    sealing_key: str
    installed_at: datetime
    installed_by: str


class _Kept(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    version: int = 1
    answers: Answers
    given: tuple[str, ...] = ()
    done: dict[str, str] = {}
    brokers: tuple[str, ...] = ()
    replaces: bool = False
    office: _Believed | None = None


@dataclass
class Progress:
    """The answers, and which steps are done.

    Args:
        answers: As given.
        given: The settings that were given, others stand at their default.
        done: Step -> when, ISO.
        brokers: As the bundle named them.
        replaces: This machine takes the place of a device that is broken or lost.
        office: Whom the device believed before it moved here, and goes on believing.
    """

    answers: Answers
    given: tuple[str, ...]
    done: dict[str, str] = field(default_factory=dict)
    brokers: tuple[str, ...] = ()
    replaces: bool = False
    office: Office | None = None

    def note(self, step: str, at: datetime) -> None:
        """A step is done; keeps it."""
        self.done[step] = at.isoformat(timespec="seconds")
        self.keep()

    def forget_fingerprint(self) -> None:
        """Ask for the office's fingerprint next time; keeps it."""
        office = self.answers.office.model_copy(update={"fingerprint": ""})
        self.answers = self.answers.model_copy(update={"office": office})
        self.keep()

    def keep(self) -> None:
        """Write the file, complete or as before."""
        state = self.answers.paths.state
        kept = _Kept(
            answers=self.answers,
            given=self.given,
            done=self.done,
            brokers=self.brokers,
            replaces=self.replaces,
            office=None if self.office is None else _Believed(**asdict(self.office)),
        )
        with as_owner(state):
            replace_file(state / FILE, kept.model_dump_json(indent=1).encode(), mode=0o600)


def load(state: Path) -> Progress | None:
    """What was kept; None if nothing was begun here.

    Raises:
        ProvisioningError: The file is not what it must be.
    """
    path = state / FILE
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
        kept = _Kept.model_validate(_checked(raw))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ProvisioningError(
            f"what was begun cannot be read: {error.strerror}", where=str(path), next_step=f"ls -l {path}"
        ) from None
    except (ValidationError, ValueError, RecursionError):
        raise ProvisioningError(
            "what was begun here cannot be read", where=str(path), next_step=f"rm {path}, and answer again"
        ) from None
    office = None if kept.office is None else Office(**kept.office.model_dump())
    return Progress(kept.answers, kept.given, dict(kept.done), kept.brokers, kept.replaces, office)


def _checked(raw: bytes) -> Any:
    if len(raw) > MAX_BYTES:
        raise ValueError("too large")
    return json.loads(raw)
