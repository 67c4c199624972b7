"""From bytes of anybody to events of a device: whatever is not one leaves with its reason."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.office.verification import (
    MAX_BATCH_BYTES,
    MAX_BATCH_EVENTS,
    DeviceKey,
    Reason,
    Rejected,
    Verified,
    stored,
    verify_message,
)
from sync.wire.topics import Address
from tests.sync.office.kiosk import Kiosk

EPOCH = "000001-00000000000000aa"
KIOSK = Kiosk()
BEGUN = KIOSK.begin(EPOCH)
RECORDED = KIOSK.record()
KEYS = {KIOSK.key_id: DeviceKey(KIOSK.key.public_key())}


def reasons(payload: bytes, *, kiosk: Kiosk = KIOSK, address: Address = KIOSK.address) -> list[str]:
    keys = {kiosk.key_id: DeviceKey(kiosk.key.public_key())}
    found = verify_message(payload, address=address, keys=keys)
    return [each.reason.value if isinstance(each, Rejected) else each.head.id for each in found]


def test_a_batch_is_verified_line_by_line() -> None:
    assert reasons(BEGUN + b"\n" + RECORDED + b"\n") == [f"{EPOCH}/1", f"{EPOCH}/2"]


def test_one_bad_line_says_nothing_against_the_others() -> None:
    assert reasons(BEGUN + b"\nnonsense\n" + RECORDED) == [f"{EPOCH}/1", "malformed", f"{EPOCH}/2"]


def test_a_stored_event_reads_as_it_was_verified() -> None:
    [verified] = verify_message(RECORDED, address=KIOSK.address, keys=KEYS)
    assert stored(RECORDED) == verified


def test_an_event_of_an_unregistered_device_is_refused() -> None:
    [found] = verify_message(RECORDED, address=KIOSK.address, keys={})
    assert isinstance(found, Rejected)
    assert found.reason is Reason.UNKNOWN_DEVICE


def test_an_event_of_another_devices_key_is_refused() -> None:
    other = Kiosk()
    other.begin()
    assert reasons(other.record()) == ["unknown_key"]


def test_a_devices_event_in_another_devices_topic_is_refused() -> None:
    assert reasons(RECORDED, address=Address("mill", "yard")) == ["wrong_source"]
    assert reasons(RECORDED, address=Address("mine", "gate")) == ["wrong_source"]


def test_a_forged_signature_is_refused() -> None:
    other = json.loads(RECORDED)
    other["payload"] = json.loads(BEGUN)["payload"]
    assert reasons(json.dumps(other).encode()) == ["forged"]


def test_a_signed_document_that_is_no_event_is_told_apart() -> None:
    kiosk = Kiosk()
    assert reasons(kiosk.sign_payload(b'{"hello":"office"}'), kiosk=kiosk) == ["malformed_signed"]


def test_a_key_counts_only_in_its_epochs() -> None:
    keys = {KIOSK.key_id: DeviceKey(KIOSK.key.public_key(), first_ordinal=2, last_ordinal=3)}
    [found] = verify_message(RECORDED, address=KIOSK.address, keys=keys)
    assert isinstance(found, Rejected)
    assert found.reason is Reason.KEY_OUTSIDE_EPOCHS


def test_an_unknown_type_is_authentic_and_not_interpreted() -> None:
    kiosk = Kiosk()
    kiosk.begin(EPOCH)
    document = {
        **kiosk.head(),
        "specversion": "1.0",
        "datacontenttype": "application/json",
        "type": "clockface.tomorrow.v9",
        "data": {"news": [1, 2]},
    }
    raw = kiosk.sign_payload(json.dumps(document, sort_keys=True, separators=(",", ":")).encode())
    [found] = verify_message(raw, address=kiosk.address, keys={kiosk.key_id: DeviceKey(kiosk.key.public_key())})
    assert isinstance(found, Verified)
    assert found.event is None
    assert found.head.type == "clockface.tomorrow.v9"


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", "malformed"),
        (b"\xff\xfe\x00", "malformed"),
        (b"[" * 200_000, "malformed"),
        (b'{"a":' * 6_000 + b"1" + b"}" * 6_000, "malformed"),
        (b"x" * (MAX_BATCH_BYTES + 1), "too_large"),
        (b"\n" * (MAX_BATCH_EVENTS + 1), "too_many"),
    ],
)
def test_hostile_bytes_have_a_reason(payload: bytes, reason: str) -> None:
    assert reasons(payload) == [reason]


@given(st.binary(max_size=400))
def test_no_bytes_raise_or_are_believed(payload: bytes) -> None:
    found = verify_message(payload, address=KIOSK.address, keys=KEYS)
    assert found
    assert all(isinstance(each, Rejected) for each in found)


@given(st.integers(0, len(RECORDED) - 1), st.integers(1, 255))
def test_no_changed_byte_is_believed_as_another_event(position: int, change: int) -> None:
    changed = bytearray(RECORDED)
    changed[position] ^= change
    [genuine] = verify_message(RECORDED, address=KIOSK.address, keys=KEYS)
    for found in verify_message(bytes(changed), address=KIOSK.address, keys=KEYS):
        assert isinstance(found, Rejected) or found.head == genuine.head
