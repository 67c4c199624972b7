"""The clockface command against a served kiosk of real parts, as a shell starts it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edge.api.server import ApiServer
from edge.api.service import EdgeService, PrivacyService
from edge.api.stage import Stage
from edge.cli.main import main
from edge.config.device import ApiConfig


class Clockface:
    """Runs the command in this process: (exit code, standard output, standard error)."""

    def __init__(
        self,
        config: Path,
        monkeypatch: pytest.MonkeyPatch,
        captured: pytest.CaptureFixture[str],
        stage: Stage,
    ) -> None:
        self._config, self._monkeypatch, self._captured = config, monkeypatch, captured
        self.stage = stage

    def __call__(self, *arguments: str) -> tuple[int, str, str]:
        self._monkeypatch.setenv("NO_COLOR", "1")
        self._monkeypatch.setenv("COLUMNS", "200")
        self._monkeypatch.setattr("sys.argv", ["clockface", "--config", str(self._config), *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = self._captured.readouterr()
        return int(ended.value.code or 0), out, err


@contextmanager
def served(service: EdgeService, run: Path, privacy: PrivacyService | None = None) -> Iterator[Stage]:
    """Serve on real sockets in a short folder."""
    stage = Stage()
    server = ApiServer(service=service, stage=stage, run=run, config=ApiConfig(), privacy=privacy)
    server.start()
    try:
        yield stage
    finally:
        server.close()
