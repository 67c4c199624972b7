import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from sync.wire.canonical import WireError
from sync.wire.commands import Command, Identify
from sync.wire.documents import open_document, sign_document, type_of
from sync.wire.envelope import EnvelopeError, signing_key_id
from sync.wire.office import Ack, Refusal
from sync.wire.roster import RosterDocument
from sync.wire.topics import Address

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
KEYS = {signing_key_id(KEY.public_key()): KEY.public_key()}
HERE = Address("lab", "door")
NOW = "2026-11-22T06:00:00.000000Z"
LATER = "2026-11-22T06:05:00.000000Z"
ACK = Ack(site="lab", device="door", issued=NOW)


def test_a_signed_document_opens_as_what_it_was() -> None:
    assert open_document(Ack, sign_document(ACK, key=KEY), keys=KEYS, address=HERE) == ACK


def test_a_document_never_opens_as_another_kind() -> None:
    with pytest.raises(EnvelopeError, match="another type"):
        open_document(Refusal, sign_document(ACK, key=KEY), keys=KEYS, address=HERE)


def test_a_document_for_another_device_is_refused() -> None:
    with pytest.raises(WireError, match="another device"):
        open_document(Ack, sign_document(ACK, key=KEY), keys=KEYS, address=Address("lab", "gate"))


def test_a_document_of_an_untrusted_key_is_refused() -> None:
    with pytest.raises(EnvelopeError, match="trusted"):
        open_document(Ack, sign_document(ACK, key=Ed25519PrivateKey.generate()), keys=KEYS, address=HERE)


@given(st.data())
def test_no_altered_byte_opens(data: st.DataObject) -> None:
    raw = bytearray(sign_document(ACK, key=KEY))
    place = data.draw(st.integers(0, len(raw) - 1))
    raw[place] ^= data.draw(st.integers(1, 255))
    try:
        opened = open_document(Ack, bytes(raw), keys=KEYS, address=HERE)
    except (EnvelopeError, WireError):
        return
    assert opened == ACK  # a byte that DSSE says to ignore


def test_the_type_of_an_envelope_is_read_without_believing_it() -> None:
    assert type_of(sign_document(ACK, key=KEY)) == Ack.payload_type


def test_a_command_travels_with_its_order() -> None:
    command = Command(
        site="lab", device="door", id="0" * 32, number=7, issued=NOW, expires=LATER, order=Identify(seconds=5)
    )
    assert open_document(Command, sign_document(command, key=KEY), keys=KEYS, address=HERE) == command


@pytest.mark.parametrize("expires", [NOW, "2026-11-22T05:59:59.999999Z", "2026-12-23T06:00:00.000001Z"])
def test_a_command_that_never_lived_or_lives_too_long_is_none(expires: str) -> None:
    with pytest.raises(ValidationError, match="expires"):
        Command(
            site="lab",
            device="door",
            id="0" * 32,
            number=7,
            issued=NOW,
            expires=expires,
            order=Identify(seconds=5),
        )


def test_a_roster_document_never_leads_back() -> None:
    with pytest.raises(ValidationError, match="base"):
        RosterDocument(
            site="lab", device="door", id="0" * 32, base=5, version=4, issued=NOW, expires=LATER, sealed="AAAA"
        )
