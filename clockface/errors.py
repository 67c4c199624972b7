"""The base of every error that Clockface raises on purpose, and the errors that any of its processes may raise.

Each class has a stable exit code, unique over all processes (a test): edge has 20 to 99, sync 100 to 119, the
office 120 to 139. A message says what failed, where, and the next command to type. It never
carries a name, an employee number, a template or a key: messages reach logs and screens.

    ClockfaceError                     1
    +-- ConfigError                   10   the configuration is missing or wrong
    +-- SecretError                   50
        +-- SecretMissing             51
        +-- SecretInvalid             52   length, encoding, equal keys, a published example
        +-- SecretWrong               53   well-formed, but does not open what is stored
        +-- SecretUnwritable          54   it, or the folder that it belongs into, cannot be written
"""

from typing import ClassVar


class ClockfaceError(Exception):
    """Base of all deliberate errors.

    Args:
        what: What failed, in one clause, without personal data.
        where: The file, socket, device, setting or row concerned.
        next_step: The next command to type, or what to look at.
    """

    exit_code: ClassVar[int] = 1
    loggable: ClassVar[bool] = True  # whether its message may be logged; else only its class is

    def __init__(self, what: str, *, where: str | None = None, next_step: str | None = None) -> None:
        self.what = what
        self.where = where
        self.next_step = next_step
        super().__init__(what)

    def __str__(self) -> str:
        text = self.what if self.where is None else f"{self.what} ({self.where})"
        return text if self.next_step is None else f"{text}. Next: {self.next_step}"


class ConfigError(ClockfaceError):
    """The configuration is missing or wrong."""

    exit_code = 10


class SecretError(ClockfaceError):
    """A key cannot be used."""

    exit_code = 50


class SecretMissing(SecretError):
    """A key is not where it must be."""

    exit_code = 51


class SecretInvalid(SecretError):
    """A key has the wrong length or encoding, equals the other one, or is a published example."""

    exit_code = 52


class SecretWrong(SecretError):
    """A well-formed key does not open what is stored."""

    exit_code = 53


class SecretUnwritable(SecretError):
    """A key, or the private folder that it belongs into, cannot be made or written."""

    exit_code = 54
