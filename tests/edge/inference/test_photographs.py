"""Photographs: three formats, sizes known before decoding, upright; bad bytes are refused."""

import contextlib
import struct
import tracemalloc
import zlib

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.errors import PhotoRefused
from edge.inference.photographs import LONG_SIDE_PX, MAX_BYTES, decode, dimensions
from edge.types.faces import BgrImage


def _picture(*, width: int, height: int) -> BgrImage:
    """Bright above, dark below."""
    image = np.full((height, width, 3), 30, np.uint8)
    image[: height // 2] = 220
    return image


def _encoded(image: BgrImage, suffix: str) -> bytes:
    done, raw = cv2.imencode(suffix, image)
    assert done
    return bytes(raw)


def _with_orientation(jpeg: bytes, orientation: int) -> bytes:
    tiff = b"II*\x00\x08\x00\x00\x00" + struct.pack("<HHHIHHI", 1, 0x0112, 3, 1, orientation, 0, 0)
    exif = b"Exif\x00\x00" + tiff
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + jpeg[2:]


def _png_that_claims(width: int, height: int) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(bytes(1000), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
@pytest.mark.parametrize(("width", "height"), [(64, 200), (321, 123), (1999, 70)])
def test_each_format_tells_its_size_and_decodes_to_it(suffix: str, width: int, height: int) -> None:
    raw = _encoded(_picture(width=width, height=height), suffix)
    assert dimensions(raw) == (width, height)
    assert decode(raw).shape == (height, width, 3)


def test_lossless_webp_tells_its_size_too() -> None:
    _, raw = cv2.imencode(".webp", _picture(width=130, height=77), [cv2.IMWRITE_WEBP_QUALITY, 101])
    assert dimensions(bytes(raw)) == (130, 77)


def test_a_telephone_held_sideways_gives_an_upright_picture() -> None:
    raw = _encoded(_picture(width=200, height=100), ".jpg")
    upright = decode(_with_orientation(raw, 6))  # turn 90 degrees clockwise to view
    assert upright.shape == (200, 100, 3)
    assert upright[:, 80:].mean() > 200
    assert upright[:, :20].mean() < 60


def test_a_large_picture_is_decoded_small() -> None:
    raw = _encoded(_picture(width=3 * LONG_SIDE_PX, height=400), ".jpg")
    assert decode(raw).shape[1] == 3 * LONG_SIDE_PX // 4


def test_a_small_file_that_unfolds_into_gigabytes_is_refused_before_decoding() -> None:
    bomb = _png_that_claims(60_000, 60_000)
    tracemalloc.start()
    with pytest.raises(PhotoRefused, match="60000x60000"):
        decode(bomb)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1_000_000


def test_what_is_claimed_and_missing_is_damaged() -> None:
    with pytest.raises(PhotoRefused, match=r"damaged|decoded"):
        decode(_encoded(_picture(width=400, height=300), ".png")[:200])


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b"", "not a JPEG"),
        (b"GIF89a" + bytes(100), "not a JPEG"),
        (b"%PDF-1.7", "not a JPEG"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not a JPEG"),
        (b"\xff\xd8\xff", "damaged"),
        (b"\xff\xd8\xff\xd9", "damaged"),
        (b"\x89PNG\r\n\x1a\n", "damaged"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "damaged"),
        (_png_that_claims(0, 5), "damaged"),
        (_png_that_claims(20, 20), "too few"),
        (b"x" * (MAX_BYTES + 1), "larger than 20 MiB"),
    ],
)
def test_what_is_no_photograph_is_refused_with_its_reason(raw: bytes, says: str) -> None:
    with pytest.raises(PhotoRefused, match=says):
        decode(raw)


@given(st.sampled_from([b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF____WEBPVP8 "]), st.binary(max_size=300))
def test_no_header_makes_the_reader_fail_other_than_by_refusing(head: bytes, rest: bytes) -> None:
    try:
        width, height = dimensions(head + rest)
    except PhotoRefused:
        return
    assert width > 0
    assert height > 0


@given(st.data())
def test_a_picture_with_altered_bytes_decodes_or_is_refused(data: st.DataObject) -> None:
    raw = bytearray(
        _encoded(_picture(width=80, height=80), data.draw(st.sampled_from([".jpg", ".png", ".webp"]), "format"))
    )
    for _ in range(data.draw(st.integers(1, 8), "alterations")):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(PhotoRefused):
        assert decode(bytes(raw)).dtype == np.uint8
