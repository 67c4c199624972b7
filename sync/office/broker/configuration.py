"""Renders Mosquitto's configuration and access list.

Why rendered and not copied: paths, ports and the office's identities differ, and a line forgotten by hand is an
open door. Trust boundary: nothing comes from outside; whoever can change the result owns the broker. The broker
is trusted with delivery only: everything that matters is signed by a device or the office.
"""

import contextlib
import os
import re
import secrets
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Final

from sync.office.authority.identity import OfficeIdentity
from sync.office.broker.errors import BrokerSettingRefused
from sync.wire.batches import MAX_BATCH_BYTES
from sync.wire.topics import DOWN, ROOT, UP, filter_of

CONFIGURATION_FILE: Final = "mosquitto.conf"
ACCESS_FILE: Final = "access.acl"
MAX_PACKET_BYTES: Final = MAX_BATCH_BYTES + 8 * 1024  # the topic, the properties and room for their growth
SAVE_INTERVAL_S: Final = 10  # of sessions, queues and retained messages; docs/broker.md has what it costs
_ADDRESS: Final = re.compile(r"[0-9A-Za-z.:%_-]{1,64}")
_USER: Final = re.compile(r"[a-z_][a-z0-9_-]{0,31}")


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerFiles:
    """Where the broker finds what is not in its configuration; absolute paths.

    Args:
        authority: The certificate authority's certificate (PEM).
        certificate: The broker's own.
        key: Its private key; only the broker's user may read it.
        revocations: The authority's revocation list (PEM).
        persistence: A folder that the broker's user may write.
    """

    authority: Path
    certificate: Path
    key: Path
    revocations: Path
    persistence: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerSettings:
    """What differs between brokers.

    Args:
        files: Paths of certificates and persistence.
        user: The system user that the broker becomes.
        port: Where it listens.
        bind: The address of one interface; all of them if None.
        receivers: Names of the office's receivers, each `@office/NAME` with a session of its own.
        monitors: Names of processes that may read the broker's own figures ($SYS) and nothing else.
        log: `stderr`, `syslog`, or `file PATH`.
        max_connections: Of all clients together; -1 for no limit but the system's.
        session_days: How long an absent client's queue is kept.
        max_inflight: Messages under way to or from one client; the CONNACK tells it.
        max_queued_messages: Waiting for one client; what is above it is dropped, silently.
        max_queued_bytes: The same in bytes; whichever is reached first.
        max_keepalive_s: A client that asks for more is told this; seconds.
    """

    files: BrokerFiles
    user: str = "mosquitto"
    port: int = 8883
    bind: str | None = None
    receivers: tuple[str, ...] = ("receiver",)
    monitors: tuple[str, ...] = ()
    log: str = "stderr"
    max_connections: int = -1
    session_days: int = 14
    max_inflight: int = 100
    max_queued_messages: int = 100_000
    max_queued_bytes: int = 64 * 1024 * 1024
    max_keepalive_s: int = 300

    def __post_init__(self) -> None:
        paths = [getattr(self.files, name) for name in self.files.__dataclass_fields__]
        for path in paths:
            if not path.is_absolute() or re.search(r"[\x00-\x1f\x7f]", str(path)):
                raise BrokerSettingRefused("a path is not absolute or not printable", where=repr(str(path)))
        if not _USER.fullmatch(self.user):
            raise BrokerSettingRefused("this is not a system user's name", where=repr(self.user))
        if self.bind is not None and not _ADDRESS.fullmatch(self.bind):
            raise BrokerSettingRefused("this is not an address to listen on", where=repr(self.bind))
        if not 1 <= self.port <= 65_535:
            raise BrokerSettingRefused("a port is a number from 1 to 65535", where=str(self.port))
        if not re.fullmatch(r"stderr|syslog|file /[\x20-\x7e]+", self.log):
            raise BrokerSettingRefused("the log goes to stderr, syslog or file PATH", where=repr(self.log))
        if set(self.receivers) & set(self.monitors):
            raise BrokerSettingRefused("a receiver cannot be a monitor too", where="receivers, monitors")


def render_configuration(settings: BrokerSettings, *, access: Path) -> str:
    """The text of mosquitto.conf.

    Args:
        settings: What differs between brokers.
        access: Where the access list lies.
    """
    values = {
        "user": settings.user,
        "port": settings.port,
        "bind": f" {settings.bind}" if settings.bind else "",
        "authority": settings.files.authority,
        "certificate": settings.files.certificate,
        "key": settings.files.key,
        "revocations": settings.files.revocations,
        "persistence": settings.files.persistence,
        "access": access,
        "save_interval_s": SAVE_INTERVAL_S,
        "session_days": settings.session_days,
        "max_packet_bytes": MAX_PACKET_BYTES,
        "max_inflight": settings.max_inflight,
        "max_queued_messages": settings.max_queued_messages,
        "max_queued_bytes": settings.max_queued_bytes,
        "max_keepalive_s": settings.max_keepalive_s,
        "max_connections": settings.max_connections,
        "log": settings.log,
    }
    template = files("sync.office.broker").joinpath("mosquitto.conf.in").read_text("utf-8")
    return re.sub(r"\{\{(\w+)\}\}", lambda match: str(values[match[1]]), template)


def render_access(settings: BrokerSettings) -> str:
    """The text of the access list: what is not allowed here is denied."""
    lines = [
        "# Written by `clockface-office broker config`. %u is the user: the common name of the certificate.",
        "# A device's is SITE/DEVICE, so each of these is one topic of its own, and no other.",
        *(f"pattern write {ROOT}/%u/{channel}" for channel in UP),
        *(f"pattern read {ROOT}/%u/{channel}" for channel in DOWN),
    ]
    for name in settings.receivers:
        lines += ["", f"user {OfficeIdentity(name).common_name}"]
        lines += [f"topic read {filter_of(channel)}" for channel in UP]
        lines += [f"topic write {filter_of(channel)}" for channel in DOWN]
    for name in settings.monitors:
        lines += ["", f"user {OfficeIdentity(name).common_name}", "topic read $SYS/#"]
    return "\n".join(lines) + "\n"


def write(settings: BrokerSettings, folder: Path) -> Path:
    """Write both files into a folder, each complete or not at all; returns the configuration's path.

    Raises:
        BrokerSettingRefused: The folder cannot be written.
    """
    folder = folder.absolute()
    access = folder / ACCESS_FILE
    configuration = folder / CONFIGURATION_FILE
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _replace(access, render_access(settings))
        _replace(configuration, render_configuration(settings, access=access))
    except OSError as error:
        raise BrokerSettingRefused(
            f"the broker's configuration cannot be written: {error.strerror}",
            where=str(folder),
            next_step=f"ls -ld {folder}",
        ) from None
    return configuration


def _replace(path: Path, text: str) -> None:
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with draft.open("x", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            draft.unlink()
