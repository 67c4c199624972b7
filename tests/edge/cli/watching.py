"""Whether a key ever stood where others can read it: in an argument, an environment, or a file that stays.

Two witnesses: an audit hook in every watched Python notes what it starts, and a thread reads the command lines
and environments of all processes while they run. Files are searched afterwards.
"""

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

HOOK = Path(__file__).parent / "witness"
EVERY_S = 0.05


class Witness:
    """Watches commands that are given its environment.

    Args:
        folder: Of its notes; temporary files of the commands go there too.
    """

    def __init__(self, folder: Path) -> None:
        self._notes, self.temporary = folder / "witness", folder / "tmp"
        self.temporary.mkdir()
        self._seen: set[bytes] = set()
        self._stop = threading.Event()

    @property
    def environment(self) -> dict[str, str]:
        """For the commands."""
        return {
            "PYTHONPATH": str(HOOK),
            "KEY_WITNESS": str(self._notes),
            "TMPDIR": str(self.temporary),
        }

    @property
    def noted(self) -> bytes:
        """What was started, with which arguments and environment."""
        return self._notes.read_bytes() if self._notes.exists() else b""

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Read /proc until the block ends."""
        thread = threading.Thread(target=self._look, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            thread.join(10)
            self._stop.clear()

    def told(self, secrets: Iterable[str]) -> list[str]:
        """The first digits of those that anybody could have read."""
        public = b"\0".join(self._seen) + self.noted
        return [secret[:4] for secret in secrets if secret.encode() in public]

    def _look(self) -> None:
        while not self._stop.wait(EVERY_S):
            for process in Path("/proc").iterdir():
                if process.name.isdigit():
                    self._read(process)

    def _read(self, process: Path) -> None:
        for name in ("cmdline", "environ"):
            try:
                self._seen.add((process / name).read_bytes())
            except OSError:  # it has ended, or is somebody else's
                continue


def holding(folder: Path, secrets: Iterable[str]) -> set[Path]:
    """Files in which one of them stands."""
    wanted = [secret.encode() for secret in secrets]
    files = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return {path for path in files if any(each in path.read_bytes() for each in wanted)}
