"""Clocks that can be moved under a running process: libfaketime over the C library, edge's own by a file.

libfaketime moves what OpenSSL sees too. Clocks that never go back (CLOCK_MONOTONIC) are left alone, as
a machine leaves them.
"""

from pathlib import Path

LIBRARIES = (
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
)
MINUTE_S, DAY_S = 60, 86_400
JUMPS_S = (
    90, 7 * MINUTE_S, 3 * 3600, 30 * DAY_S, 2 * 365 * DAY_S,
    -90, -7 * MINUTE_S, -3 * 3600, -30 * DAY_S, -2 * 365 * DAY_S,
)  # fmt: skip


def find_library() -> Path | None:
    """Where libfaketime lies; None if it is not installed (Debian: faketime)."""
    return next((Path(path) for path in LIBRARIES if Path(path).exists()), None)


class MovedClock:
    """The clock of processes that are started with `environment`.

    Args:
        file: Where its offset is kept; read by the processes every second.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self.offset_s = 0.0
        self.library = find_library()
        self.move(0.0)

    @property
    def environment(self) -> dict[str, str]:
        """For the processes; empty where libfaketime is not installed."""
        if self.library is None:
            return {}
        return {
            "LD_PRELOAD": str(self.library),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_CACHE_DURATION": "1",  # seconds; reading the file at every look costs most of the time
            "NO_FAKE_STAT": "1",
        }

    def move(self, offset_s: float) -> None:
        """Let it show so much more or less than the machine's."""
        self.offset_s = offset_s
        draft = self._file.with_suffix(".draft")
        draft.write_text(f"{offset_s:+.0f}\n", encoding="ascii")
        draft.replace(self._file)
