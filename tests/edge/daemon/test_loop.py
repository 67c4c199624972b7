"""The order of things: commit first, then say so; whatever fails is said, and never as a success."""

import threading
from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest

from clockface.errors import SecretWrong
from edge.attendance.rules import Intent, RefusalReason, Refused, Ruling, decide
from edge.config.attendance import AttendanceConfig
from edge.daemon.intents import ANSWER_S, Taken
from edge.daemon.loop import Loop
from edge.errors import AttendanceError, LedgerCorrupt, LedgerDiskFull, ModelError, PersonUnknown
from edge.types.announcements import Announcement, Notice
from edge.types.camera import CameraHealth, CameraState
from edge.types.clock import Instant
from edge.types.faces import Coaching
from edge.types.identity import PersonId, TrackId
from edge.types.punches import Direction, DirectionSource, Punch, RecordedPunch
from edge.types.verdicts import Outcome, Scene, Verdict
from tests.edge.daemon.bench import ANN, RECOGNISED, Bench, ScriptedCamera, ScriptedRecognition, frame


def test_success_is_announced_after_the_commit_and_never_before():
    bench = Bench()
    bench.attendant.attend(RECOGNISED)
    committed, said = bench.journal
    assert isinstance(committed, RecordedPunch)
    assert isinstance(said, Announcement)
    assert said.notice is Notice.RECORDED
    assert said.recorded is committed
    assert said.greeting == "Ann"


def test_every_verdict_is_handed_on_after_it_was_acted_on():
    bench = Bench()
    unknown = Verdict(Outcome.UNKNOWN, decided_s=2.0)
    bench.attendant.attend(RECOGNISED)
    assert bench.afterwards == [RECOGNISED]
    bench.attendant.attend(unknown)
    assert bench.afterwards == [RECOGNISED, unknown]


def test_a_ledger_that_fails_is_announced_as_out_of_service_without_a_greeting():
    bench = Bench()
    bench.ledger.trouble = LedgerDiskFull("the disk is full")
    bench.attendant.attend(RECOGNISED)
    (said,) = bench.journal
    assert isinstance(said, Announcement)
    assert (said.notice, said.detail) == (Notice.OUT_OF_SERVICE, "LedgerDiskFull")
    assert said.recorded is None
    assert said.greeting is None


@pytest.mark.parametrize("trouble", [LedgerCorrupt("damaged"), SecretWrong("another key")])
def test_a_last_record_that_cannot_be_read_is_out_of_service_and_commits_nothing(trouble):
    def unreadable(person_id: PersonId) -> RecordedPunch | None:
        raise trouble

    bench = Bench(last=unreadable)
    bench.attendant.attend(RECOGNISED)
    (said,) = bench.journal
    assert isinstance(said, Announcement)
    assert (said.notice, said.detail) == (Notice.OUT_OF_SERVICE, type(trouble).__name__)


def test_rules_that_cannot_decide_are_out_of_service():
    def undecided(verdict: Verdict, at: Instant, last: Punch | None, intent: Intent) -> Ruling:
        raise AttendanceError("the year 9000")

    bench = Bench(rules=undecided)
    bench.attendant.attend(RECOGNISED)
    assert bench.notices() == [Notice.OUT_OF_SERVICE]


def test_somebody_removed_since_the_match_is_not_recognised():
    bench = Bench()
    bench.ledger.trouble = PersonUnknown("no such person")
    bench.attendant.attend(RECOGNISED)
    (said,) = bench.journal
    assert isinstance(said, Announcement)
    assert (said.notice, said.detail) == (Notice.NOT_RECOGNISED, "person_unknown")


def test_what_is_committed_is_said_although_the_greeting_cannot_be_read():
    def unreadable(person_id: PersonId) -> str | None:
        raise LedgerCorrupt("damaged")

    bench = Bench(greeting=unreadable)
    bench.attendant.attend(RECOGNISED)
    committed, said = bench.journal
    assert isinstance(said, Announcement)
    assert (said.notice, said.recorded, said.greeting) == (Notice.RECORDED, committed, None)


def test_what_was_not_committed_does_not_suppress_the_next_try():
    bench = Bench()
    bench.ledger.trouble = LedgerDiskFull("the disk is full")
    bench.attendant.attend(RECOGNISED)
    bench.ledger.trouble = None
    bench.attendant.attend(RECOGNISED)
    assert bench.notices() == [Notice.OUT_OF_SERVICE, Notice.RECORDED]


def test_a_repeat_shows_the_earlier_record_and_commits_nothing():
    bench = Bench()
    bench.attendant.attend(RECOGNISED)
    bench.attendant.attend(RECOGNISED)
    assert bench.notices() == [Notice.RECORDED, Notice.ALREADY_RECORDED]
    assert sum(isinstance(entry, RecordedPunch) for entry in bench.journal) == 1


CHOOSE = AttendanceConfig(direction="choose")


def choosing(verdict: Verdict, at: Instant, last: Punch | None, intent: Intent) -> Ruling:
    return decide(verdict, at=at, last=last, config=CHOOSE, zone=ZoneInfo("UTC"), intent=intent)


def test_a_choice_made_before_gives_the_direction_of_the_next_record():
    bench = Bench(rules=choosing)
    bench.intents.choose(Intent(direction=Direction.OUT))
    bench.attendant.attend(RECOGNISED)
    (recorded,) = (entry for entry in bench.journal if isinstance(entry, RecordedPunch))
    assert (recorded.punch.direction, recorded.punch.source) == (Direction.OUT, DirectionSource.CHOSEN)


def asked_in_a_loop() -> tuple[Bench, Loop]:
    """Ann is recognised by a kiosk that lets people choose, stands there, and has not chosen."""
    bench = Bench(rules=choosing)
    verdict = Verdict(Outcome.RECOGNISED, decided_s=1.0, track_id=TrackId(1), person_id=ANN)
    stands = Scene(0.0, faces=1, outline=None, coaching=None, track_id=TrackId(1))
    loop = bench.loop(
        camera=ScriptedCamera([frame(i) for i in range(4)]),
        recognition=ScriptedRecognition([replace(stands, verdicts=(verdict,)), stands, stands, stands]),
    )
    loop.step()
    (asked,) = bench.journal
    assert isinstance(asked, Announcement)
    assert (asked.notice, asked.detail) == (Notice.NOT_RECOGNISED, "direction_needed")
    return bench, loop


def test_a_choice_made_when_asked_is_recorded_by_the_loop_once():
    bench, loop = asked_in_a_loop()
    loop.step()
    assert bench.intents.choose(Intent(direction=Direction.OUT)) is Taken.WAITING
    assert len(bench.journal) == 1  # nothing is recorded by whoever chose
    loop.step()
    loop.step()
    _, recorded, said = bench.journal
    assert isinstance(recorded, RecordedPunch)
    assert (recorded.punch.direction, recorded.punch.source) == (Direction.OUT, DirectionSource.CHOSEN)
    assert isinstance(said, Announcement)
    assert (said.notice, said.recorded) == (Notice.RECORDED, recorded)


def test_who_was_asked_is_recorded_without_a_direction_when_time_is_over():
    bench, loop = asked_in_a_loop()
    bench.clock.advance(ANSWER_S)
    loop.step()
    recorded = bench.journal[1]
    assert isinstance(recorded, RecordedPunch)
    assert (recorded.punch.direction, recorded.punch.source) == (Direction.UNSTATED, DirectionSource.NONE)


def test_who_was_asked_is_recorded_when_the_daemon_stops():
    bench, loop = asked_in_a_loop()
    stopped = threading.Event()
    stopped.set()
    loop.run(stopped)
    assert sum(isinstance(entry, RecordedPunch) for entry in bench.journal) == 1


def test_a_refusal_of_the_rules_is_said_with_its_reason():
    bench = Bench(rules=lambda verdict, at, last, intent: Refused(RefusalReason.WORK_CODE_NOT_OFFERED))
    bench.attendant.attend(RECOGNISED)
    (said,) = bench.journal
    assert isinstance(said, Announcement)
    assert (said.notice, said.detail) == (Notice.NOT_RECOGNISED, "work_code_not_offered")


@pytest.mark.parametrize("outcome", [Outcome.UNKNOWN, Outcome.UNSURE, Outcome.NOT_LIVE, Outcome.POOR_QUALITY])
def test_no_other_outcome_records_anything(outcome):
    bench = Bench()
    bench.attendant.attend(Verdict(outcome, decided_s=1.0))
    assert bench.notices() == [Notice.NOT_RECOGNISED]
    assert not any(isinstance(entry, RecordedPunch) for entry in bench.journal)


def test_guidance_is_said_once_and_not_once_a_frame():
    bench = Bench()
    closer = Scene(0.0, faces=1, outline=None, coaching=Coaching.COME_CLOSER)
    nobody = Scene(0.0, faces=0, outline=None, coaching=None)
    loop = bench.loop(
        camera=ScriptedCamera([frame(i) for i in range(5)]),
        recognition=ScriptedRecognition([closer, closer, closer, nobody, nobody]),
    )
    for _ in range(5):
        loop.step()
    assert bench.notices() == [Notice.GUIDANCE, Notice.ATTRACT]


def test_a_camera_without_frames_is_said_and_the_heart_beats_on():
    bench = Bench()
    beats: list[int] = []
    loop = bench.loop(
        camera=ScriptedCamera([], state=CameraState.LOST),
        recognition=ScriptedRecognition([]),
        heartbeat=lambda: beats.append(1),
    )
    loop.step()
    loop.step()
    (said,) = bench.journal
    assert isinstance(said, Announcement)
    assert (said.notice, said.detail) == (Notice.OUT_OF_SERVICE, "camera_lost")
    assert len(beats) == 2


def test_a_camera_that_comes_back_takes_its_notice_away_although_somebody_stands_there():
    bench = Bench()
    camera = ScriptedCamera([None, frame(1)], state=CameraState.LOST)
    camera.health = lambda: CameraHealth(CameraState.LOST, since_s=0.0, frames=0, fps=0.0, reopened=0)
    somebody = Scene(0.0, faces=1, outline=None, coaching=None)
    loop = bench.loop(camera=camera, recognition=ScriptedRecognition([somebody]))
    loop.step()
    loop.step()
    assert bench.notices() == [Notice.OUT_OF_SERVICE, Notice.ATTRACT]


def test_a_model_that_fails_is_out_of_service_once_until_a_frame_is_judged_again():
    bench = Bench()
    nobody = Scene(0.0, faces=0, outline=None, coaching=None)
    failed = ModelError("an output is not finite")
    loop = bench.loop(
        camera=ScriptedCamera([frame(i) for i in range(3)]),
        recognition=ScriptedRecognition([failed, failed, nobody]),
    )
    for _ in range(3):
        loop.step()
    assert bench.notices() == [Notice.OUT_OF_SERVICE, Notice.ATTRACT]
    said = bench.journal[0]
    assert isinstance(said, Announcement)
    assert said.detail == "ModelError"


def test_without_a_recogniser_every_frame_says_why_and_nobody_is_recognised():
    bench = Bench()
    loop = bench.loop(camera=ScriptedCamera([frame(0)]), recognition=None, fault="ModelAltered")
    loop.step()
    (said,) = bench.journal
    assert isinstance(said, Announcement)
    assert (said.notice, said.detail) == (Notice.OUT_OF_SERVICE, "ModelAltered")


def test_a_loop_needs_a_recogniser_or_a_reason():
    with pytest.raises(ValueError, match="reason"):
        Bench().loop(camera=ScriptedCamera([]), recognition=None)


def test_frames_lent_to_an_enrolment_are_not_judged():
    bench = Bench()
    loop = bench.loop(
        camera=ScriptedCamera([frame(0)]), recognition=ScriptedRecognition([]), divert=lambda frame: True
    )
    loop.step()  # an empty script would raise if the frame were judged
    assert bench.journal == []


def test_the_loop_ends_with_a_recording_and_with_a_stop():
    bench = Bench()
    nobody = Scene(0.0, faces=0, outline=None, coaching=None)
    bench.loop(camera=ScriptedCamera([frame(0)]), recognition=ScriptedRecognition([nobody])).run(
        threading.Event(), until_end=True
    )
    stopped = threading.Event()
    stopped.set()
    bench.loop(camera=ScriptedCamera([frame(0)]), recognition=ScriptedRecognition([])).run(stopped)


def test_out_of_service_by_order_records_nobody_and_is_said_once_until_the_kiosk_is_back():
    bench, closed = Bench(), ["office"]
    seen = []

    class Recognition:
        def process(self, frame):
            seen.append(frame.index)
            return Scene(frame.captured_s, faces=1, outline=None, coaching=None, verdicts=(RECOGNISED,))

    loop = bench.loop(
        camera=ScriptedCamera([frame(index) for index in range(3)]),
        recognition=Recognition(),
        closed=lambda: closed[0] if closed else None,
    )
    loop.step()
    loop.step()
    assert seen == []
    assert bench.journal == [Announcement(Notice.OUT_OF_SERVICE, detail="office")]
    closed.clear()
    loop.step()
    assert seen == [2]
    assert bench.notices()[1:] == [Notice.RECORDED, Notice.ATTRACT][: len(bench.notices()) - 1]
    assert Notice.RECORDED in bench.notices()


def test_what_the_office_has_to_tell_a_person_comes_with_their_record():
    bench = Bench(messages=lambda person_id: ("Come to the office",) if person_id == ANN else ())
    bench.attendant.attend(RECOGNISED)
    assert bench.journal[-1].messages == ("Come to the office",)
