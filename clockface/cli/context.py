"""What every command is given: where the configuration lies, and the environment, read once.

`clockface.cli.program` makes one `Invocation` a run and puts it into the context. The configuration is loaded
when a command first wants it, so that `version` works with a broken file.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Generic, TypeVar

import typer
from pydantic import BaseModel

from clockface.configuration import ConfigReader, LoadedConfig

ConfigT = TypeVar("ConfigT", bound=BaseModel)


@dataclass(frozen=True)
class Invocation(Generic[ConfigT]):
    """One run of a command.

    Args:
        reader: Which tree the command is configured by.
        config_path: What `--config` named, or None.
        environment: The process's environment at start.
    """

    reader: ConfigReader[ConfigT]
    config_path: Path | None
    environment: Mapping[str, str] = field(repr=False)  # it may hold keys and passwords

    @cached_property
    def loaded(self) -> LoadedConfig[ConfigT]:
        """The configuration with the origin of each value.

        Raises:
            ConfigError: It is missing or wrong.
        """
        return self.reader.load(self.config_path, self.environment)

    @property
    def config(self) -> ConfigT:
        """The configuration tree; raises as `loaded`."""
        return self.loaded.config


def any_invocation(context: typer.Context) -> Invocation[Any]:
    """The invocation that a command's context carries, whatever its tree."""
    found = context.find_object(Invocation)
    if found is None:
        raise RuntimeError("a command ran without the root of its program")
    return found
