"""The envelope: only the signed bytes under the signed type come out, whatever goes in."""

import base64
import contextlib
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from sync.wire import envelope
from sync.wire.envelope import (
    EVENT_TYPE,
    MAX_ENVELOPE_BYTES,
    MAX_PAYLOAD_BYTES,
    Envelope,
    EnvelopeError,
    Signature,
    decode,
    encode,
    pae,
    sign,
    signing_key_id,
    verify,
)

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
STRANGER = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
KEYS: dict[str, Ed25519PublicKey] = {signing_key_id(KEY.public_key()): KEY.public_key()}


@given(st.binary(max_size=MAX_PAYLOAD_BYTES))
def test_what_was_signed_is_what_comes_out(payload: bytes) -> None:
    raw = encode(sign(payload, key=KEY))
    assert len(raw) <= MAX_ENVELOPE_BYTES
    assert verify(decode(raw), keys=KEYS) == payload


def test_the_encoding_before_signing_is_that_of_the_specification() -> None:
    """The example of DSSE's protocol document."""
    assert pae("http://example.com/HelloWorld", b"hello world") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )


@given(st.binary(min_size=1, max_size=200), st.data())
def test_a_changed_bit_in_payload_type_or_signature_is_refused(payload: bytes, data: st.DataObject) -> None:
    good = sign(payload, key=KEY)
    flip = lambda raw, at: raw[:at] + bytes([raw[at] ^ data.draw(st.integers(1, 255))]) + raw[at + 1 :]  # noqa: E731
    part = data.draw(st.sampled_from(["payload", "sig", "type"]))
    (signature,) = good.signatures
    if part == "payload":
        bad = Envelope(flip(payload, data.draw(st.integers(0, len(payload) - 1))), EVENT_TYPE, good.signatures)
    elif part == "sig":
        sig = flip(signature.sig, data.draw(st.integers(0, 63)))
        bad = Envelope(payload, EVENT_TYPE, (Signature(signature.keyid, sig),))
    else:
        bad = Envelope(payload, "application/vnd.clockface.ack+json", good.signatures)
    with pytest.raises(EnvelopeError):
        verify(bad, keys=KEYS)


def test_a_signature_for_one_type_is_none_for_another() -> None:
    ack = sign(b"{}", key=KEY, payload_type="application/vnd.clockface.ack+json")
    with pytest.raises(EnvelopeError, match="type"):
        verify(ack, keys=KEYS)
    relabelled = Envelope(ack.payload, EVENT_TYPE, ack.signatures)
    with pytest.raises(EnvelopeError, match="does not hold"):
        verify(relabelled, keys=KEYS)


def test_a_strangers_signature_is_none_even_under_our_key_id() -> None:
    theirs = sign(b"{}", key=STRANGER)
    with pytest.raises(EnvelopeError, match="trusted key"):
        verify(theirs, keys=KEYS)
    posing = Envelope(b"{}", EVENT_TYPE, (Signature(next(iter(KEYS)), theirs.signatures[0].sig),))
    with pytest.raises(EnvelopeError, match="does not hold"):
        verify(posing, keys=KEYS)


def test_a_second_signature_of_a_stranger_does_no_harm_and_no_good() -> None:
    ours, theirs = sign(b"{}", key=KEY), sign(b"{}", key=STRANGER)
    both = Envelope(b"{}", EVENT_TYPE, theirs.signatures + ours.signatures)
    assert verify(decode(encode(both)), keys=KEYS) == b"{}"


def document(**changes: Any) -> dict[str, Any]:
    return json.loads(encode(sign(b'{"a":1}', key=KEY))) | changes


SIG = document()["signatures"][0]


@pytest.mark.parametrize(
    "bad",
    [
        document(payload=None),
        document(payload=1),
        document(payload="eyJhIjoxfQ"),
        document(payload="eyJhIjoxfQ==\n"),
        document(payload="eyJhIjoxfR=="),
        document(payload="+-_/"),
        document(payload="é"),
        document(payloadType=None),
        document(payloadType="x" * 129),
        document(payloadType="\ud800"),
        document(signatures=None),
        document(signatures={}),
        document(signatures=[]),
        document(signatures=[SIG] * 5),
        document(signatures=[1]),
        document(signatures=[SIG | {"sig": ""}]),
        document(signatures=[SIG | {"sig": base64.b64encode(bytes(63)).decode()}]),
        document(signatures=[SIG | {"sig": base64.b64encode(bytes(65)).decode()}]),
        document(signatures=[SIG | {"keyid": 7}]),
        document(signatures=[SIG | {"keyid": "x" * 129}]),
        document(payload=base64.b64encode(bytes(MAX_PAYLOAD_BYTES + 1)).decode()),
        [],
        None,
        "text",
    ],
)
def test_a_malformed_envelope_is_refused(bad: object) -> None:
    with pytest.raises(EnvelopeError):
        decode(json.dumps(bad).encode())


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[" * 30_000,
        b'{"a":' * 5_000,
        b"\xff",
        b"9" * 10_000,
        b'{"payload":"","payload":"","payloadType":"x","signatures":[]}',
        b" " * (MAX_ENVELOPE_BYTES + 1),
    ],
    ids=["empty", "deep list", "deep object", "no UTF-8", "a long number", "a field twice", "too large"],
)
def test_hostile_bytes_are_refused(raw: bytes) -> None:
    with pytest.raises(EnvelopeError):
        decode(raw)


@given(st.binary(max_size=500))
def test_no_bytes_do_more_than_be_refused(raw: bytes) -> None:
    with pytest.raises(EnvelopeError):
        decode(raw)


@given(st.data())
def test_no_changed_byte_lets_another_payload_through(data: st.DataObject) -> None:
    raw = bytearray(encode(sign(b'{"a":1}', key=KEY)))
    raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(EnvelopeError):
        assert verify(decode(bytes(raw)), keys=KEYS) == b'{"a":1}'


SNIPPETS = (
    b"",
    b" ",
    b"=",
    b"==",
    b"_",
    b"-",
    b"\\",
    b"\\u0041",
    b'"',
    b'"keyid":"",',
    b'"payload":"",',
    b'"a":{},',
    b"\x7f",
    b"\xc3\xa9",
)


@given(st.binary(max_size=40), st.data())
def test_an_envelope_that_is_read_as_we_write_it_reads_no_otherwise_the_long_way(
    payload: bytes, data: st.DataObject
) -> None:
    raw = encode(sign(payload, key=KEY))
    for _ in range(data.draw(st.integers(0, 2))):
        start = data.draw(st.integers(0, len(raw)))
        end = min(len(raw), start + data.draw(st.integers(0, 4)))
        raw = raw[:start] + data.draw(st.sampled_from(SNIPPETS) | st.binary(max_size=2)) + raw[end:]
    plain = envelope.decode_plain(raw)
    if plain is not None:
        assert envelope._decode_any(raw, max_payload_bytes=MAX_PAYLOAD_BYTES) == plain
    else:
        assert raw != encode(sign(payload, key=KEY))


@given(st.binary(max_size=40), st.text(max_size=8), st.lists(st.text(max_size=8), min_size=1, max_size=4))
def test_an_envelope_is_written_in_one_form_whatever_its_texts(
    payload: bytes, kind: str, names: list[str]
) -> None:
    signed = Envelope(payload, kind, tuple(Signature(name, bytes(64)) for name in names))
    assert encode(signed) == envelope._encode_any(signed)


def test_a_payload_that_is_too_large_is_refused_however_it_is_written() -> None:
    signed = sign(b"1234", key=KEY)
    assert decode(encode(signed), max_payload_bytes=400) == signed
    with pytest.raises(EnvelopeError, match="larger"):
        decode(encode(sign(b"x" * 401, key=KEY)), max_payload_bytes=400)


def test_url_safe_base64_and_unknown_fields_are_accepted_as_the_specification_demands() -> None:
    payload = b"\xfb\xff\xfe>>>???"
    plain = json.loads(encode(sign(payload, key=KEY)))
    plain["payload"] = base64.urlsafe_b64encode(payload).decode()
    plain["note"] = {"later": "versions"}
    assert verify(decode(json.dumps(plain).encode()), keys=KEYS) == payload


def test_a_payload_that_no_receiver_takes_is_not_signed() -> None:
    with pytest.raises(EnvelopeError, match="larger"):
        sign(bytes(MAX_PAYLOAD_BYTES + 1), key=KEY)
