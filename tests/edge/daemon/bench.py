"""A loop on a bench: camera, recognition and ledger do what a test says, and a journal keeps what was said."""

from collections.abc import Sequence
from datetime import date

import numpy as np

from clockface.errors import ClockfaceError
from edge.attendance.rules import Intent, Record, Repeat, Ruling
from edge.daemon.intents import Intents
from edge.daemon.loop import Attendant, Loop
from edge.errors import ModelError
from edge.types.announcements import Announcement, Notice
from edge.types.camera import CameraHealth, CameraState
from edge.types.clock import Instant
from edge.types.faces import Frame
from edge.types.identity import DeviceId, EpochId, PersonId
from edge.types.punches import Direction, DirectionSource, EventId, Method, Punch, RecordedPunch
from edge.types.verdicts import Outcome, Scene, Verdict
from tests.fakes import ManualClock

ANN = PersonId("a" * 32)


def frame(index: int) -> Frame:
    return Frame(np.zeros((4, 4, 3), np.uint8), captured_s=float(index), index=index)


class ScriptedCamera:
    """Gives the frames it was made with, then says how it is."""

    def __init__(self, frames: Sequence[Frame | None], state: CameraState = CameraState.ENDED) -> None:
        self.frames = list(frames)
        self.state = state

    def read(self, *, timeout_s: float) -> Frame | None:
        return self.frames.pop(0) if self.frames else None

    def health(self) -> CameraHealth:
        state = CameraState.STREAMING if self.frames else self.state
        return CameraHealth(state, since_s=0.0, frames=0, fps=0.0, reopened=0)

    def close(self) -> None:
        self.frames = []


class ScriptedRecognition:
    def __init__(self, scenes: Sequence[Scene | ModelError]) -> None:
        self.scenes = list(scenes)

    def process(self, frame: Frame) -> Scene:
        scene = self.scenes.pop(0)
        if isinstance(scene, ModelError):
            raise scene
        return scene


class MemoryLedger:
    """Commits into a list, or fails as a full disk does."""

    def __init__(self, journal: list[object]) -> None:
        self.journal = journal
        self.trouble: ClockfaceError | None = None
        self.records: dict[PersonId, RecordedPunch] = {}

    def record(self, punch: Punch) -> RecordedPunch:
        if self.trouble is not None:
            raise self.trouble
        recorded = RecordedPunch(EventId(DeviceId("d"), EpochId("000001-" + "0" * 16), 1, "0" * 64), punch)
        self.journal.append(recorded)
        self.records[punch.person_id] = recorded
        return recorded

    def last(self, person_id: PersonId) -> RecordedPunch | None:
        return self.records.get(person_id)


class Journal:
    """Notes announcements in the order in which everything happened."""

    def __init__(self, journal: list[object]) -> None:
        self.journal = journal

    def announce(self, announcement: Announcement) -> None:
        self.journal.append(announcement)


def punch_of(verdict: Verdict, at: Instant) -> Punch:
    assert verdict.person_id is not None
    return Punch(verdict.person_id, at, Direction.IN, DirectionSource.ASSUMED, Method.FACE, date(2026, 3, 2))


def recording(verdict: Verdict, at: Instant, last: Punch | None, intent: Intent) -> Ruling:
    return Repeat(of=last) if last is not None else Record(punch_of(verdict, at))


class Bench:
    """An attendant between a ledger and a screen that write into one journal."""

    def __init__(
        self,
        rules=recording,
        last=None,
        greeting=lambda person_id: "Ann" if person_id == ANN else None,
        messages=lambda person_id: (),
    ) -> None:
        self.journal: list[object] = []
        self.ledger = MemoryLedger(self.journal)
        self.screen = Journal(self.journal)
        self.clock = ManualClock()
        self.afterwards: list[Verdict] = []
        self.intents = Intents(lambda: self.clock.now().boottime_s)
        self.attendant = Attendant(
            ledger=self.ledger,
            rules=rules,
            last=last or self.ledger.last,
            clock=self.clock,
            greeting=greeting,
            language=lambda _: "es",
            messages=messages,
            announcer=self.screen,
            intents=self.intents,
            afterwards=self.afterwards.append,
        )

    def notices(self) -> list[Notice]:
        return [entry.notice for entry in self.journal if isinstance(entry, Announcement)]

    def loop(
        self,
        *,
        camera,
        recognition,
        fault=None,
        divert=lambda frame: False,
        heartbeat=lambda: None,
        closed=lambda: None,
        rest=None,
    ):
        return Loop(
            camera=camera,
            recognition=recognition,
            fault=fault,
            attendant=self.attendant,
            announcer=self.screen,
            closed=closed,
            after_step=heartbeat,
            divert=divert,
            show=lambda scene: None,
            rest=rest,
        )


RECOGNISED = Verdict(Outcome.RECOGNISED, decided_s=1.0, person_id=ANN)
