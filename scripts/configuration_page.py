"""Writes docs/configuration.md from the trees of all commands; with --check says whether it is current.

Run it from the root: `.venv/bin/python -m scripts.configuration_page`.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clockface.configuration import ConfigReader
from clockface.settings import Setting
from clockface.toml_file import MAX_BYTES
from edge import configuration as edge
from edge.kiosk.screen import config as screen
from sync import config as courier
from sync.office.config import tree as office

PAGE = Path(__file__).parents[1] / "docs" / "configuration.md"

INTRODUCTION = f"""# Configuration

Written by `scripts/configuration_page.py` from `edge/config/`, `edge/kiosk/screen/config.py`,
`sync/config.py` and `sync/office/config/`; change it there.

Each command reads a TOML file and then environment variables, once, at start. A setting that is not listed here
is an error, in the file as in the environment. The file is UTF-8 and at most {MAX_BYTES // 1024} KiB. A setting
that neither gives has its default.

- `clockface config check [FILE]` lists everything that is wrong, with file and line, and exits with 10;
  `clockface-screen`, `clockface-sync` and `clockface-office` have the same two commands.
- `clockface config show [--json]` prints every value and where it comes from; what looks like a credential is
  masked.
- A variable is the command's prefix and the setting's name in capitals, with two underscores for the dot:
  `camera.fps` is `{edge.READER.variable_name("camera.fps")}`, the courier's `telemetry.interval_s` is
  `{courier.READER.variable_name("telemetry.interval_s")}`. Text is taken as it stands; numbers, `true`/`false`
  and lists are written as in TOML or JSON; an empty variable unsets a setting that may be unset.
- Keys are not settings. They come from systemd credentials and files; see SECURITY.md.
"""

KIOSK = """An example:

```toml
[device]
site = "madrid-1"
name = "door-2"
timezone = "Europe/Madrid"

[camera]
source = "v4l2"
device = "/dev/video0"

[[attendance.shifts]]
name = "night"
starts = 22:00:00
ends = 06:00:00
```
"""

SCREEN = """An example:

```toml
[notice]
controller = "Example Ltd"
contact = "the personnel office, room 12"
```
"""

COURIER = """It needs at least:

```toml
[device]
site = "madrid-1"
name = "door-2"

[broker]
addresses = ["mqtt.example.com", "mqtt-2.example.com:8884"]
```
"""


OFFICE = """An example:

```toml
[[office.sites]]
name = "madrid-1"
timezone = "Europe/Madrid"
holidays = [2026-12-25, 2027-01-01]

[database]
engine = "postgresql"
sslrootcert = "/etc/clockface/tls/database-ca.crt"

[broker]
addresses = ["mqtt.example.com"]
```

And in the unit's environment:

```sh
OFFICE_DB_HOST=db.example.com
OFFICE_DB_PORT=5432
OFFICE_DB_NAME=clockface
OFFICE_DB_USER=clockface
OFFICE_DB_PASSWORD=...
OFFICE_DB_CONN_MAX_AGE=600
```
"""


@dataclass(frozen=True, slots=True)
class Chapter:
    """The settings of one command."""

    command: str
    who: str
    example: str
    reader: ConfigReader[Any]


CHAPTERS = (
    Chapter(command="clockface", who="The kiosk", example=KIOSK, reader=edge.READER),
    Chapter(command="clockface-screen", who="The screen", example=SCREEN, reader=screen.READER),
    Chapter(command="clockface-sync", who="The courier", example=COURIER, reader=courier.READER),
    Chapter(command="clockface-office", who="The central office", example=OFFICE, reader=office.READER),
)


def _row(setting: Setting) -> str:
    given = f" Given by the variable `{setting.variable}` only, never in the file." if setting.variable else ""
    cells = (f"`{setting.key}`", setting.allowed, f"`{setting.default}`", setting.description + given)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _chapter(chapter: Chapter) -> Iterator[str]:
    reader = chapter.reader
    yield (
        f"## {chapter.who}: `{chapter.command}`\n\n`--config FILE`, else `{reader.path_variable}`, else "
        f"`{reader.default_path}`; variables begin with `{reader.prefix}`. {chapter.example}"
    )
    for name, about in reader.sections.items():
        rows = [_row(setting) for key, setting in reader.settings.items() if key.startswith(f"{name}.")]
        head = "| setting | allowed | default | what it is |\n|---|---|---|---|"
        yield f"### {name}\n\n{about}\n\n" + "\n".join([head, *rows]) + "\n"


def page() -> str:
    """The whole page."""
    return "\n".join([INTRODUCTION, *(part for chapter in CHAPTERS for part in _chapter(chapter))])


def main() -> int:
    """Write the page, or compare it."""
    if sys.argv[1:] == ["--check"]:
        if PAGE.exists() and PAGE.read_text() == page():
            return 0
        print(f"docs/{PAGE.name} is not current. Next: .venv/bin/python -m scripts.configuration_page")
        return 1
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page())
    return 0


if __name__ == "__main__":
    sys.exit(main())
