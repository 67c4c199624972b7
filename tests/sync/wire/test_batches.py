import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.wire.batches import MAX_BATCH_BYTES, MAX_BATCH_LINES, split_batch
from sync.wire.canonical import WireError

LINE = st.binary(min_size=1, max_size=50).filter(lambda line: b"\n" not in line)
LINES = st.lists(LINE, min_size=1, max_size=20)


@given(LINES)
def test_a_batch_comes_apart_as_it_was_joined(lines: list[bytes]) -> None:
    assert split_batch(b"\n".join(lines)) == lines
    assert split_batch(b"\n".join(lines) + b"\n") == lines


@pytest.mark.parametrize("payload", [b"x" * (MAX_BATCH_BYTES + 1), b"a\n" * (MAX_BATCH_LINES + 1)])
def test_a_batch_out_of_bounds_is_refused(payload: bytes) -> None:
    with pytest.raises(WireError):
        split_batch(payload)


def test_an_empty_line_stands_for_itself() -> None:
    assert split_batch(b"a\n\nb") == [b"a", b"", b"b"]


def test_other_line_breaks_of_unicode_are_none() -> None:
    assert split_batch("a\u2028b\x85c\rd".encode()) == ["a\u2028b\x85c\rd".encode()]
