"""Who of staff may do what: roles of named accounts, and sessions for the few acts that cannot be undone.

Why sessions: an open terminal, or a command typed at the wrong kiosk, must not erase a person; whoever is about
to types the device's name, and may for a limited time. Trust boundary: the account comes from the kernel (peer
credentials), its role from the configuration. Whoever is root, or the daemon's own account, holds keys and
ledger and is above all this: for them a session would only be theatre.
"""

import hmac
import os
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final, Protocol

from edge.api.protocol.exchange import PREFIX
from edge.api.protocol.fields import StaffRoleCode
from edge.api.protocol.staff import SessionView
from edge.api.service import Peer
from edge.config.device import StaffConfig
from edge.errors import NotPermitted, SessionNeeded, SessionRefused

MAX_ATTEMPTS: Final = 5  # wrong names within the next
ATTEMPTS_S: Final = 900.0
MAX_NOTES: Final = (
    20  # refusals of one account in the audit trail within the same time: no more, or they fill it
)


class StaffRole(IntEnum):
    """What an account may do; each may all that stands before it."""

    VIEWER = 0
    OPERATOR = 1
    ADMINISTRATOR = 2

    @property
    def code(self) -> StaffRoleCode:
        """As it is spelt on the wire and in the configuration."""
        codes: tuple[StaffRoleCode, ...] = ("viewer", "operator", "administrator")
        return codes[self]


@dataclass(frozen=True, slots=True)
class Need:
    """What an operation asks of its caller.

    Args:
        role: At least this one.
        session: Whether they must have typed the device's name of late.
    """

    role: StaffRole
    session: bool = False


_LOOK, _DO, _RULE = Need(StaffRole.VIEWER), Need(StaffRole.OPERATOR), Need(StaffRole.ADMINISTRATOR)
_DANGER: Final = Need(StaffRole.ADMINISTRATOR, session=True)

# Every operation of the staff socket. One that is not here asks for everything there is (a test finds it).
NEEDS: Final[Mapping[tuple[str, str], Need]] = {
    ("GET", "/status"): _LOOK,
    ("GET", "/session"): _LOOK,
    ("POST", "/session"): _LOOK,
    ("DELETE", "/session"): _LOOK,
    ("GET", "/scenes"): _LOOK,
    ("GET", "/people"): _LOOK,
    ("GET", "/people/{person_id}"): _LOOK,
    ("GET", "/people/{person_id}/ways"): _LOOK,
    ("GET", "/punches"): _LOOK,
    ("GET", "/audit"): _LOOK,
    ("GET", "/audit/verification"): _LOOK,
    ("GET", "/badges"): _LOOK,
    ("GET", "/keys"): _LOOK,
    ("GET", "/keys/rotation"): _LOOK,
    ("GET", "/device-tests"): _LOOK,
    ("POST", "/device-tests"): _DO,
    ("POST", "/verify-ledger"): _DO,
    ("POST", "/people"): _DO,
    ("PUT", "/people/{person_id}/enabled"): _DO,
    ("POST", "/people/{person_id}/consent"): _DO,
    ("DELETE", "/people/{person_id}/consent"): _DO,  # the person's right, at once and without an administrator
    ("POST", "/enrolments/photo"): _DO,
    ("POST", "/enrolments/camera"): _DO,
    ("POST", "/badges"): _DO,
    ("GET", "/badges/{badge_id}"): _DO,  # the answer is the badge
    ("DELETE", "/badges/{badge_id}"): _DO,
    ("PUT", "/people/{person_id}/pin"): _DO,
    ("PUT", "/people/{person_id}/way"): _DO,
    ("PUT", "/people/{person_id}/card"): _DO,
    ("POST", "/people/{person_id}/code"): _DO,
    ("GET", "/processing"): _LOOK,
    ("GET", "/people/{person_id}/events"): _DO,
    ("POST", "/people/{person_id}/dossier"): _DO,  # the person's right to know
    ("GET", "/retirement"): _LOOK,
    ("POST", "/crashes"): _LOOK,  # what a command's own bug was; it changes nothing here
    ("POST", "/retention"): _RULE,
    ("POST", "/restart"): _RULE,
    ("POST", "/keys/verification"): _RULE,
    ("DELETE", "/people/{person_id}"): _DANGER,
    ("POST", "/keys/rotation"): _DANGER,
    ("DELETE", "/keys/old"): _DANGER,
    ("POST", "/retirement"): _DANGER,
    ("GET", "/ledger-copy"): _DANGER,
}


class Noting(Protocol):
    """Writes into the audit trail."""

    def __call__(self, action: str, *, actor: str, detail: str) -> object:
        """Add an entry."""
        ...


def need_of(method: str, path: str) -> Need:
    """What an operation of the staff socket asks; `path` as aiohttp has it, patterns and prefix included."""
    return NEEDS.get((method, plain(path)), _DANGER)


def plain(path: str) -> str:
    """A route without prefix and patterns: /v1/people/{person_id:[0-9a-f]{32}} is /people/{person_id}."""
    parts = path.removeprefix(PREFIX).split("/")
    return "/".join(
        part.split(":", 1)[0] + "}" if part.startswith("{") and ":" in part else part for part in parts
    )


@dataclass(slots=True)
class _Record:
    """What is remembered of an account.

    Args:
        until_s: When its session ends.
        wrong: When wrong names were typed.
        noted: When refusals were written down.
    """

    until_s: float = float("-inf")
    wrong: deque[float] = field(default_factory=lambda: deque(maxlen=MAX_ATTEMPTS))
    noted: deque[float] = field(default_factory=lambda: deque(maxlen=MAX_NOTES))


class Gate:
    """Lets staff through. Safe from several threads.

    Args:
        config: Whose role is which.
        device: The name that a session is confirmed with.
        now_s: Seconds of a clock that never goes back.
        note: The audit trail; None for a daemon that has none.
        own_uid: The daemon's own account.
    """

    def __init__(
        self,
        config: StaffConfig,
        *,
        device: str,
        now_s: Callable[[], float],
        note: Noting | None = None,
        own_uid: int | None = None,
    ) -> None:
        self._config = config
        self._device = device
        self._now_s = now_s
        self._note = note
        self._above = {0, os.geteuid() if own_uid is None else own_uid}
        self._lock = threading.Lock()
        self._records: dict[int, _Record] = {}

    def role_of(self, peer: Peer) -> StaffRole:
        """An account's role; one of the socket's group that is not named may look and no more."""
        if peer.uid in self._above or peer.account in self._config.administrators:
            return StaffRole.ADMINISTRATOR
        return StaffRole.OPERATOR if peer.account in self._config.operators else StaffRole.VIEWER

    def allows(self, peer: Peer, need: Need) -> bool:
        """Whether a caller may; quick, and nothing is written down."""
        if self.role_of(peer) < need.role:
            return False
        return not need.session or peer.uid in self._above or self._left_s(peer) > 0

    def admit(self, peer: Peer, need: Need, *, operation: str) -> None:
        """Let a caller through.

        Raises:
            NotPermitted: Their role is not enough; written down.
            SessionNeeded: They have to type the device's name first.
        """
        role = self.role_of(peer)
        if role < need.role:
            self._write("role.refused", peer, f"{need.role.code}:{operation}")
            raise NotPermitted(
                f"this needs the role {need.role.code}; the account {peer.account} is {role.code}",
                where="staff socket",
                next_step=f"have the account named in staff.{need.role.code}s of /etc/clockface/clockface.toml",
            )
        if not self.allows(peer, need):
            raise SessionNeeded(
                "this cannot be undone, and asks for a session, which the account does not have or has no more",
                where="staff socket",
                next_step="clockface login",
            )

    def open(self, peer: Peer, typed: str) -> SessionView:
        """Begin a session with the device's name as it was typed.

        Raises:
            SessionRefused: It is another name, or too many were typed of late; written down.
        """
        now = self._now_s()
        with self._lock:
            record = self._record(peer.uid)
            while record.wrong and now - record.wrong[0] >= ATTEMPTS_S:
                record.wrong.popleft()
            barred = len(record.wrong) >= MAX_ATTEMPTS
            right = not barred and hmac.compare_digest(typed.encode(), self._device.encode())
            if right:
                record.wrong.clear()
            elif not barred:
                record.wrong.append(now)
            wait_s = ATTEMPTS_S - (now - record.wrong[0]) if record.wrong else 0.0
        if barred:
            self._write("session.refused", peer, "too_many")
            raise SessionRefused(
                f"{MAX_ATTEMPTS} wrong names were typed of late", next_step=f"wait {wait_s / 60:.0f} min"
            )
        if not right:
            self._write("session.refused", peer, "wrong_name")
            raise SessionRefused(
                "that is not this device's name", next_step="clockface status, and type the name of this device"
            )
        self._write("session.opened", peer, self.role_of(peer).code)
        with self._lock:  # after the entry: where none can be written, there is no session
            self._record(peer.uid).until_s = now + self._config.session_s
        return self.view(peer)

    def close(self, peer: Peer) -> SessionView:
        """End the account's session."""
        if self._left_s(peer) > 0:
            with self._lock:
                self._record(peer.uid).until_s = float("-inf")
            self._write("session.closed", peer, "")
        return self.view(peer)

    def view(self, peer: Peer) -> SessionView:
        """Who the caller is, and for how long they have a session."""
        return SessionView(
            account=peer.account[:200],
            role=self.role_of(peer).code,
            session_s=max(0.0, self._left_s(peer)),
            needs_none=peer.uid in self._above,
        )

    def _left_s(self, peer: Peer) -> float:
        with self._lock:
            record = self._records.get(peer.uid)
            return 0.0 if record is None else record.until_s - self._now_s()

    def _record(self, uid: int) -> _Record:
        return self._records.setdefault(uid, _Record())

    def _write(self, action: str, peer: Peer, detail: str) -> None:
        """Write into the audit trail; of one account's refusals a bounded number, and no failure lets it in."""
        if self._note is None:
            return
        if action.endswith(".refused"):
            now = self._now_s()
            with self._lock:
                noted = self._record(peer.uid).noted
                if len(noted) == MAX_NOTES and now - noted[0] < ATTEMPTS_S:
                    return
                noted.append(now)
        self._note(action, actor=peer.account, detail=detail)
