import json

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from sync.wire.canonical import WireError, parse

LETTERS = st.characters(max_codepoint=0xFFFF, exclude_categories=["Cs"])  # of the Basic Multilingual Plane
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(LETTERS), inner, max_size=4),
    max_leaves=20,
)


@given(VALUES)
def test_rfc_8785s_own_bytes_are_read_back(document: object) -> None:
    assert parse(rfc8785.dumps(document), max_bytes=10**6) == document


@given(VALUES)
def test_bytes_that_pass_are_rfc_8785s_own(document: object) -> None:
    written = json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
    assert rfc8785.dumps(parse(written, max_bytes=10**6)) == written


@pytest.mark.parametrize(
    "raw",
    [
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
