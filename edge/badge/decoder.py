"""The child process that looks for QR codes in pictures: no key, no ledger, no file it could open.

A decoder takes in what anybody holds before a camera; a fault of it in native code must end this process and no
other. It reads pictures from its standard input and answers each with one text, or none. Run by
`edge.badge.reader`, never by hand. Trust boundary: pictures are hostile, and so is whatever it answers.
"""

import contextlib
import os
import resource
import struct
import sys
from typing import BinaryIO, Final

PICTURE: Final = struct.Struct("!HH")  # width and height, then that many grey bytes
ANSWER: Final = struct.Struct("!H")  # bytes of text that follow; none: no code
MAX_SIDE: Final = 4096
MAX_TEXT_BYTES: Final = 256
MEMORY_BYTES: Final = 1024**3
NICENESS: Final = 10


def main() -> None:
    """Answer pictures until the standard input ends."""
    import zxingcpp  # before the limits: afterwards no file opens

    confine()
    serve(sys.stdin.buffer, sys.stdout.buffer, zxingcpp)


def confine() -> None:
    """Take from this process what a decoder does not need."""
    os.nice(NICENESS)
    for limit, value in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_AS, MEMORY_BYTES),
        (resource.RLIMIT_NOFILE, 3),
    ):
        with contextlib.suppress(
            OSError, ValueError
        ):  # systemd forbids the call, and has set limits of its own
            resource.setrlimit(limit, (value, value))


def serve(pictures: BinaryIO, answers: BinaryIO, zxingcpp: object) -> None:
    """One answer for each picture, in their order."""
    while head := pictures.read(PICTURE.size):
        width, height = PICTURE.unpack(head)
        raw = pictures.read(width * height)
        if not 0 < width <= MAX_SIDE or not 0 < height <= MAX_SIDE or len(raw) != width * height:
            return
        text = find(memoryview(raw).cast("B", (height, width)), zxingcpp)
        answers.write(ANSWER.pack(len(text)) + text)
        answers.flush()


def find(picture: object, zxingcpp: object) -> bytes:
    """The first QR code's text, if it could be a badge; nothing else is even passed on."""
    read, formats = zxingcpp.read_barcodes, zxingcpp.BarcodeFormat.QRCode  # type: ignore[attr-defined]
    for found in read(picture, formats=formats, try_rotate=False, try_downscale=False, try_invert=False):
        text = str(found.text)
        if text.isascii() and text.startswith("CLK") and len(text) <= MAX_TEXT_BYTES:
            return text.encode("ascii")
    return b""


if __name__ == "__main__":
    main()
