"""A badge before the real daemon's camera: QR picture, PIN at the screen's socket, a record like any other."""

from pathlib import Path

import pytest

from edge.api.protocol.badges import BadgeAsked, PinSet
from edge.api.protocol.intents import Disavowal, PinEntered
from edge.api.protocol.people import PersonProfile
from tests.edge.api.clients import ScreenClient
from tests.edge.badge.pictures import held_up
from tests.edge.device import Device, nobody, recording

PIN = "8052"


def test_a_badge_and_its_pin_make_a_record_though_the_face_path_is_out_of_service(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    models = tmp_path / "no-models"
    models.mkdir()
    pictures = tmp_path / "r"
    camera = {"replay_path": str(pictures), "replay_pace": "realtime"}
    device = Device(tmp_path, camera=camera, paths={"models": str(models)}).provision()
    recording(pictures, nobody(1))
    with device.running() as daemon, device.client() as staff:
        ann = staff.add_person(PersonProfile(name="Ann Droid", number="4711", greeting="Ann")).person_id
        token = staff.issue_badge(BadgeAsked(person_id=ann)).token
        staff.set_pin(ann, PinSet(pin=PIN))
        daemon.terminate()
    for old in pictures.iterdir():
        old.unlink()
    pictures.rmdir()
    recording(pictures, nobody(10), [held_up(token)] * 40)
    with device.running() as daemon, ScreenClient(device.run) as screen:
        watcher = device.watch()
        out = watcher.notice("out_of_service")
        assert out.ways == ("badge",)
        asked = watcher.notice("enter_pin")
        assert asked.prompt is not None
        assert asked.greeting is None
        wrong = screen.enter_pin(PinEntered(prompt_id=asked.prompt.prompt_id, pin="0000"))
        assert wrong.outcome == "refused"
        right = screen.enter_pin(PinEntered(prompt_id=asked.prompt.prompt_id, pin=PIN))
        assert right.outcome == "accepted"
        told = watcher.notice("recorded")
        assert told.recorded is not None
        assert (told.recorded.method, told.recorded.person_id, told.greeting) == ("badge", ann, "Ann")
        assert told.not_me_s == 15
        said = Disavowal(epoch=told.recorded.epoch, seq=told.recorded.seq)
        assert screen.disavow(said).outcome == "voided"
        watcher.notice("voided")
        with device.client() as staff:
            assert list(staff.all_punches()) == []
            assert staff.verify_ledger().problems == ()
        daemon.terminate()
        watcher.close()
    log = device.log.read_text(encoding="utf-8")
    assert token not in log
    assert "Ann" not in log
