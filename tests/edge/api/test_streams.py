"""Streams: guidance may be lost to a slow listener, results never; a client that goes ends its enrolment."""

import asyncio
import http.client
import json
import threading
from pathlib import Path

import pytest

from edge.api.client import EdgeClient
from edge.api.protocol.enrolment import CameraEnrolment, Enrolled, EnrolmentProgress
from edge.api.protocol.people import ConsentGiven, PersonProfile
from edge.api.protocol.stage import AnnouncementLine, SceneLine, VerdictLine
from edge.api.server import ApiServer
from edge.api.stage import MAX_LISTENERS, MAX_PENDING, Stage
from edge.errors import ApiError, ConsentMissing, LedgerCorrupt
from edge.types.announcements import Announcement, Notice
from edge.types.faces import Coaching
from edge.types.identity import TrackId
from edge.types.verdicts import Outcome, Scene, Verdict
from tests.edge.api.clients import ScreenClient
from tests.edge.api.raw_http import raw
from tests.edge.api.small_edge import SmallEdge

ADA = PersonProfile(name="Ada Lovelace", number="1815")
CONSENT = ConsentGiven(text_version="1", language="en", how="paper")
UNKNOWN = Verdict(Outcome.UNKNOWN, decided_s=2.0, track_id=TrackId(7), first_seen_s=1.0, reason="time_limit")


def _scene(at_s: float, *verdicts: Verdict) -> Scene:
    return Scene(captured_s=at_s, faces=1, outline=None, coaching=Coaching.COME_CLOSER, verdicts=verdicts)


def test_the_screen_is_told_what_is_shown_now_and_what_comes_then(screen: ScreenClient, stage: Stage) -> None:
    stage.announce(Announcement(Notice.ATTRACT))
    lines = screen.stage()
    assert next(lines) == AnnouncementLine(notice="attract")
    stage.announce(Announcement(Notice.RECORDED, greeting="Ada"))
    assert next(lines) == AnnouncementLine(notice="recorded", greeting="Ada")
    lines.close()


def test_staff_see_scenes_and_verdicts_the_screen_does_not(
    staff: EdgeClient, screen: ScreenClient, stage: Stage
) -> None:
    stage.announce(Announcement(Notice.ATTRACT))
    watching, shown = staff.scenes(), screen.stage()
    assert next(watching) == next(shown)
    stage.show(_scene(1.0, UNKNOWN))
    verdict, scene = next(watching), next(watching)
    assert isinstance(verdict, VerdictLine)
    assert verdict.verdict.outcome == "unknown"
    assert isinstance(scene, SceneLine)
    stage.announce(Announcement(Notice.NOT_RECOGNISED, verdict=UNKNOWN))
    told = next(shown)
    assert isinstance(told, AnnouncementLine)
    assert told.notice == "not_recognised"
    watching.close()
    shown.close()


def test_a_slow_listener_gets_every_result_in_order_and_the_newest_guidance_only() -> None:
    async def listen() -> list[dict[str, object]]:
        stage = Stage()
        listener = stage.join(asyncio.get_running_loop(), scenes=True)
        assert listener is not None
        for index in range(100):
            stage.show(_scene(float(index)))
            stage.announce(Announcement(Notice.GUIDANCE, coaching=Coaching.TOO_DARK))
            if index % 10 == 0:
                stage.announce(Announcement(Notice.RECORDED, detail=str(index)))
        return [json.loads(line) for line in await listener.take(timeout_s=1)]

    lines = asyncio.run(listen())
    results = [line["detail"] for line in lines if line.get("notice") == "recorded"]
    assert results == [str(index) for index in range(0, 100, 10)]
    assert [line["captured_s"] for line in lines if line["kind"] == "scene"] == [99.0]
    assert len(lines) == 12


def test_a_listener_that_lets_results_pile_up_is_cut_off() -> None:
    async def listen() -> bool:
        stage = Stage()
        listener = stage.join(asyncio.get_running_loop(), scenes=False)
        assert listener is not None
        for _ in range(MAX_PENDING + 1):
            stage.announce(Announcement(Notice.RECORDED))
        return listener.cut_off

    assert asyncio.run(listen())


def test_the_pipeline_does_not_notice_a_listener_whose_loop_has_died() -> None:
    stage = Stage()
    loop = asyncio.new_event_loop()
    listener = stage.join(loop, scenes=False)
    assert listener is not None
    loop.close()
    stage.announce(Announcement(Notice.RECORDED))
    stage.announce(Announcement(Notice.RECORDED))


def test_an_announcement_out_of_bounds_still_tells_the_employee(screen: ScreenClient, stage: Stage) -> None:
    stage.announce(Announcement(Notice.ATTRACT))
    lines = screen.stage()
    next(lines)
    stage.announce(Announcement(Notice.RECORDED, greeting="x" * 1000))
    assert next(lines) == AnnouncementLine(notice="recorded")
    lines.close()


def test_a_scene_out_of_bounds_does_not_stop_the_pipeline(staff: EdgeClient, stage: Stage) -> None:
    stage.announce(Announcement(Notice.ATTRACT))
    watching = staff.scenes()
    next(watching)
    stage.show(_scene(float("nan")))
    stage.show(_scene(3.0))
    assert next(watching) == SceneLine(captured_s=3.0, faces=1, coaching="come_closer")
    watching.close()


def test_too_many_listeners_are_told_so(run: Path, server: ApiServer, stage: Stage) -> None:
    stage.announce(Announcement(Notice.ATTRACT))
    loop = asyncio.new_event_loop()
    joined = [stage.join(loop, scenes=False) for _ in range(MAX_LISTENERS)]
    assert None not in joined
    with EdgeClient(run) as client, pytest.raises(ApiError, match="too many listen"):
        next(client.scenes())
    loop.close()


def test_a_listener_that_has_gone_makes_room(run: Path, server: ApiServer, stage: Stage) -> None:
    stage.announce(Announcement(Notice.ATTRACT))
    for _ in range(2 * MAX_LISTENERS):
        with EdgeClient(run) as client:
            assert next(client.scenes())
        for _ in range(20):
            stage.announce(Announcement(Notice.ATTRACT))


def test_enrolment_from_the_camera_guides_and_then_says_what_was_stored(staff: EdgeClient) -> None:
    *progress, last = staff.enrol_camera(CameraEnrolment(profile=ADA, consent=CONSENT, frames=2))
    assert all(isinstance(line, EnrolmentProgress) for line in progress)
    assert isinstance(last, Enrolled)
    assert last.templates_added == 3


def test_a_refusal_before_the_first_line_is_a_plain_answer(run: Path, server: ApiServer) -> None:
    body = CameraEnrolment(profile=ADA).model_dump_json().encode()
    with raw(run / "staff.sock") as connection:
        connection.request("POST", "/v1/enrolments/camera", body, {"Content-Type": "application/json"})
        response = connection.getresponse()
        assert response.status == 409
        assert json.loads(response.read())["error"] == "ConsentMissing"
    with EdgeClient(run) as client, pytest.raises(ConsentMissing):
        list(client.enrol_camera(CameraEnrolment(profile=ADA)))


def test_a_failure_in_mid_stream_is_raised_as_it_was(staff: EdgeClient, edge: SmallEdge) -> None:
    edge.corrupt = True
    with pytest.raises(LedgerCorrupt):
        list(staff.enrol_camera(CameraEnrolment(profile=ADA, consent=CONSENT)))


def test_a_client_that_goes_ends_its_enrolment_with_nothing_stored(staff: EdgeClient, edge: SmallEdge) -> None:
    edge.camera_steps = 1_000_000
    lines = staff.enrol_camera(CameraEnrolment(profile=ADA, consent=CONSENT))
    next(lines)
    lines.close()
    assert edge.camera_closed.wait(10)
    assert edge.registered == {}


def test_closing_the_server_ends_the_streams(run: Path, server: ApiServer, stage: Stage) -> None:
    stage.announce(Announcement(Notice.ATTRACT))
    ended = threading.Event()

    def watch() -> None:
        with EdgeClient(run) as client:
            lines = client.scenes()
            next(lines)
            begun.set()
            list(lines)
        ended.set()

    begun = threading.Event()
    thread = threading.Thread(target=watch)
    thread.start()
    assert begun.wait(10)
    server.close()
    thread.join(10)
    assert ended.is_set()


def test_what_was_said_before_the_end_is_still_sent(screen: ScreenClient, stage: Stage) -> None:
    stage.announce(Announcement(Notice.ATTRACT))
    lines = screen.stage()
    next(lines)
    for number in range(20):
        stage.announce(Announcement(Notice.RECORDED, detail=str(number)))
    stage.dismiss()
    assert [line.detail for line in lines if isinstance(line, AnnouncementLine)] == [
        str(number) for number in range(20)
    ]


def test_a_client_that_does_not_read_holds_up_nobody(run: Path, server: ApiServer, stage: Stage) -> None:
    stage.announce(Announcement(Notice.ATTRACT))
    with raw(run / "staff.sock") as deaf:
        deaf.request("GET", "/v1/scenes")
        assert isinstance(deaf.getresponse(), http.client.HTTPResponse)
        for index in range(5000):
            stage.show(_scene(float(index)))
        with EdgeClient(run) as client:
            assert client.status().device == "kiosk"


def test_a_screen_that_connects_later_is_shown_the_offices_messages_until_the_last_has_ended(
    screen: ScreenClient, stage: Stage
) -> None:
    stage.announce(Announcement(Notice.ATTRACT))
    stage.announce(Announcement(Notice.MESSAGE, messages=("Fire drill at ten",)))
    lines = screen.stage()
    assert next(lines) == AnnouncementLine(notice="attract")
    assert next(lines) == AnnouncementLine(notice="message", messages=("Fire drill at ten",))
    stage.announce(Announcement(Notice.MESSAGE))
    assert next(lines) == AnnouncementLine(notice="message")
    stage.announce(Announcement(Notice.IDENTIFY, seconds=30))
    assert next(lines) == AnnouncementLine(notice="identify", seconds=30)
    lines.close()
