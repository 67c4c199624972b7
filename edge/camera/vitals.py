"""A camera's vital signs as pure state: what came, since when, what failed, how long to pause.

No thread, no lock, no clock of its own: every method is told the time, so a week's outage is a test of a
millisecond. `LiveCamera` holds the lock around it.
"""

import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from edge.camera import picture
from edge.camera.picture import Sight
from edge.camera.source import Shot
from edge.types.camera import CameraHealth, CameraState
from edge.types.faces import BgrImage

FIRST_PAUSE_S = 0.5  # ceiling of the first pause; doubles with every failure
LEAST_PAUSE_S = 0.1  # full jitter may draw 0: a driver is never asked in a hot loop
STEADY_AFTER_S = (
    10.0  # a camera that streamed this long has recovered: the next failure starts at the first pause
)
FPS_WINDOW_S = 3.0


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a camera may take.

    Args:
        freeze_after_s: Without a new picture for this long it is frozen or lost.
        reopen_max_s: Longest pause between two attempts to open it.
        open_within_s: A driver that opens or closes for longer is hung. libcamera and Argus take up to
            about 5 s, FFmpeg 10 s where an address does not answer.
        first_within_s: How long the first picture after opening may take: sensors need seconds to start.
        suspicious: Judge pictures (a live sensor); a recording may well hold the same picture twice.
    """

    freeze_after_s: float
    reopen_max_s: float
    open_within_s: float = 20.0
    first_within_s: float = 10.0
    suspicious: bool = True


class Vitals:
    """The state of one camera over all its openings.

    Args:
        patience: The limits.
        now_s: The present, CLOCK_BOOTTIME.
        draw: Draws evenly between two bounds; `random.uniform` but for tests.
    """

    def __init__(
        self, patience: Patience, *, now_s: float, draw: Callable[[float, float], float] = random.uniform
    ) -> None:
        self._patience = patience
        self._draw = draw
        self._state, self._since_s, self._problem = CameraState.OPENING, now_s, ""
        self._opened = -1  # openings after the first one
        self._failures = 0
        self._streaming_since_s: float | None = None
        self._good_s = now_s
        self._dark_since_s: float | None = None
        self._doubt: tuple[CameraState, str] | None = None
        self._last: BgrImage | None = None
        self._frames = 0
        self._arrivals: deque[float] = deque()
        self._fresh: Shot | None = None
        self._captured_s = float("-inf")

    @property
    def ended(self) -> bool:
        """Whether a recording has come to its end."""
        return self._state is CameraState.ENDED

    def opened(self, now_s: float) -> None:
        """The driver has been opened; the state becomes STREAMING with the first good picture only."""
        self._opened += 1
        self._good_s = now_s
        self._doubt = None
        self._streaming_since_s = None

    def take(self, shot: Shot, now_s: float) -> None:
        """Judge what the driver returned, and keep it as the newest if it is a new picture."""
        sight, why = self._judge(shot.image)
        if sight is Sight.GARBAGE:
            self._doubt = CameraState.LOST, f"the camera returns garbage: {why}"
            return
        if sight is Sight.SAME:
            self._doubt = CameraState.FROZEN, "the camera returns the same picture again and again"
            return
        self._last = shot.image
        self._good_s, self._doubt = now_s, None
        self._keep(shot, now_s)
        self._watch_darkness(sight, now_s)

    @property
    def patience_s(self) -> float:
        """How long the next picture may take."""
        begun = self._streaming_since_s is not None or self._doubt is not None
        limit_s = self._patience.freeze_after_s
        return limit_s if begun else max(limit_s, self._patience.first_within_s)

    def overdue(self, now_s: float) -> tuple[CameraState, str] | None:
        """Whether no good picture came for too long: the state to report and why, or None."""
        if now_s - self._good_s < self.patience_s:
            return None
        return self._doubt or (CameraState.LOST, f"no picture for {now_s - self._good_s:.1f} s")

    def failed(self, problem: str, *, now_s: float, state: CameraState = CameraState.LOST) -> float:
        """Record a failure; the picture nobody took is dropped, it is old by now.

        Returns:
            Seconds to wait before the next attempt: full jitter under a ceiling that doubles.
        """
        steady = self._streaming_since_s is not None and now_s - self._streaming_since_s >= STEADY_AFTER_S
        self._failures = 1 if steady else self._failures + 1
        self._streaming_since_s = None
        self._fresh = self._dark_since_s = None
        self._arrivals.clear()
        self._change(state, now_s)
        self._problem = problem
        ceiling_s = min(self._patience.reopen_max_s, FIRST_PAUSE_S * 2.0 ** min(self._failures - 1, 16))
        return max(LEAST_PAUSE_S, self._draw(0.0, ceiling_s))

    def finished(self, now_s: float, remark: str = "") -> None:
        """A recording has ended; its last picture may still be collected."""
        self._change(CameraState.ENDED, now_s)
        self._problem = remark

    def collect(self) -> tuple[Shot, int] | None:
        """Hand over the newest picture and its index, once."""
        shot, self._fresh = self._fresh, None
        return None if shot is None else (shot, self._frames - 1)

    def health(self, now_s: float) -> CameraHealth:
        """Say how the camera is."""
        return CameraHealth(
            state=self._state,
            since_s=self._since_s,
            frames=self._frames,
            fps=self._fps(now_s),
            reopened=max(0, self._opened),
            problem=self._problem,
        )

    def _judge(self, image: BgrImage) -> tuple[Sight, str]:
        if self._patience.suspicious:
            if self._last is not None and self._streaming_since_s is not None:
                why = picture.fault(image)
                if not why and image.shape != self._last.shape:
                    return Sight.GARBAGE, "the picture's size changed while streaming"
            return picture.judge(image, self._last)
        why = picture.fault(image)
        return (Sight.GARBAGE, why) if why else (Sight.NEW, "")

    def _keep(self, shot: Shot, now_s: float) -> None:
        captured_s = shot.captured_s if shot.captured_s > self._captured_s else now_s
        self._captured_s = captured_s
        self._fresh = Shot(image=shot.image, captured_s=captured_s)
        self._frames += 1
        self._arrivals.append(now_s)
        if self._streaming_since_s is None:
            self._streaming_since_s = now_s
            self._change(CameraState.STREAMING, now_s)
            self._problem = ""

    def _watch_darkness(self, sight: Sight, now_s: float) -> None:
        """Black for long is reported, not mended: a covered lens, the light switched off, or a dead sensor."""
        if sight is not Sight.DARK:
            if self._dark_since_s is not None:
                self._dark_since_s, self._problem = None, ""
        elif self._dark_since_s is None:
            self._dark_since_s = now_s
        elif now_s - self._dark_since_s >= self._patience.freeze_after_s:
            self._problem = "the picture is black: lens covered, lights off, or a dead sensor"

    def _fps(self, now_s: float) -> float:
        while self._arrivals and now_s - self._arrivals[0] > FPS_WINDOW_S:
            self._arrivals.popleft()
        if self._streaming_since_s is None or len(self._arrivals) < 2:
            return 0.0
        return len(self._arrivals) / max(1e-3, min(FPS_WINDOW_S, now_s - self._streaming_since_s))

    def _change(self, state: CameraState, now_s: float) -> None:
        if state is not self._state:
            self._state, self._since_s = state, now_s
