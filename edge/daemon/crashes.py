"""Reports the kiosk's own bugs to the office: classes and places in our code, never a message or a value.

An exception is scrubbed at once, in the thread that met it, and nothing of it is kept; the loop makes parcels
of what was noted. Screen, capture and commands hand in what they scrubbed themselves. Trust boundary: messages,
arguments and locals may be personal data, so none is looked at; what others hand in is bounded, and apart.
"""

import threading
from dataclasses import dataclass
from typing import Final, Literal

import structlog

from clockface.errors import ClockfaceError
from clockface.scrubbing import Trace, scrub
from edge import __version__
from edge.errors import StoreError
from edge.ports import Clock
from edge.store.parcels import new_id
from edge.store.store import Store
from sync.wire.fields import format_time
from sync.wire.parcels import CrashParcel
from sync.wire.topics import Address

log = structlog.get_logger(__name__)

AGAIN_S: Final = 3600.0  # the same crash is reported once in this time, with how often it happened
MAX_KINDS: Final = 32  # different crashes that are kept apart; more are one flood of the same trouble
MAX_OTHERS: Final = 8  # of each process beside the daemon: it cannot crowd out ours

Process = Literal["edge", "screen", "capture", "command"]


@dataclass(slots=True)
class _Seen:
    times: int = 0  # since the last report
    reported_s: float = float("-inf")


class Crashes:
    """Notes crashes from any thread; `report` makes parcels of them.

    Args:
        store: The ledger, for the outbox.
        address: This device.
        clock: Source of time.
    """

    def __init__(self, *, store: Store, address: Address, clock: Clock) -> None:
        self._store = store
        self._address = address
        self._clock = clock
        self._lock = threading.Lock()
        self._seen: dict[tuple[Process, Trace], _Seen] = {}

    def note(self, error: BaseException) -> None:
        """Note an exception that nobody expected; deliberate errors are not crashes."""
        if isinstance(error, ClockfaceError) or not isinstance(error, Exception):
            return
        self.take("edge", scrub(error))

    def take(self, process: Process, trace: Trace) -> None:
        """Note a crash that was scrubbed where it happened."""
        most = MAX_KINDS if process == "edge" else MAX_OTHERS
        with self._lock:
            kinds = sum(of == process for of, _ in self._seen)
            if (process, trace) in self._seen or kinds < most:
                self._seen.setdefault((process, trace), _Seen()).times += 1

    def report(self) -> None:
        """Make parcels of what is due. A ledger that cannot take one keeps it for the next time."""
        with self._lock:
            if not self._seen:
                return
            now = self._clock.now()
            due = [
                (process, trace, seen, seen.times)
                for (process, trace), seen in self._seen.items()
                if seen.times and now.boottime_s - seen.reported_s >= AGAIN_S
            ]
        for process, trace, seen, times in due:
            try:
                self._store.parcels.add(
                    CrashParcel(
                        site=self._address.site,
                        device=self._address.device,
                        id=new_id(),
                        at=format_time(now.wall),
                        process=process,
                        software=__version__,
                        error=list(trace.error),
                        frames=list(trace.frames),
                        times=times,
                    )
                )
            except StoreError as problem:
                log.warning("crash_not_reported", error=problem)
                seen.reported_s = now.boottime_s  # a full disk is not asked again at every frame
                continue
            with self._lock:
                seen.times, seen.reported_s = seen.times - times, now.boottime_s
