"""What somebody sends is read whole or refused with a named error: names, requests, lists."""

import string

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sync.office.authority.certificates import new_key, read_certificate, read_request
from sync.office.authority.errors import (
    AuthorityUnavailable,
    CertificateRefused,
    IdentityRefused,
    RequestRefused,
)
from sync.office.authority.identity import BrokerIdentity, DeviceIdentity, OfficeIdentity, parse_common_name
from sync.office.authority.keyfile import open_key, seal_key
from sync.office.authority.revoked import parse_last_trusted
from sync.wire.topics import Channel, read_topic

slugs = st.from_regex(r"[a-z0-9](?:[a-z0-9-]{0,29}[a-z0-9])?", fullmatch=True)


@given(slugs, slugs)
def test_every_name_of_a_device_is_read_back_and_stands_in_its_topic(site: str, device: str) -> None:
    identity = DeviceIdentity(site, device)
    assert parse_common_name(identity.common_name) == identity
    address, _ = read_topic(f"clockface/v1/{identity.common_name}/{Channel.EVENTS}")
    assert (address.site, address.device) == (site, device)


@given(slugs)
def test_every_name_of_an_office_process_is_read_back_and_is_no_devices(name: str) -> None:
    identity = OfficeIdentity(name)
    assert parse_common_name(identity.common_name) == identity
    assert identity.uri.startswith("clockface-office://")


@given(st.text(alphabet=string.printable + "äß+#$/\x00", max_size=70))
@example("a/b/c")
@example("+/door")
@example("#/door")
@example("@office/")
@example("@office/a/b")
@example("plant-1/door-1\n")
@example("a" * 33 + "/" + "b" * 33)
def test_any_other_name_is_refused(text: str) -> None:
    try:
        identity = parse_common_name(text)
    except IdentityRefused:
        return
    assert identity.common_name == text
    assert not set(text) & set("+#$ \n\x00")
    assert len(text) <= 64


@pytest.mark.parametrize(
    "name", ["", "Broker.example.com", "*.example.com", "a b", "-a", "a..b", "a/b", "1.2.3.4.5/8"]
)
def test_a_brokers_name_is_a_dns_name_or_an_address(name: str) -> None:
    with pytest.raises(IdentityRefused):
        BrokerIdentity((name,))


@given(st.binary(max_size=300) | st.just(b"x" * 20_000))
@example(b"-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n")
def test_rubbish_is_no_request_no_certificate_and_no_key(raw: bytes) -> None:
    with pytest.raises(RequestRefused):
        read_request(raw)
    with pytest.raises(CertificateRefused):
        read_certificate(raw)
    with pytest.raises(AuthorityUnavailable):
        open_key(raw, "a pass phrase", where="-")


@pytest.mark.parametrize(
    "text", ["", "42", *(f"000001-0123456789abcdef/{seq}" for seq in ("", "0", "99999999999", "-1")), "x/1"]
)
def test_a_last_trusted_event_is_an_epoch_and_a_number(text: str) -> None:
    with pytest.raises(AuthorityUnavailable, match="not EPOCH/SEQ"):
        parse_last_trusted(text)


@given(st.text(max_size=40))
def test_a_sealed_key_opens_with_its_pass_phrase(phrase: str) -> None:
    key = new_key()
    sealed = seal_key(key, phrase, scrypt_n=2)
    assert open_key(sealed, phrase, where="-").private_numbers() == key.private_numbers()
    with pytest.raises(AuthorityUnavailable, match="wrong pass phrase"):
        open_key(sealed, phrase + ".", where="-")
