"""The pass phrase of an authority: from a file, from systemd, or asked on the terminal; never from an argument.

Arguments and variables of a process are read by every user of the machine, or end in a shell's history.
"""

import getpass
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from clockface.secretfiles import read_secret
from sync.office.authority.errors import AuthorityUnavailable

CREDENTIAL: Final = "ca_passphrase"
_MADE_BY: Final = "systemd-ask-password > FILE; chmod 0400 FILE"


def find_passphrase(
    file: Path | None,
    *,
    environment: Mapping[str, str],
    new: bool,
    interactive: bool,
    ask: Callable[[str], str] = getpass.getpass,
) -> str:
    """The pass phrase, from the first place that has it.

    Args:
        file: A file of ours that nobody else can read (mode 0400), or None.
        environment: Of the process; CREDENTIALS_DIRECTORY names systemd's folder, with `ca_passphrase` in it.
        new: Ask twice.
        interactive: Whether a terminal is there to ask on.
        ask: Asks without an echo.

    Raises:
        SecretMissing: The file is not there.
        SecretInvalid: Others can read it.
        AuthorityUnavailable: There is no terminal, or the two answers differ.
    """
    if file is not None:
        return read_secret(file, made_by=_MADE_BY)
    credentials = environment.get("CREDENTIALS_DIRECTORY", "")
    if credentials and (Path(credentials) / CREDENTIAL).exists():
        return read_secret(Path(credentials) / CREDENTIAL, made_by=_MADE_BY, private=False)
    if not interactive:
        raise AuthorityUnavailable(
            "there is no terminal to ask for the pass phrase",
            next_step="give --passphrase-file FILE (mode 0400)",
        )
    phrase = ask("Pass phrase of the certificate authority: ")
    if new and ask("Once more: ") != phrase:
        raise AuthorityUnavailable("the two pass phrases differ", next_step="begin again")
    return phrase
