"""The real screen process of a throw-away kiosk, and an edge that stands in where a state cannot be filmed."""

import contextlib
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge.kiosk.screen.ticket import START_FILE
from tests.edge.device import PATIENCE_S, ROOT, ServiceManager, _toml

PORT = 0  # a free one


@dataclass
class ScreenProcess:
    """A running screen."""

    process: "subprocess.Popen[bytes]"
    folder: Path
    log: Path

    @property
    def address(self) -> str:
        """Where its page is, secret included."""
        match = re.search(r"url=(http://[^\"]+)", (self.folder / START_FILE).read_text())
        assert match
        return match[1]

    @property
    def origin(self) -> str:
        return self.address[: self.address.index("/", 8)]

    def terminate(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(PATIENCE_S) == 0, self.log.read_text()


@contextmanager
def screen(run: Path, folder: Path, *, port: int = 0, **sections: dict[str, Any]) -> Iterator[ScreenProcess]:
    """The screen process over the sockets in `run`, ready; ended at the end."""
    folder.mkdir(exist_ok=True)
    tree: dict[str, dict[str, Any]] = {
        "paths": {"run": str(run), "screen": str(folder / "screen")},
        "listen": {"port": port},
    }
    for name, fields in sections.items():
        tree[name] = tree.get(name, {}) | fields
    config, log = folder / "screen.toml", folder / "screen.log"
    config.write_text(
        "\n".join(
            line
            for name, fields in tree.items()
            for line in (f"[{name}]", *(f"{key} = {_toml(value)}" for key, value in fields.items()))
        )
    )
    manager = ServiceManager(folder / "screen-notify")
    with contextlib.closing(manager), log.open("ab") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "edge.kiosk.screen", "--config", str(config), "run"],
            cwd=ROOT,
            env={
                "PATH": "/usr/bin:/bin",
                "NOTIFY_SOCKET": str(manager.address),
            },
            stdout=file,
            stderr=subprocess.STDOUT,
        )
        try:
            manager.until("READY=1", process=process)
            assert process.poll() is None, log.read_text()
            yield ScreenProcess(process, folder / "screen", log)
        finally:
            if process.poll() is None:
                process.terminate()
                try:
                    process.wait(PATIENCE_S)
                except subprocess.TimeoutExpired:
                    process.kill()
            process.wait(PATIENCE_S)
