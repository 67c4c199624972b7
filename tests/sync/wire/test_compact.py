"""The compact form of a signed document: the same envelope again, and nothing else passes."""

import json
import zlib
from base64 import urlsafe_b64encode

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from sync.wire import envelope
from sync.wire.canonical import WireError
from sync.wire.compact import PREFIX, grow, shrink
from tests.sync.wire.goldens import FOLDER

REQUEST = json.loads((FOLDER / "device-request.json").read_text(encoding="utf-8"))["envelope"].encode()


def test_a_request_comes_back_byte_for_byte_and_is_smaller() -> None:
    small = shrink(REQUEST)
    assert grow(small) == REQUEST
    assert len(small) < 0.85 * len(REQUEST)


@given(st.binary(max_size=2000))
def test_any_signed_payload_comes_back(payload: bytes) -> None:
    key = Ed25519PrivateKey.generate()
    raw = envelope.encode(envelope.sign(payload, key=key, payload_type="application/x"))
    assert grow(shrink(raw)) == raw


@given(st.binary(max_size=400))
def test_any_bytes_are_an_envelope_or_refused(raw: bytes) -> None:
    for text in (raw, PREFIX + raw, PREFIX + urlsafe_b64encode(zlib.compress(raw))):
        try:
            envelope.decode(grow(text), max_payload_bytes=98_304)
        except (WireError, envelope.EnvelopeError):
            continue


def test_a_bomb_is_refused() -> None:
    bomb = PREFIX + urlsafe_b64encode(zlib.compress(bytes(50_000_000), 9))
    with pytest.raises(WireError):
        grow(bomb)
