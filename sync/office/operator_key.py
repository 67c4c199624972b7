"""Finds the operator's key: a file of its own, or systemd's credential for the signer's unit alone.

Trust boundary: the receiver never calls this, and its unit cannot see the file. The pass phrase comes from a
credential or is asked on a terminal; never from an argument or a variable, which others may read.
"""

import getpass
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from clockface.errors import SecretMissing
from clockface.secretfiles import read_secret
from sync.office.config.tree import OfficeConfig
from sync.office.keys import read_signing_key

CREDENTIAL: Final = "operator_key_passphrase"  # the credential's name
_NEXT: Final = "clockface-office init --operator-key FILE; set paths.operator_key to it"


def read_operator_key(
    config: OfficeConfig, environment: Mapping[str, str], *, interactive: bool
) -> Ed25519PrivateKey:
    """Read the key that `paths.operator_key` names.

    Raises:
        SecretError: It is not named, missing, open to others, or its pass phrase is missing or wrong.
    """
    path = config.paths.operator_key
    if path is None:
        raise SecretMissing("no operator's key is named here", where="paths.operator_key", next_step=_NEXT)
    return read_signing_key(path, ask=_passphrase(environment, path, interactive=interactive))


def _passphrase(environment: Mapping[str, str], path: Path, *, interactive: bool) -> Callable[[], str]:
    def ask() -> str:
        folder = environment.get("CREDENTIALS_DIRECTORY", "")
        if folder and (Path(folder) / CREDENTIAL).exists():
            return read_secret(Path(folder) / CREDENTIAL, made_by=_NEXT, private=False)
        if interactive:
            return getpass.getpass("Pass phrase of the operator's key: ")
        raise SecretMissing(
            "the operator's key is under a pass phrase, and nobody is there to type it",
            where=str(path),
            next_step=f"systemd-creds encrypt --name={CREDENTIAL} - /etc/credstore.encrypted/{CREDENTIAL}",
        )

    return ask
