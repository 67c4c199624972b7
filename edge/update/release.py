"""A release as the device believes it: a signed document that names each package by its SHA-256.

Signed with the release key, which signs nothing else and is on no device (DSSE, `sync.wire.envelope`). Trust
boundary: document and packages come from a USB stick or a download; nothing of them is used before `read` and
`matching` have passed, and packages are hashed from a copy that nobody else can write.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final, Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from pydantic import Field, StringConstraints

from edge.errors import ReleaseRefused
from sync.wire import canonical, envelope
from sync.wire.fields import Wire

RELEASE_TYPE: Final = "application/vnd.clockface.release+json"
MAX_DOCUMENT_BYTES: Final = 64 * 1024
MAX_PACKAGE_BYTES: Final = 1 << 30
MAX_KEYS: Final = 4
FILE: Final = "release.json"
"""What the document is called beside its packages."""

Version = Annotated[str, StringConstraints(pattern=r"^[0-9][0-9A-Za-z.~]{0,31}$")]


class Package(Wire):
    """One package of a release; its name is a plain file name, so that it points nowhere else."""

    name: Annotated[str, StringConstraints(pattern=r"^clockface_[0-9A-Za-z.+~]{1,64}_(amd64|arm64)\.deb$")]
    architecture: Literal["amd64", "arm64"]
    python: Annotated[str, StringConstraints(pattern=r"^3\.[0-9]{1,2}$")]
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    size_bytes: int = Field(gt=0, le=MAX_PACKAGE_BYTES)


class Release(Wire):
    """What the release key has signed."""

    version: Version
    released_on: Annotated[str, StringConstraints(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]
    packages: list[Package] = Field(min_length=1, max_length=16)


def keys_of(path: Path) -> dict[str, Ed25519PublicKey]:
    """The release keys that this device believes: one PEM block or more in one file.

    Raises:
        ReleaseRefused: There is none, so nothing can be believed.
    """
    try:
        with path.open("rb") as file:
            text = file.read(MAX_DOCUMENT_BYTES).decode("ascii")
    except (OSError, UnicodeDecodeError):
        raise ReleaseRefused(
            "this device knows no release key, so it believes no release",
            where=str(path),
            next_step="put the release key's public half there; docs/appliance.md",
        ) from None
    end = "-----END PUBLIC KEY-----\n"
    keys: dict[str, Ed25519PublicKey] = {}
    for block in text.split(end)[:-1][:MAX_KEYS]:
        key = _public_key((block + end).encode("ascii"))
        if key is None:
            raise ReleaseRefused(
                "a release key is not an Ed25519 public key in PEM", where=str(path), next_step=f"cat {path}"
            )
        keys[envelope.signing_key_id(key)] = key
    if not keys:
        raise ReleaseRefused("the file holds no release key", where=str(path), next_step=f"cat {path}")
    return keys


def _public_key(pem: bytes) -> Ed25519PublicKey | None:
    try:
        key = load_pem_public_key(pem)
    except ValueError:
        return None
    return key if isinstance(key, Ed25519PublicKey) else None


def read(raw: bytes, *, keys: Mapping[str, Ed25519PublicKey], where: str) -> Release:
    """Believe a release document, or not.

    Raises:
        ReleaseRefused: No trusted key signed it, or it is not a release.
    """
    try:
        signed = envelope.decode(raw, max_payload_bytes=MAX_DOCUMENT_BYTES)
        payload = envelope.verify(signed, keys=keys, payload_type=RELEASE_TYPE)
        return canonical.read(Release, payload, max_bytes=MAX_DOCUMENT_BYTES)
    except (envelope.EnvelopeError, canonical.WireError) as error:
        raise ReleaseRefused(
            f"the release is not believed: {error}", where=where, next_step="fetch it again from its source"
        ) from None


def signed(release: Release, *, key: Ed25519PrivateKey) -> bytes:
    """The document, as `read` takes it."""
    made = envelope.sign(
        canonical.encode(release), key=key, payload_type=RELEASE_TYPE, max_payload_bytes=MAX_DOCUMENT_BYTES
    )
    return envelope.encode(made)


def package_of(path: Path, *, python: str) -> Package:
    """Describe a built package."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    architecture: Literal["amd64", "arm64"] = "arm64" if path.stem.endswith("_arm64") else "amd64"
    return Package(
        name=path.name, architecture=architecture, python=python, sha256=digest, size_bytes=path.stat().st_size
    )


def matching(release: Release, *, architecture: str, python: str) -> Package:
    """The package for this machine.

    Raises:
        ReleaseRefused: There is none.
    """
    for package in release.packages:
        if (package.architecture, package.python) == (architecture, python):
            return package
    raise ReleaseRefused(
        f"the release {release.version} has no package for {architecture} and Python {python}",
        where=FILE,
        next_step="ask whoever makes your releases",
    )


def check_package(path: Path, package: Package) -> None:
    """Compare a copy that nobody else can write with what was signed.

    Raises:
        ReleaseRefused: It is another file.
    """
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if path.stat().st_size != package.size_bytes or digest != package.sha256:
        raise ReleaseRefused(
            "the package is not the one that was signed",
            where=package.name,
            next_step="fetch it again from its source",
        )
