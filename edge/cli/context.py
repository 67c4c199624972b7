"""What every command is given: where the configuration lies, and the environment, read once.

`main` makes one `Invocation` a run and puts it into the context; a command asks `invocation(context)` for it.
The configuration is loaded when a command first wants it, so that `clockface version` works with a broken file.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import typer

from clockface.configuration import LoadedConfig
from edge.config import Config
from edge.configuration import READER


@dataclass(frozen=True)
class Invocation:
    """One run of the `clockface` command.

    Args:
        config_path: What `--config` named, or None.
        environment: The process's environment at start.
    """

    config_path: Path | None
    environment: Mapping[str, str]

    @cached_property
    def loaded(self) -> LoadedConfig[Config]:
        """The configuration with the origin of each value.

        Raises:
            ConfigError: It is missing or wrong.
        """
        return READER.load(self.config_path, self.environment)

    @property
    def config(self) -> Config:
        """The configuration tree; raises as `loaded`."""
        return self.loaded.config


def invocation(context: typer.Context) -> Invocation:
    """The invocation that a command's context carries."""
    found = context.find_object(Invocation)
    if found is None:
        raise RuntimeError("a command ran without the root of the clockface command")
    return found
