import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.wire.batches import MAX_BATCH_BYTES, MAX_BATCH_LINES, join_batch, split_batch
from sync.wire.canonical import WireError

LINE = st.binary(min_size=1, max_size=50).filter(lambda line: b"\n" not in line)
LINES = st.lists(LINE, min_size=1, max_size=20)


@given(LINES)
def test_a_batch_comes_apart_as_it_was_joined(lines: list[bytes]) -> None:
    assert split_batch(join_batch(lines)) == lines
    assert split_batch(join_batch(lines) + b"\n") == lines


@pytest.mark.parametrize("lines", [[], [b""], [b"a", b""], [b"a\nb"], [b"a\n"], [b"a"] * (MAX_BATCH_LINES + 1)])
def test_what_would_not_come_apart_again_is_not_joined(lines: list[bytes]) -> None:
    with pytest.raises(WireError):
        join_batch(lines)


@pytest.mark.parametrize(
    "payload", [b"", b"\n", b"a\n\nb", b"a\n\n", b"x" * (MAX_BATCH_BYTES + 1), b"a\n" * (MAX_BATCH_LINES + 1)]
)
def test_a_batch_out_of_bounds_is_refused(payload: bytes) -> None:
    with pytest.raises(WireError):
        split_batch(payload)


def test_other_line_breaks_of_unicode_are_none() -> None:
    assert split_batch("a\u2028b\x85c\rd".encode()) == ["a\u2028b\x85c\rd".encode()]
