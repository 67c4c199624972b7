"""The loop: one frame at a time from the camera to a committed event, and only then to the screen.

It owns the order in which things happen, and nothing else: recognition, rules and storage are injected.
Whatever fails on the way ends in an announcement that says so; nothing here confirms what the ledger has not
committed.
"""

import threading
from collections import deque
from collections.abc import Callable
from typing import Protocol

import structlog

from clockface.errors import ClockfaceError
from edge.attendance.rules import Identification, Intent, Record, RefusalReason, Refused, Repeat, Ruling
from edge.daemon.intents import Intents, Who
from edge.errors import ModelError, PersonUnknown
from edge.ports import Announcer, Camera, Clock, Ledger
from edge.types.announcements import Announcement, Notice
from edge.types.camera import CameraState
from edge.types.clock import Instant
from edge.types.faces import Coaching, Frame
from edge.types.identity import PersonId
from edge.types.punches import Punch, RecordedPunch
from edge.types.verdicts import Outcome, Scene, Verdict

log = structlog.get_logger(__name__)

READ_TIMEOUT_S = 0.5  # bounds how long a stop or a heartbeat waits for a camera that gives nothing


class Recognition(Protocol):
    """Frames in, scenes out: `edge.inference.pipeline.Recogniser` behind the daemon's lock."""

    def process(self, frame: Frame) -> Scene:
        """Judge one frame."""
        ...


class Rules(Protocol):
    """The attendance rules with the site's configuration bound in."""

    def __call__(self, who: Who, at: Instant, last: Punch | None, intent: Intent) -> Ruling:
        """Decide what an identified person's walk-up means."""
        ...


class Rest(Protocol):
    """Which frames need no look: `edge.daemon.stillness.Stillness`."""

    def wants(self, frame: Frame) -> bool:
        """Whether to judge this frame."""
        ...

    def wake(self, at_s: float) -> None:
        """Judge every frame for a while."""
        ...

    def forget(self) -> None:
        """Begin anew with the next frame."""
        ...


class Attendant:
    """Turns verdicts into committed events and announcements.

    Args:
        ledger: Where punches become events.
        rules: The attendance rules.
        last: The last punch of a person, as this kiosk's ledger knows it.
        clock: The only source of time.
        greeting: Gives the greeting of a person, or None; its answer goes to the screen only.
        language: Gives the language of a person, as a BCP 47 tag; empty for the device's.
        messages: Gives what the office has to tell a person; to the screen only, like the greeting.
        announcer: The screen, sound and light.
        intents: What people chose on the screen.
        afterwards: Called with every verdict once it has been acted on, before the next frame.
        noted: Told every committed record, before the screen is.
        prompting: Whether somebody is being asked for a PIN: a face that is not recognised says nothing then.
    """

    def __init__(  # noqa: PLR0913 - its seams, each named
        self,
        *,
        ledger: Ledger,
        rules: Rules,
        last: Callable[[PersonId], RecordedPunch | None],
        clock: Clock,
        greeting: Callable[[PersonId], str | None],
        language: Callable[[PersonId], str],
        messages: Callable[[PersonId], tuple[str, ...]],
        announcer: Announcer,
        intents: Intents,
        afterwards: Callable[[Verdict], None],
        noted: Callable[[RecordedPunch], None] = lambda _: None,
        prompting: Callable[[], bool] = lambda: False,
    ) -> None:
        self._ledger = ledger
        self._rules = rules
        self._last = last
        self._clock = clock
        self._greeting = greeting
        self._language = language
        self._messages = messages
        self._announcer = announcer
        self._intents = intents
        self._afterwards = afterwards
        self._noted = noted
        self.prompting = prompting
        self._identified: deque[Identification] = deque()

    def attend(self, verdict: Verdict) -> None:
        """Act on one verdict: record it if it names a person, and announce how it ended."""
        log.info(
            "verdict",
            outcome=verdict.outcome,
            reason=verdict.reason,
            frames_matched=verdict.frames_matched,
            frames_agreed=verdict.frames_agreed,
        )
        intent = self._intents.meet(verdict)
        self.settle()  # whoever stood here before comes first
        if verdict.outcome is Outcome.RECOGNISED and verdict.person_id is not None:
            self._record(verdict, verdict.person_id, intent)
        elif self.prompting():
            pass  # whoever looks at the keys is not to be told that their face was not seen
        elif verdict.outcome is Outcome.SEVERAL_PEOPLE:
            self._announce(Notice.SEVERAL_PEOPLE, verdict)
        elif verdict.outcome is not Outcome.NO_FACE:
            self._announce(Notice.NOT_RECOGNISED, verdict, detail=verdict.reason)
        self._afterwards(verdict)

    def identified(self, who: Identification) -> None:
        """Take somebody identified by badge or PIN, from any thread; the loop's next step makes the record."""
        self._identified.append(who)

    def present(self, scene: Scene) -> None:
        """Note whose face is in front of the camera: choices on the screen are that person's."""
        self._intents.present(scene)

    def settle(self, *, all_of_them: bool = False) -> bool:
        """Record whom badge or PIN identified, and who was asked and has answered, left or let the time pass.

        Args:
            all_of_them: Wait for nobody any longer.

        Returns:
            Whether anything was announced.
        """
        arrived = bool(self._identified)
        while self._identified:
            who = self._identified.popleft()
            self._record(who, who.person_id, self._intents.meet(who))
        answered = self._intents.answered(all_of_them=all_of_them)
        for each in answered:
            if each.who.person_id is not None:
                self._record(each.who, each.who.person_id, each.intent)
        return bool(answered) or arrived

    def _record(self, who: Who, person_id: PersonId, intent: Intent) -> None:
        """Rule on an identified person and commit; whatever fails on the way confirms nothing and is said."""
        try:
            last = self._last(person_id)
            ruling = self._rules(who, self._clock.now(), last.punch if last is not None else None, intent)
            recorded = self._ledger.record(ruling.punch) if isinstance(ruling, Record) else None
        except PersonUnknown:  # removed or disabled since the frame was matched
            self._announce(Notice.NOT_RECOGNISED, who, detail="person_unknown")
        except ClockfaceError as error:
            log.error("punch_not_recorded", error=error)  # noqa: TRY400 - its message says what to do
            self._announce(Notice.OUT_OF_SERVICE, who, detail=type(error).__name__)
        else:
            self._say(ruling, who, last=last, recorded=recorded)

    def _say(
        self, ruling: Ruling, who: Who, *, last: RecordedPunch | None, recorded: RecordedPunch | None
    ) -> None:
        if ruling == Refused(RefusalReason.DIRECTION_NEEDED):
            self._intents.ask(who)
        else:
            self._intents.serve(who)
        match ruling:
            case Record() if recorded is not None:
                log.info("punch_recorded", epoch=recorded.id.epoch, seq=recorded.id.seq)
                self._noted(recorded)
                self._announce(Notice.RECORDED, who, recorded=recorded)
            case Repeat():
                self._announce(Notice.ALREADY_RECORDED, who, recorded=last)
            case Refused(reason=reason):
                self._announce(Notice.NOT_RECOGNISED, who, detail=reason)

    def _announce(
        self, notice: Notice, who: Who, *, recorded: RecordedPunch | None = None, detail: str = ""
    ) -> None:
        greeting: str | None = None
        language = ""
        messages: tuple[str, ...] = ()
        if who.person_id is not None:
            language = self._language_of(who.person_id)
        if recorded is not None:
            try:
                greeting = self._greeting(recorded.punch.person_id)
                messages = self._messages(recorded.punch.person_id)
            except ClockfaceError as error:  # what is committed is said all the same
                log.error("greeting_not_read", error=error)  # noqa: TRY400 - its message says what to do
        self._announcer.announce(
            Announcement(
                notice,
                verdict=who if isinstance(who, Verdict) else None,
                recorded=recorded,
                greeting=greeting,
                detail=detail,
                messages=messages,
                language=language,
            )
        )

    def _language_of(self, person_id: PersonId) -> str:
        try:
            return self._language(person_id)
        except ClockfaceError as error:  # whatever is said can be said in the device's language
            log.error("language_not_read", error=error)  # noqa: TRY400 - its message says what to do
            return ""


class Loop:
    """Reads the camera until told to stop, and keeps the screen honest about what it sees.

    Args:
        camera: Where frames come from.
        recognition: Judges frames; None where the face path is out of service.
        fault: Why the face path is out of service, as a short code; None when it is well.
        attendant: Acts on verdicts.
        announcer: The screen, sound and light.
        closed: Says why the kiosk is out of service by order, as a short code, or None: then nobody is judged.
        after_step: Called after every step, also when no frame came: the watchdog lives from it.
        divert: Takes a frame away from recognition (camera enrolment); returns whether it did.
        show: Whoever watches scenes.
        badges: Whoever looks for badges in frames; must not wait.
        rest: Which frames need no look, because nobody is there; None looks at every one.
    """

    def __init__(  # noqa: PLR0913 - its seams, each named
        self,
        *,
        camera: Camera,
        recognition: Recognition | None,
        fault: str | None,
        attendant: Attendant,
        announcer: Announcer,
        closed: Callable[[], str | None],
        after_step: Callable[[], None],
        divert: Callable[[Frame], bool],
        show: Callable[[Scene], None],
        badges: Callable[[Frame], None] = lambda _: None,
        rest: Rest | None = None,
    ) -> None:
        if (recognition is None) == (fault is None):
            raise ValueError("a loop has either a recogniser or the reason why there is none")
        self._camera = camera
        self._recognition = recognition
        self._fault = fault
        self._attendant = attendant
        self._announcer = announcer
        self._closed = closed
        self._after_step = after_step
        self._divert = divert
        self._show_scene = show
        self._badges = badges
        self._rest = rest
        self._prompting = False
        self._shown: tuple[Notice, Coaching | None, str] | None = None
        self._camera_state: CameraState | None = None

    def run(self, stop: threading.Event, *, until_end: bool = False) -> None:
        """Step until `stop` is set, or until a recording that is not looped has ended."""
        try:
            while not stop.is_set():
                self.step()
                if until_end and self._camera.health().state is CameraState.ENDED:
                    return
        finally:
            self._attendant.settle(all_of_them=True)  # who was asked is recorded, if without a direction

    def step(self) -> None:
        """Take one frame from camera to announcement, or say honestly that there is none."""
        frame = self._camera.read(timeout_s=READ_TIMEOUT_S)
        state = CameraState.STREAMING if frame is not None else self._camera.health().state
        self._note_camera(state)
        diverted = frame is not None and self._divert(frame)
        closed = self._closed()
        self._follow_prompt()
        judged = self._needs_a_look(frame if closed is None and not diverted else None)
        if frame is not None and judged:
            self._badges(frame)
        if closed is not None:
            self._show(Notice.OUT_OF_SERVICE, detail=closed)
        elif frame is None:
            if state is not CameraState.STREAMING:
                self._show(Notice.OUT_OF_SERVICE, detail=f"camera_{state}")
        elif judged:
            self._judge(frame)
        if self._attendant.settle():
            self._shown = None
        self._after_step()

    def _needs_a_look(self, frame: Frame | None) -> bool:
        """Whether a frame that may be judged needs it; after a pause of whatever kind every one does."""
        if self._rest is None or frame is None:
            if self._rest is not None:
                self._rest.forget()
            return frame is not None
        return self._rest.wants(frame)

    def _follow_prompt(self) -> None:
        """While somebody is asked for a PIN, only a result may cover that; then what stands is said again."""
        prompting = self._attendant.prompting()
        if self._prompting and not prompting:
            self._shown = None
        self._prompting = prompting

    def _note_camera(self, state: CameraState) -> None:
        """Log when the camera's state changes: not once a frame, and nothing of what it sees."""
        if state is not self._camera_state:
            self._camera_state = state
            well = state in {CameraState.STREAMING, CameraState.OPENING}
            (log.info if well else log.warning)("camera_state", state=state)

    def _judge(self, frame: Frame) -> None:
        if self._recognition is None:
            self._show(Notice.OUT_OF_SERVICE, detail=self._fault or "")
            return
        try:
            scene = self._recognition.process(frame)
        except ModelError as error:
            if self._show(Notice.OUT_OF_SERVICE, detail=type(error).__name__):
                log.error("frame_not_judged", error=error)  # noqa: TRY400 - its message says what to do
            return
        if scene.faces and self._rest is not None:
            self._rest.wake(frame.captured_s)
        self._show_scene(scene)
        self._attendant.present(scene)
        for verdict in scene.verdicts:
            self._attendant.attend(verdict)
            self._shown = None
        if scene.coaching is not None:
            self._show(Notice.GUIDANCE, coaching=scene.coaching)
        elif scene.faces == 0 or self._out_of_service:
            self._show(Notice.ATTRACT)

    @property
    def _out_of_service(self) -> bool:
        """Whether the screen still says that nobody can be recognised; a judged frame proves the contrary."""
        return self._shown is not None and self._shown[0] is Notice.OUT_OF_SERVICE

    def _show(self, notice: Notice, *, coaching: Coaching | None = None, detail: str = "") -> bool:
        """Announce a state once, not once a frame; returns whether it is news."""
        state = (notice, coaching, detail)
        if state == self._shown or self._prompting:
            return False
        self._shown = state
        self._announcer.announce(Announcement(notice, coaching=coaching, detail=detail))
        return True
