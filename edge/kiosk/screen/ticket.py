"""The secret part of the page's address, and the file through which only our browser learns it.

Whoever may read start.html may see the page. The secret never stands in a command line, which every account of
the machine could read, and it outlives a restart of this process, so that an open page finds its way back.
"""

import grp
import os
import re
import secrets
from pathlib import Path
from typing import Final

from clockface.errors import ConfigError
from edge.errors import ScreenError

START_FILE: Final = "start.html"
_TICKET_FILE: Final = "ticket"
_FORM: Final = re.compile(r"[A-Za-z0-9_-]{43}")


def ticket(folder: Path) -> str:
    """The secret: as it was since the folder was made, else a new one.

    Raises:
        ScreenError: The folder or the file cannot be made.
    """
    path = folder / _TICKET_FILE
    try:
        folder.mkdir(mode=0o711, parents=True, exist_ok=True)
        held = path.read_text(encoding="ascii", errors="replace") if path.is_file() else ""
        mine = bool(held) and path.stat().st_uid == os.geteuid() and not path.stat().st_mode & 0o077
        if mine and _FORM.fullmatch(held):
            return held
        made = secrets.token_urlsafe(32)
        _write(path, made, mode=0o600, group=None)
    except OSError as error:
        raise ScreenError(
            "the secret of the page's address cannot be kept",
            where=str(path),
            next_step="check that this account owns the folder paths.screen",
        ) from error
    return made


def write_start(folder: Path, address: str, *, group: str) -> Path:
    """Write start.html, which leads the browser to the page.

    Args:
        folder: `paths.screen`.
        address: The page's address, secret included.
        group: Who else may read it; empty means nobody.

    Raises:
        ConfigError: There is no such group.
        ScreenError: It cannot be written.
    """
    path = folder / START_FILE
    try:
        gid = grp.getgrnam(group).gr_gid if group else None
    except KeyError as error:
        raise ConfigError(
            "no such group",
            where="paths.browser_group",
            next_step=f"groupadd --system {group}, or correct the setting",
        ) from error
    text = (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Clockface</title>'
        f'<meta name="referrer" content="no-referrer">'
        f'<meta http-equiv="refresh" content="0;url={address}"></html>\n'
    )
    try:
        _write(path, text, mode=0o600 if gid is None else 0o640, group=gid)
    except OSError as error:
        raise ScreenError(
            "the browser's start page cannot be written",
            where=str(path),
            next_step="check that this account owns paths.screen and is a member of paths.browser_group",
        ) from error
    return path


def _write(path: Path, text: str, *, mode: int, group: int | None) -> None:
    """Written whole and with its mode before it has its name."""
    new = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(text)
            if group is not None:
                os.fchown(file.fileno(), -1, group)
            os.fchmod(file.fileno(), mode)
        new.replace(path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
