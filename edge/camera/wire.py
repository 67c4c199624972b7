"""Frames between the capture process and edge, over a unix stream socket.

Edge asks with one byte, the capture process answers with one message: a picture newer than the last, or in a
few words why there is none. Because edge asks, nothing queues. Pictures travel raw: edge decodes nothing that
a stranger on the network encoded. The other side is hostile: every field is bounded before memory is taken
for it.
"""

import struct
from dataclasses import dataclass
from enum import IntEnum

from clockface.scrubbing import CLASS, MAX_CAUSES, MAX_FRAMES, PLACE, Trace
from edge.camera.picture import MIN_SIDE_PX

MAGIC = b"CKFR"
VERSION = 1
ASK = b"\x01"
# magic, version, kind, width, height, 2 spare, index, CLOCK_BOOTTIME in ns, length of what follows
HEADER = struct.Struct("<4sBBHHHQQI")
MAX_SIDE_PX = 4096
MAX_PICTURE_BYTES = 3840 * 2160 * 3  # 4K; 24.9 MB
MAX_WORDS_BYTES = 200
MAX_CRASH_BYTES = 16 * 1024


class Kind(IntEnum):
    """What a message carries."""

    PICTURE = 1
    TROUBLE = 2
    CRASH = 3  # what ended the capture process before: classes and places in our code


class FrameRefused(ValueError):
    """A message that is not one of ours; the connection is of no use any more."""


@dataclass(frozen=True, slots=True)
class Header:
    """A checked header.

    Args:
        kind: What follows.
        width: Pixels; 0 for TROUBLE.
        height: Pixels; 0 for TROUBLE.
        index: The sender's count of pictures.
        captured_ns: CLOCK_BOOTTIME, which both processes share.
        length: Bytes that follow.
    """

    kind: Kind
    width: int
    height: int
    index: int
    captured_ns: int
    length: int

    def pack(self) -> bytes:
        """The header's bytes."""
        return HEADER.pack(
            MAGIC, VERSION, self.kind, self.width, self.height, 0, self.index, self.captured_ns, self.length
        )


def picture_header(*, width: int, height: int, index: int, captured_s: float) -> Header:
    """The header of a (height, width, 3) uint8 BGR picture.

    Raises:
        FrameRefused: The picture is larger than the other side takes.
    """
    header = Header(Kind.PICTURE, width, height, index, round(captured_s * 1e9), width * height * 3)
    _check_picture(header)
    return header


def trouble(words: str) -> bytes:
    """A whole message without a picture: why there is none, or no words where there is merely none yet."""
    said = words.encode("ascii", "replace")[:MAX_WORDS_BYTES]
    return Header(Kind.TROUBLE, 0, 0, 0, 0, len(said)).pack() + said


def crash(raw: bytes) -> bytes:
    """A whole message about the last crash, as `crash_text` wrote it."""
    return Header(Kind.CRASH, 0, 0, 0, 0, len(raw)).pack() + raw


def crash_text(trace: Trace) -> bytes:
    """A scrubbed crash as lines: its classes, an empty line, its places."""
    return "\n".join((*trace.error, "", *trace.frames)).encode("ascii", "replace")[:MAX_CRASH_BYTES]


def trace_of(raw: bytes) -> Trace:
    """A scrubbed crash of whoever is at the other end: only what looks like classes and places in code.

    Raises:
        FrameRefused: It names no class.
    """
    classes, _, places = raw.decode("ascii", "replace").partition("\n\n")
    error = tuple(line for line in classes.split("\n")[:MAX_CAUSES] if CLASS.fullmatch(line))
    frames = tuple(line for line in places.split("\n")[:MAX_FRAMES] if PLACE.fullmatch(line))
    if not error:
        raise FrameRefused("a crash without a class")
    return Trace(error, frames)


def parse_header(raw: bytes) -> Header:
    """Check a header of `HEADER.size` bytes.

    Raises:
        FrameRefused: Something in it is out of bounds.
    """
    if len(raw) != HEADER.size:
        raise FrameRefused("a header has another length")
    magic, version, kind, width, height, spare, index, captured_ns, length = HEADER.unpack(raw)
    if magic != MAGIC or spare != 0:
        raise FrameRefused("not a frame of clockface-capture")
    if version != VERSION:
        raise FrameRefused(f"clockface-capture speaks version {version}, not {VERSION}")
    if kind not in set(Kind):
        raise FrameRefused("an unknown kind of message")
    header = Header(Kind(kind), width, height, index, captured_ns, length)
    if header.kind is Kind.PICTURE:
        _check_picture(header)
    elif (width, height) != (0, 0) or length > (
        MAX_CRASH_BYTES if header.kind is Kind.CRASH else MAX_WORDS_BYTES
    ):
        raise FrameRefused("a message without a picture is too long")
    return header


def words_of(raw: bytes) -> str:
    """The words of a TROUBLE message, in printable ASCII only: they reach logs and screens."""
    return "".join(chr(byte) if 32 <= byte < 127 else " " for byte in raw[:MAX_WORDS_BYTES]).strip()


def _check_picture(header: Header) -> None:
    if not all(MIN_SIDE_PX <= side <= MAX_SIDE_PX for side in (header.width, header.height)):
        raise FrameRefused("the picture's size is out of bounds")
    if header.length != header.width * header.height * 3 or header.length > MAX_PICTURE_BYTES:
        raise FrameRefused("the picture's length is not its size")
