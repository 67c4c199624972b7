"""A site's holidays: the days in its settings and those of the file that they name.

Trust boundary: whoever may write that file; it is judged before anything of it is believed.
"""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

from clockface.bounded import read_bounded
from clockface.errors import ConfigError
from sync.office.config.office import SiteConfig

MAX_BYTES = 64 * 1024


def holidays_of(site: SiteConfig) -> frozenset[date]:
    """All holidays of a site.

    Raises:
        ConfigError: Its file cannot be read, or a line of it is no date.
    """
    listed = () if site.holidays_file is None else _dates(site.holidays_file)
    return frozenset(site.holidays) | frozenset(listed)


def _dates(file: Path) -> Iterator[date]:
    for number, line in enumerate(_text(file).splitlines(), start=1):
        day = line.partition("#")[0].strip()
        if not day:
            continue
        try:
            yield date.fromisoformat(day)
        except ValueError:
            raise ConfigError(
                "a line of the holidays is no date, such as 2026-12-25", where=f"{file}:{number}"
            ) from None


def _text(file: Path) -> str:
    try:
        return read_bounded(file, max_bytes=MAX_BYTES).decode("utf-8")
    except OSError as error:
        raise ConfigError(
            f"the holidays cannot be read: {error.strerror}", where=str(file), next_step=f"ls -l {file}"
        ) from None
    except UnicodeDecodeError:
        raise ConfigError("the holidays are not UTF-8 text", where=str(file)) from None
