"""Badges from camera frames through the real decoder process."""

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from edge.badge.reader import BadgeReader, Decoder, DecoderLost, prepared
from edge.types.faces import Frame
from tests.edge.badge.pictures import held_up
from tests.edge.badge.test_token import TEXT


@pytest.fixture(scope="module")
def decoder() -> Iterator[Decoder]:
    with contextlib.closing(Decoder(os.environ)) as made:
        yield made


@pytest.mark.parametrize("turn_deg", [0.0, 12.0, 90.0, 180.0])
@pytest.mark.parametrize("tilt", [0.0, 0.2])
def test_a_badge_is_read_as_it_is_held_up(decoder: Decoder, turn_deg: float, tilt: float) -> None:
    assert decoder.look(prepared(held_up(TEXT, turn_deg=turn_deg, tilt=tilt))) == TEXT


def test_a_small_and_a_mirrored_one_is_read(decoder: Decoder) -> None:
    assert decoder.look(prepared(held_up(TEXT, side_px=130))) == TEXT
    assert decoder.look(prepared(np.ascontiguousarray(held_up(TEXT)[:, ::-1]))) == TEXT


def test_other_codes_and_noise_are_not_even_passed_on(decoder: Decoder) -> None:
    assert decoder.look(prepared(held_up("https://example.org/?q=' OR 1=1 --"))) == ""
    noise = np.random.default_rng(3).integers(0, 255, (480, 640, 3)).astype(np.uint8)
    assert decoder.look(prepared(noise)) == ""
    assert decoder.look(prepared(held_up("CLK" + "X" * 300, side_px=400))) == ""


def test_a_huge_frame_is_looked_at_small() -> None:
    assert max(prepared(np.zeros((2160, 3840, 3), np.uint8)).shape) == 1280


def test_a_decoder_that_dies_is_lost_and_says_so() -> None:
    with contextlib.closing(Decoder(os.environ)) as dying:
        assert dying.look(prepared(held_up(TEXT))) == TEXT
        os.kill(dying.pid, signal.SIGKILL)
        with pytest.raises(DecoderLost):
            dying.look(prepared(held_up(TEXT)))


def test_a_decoder_has_no_key_in_its_environment() -> None:
    with contextlib.closing(Decoder({**os.environ, "DATA_ENCRYPTION_KEY": "secret"})) as child:
        assert b"DATA_ENCRYPTION_KEY" not in Path(f"/proc/{child.pid}/environ").read_bytes()


def test_the_reader_goes_on_with_another_decoder_after_one_died() -> None:
    seen: list[str] = []
    arrived = threading.Event()

    def note(text: str) -> None:
        seen.append(text)
        arrived.set()

    reader = BadgeReader(note, environment=os.environ)
    frame = Frame(held_up(TEXT), captured_s=0.0, index=0)
    with contextlib.closing(reader):
        reader.start()
        for _ in range(2):
            arrived.clear()
            for _ in range(300):
                reader.offer(frame)
                if arrived.wait(0.1):
                    break
            assert seen[-1:] == [TEXT]
            for child in _children():
                os.kill(child, signal.SIGKILL)


def _children() -> list[int]:
    mine = [int(each) for each in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()]
    return [pid for pid in mine if b"edge.badge.decoder" in _command(pid)]


def _command(pid: int) -> bytes:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""
