"""Commands that only ask the daemon start without what only the daemon needs."""

import subprocess
import sys
from pathlib import Path

import pytest

from edge.cli.main import PROGRAM

HEAVY = ("numpy", "cv2", "ai_edge_litert", "tflite_runtime", "aiohttp", "sqlite3", "cryptography")
SCRIPT = """
import sys
from edge.cli.main import main
try:
    main()
except SystemExit as ended:
    print(ended.code)
print(*(name for name in {heavy} if name in sys.modules))
"""


def started(tmp_path: Path, *arguments: str) -> list[str]:
    """The exit code of a command of a device that has no daemon, and the heavy modules that it loaded."""
    config = tmp_path / "clockface.toml"
    config.write_text(f'[paths]\nrun = "{tmp_path}"\nstate = "{tmp_path}"\n', encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(heavy=HEAVY), "--config", str(config), *arguments],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout.split()


@pytest.mark.parametrize(
    "command", [("status",), ("watch",), ("people", "list"), ("attendance", "list"), ("audit", "list")]
)
def test_asking_the_daemon_loads_no_models_no_images_and_no_database(
    tmp_path: Path, command: tuple[str, ...]
) -> None:
    assert started(tmp_path, *command) == ["61"]  # it did ask: nobody was there


@pytest.mark.parametrize("name", PROGRAM.groups)
def test_every_group_is_found_under_its_files_name_and_has_a_help(name: str) -> None:
    command = PROGRAM.load_group(name)
    assert command.name == name
    assert command.help
