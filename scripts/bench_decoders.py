"""Compares what reads a badge: zxing-cpp and OpenCV, and a code with and without an Ed25519 signature in it.

Run from the root: `.venv/bin/python -m scripts.bench_decoders [--frames N]`. Frames are made: 640 x 480, a code
turned by up to 12 degrees, tilted by up to a third, out of focus, with a sensor's noise. What follows from it
stands in docs/decisions/badges.md.
"""

import argparse
import random
import sys
import time
from collections.abc import Callable
from typing import Final

import cv2
import numpy as np
import segno
import zxingcpp

from edge.badge.base45 import encode
from edge.badge.decoder import find
from edge.types.faces import BgrImage
from tests.edge.badge.pictures import held_up

SIDES_PX: Final = (100, 130, 160, 200)
BODY_BYTES: Final = 48  # id, whose, until when, tag: what a sealed badge holds
SIGNED_MORE: Final = 64 - 16  # a signature in the place of the tag


def text(size: int, chance: random.Random) -> str:
    """A badge's text with a body of so many bytes."""
    return "CLK1" + encode(chance.randbytes(size))


def frames(count: int, size: int, *, side_px: int) -> list[tuple[str, BgrImage]]:
    """Badges as somebody holds them up."""
    chance = random.Random(side_px)  # noqa: S311 - to repeat it
    made = []
    for index in range(count):
        said = text(size, chance)
        turn, tilt = chance.uniform(-12, 12), chance.uniform(0, 1 / 3)
        made.append((said, held_up(said, side_px=side_px, turn_deg=turn, tilt=tilt, seed=index)))
    return made


def zxing(picture: BgrImage) -> str:
    """As the decoder's process reads it."""
    grey = np.ascontiguousarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY))
    return find(grey, zxingcpp).decode("ascii")


def opencv(picture: BgrImage) -> str:
    """As OpenCV reads it."""
    found, *_ = cv2.QRCodeDetector().detectAndDecode(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY))
    return str(found)


def read(decode: Callable[[BgrImage], str], seen: list[tuple[str, BgrImage]]) -> tuple[float, float]:
    """The share that was read rightly, and the median milliseconds of processor time."""
    right, took = 0, []
    for said, picture in seen:
        began_s = time.process_time()
        right += decode(picture) == said
        took.append((time.process_time() - began_s) * 1000)
    return right / len(seen), sorted(took)[len(took) // 2]


def main() -> int:
    """Compare and print."""
    parser = argparse.ArgumentParser(prog="python -m scripts.bench_decoders", description=__doc__)
    parser.add_argument("--frames", type=int, default=40, help="for each size")
    count = parser.parse_args().frames
    cv2.setNumThreads(1)
    for size, name in ((BODY_BYTES, "sealed"), (BODY_BYTES + SIGNED_MORE, "signed")):
        sample = text(size, random.Random(1))  # noqa: S311 - to repeat it
        modules = segno.make(sample, error="m", micro=False, boost_error=False).symbol_size(1, 0)
        print(f"{name}: {modules[0]} x {modules[1]} modules, {count} frames for each width")
        for side_px in SIDES_PX:
            seen = frames(count, size, side_px=side_px)
            shares = []
            for decoder, how in ((zxing, "zxing-cpp"), (opencv, "OpenCV")):
                share, ms = read(decoder, seen)
                shares.append(f"{how} {share:.0%} in {ms:.1f} ms")
            print(f"  whole code {side_px} pixels wide: {', '.join(shares)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
