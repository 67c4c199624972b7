import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clockface.scrubbing import CLASS, MAX_CAUSES, PLACE, Trace
from edge.camera.wire import (
    HEADER,
    MAGIC,
    MAX_PICTURE_BYTES,
    MAX_SIDE_PX,
    MAX_WORDS_BYTES,
    VERSION,
    FrameRefused,
    Kind,
    crash,
    crash_text,
    parse_header,
    picture_header,
    trace_of,
    trouble,
    words_of,
)


@given(width=st.integers(16, 4096), height=st.integers(16, 2025), index=st.integers(0, 2**40))
def test_a_header_comes_back_as_it_was_sent(width: int, height: int, index: int) -> None:
    header = picture_header(width=width, height=height, index=index, captured_s=12345.678)
    assert parse_header(header.pack()) == header
    assert header.length == width * height * 3


@given(st.binary(min_size=HEADER.size, max_size=HEADER.size) | st.binary(max_size=80))
def test_any_bytes_are_a_bounded_header_or_refused(raw: bytes) -> None:
    try:
        header = parse_header(raw)
    except FrameRefused:
        return
    assert header.length <= MAX_PICTURE_BYTES


@given(
    magic=st.sampled_from([MAGIC, b"CKFS"]),
    version=st.sampled_from([VERSION, 0, 2]),
    kind=st.integers(0, 4),
    width=st.integers(0, 65_535),
    height=st.integers(0, 65_535),
    spare=st.sampled_from([0, 1]),
    length=st.integers(0, 2**32 - 1),
    honest=st.booleans(),
)
def test_nothing_that_claims_too_much_is_believed(
    *, magic: bytes, version: int, kind: int, width: int, height: int, spare: int, length: int, honest: bool
) -> None:
    length = width * height * 3 % 2**32 if honest else length
    try:
        header = parse_header(HEADER.pack(magic, version, kind, width, height, spare, 0, 0, length))
    except FrameRefused:
        return
    assert (magic, version, spare) == (MAGIC, VERSION, 0)
    if header.kind is Kind.PICTURE:
        assert max(header.width, header.height) <= MAX_SIDE_PX
        assert header.length == header.width * header.height * 3 <= MAX_PICTURE_BYTES
    else:
        assert header.length <= MAX_WORDS_BYTES


@pytest.mark.parametrize(("width", "height"), [(8, 480), (640, 8), (4097, 100), (4096, 4096)])
def test_a_picture_that_the_other_side_would_refuse_is_not_sent(width: int, height: int) -> None:
    with pytest.raises(FrameRefused):
        picture_header(width=width, height=height, index=0, captured_s=0.0)


@given(st.text(max_size=400))
def test_words_are_short_and_printable_whatever_was_said(said: str) -> None:
    message = trouble(said)
    header = parse_header(message[: HEADER.size])
    assert header.kind is Kind.TROUBLE
    assert len(message) == HEADER.size + header.length
    heard = words_of(message[HEADER.size :])
    assert len(heard) <= MAX_WORDS_BYTES
    assert heard.isprintable()
    assert heard.isascii()


@given(st.binary(max_size=400))
def test_hostile_words_cannot_steer_a_terminal(raw: bytes) -> None:
    heard = words_of(raw)
    assert heard == "" or heard.isprintable()


def test_the_header_is_fixed_for_all_machines() -> None:
    header = picture_header(width=64, height=48, index=7, captured_s=1.5)
    assert (
        header.pack().hex() == "434b46520101400030000000" + "0700000000000000" + "002f685900000000" + "00240000"
    )
    assert np.dtype(np.uint8).itemsize * 64 * 48 * 3 == 0x2400


@given(raw=st.binary(max_size=2000))
def test_any_bytes_are_a_crash_of_our_form_or_refused(raw: bytes) -> None:
    try:
        trace = trace_of(raw)
    except FrameRefused:
        return
    assert 1 <= len(trace.error) <= MAX_CAUSES
    assert all(CLASS.fullmatch(each) for each in trace.error)
    assert all(PLACE.fullmatch(each) for each in trace.frames)


def test_a_crash_comes_back_as_it_was_written() -> None:
    trace = Trace(("KeyError", "ValueError"), ("edge.camera.network:12 grab", "edge.camera.live:3 _work"))
    assert trace_of(crash_text(trace)) == trace
    assert parse_header(crash(crash_text(trace))[: HEADER.size]).kind is Kind.CRASH
