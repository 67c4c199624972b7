"""Makes up badge codes and pictures of codes; anything but a refusal is a fault, and the exit code says so."""

import argparse
import contextlib
import os
import random
import sys
import time

import cv2
import numpy as np
import segno

from edge.badge import base45, token
from edge.badge.reader import Decoder
from edge.types.identity import PersonId

HOSTILE = ("' OR 1=1 --", "$(reboot)", "<script>", "\x00", "\u202e", "😀", "CLK2", "%s%n", "../../etc/passwd")


def made_up(chance: random.Random, genuine: str) -> str:
    kind = chance.randrange(5)
    if kind == 0:
        return "".join(map(chr, (chance.randrange(1, 0xD7FF) for _ in range(chance.randrange(400)))))
    if kind == 1:
        return token.PREFIX + base45.encode(chance.randbytes(48))
    if kind == 2:
        return token.PREFIX + chance.choice(HOSTILE) * chance.randrange(1, 40)
    place = chance.randrange(len(genuine))
    if kind == 3:
        return genuine[:place] + chr(chance.randrange(32, 127)) + genuine[place:]
    other = chance.choice(
        [each for each in "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:" if each != genuine[place]]
    )
    return genuine[:place] + other + genuine[place + 1 :]


def texts(chance: random.Random, count: int) -> int:
    key = token.BadgeKey.derived(chance.randbytes(32))
    genuine = token.write(token.Badge("0c" * 12, PersonId("ab" * 16)), key=key, site="lab")
    faults = 0
    for _ in range(count):
        text = made_up(chance, genuine)
        try:
            token.read(text, keys=[key], site="lab")
        except token.BadgeRefused:
            continue
        except Exception as error:  # noqa: BLE001 - what this script looks for
            print(f"{type(error).__name__} for {text!r}")
        else:
            print(f"accepted: {text!r}")
        faults += 1
    return faults


def pictures(chance: random.Random, count: int) -> int:
    """Damaged and hostile codes through the real decoder process, which must answer every one."""
    faults = 0
    with contextlib.closing(Decoder(os.environ)) as decoder:
        for _ in range(count):
            raw = chance.randbytes(chance.randrange(1, 200))
            text = token.PREFIX + chance.choice(HOSTILE) if chance.random() < 0.3 else raw
            rows = segno.make(text, error="l", micro=False).matrix_iter(border=4, scale=3)
            image = np.array([[0 if dark else 255 for dark in row] for row in rows], np.uint8)
            for _ in range(chance.randrange(4)):
                at = (chance.randrange(image.shape[1]), chance.randrange(image.shape[0]))
                cv2.circle(image, at, chance.randrange(1, 20), chance.randrange(256), -1)
            found = decoder.look(np.ascontiguousarray(image))
            if len(found) > token.MAX_READ_CHARS:
                print("too long an answer")
                faults += 1
    return faults


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/fuzz-badges", description=__doc__)
    parser.add_argument("--count", type=int, default=100_000, help="codes as texts")
    parser.add_argument("--pictures", type=int, default=2000, help="codes as pictures")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    chance, began_s = random.Random(given.seed), time.monotonic()  # noqa: S311 - to repeat it
    faults = texts(chance, given.count) + pictures(chance, given.pictures)
    took_s = time.monotonic() - began_s
    print(
        f"{given.count} texts and {given.pictures} pictures, {faults} faults, {took_s:.0f} s, seed {given.seed}"
    )
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
