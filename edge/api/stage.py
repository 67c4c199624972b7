"""What happens in front of the camera, for whoever listens: screen, `clockface watch`, sound and light.

The pipeline's thread hands over and goes on: it never waits for a listener and never fails because of one. A
slow listener loses guidance, of which only the newest counts, but no verdict; one that lets verdicts pile up is
cut off and knows it, since its stream ends.
"""

import asyncio
import contextlib
import threading
from collections import deque

import structlog

from edge.api.protocol.stage import AnnouncementLine, VerdictLine
from edge.api.views import announcement_line, scene_line, verdict_view
from edge.ports import Announcer
from edge.types.announcements import Announcement, Notice
from edge.types.verdicts import Scene

MAX_PENDING = 256  # verdicts and results; at one walk-up a second, four minutes of silence
MAX_LISTENERS = 8
_PASSING = frozenset({Notice.ATTRACT, Notice.GUIDANCE})

log = structlog.get_logger(__name__)


def _safely(announcement: Announcement) -> str:
    try:
        return announcement_line(announcement).model_dump_json()
    except ValueError:  # a value out of the protocol's bounds: the employee is still told, the bug is logged
        log.error("announcement_out_of_bounds", notice=announcement.notice.value)  # noqa: TRY400 - no values
        return AnnouncementLine(notice=announcement.notice.value).model_dump_json()


class Listener:
    """One stream's queue. Filled by the pipeline's thread, emptied by the server's loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, *, scenes: bool) -> None:
        self.scenes = scenes
        self.cut_off = False
        self._loop = loop
        self._lock = threading.Lock()
        self._lasting: deque[str] = deque()
        self._passing: dict[str, str] = {}
        self._ready = asyncio.Event()

    def put(self, kind: str, line: str, *, passing: bool) -> None:
        """Add a line; a passing one replaces the older one of its kind."""
        with self._lock:
            if passing:
                self._passing[kind] = line
            else:
                self._passing.pop(kind, None)  # guidance before a result is history
                self._lasting.append(line)
                self.cut_off = self.cut_off or len(self._lasting) > MAX_PENDING
        self._loop.call_soon_threadsafe(self._ready.set)

    def cut(self) -> None:
        """End this stream."""
        self.cut_off = True
        with contextlib.suppress(RuntimeError):  # its loop has closed already
            self._loop.call_soon_threadsafe(self._ready.set)

    async def take(self, *, timeout_s: float) -> list[str]:
        """Wait for lines: results in their order, then the newest guidance. Empty if none came in time."""
        lines = self._drain()
        if lines or timeout_s <= 0:
            return lines
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while not (lines or self.cut_off):  # a late signal for lines already taken wakes it for nothing
                    await self._ready.wait()
                    lines = self._drain()
        return lines

    def _drain(self) -> list[str]:
        with self._lock:
            self._ready.clear()
            lines = [*self._lasting, *self._passing.values()]
            self._lasting.clear()
            self._passing.clear()
        return lines


class Stage(Announcer):
    """Where the pipeline puts what it sees and says, and listeners pick it up."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listeners: tuple[Listener, ...] = ()
        self._board: str | None = None  # the office's messages for everybody
        self._last: str | None = None  # what the screen shows now, for one that has just (re)connected

    @property
    def listeners(self) -> int:
        """How many listen."""
        return len(self._listeners)

    def announce(self, announcement: Announcement) -> None:
        """Hand an announcement to every listener; never blocks, never raises."""
        line = _safely(announcement)
        if announcement.notice is Notice.MESSAGE:  # stands beside whatever else is shown
            self._board = line if announcement.messages else None
            self._put("board", line, passing=True)
            return
        if announcement.notice in _PASSING or announcement.notice is Notice.OUT_OF_SERVICE:
            self._last = line
        self._put("announcement", line, passing=announcement.notice in _PASSING)

    def show(self, scene: Scene) -> None:
        """Hand a frame's scene and its verdicts to those who watch scenes; never raises, free without any."""
        if not any(listener.scenes for listener in self._listeners):
            return
        try:
            verdicts = [VerdictLine(verdict=verdict_view(each)).model_dump_json() for each in scene.verdicts]
            passing = scene_line(scene).model_dump_json()
        except ValueError:  # out of the protocol's bounds: a bug, and no reason to stop attendance
            log.error("scene_out_of_bounds")  # noqa: TRY400 - no values
            return
        for line in verdicts:
            self._put("verdict", line, passing=False, scenes_only=True)
        self._put("scene", passing, passing=True, scenes_only=True)

    def _put(self, kind: str, line: str, *, passing: bool, scenes_only: bool = False) -> None:
        for listener in self._listeners:
            if listener.scenes or not scenes_only:
                try:
                    listener.put(kind, line, passing=passing)
                except RuntimeError:  # its loop has closed under it
                    self.leave(listener)

    def join(self, loop: asyncio.AbstractEventLoop, *, scenes: bool) -> Listener | None:
        """Begin to listen, with what is shown now as the first line; None if too many listen already."""
        listener = Listener(loop, scenes=scenes)
        with self._lock:
            if len(self._listeners) >= MAX_LISTENERS:
                return None
            self._listeners = (*self._listeners, listener)
        for kind, line in (("announcement", self._last), ("board", self._board)):
            if line is not None:
                listener.put(kind, line, passing=True)
        return listener

    def dismiss(self) -> None:
        """Cut every listener off: the server stops."""
        for listener in self._listeners:
            listener.cut()

    def leave(self, listener: Listener) -> None:
        """Stop listening. May be called twice."""
        with self._lock:
            self._listeners = tuple(other for other in self._listeners if other is not listener)
