"""Signs a release: which packages it has, by their SHA-256, under the release key. The key is made here too.

Trust boundary: whoever has the key decides what every kiosk runs. It is encrypted under a passphrase and
belongs on a machine of its own; its public half goes to each kiosk as /etc/clockface/release.pub.
"""

import argparse
import getpass
import os
import re
import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from clockface.secretfiles import read_secret, write_secret
from edge.update.release import FILE, Release, package_of, signed

SHORTEST_PASSPHRASE = 12


def main() -> int:
    """Make a key, or sign."""
    parser = argparse.ArgumentParser(prog="scripts/sign-release", description=__doc__)
    parser.add_argument("--new-key", type=Path, metavar="FILE")
    parser.add_argument("--key", type=Path, metavar="FILE")
    parser.add_argument("--version")
    parser.add_argument("--out", type=Path, metavar="DIR")
    parser.add_argument("packages", nargs="*", type=Path)
    asked = parser.parse_args()
    if asked.new_key is not None:
        return _new_key(asked.new_key)
    if not (asked.key and asked.version and asked.out and asked.packages):
        parser.error("signing needs --key, --version, --out and at least one package")
    raw = read_secret(asked.key, made_by="scripts/sign-release --new-key").encode("ascii")
    key = load_pem_private_key(raw, _passphrase())
    if not isinstance(key, Ed25519PrivateKey):
        raise SystemExit(f"scripts/sign-release: {asked.key} is not an Ed25519 key")
    packages = [package_of(path, python=_python(path)) for path in asked.packages]
    release = Release(
        version=asked.version, released_on=datetime.now(UTC).date().isoformat(), packages=packages
    )
    asked.out.mkdir(parents=True, exist_ok=True)
    for path in asked.packages:
        shutil.copyfile(path, asked.out / path.name)
    (asked.out / FILE).write_bytes(signed(release, key=key))
    print(f"{asked.out / FILE}: {release.version}, {len(packages)} packages. Copy all of it, {FILE} last")
    return 0


def _python(path: Path) -> str:
    found = re.search(r"\+py(3)(\d{1,2})_", path.name)
    if found is None:
        raise SystemExit(
            f"scripts/sign-release: {path.name} names no Python; it must come from scripts/build-deb"
        )
    return f"{found[1]}.{found[2]}"


def _passphrase() -> bytes:
    named = os.environ.get("RELEASE_PASSPHRASE_FILE")
    if named:
        return read_secret(Path(named), made_by="you").encode()
    return getpass.getpass("Passphrase of the release key: ").encode()


def _new_key(path: Path) -> int:
    passphrase = _passphrase()
    if len(passphrase) < SHORTEST_PASSPHRASE:
        raise SystemExit(f"scripts/sign-release: the passphrase has fewer than {SHORTEST_PASSPHRASE} bytes")
    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(passphrase))
    if not write_secret(path, pem.decode("ascii")):
        raise SystemExit(f"scripts/sign-release: {path} exists, and is not overwritten")
    public = path.with_name(f"{path.name}.pub")
    public.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    print(f"{path} (secret) and {public}: the latter becomes /etc/clockface/release.pub on every kiosk")
    return 0


if __name__ == "__main__":
    sys.exit(main())
