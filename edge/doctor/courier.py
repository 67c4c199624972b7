"""Where the courier keeps its certificate, as its own configuration says.

Edge must not import the courier's tree, so the one setting is read from the file and the variable themselves.
Trust boundary: the file is the administrator's; bounded, parsed as TOML, and anything odd is the default.
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

DEFAULT_FILE: Final = Path("etc/clockface/sync.toml")
DEFAULT_TLS: Final = Path("/etc/clockface/tls")
MAX_BYTES: Final = 256 * 1024


def courier_file(config_path: Path | None, environment: Mapping[str, str], *, root: Path) -> Path:
    """The courier's configuration: CLOCKFACE_SYNC_CONFIG, else beside ours, else the usual place."""
    if named := environment.get("CLOCKFACE_SYNC_CONFIG"):
        return Path(named)
    if config_path is not None and (beside := config_path.with_name("sync.toml")).exists():
        return beside
    return root / DEFAULT_FILE


def tls_folder(config_path: Path | None, environment: Mapping[str, str], *, root: Path) -> Path:
    """The folder with device.key, device.crt and ca.crt."""
    if given := environment.get("CLOCKFACE_SYNC_PATHS__TLS"):
        return Path(given)
    folder = _from_file(courier_file(config_path, environment, root=root)) or DEFAULT_TLS
    return root / folder.relative_to("/") if folder.is_absolute() and folder == DEFAULT_TLS else folder


def _from_file(path: Path) -> Path | None:
    try:
        with path.open("rb") as file:
            tree = tomllib.loads(file.read(MAX_BYTES).decode("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        return None
    paths = tree.get("paths")
    tls = paths.get("tls") if isinstance(paths, dict) else None
    return Path(tls) if isinstance(tls, str) and tls.startswith("/") else None
