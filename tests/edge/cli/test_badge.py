"""`clockface badge` against a running daemon: given out, read back from picture and sheet, listed, revoked."""

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.api.protocol.people import PersonProfile
from edge.badge.reader import Decoder, prepared
from edge.cli.badge_sheet import Card, write_pdf
from tests.edge.device import Device, nobody, recording


@pytest.fixture(scope="module")
def device(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Device]:
    folder = tmp_path_factory.mktemp("k")
    (folder / "m").mkdir()
    pictures = recording(folder / "r", nobody(1))
    camera = {"replay_path": str(pictures), "replay_pace": "realtime"}
    made = Device(folder, camera=camera, paths={"models": str(folder / "m")})
    with made.provision().running(), made.client() as staff:
        staff.add_person(PersonProfile(name="Ann Droid", number="4711"))
        yield made


def answer(device: Device, *arguments: str) -> dict[str, object]:
    done = device.clockface("badge", *arguments, "--json")
    assert done.returncode == 0, done.stderr
    found: dict[str, object] = json.loads(done.stdout)
    return found


def test_a_badge_is_written_as_a_picture_for_its_owner_alone_and_reads_back(device: Device) -> None:
    picture = device.folder / "ann.png"
    issued = answer(device, "issue", "4711", "--png", str(picture))
    device.clockface("badge", "print", str(issued["badge"]["badge_id"]), "--png", str(picture), "--force")  # type: ignore[index]
    assert picture.stat().st_mode & 0o777 == 0o600
    image = cv2.imread(str(picture))
    assert image is not None
    wall = np.full((900, 900, 3), 120, np.uint8)
    wall[100 : 100 + image.shape[0], 100 : 100 + image.shape[1]] = image
    with contextlib.closing(Decoder(os.environ)) as decoder:
        assert decoder.look(prepared(wall)) == issued["token"]


def test_a_badge_is_listed_without_what_it_says_and_revoked(device: Device) -> None:
    issued = answer(device, "issue", "4711", "--today")
    badge: dict[str, str] = issued["badge"]  # type: ignore[assignment]
    assert badge["ends_at"] is not None
    listed = device.clockface("badge", "list", "--json").stdout
    assert badge["badge_id"] in listed
    assert str(issued["token"]) not in listed
    assert answer(device, "revoke", badge["badge_id"])["revoked"] is True
    again = device.clockface("badge", "print", badge["badge_id"], "--png", str(device.folder / "no.png"))
    assert again.returncode == 76


def test_a_pin_is_made_and_shown_once_and_a_person_may_have_a_way_of_their_own(device: Device) -> None:
    made = answer(device, "pin", "4711")
    assert (made["pin_set"], len(str(made["pin"]))) == (True, 6)
    assert answer(device, "way", "4711", "number_pin")["own_way"] is True
    assert answer(device, "way", "4711", "site")["way"] == "badge_pin"
    assert device.clockface("badge", "way", "4711", "magic").returncode == 2


def test_a_visitor_gets_a_day_badge_on_a_sheet(device: Device) -> None:
    sheet = device.folder / "visitor.pdf"
    issued = answer(device, "visitor", "--name", "Vis Itor", "--pdf", str(sheet))
    assert sheet.read_bytes().startswith(b"%PDF-")
    assert sheet.stat().st_mode & 0o777 == 0o600
    badge: dict[str, str] = issued["badge"]  # type: ignore[assignment]
    ways = answer(device, "way", badge["person_id"])
    assert (ways["way"], ways["badges"]) == ("badge", 1)


def test_a_sheet_holds_ten_cards_a_page_whatever_letters_a_name_has(tmp_path: Path) -> None:
    cards = [Card(f"陳大文 {number} Zoë", str(number), "CLK1" + "A" * 72, None) for number in range(11)]
    write_pdf(cards, tmp_path / "sheet.pdf")
    raw = (tmp_path / "sheet.pdf").read_bytes()
    assert raw.count(b"/Type /Page\n") == 2
    assert "陳大文" not in repr(cards[0])
