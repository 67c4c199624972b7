"""Writes docs/configuration.md from the tree in edge/config.py; with --check says whether it is current.

Run it from the root: `.venv/bin/python -m scripts.configuration_page`.
"""

import sys
from pathlib import Path

from clockface.settings import Setting
from clockface.toml_file import MAX_BYTES
from edge.configuration import READER

PAGE = Path(__file__).parents[1] / "docs" / "configuration.md"

INTRODUCTION = f"""# Configuration

Written by `scripts/configuration_page.py` from `edge/config.py`; change it there.

Clockface reads a TOML file (`--config FILE`, else `CLOCKFACE_CONFIG`, else `{READER.default_path}`), then
environment variables, once, at start. A setting that is not listed here is an error, in the file as in the
environment. The file is UTF-8 and at most {MAX_BYTES // 1024} KiB. Without one every setting has its default.

- `clockface config check [FILE]` lists everything that is wrong, with file and line, and exits with 10.
- `clockface config show [--json]` prints every value and where it comes from; what looks like a credential is
  masked.
- A variable is the setting's name in capitals, with two underscores for the dot: `camera.fps` is
  `{READER.variable_name("camera.fps")}`. Text is taken as it stands; numbers, `true`/`false` and lists are
  written as in TOML or JSON; an empty variable unsets a setting that may be unset.
- Keys and passwords are not settings. They come from systemd credentials; see SECURITY.md.

An example:

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


def _row(setting: Setting) -> str:
    cells = (f"`{setting.key}`", setting.allowed, f"`{setting.default}`", setting.description)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def page() -> str:
    """The whole page."""
    parts = [INTRODUCTION]
    for name, about in READER.sections.items():
        rows = [_row(setting) for key, setting in READER.settings.items() if key.startswith(f"{name}.")]
        head = "| setting | allowed | default | what it is |\n|---|---|---|---|"
        parts.append(f"## {name}\n\n{about}\n\n" + "\n".join([head, *rows]) + "\n")
    return "\n".join(parts)


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
