"""Photographs that staff hand in, from bytes to a picture: JPEG, PNG and WebP, nothing else.

Trust boundary: the bytes are hostile. A picture's size is read from its header before anything is decoded, so
that a small file cannot unfold into gigabytes; the format comes from the bytes, never a name. Nothing is kept.
"""

import struct
from enum import StrEnum

import cv2
import numpy as np

from edge.errors import PhotoRefused
from edge.types.faces import BgrImage

MAX_BYTES = 20 * 1024 * 1024
MAX_PIXELS = 40_000_000  # 120 MB decoded; most telephones give 12
MIN_SIDE_PX = 64
LONG_SIDE_PX = 2048  # larger pictures are decoded at 1/2, 1/4 or 1/8: a face fills far more than it needs
NEXT = "use a JPEG, PNG or WebP photograph of the face and shoulders"


class Format(StrEnum):
    """What a photograph may be."""

    JPEG = "jpeg"
    PNG = "png"
    WEBP = "webp"


def decode(raw: bytes) -> BgrImage:
    """Decode a photograph, upright as its camera was held (EXIF orientation).

    Args:
        raw: The file's bytes.

    Returns:
        (h, w, 3) uint8 BGR; a large picture at 1/2, 1/4 or 1/8 of its size.

    Raises:
        PhotoRefused: Not one of the formats, too large, too small, or damaged; the message says which.
    """
    if len(raw) > MAX_BYTES:
        raise PhotoRefused(f"the file is larger than {MAX_BYTES // 2**20} MiB", next_step="shrink the picture")
    width, height = dimensions(raw)
    if min(width, height) < MIN_SIDE_PX:
        raise PhotoRefused(f"the picture has {width}x{height} pixels, too few for a face", next_step=NEXT)
    if width * height > MAX_PIXELS:
        raise PhotoRefused(
            f"the picture has {width}x{height} pixels, more than {MAX_PIXELS // 10**6} million",
            next_step="shrink the picture to 12 million pixels or less",
        )
    try:
        image = cv2.imdecode(np.frombuffer(raw, np.uint8), _scale(max(width, height)))
    except cv2.error:
        image = None
    if image is None or image.ndim != 3 or image.shape[2] != 3:
        raise PhotoRefused("the picture is damaged: it cannot be decoded", next_step=NEXT)
    decoded: BgrImage = image
    return decoded


def _scale(long_side_px: int) -> int:
    for factor, flag in (
        (1, cv2.IMREAD_COLOR),
        (2, cv2.IMREAD_REDUCED_COLOR_2),
        (4, cv2.IMREAD_REDUCED_COLOR_4),
    ):
        if long_side_px <= factor * LONG_SIDE_PX:
            return int(flag)
    return int(cv2.IMREAD_REDUCED_COLOR_8)


def dimensions(raw: bytes) -> tuple[int, int]:
    """Read (width, height) in pixels from a picture's header alone.

    Raises:
        PhotoRefused: Not a JPEG, PNG or WebP file, or its header is damaged.
    """
    try:
        match _format(raw):
            case Format.JPEG:
                size = _jpeg(raw)
            case Format.PNG:
                size = _png(raw)
            case Format.WEBP:
                size = _webp(raw)
    except (struct.error, IndexError):
        size = None
    if size is None or min(size) <= 0:
        raise PhotoRefused("the picture's header is damaged", next_step=NEXT)
    return size


def _format(raw: bytes) -> Format:
    if raw.startswith(b"\xff\xd8\xff"):
        return Format.JPEG
    if raw.startswith(b"\x89PNG\r\n\x1a\n"):
        return Format.PNG
    if raw[:4] == b"RIFF" and raw[8:12] == b"WEBP":
        return Format.WEBP
    raise PhotoRefused("the file is not a JPEG, PNG or WebP picture", next_step=NEXT)


def _png(raw: bytes) -> tuple[int, int] | None:
    if raw[12:16] != b"IHDR":
        return None
    width, height = struct.unpack_from(">II", raw, 16)
    return int(width), int(height)


def _jpeg(raw: bytes) -> tuple[int, int] | None:
    """Walk the segments to the frame header (ITU T.81 B.1.1.4: SOF0 to SOF15 less DHT, JPG and DAC)."""
    at = 2
    while raw[at] == 0xFF:
        marker = raw[at + 1]
        if marker == 0xFF:  # a fill byte
            at += 1
        elif 0xC0 <= marker <= 0xCF and marker not in {0xC4, 0xC8, 0xCC}:
            height, width = struct.unpack_from(">HH", raw, at + 5)
            return int(width), int(height)
        elif marker == 0x01 or 0xD0 <= marker <= 0xD8:  # no length follows
            at += 2
        elif marker in {0xD9, 0xDA}:  # the end, or the scan, without a frame header
            return None
        else:
            (length,) = struct.unpack_from(">H", raw, at + 2)
            if length < 2:
                return None
            at += 2 + length
    return None


def _webp(raw: bytes) -> tuple[int, int] | None:
    """The first chunk says the size, in one of three ways (RFC 9649)."""
    kind = raw[12:16]
    if kind == b"VP8X":
        return _uint24(raw, 24) + 1, _uint24(raw, 27) + 1
    if kind == b"VP8L" and raw[20] == 0x2F:
        (bits,) = struct.unpack_from("<I", raw, 21)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8 " and raw[23:26] == b"\x9d\x01\x2a":
        width, height = struct.unpack_from("<HH", raw, 26)
        return width & 0x3FFF, height & 0x3FFF
    return None


def _uint24(raw: bytes, at: int) -> int:
    low, high = struct.unpack_from("<HB", raw, at)
    return int(low) | int(high) << 16
