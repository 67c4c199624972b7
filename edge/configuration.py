"""Where edge's configuration is read from: a TOML file, then `CLOCKFACE_*` of the environment."""

from pathlib import Path

from clockface.configuration import ConfigReader
from edge.config import Config

READER = ConfigReader(
    model=Config,
    prefix="CLOCKFACE_",
    default_path=Path("/etc/clockface/clockface.toml"),
    check_command="clockface config check",
    neighbours=("CLOCKFACE_SYNC_", "CLOCKFACE_OFFICE_"),
)
