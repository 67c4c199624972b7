import json

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from sync.wire.canonical import MAX_DEPTH, WireError, parse

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(VALUES)
def test_rfc_8785s_own_bytes_are_read_back(document: object) -> None:
    assert parse(rfc8785.dumps(document), max_bytes=10**6) == document


@given(VALUES)
def test_bytes_that_pass_are_rfc_8785s_own(document: object) -> None:
    written = json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
    try:
        read = parse(written, max_bytes=10**6)
    except WireError:
        assert rfc8785.dumps(document) != written  # names beyond the Basic Multilingual Plane sort otherwise
        return
    assert rfc8785.dumps(read) == written


@pytest.mark.parametrize(
    "raw",
    [
        '{"\uffff":1,"\U00010000":2}'.encode(),  # RFC 8785 sorts by UTF-16, Python by code point
        b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1),
        b'{"a":' * (MAX_DEPTH + 1) + b"1" + b"}" * (MAX_DEPTH + 1),
        b'{"a":1.0}',
        b"1e3",
        b"NaN",
        b"9007199254740993",
        b'{"a":1,"a":1}',
        b'{"b":1,"a":1}',
        b'"\\ud800"',
        b"[" * 9000,
        b"\xff",
        b'{"a": 1}',
        b'"\\u0041"',
        b"-0",
        b"9" * 5000,
    ],
)
def test_everything_else_is_refused(raw: bytes) -> None:
    with pytest.raises(WireError):
        parse(raw, max_bytes=10**6)


def test_the_depth_that_is_allowed_is_read_from_any_depth_of_the_stack() -> None:
    raw = b"[" * MAX_DEPTH + b"]" * MAX_DEPTH
    wide = b"[" + b",".join([b"{}"] * 100) + b"]"
    assert parse(raw, max_bytes=100)
    assert parse(wide, max_bytes=1000)
