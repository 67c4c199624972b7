"""Tells systemd how the daemon is: ready, what it does, that it lives, that it stops (sd_notify(3)).

Without a library, because it is one datagram. The socket's address comes from the service manager through an
environment that the caller hands in. Telling never raises and never blocks: the daemon works on without it.
"""

import os
import socket
from collections.abc import Mapping

_MAX_STATUS = 200


class Notifier:
    """A line to the service manager, or none where nobody asked to be told.

    Args:
        address: The value of NOTIFY_SOCKET: a path, or "@name" for an abstract socket; None for none.
        watchdog_s: The watchdog's limit in seconds; None where there is no watchdog.
    """

    def __init__(self, *, address: str | None = None, watchdog_s: float | None = None) -> None:
        self.watchdog_s = watchdog_s
        self._address = _socket_address(address)
        self._socket: socket.socket | None = None
        if self._address is not None:
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
            self._socket.setblocking(False)

    @property
    def listening(self) -> bool:
        """Whether a service manager asked to be told."""
        return self._socket is not None

    @property
    def watchdog_interval_s(self) -> float | None:
        """How often to call `watchdog`: half the limit, as sd_watchdog_enabled(3) advises."""
        return None if self.watchdog_s is None else self.watchdog_s / 2

    def ready(self, status: str = "") -> bool:
        """Say that start-up has finished: the sockets answer, and people can come."""
        return self._tell("READY=1", *([_status_line(status)] if status else []))

    def status(self, text: str) -> bool:
        """Say in a few words, without personal data, what the daemon does; `systemctl status` shows it."""
        return self._tell(_status_line(text))

    def watchdog(self) -> bool:
        """Say that the daemon lives. Call it only while it really does its work."""
        return self._tell("WATCHDOG=1")

    def stopping(self, status: str = "") -> bool:
        """Say that the daemon is on its way out."""
        return self._tell("STOPPING=1", *([_status_line(status)] if status else []))

    def close(self) -> None:
        """Let go of the socket. May be called twice."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _tell(self, *lines: str) -> bool:
        """Send; False if nobody listens or the message did not get through."""
        if self._socket is None or self._address is None:
            return False
        message = "\n".join(lines).encode("utf-8", "replace")
        try:
            self._socket.sendto(message, self._address)
        except OSError:  # full, gone, refused: the next one may get through, and the watchdog judges
            return False
        return True


def notifier_from(environment: Mapping[str, str], *, pid: int | None = None) -> Notifier:
    """Make the notifier that the service manager asked for in NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID.

    Args:
        environment: The process's environment, read once by the caller.
        pid: This process; None means `os.getpid()`.
    """
    own_pid = os.getpid() if pid is None else pid
    meant_for = environment.get("WATCHDOG_PID", "")
    limit_us = environment.get("WATCHDOG_USEC", "")
    ours = meant_for in {"", str(own_pid)}
    valid = limit_us.isascii() and limit_us.isdigit() and 0 < int(limit_us) < 2**63
    return Notifier(
        address=environment.get("NOTIFY_SOCKET"), watchdog_s=int(limit_us) / 1e6 if ours and valid else None
    )


def _socket_address(address: str | None) -> str | bytes | None:
    """Turn NOTIFY_SOCKET into what the kernel takes; None for anything that is not a unix socket's name."""
    if not address or len(address) < 2 or address[0] not in "/@" or "\0" in address:
        return None  # sd_notify(3) also knows vsock: no virtual machine's host is told
    return b"\0" + os.fsencode(address[1:]) if address[0] == "@" else address


def _status_line(text: str) -> str:
    """One line whatever the text: a line break would let it say READY."""
    printable = "".join(c if c.isprintable() else " " for c in text)[:_MAX_STATUS].strip()
    return f"STATUS={printable}"
