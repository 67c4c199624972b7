import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from sync.wire.sealing import (
    SealError,
    TemplateIdentity,
    from_text,
    seal,
    seal_template,
    site_key_id,
    to_text,
    unseal,
    unseal_template,
)

READER = X25519PrivateKey.generate()
SITE_KEY = bytes(range(32))
IDENTITY = TemplateIdentity(site="lab", person="a" * 32, template="b" * 32, model="c" * 64)


@given(st.binary(max_size=3000), st.binary(max_size=80))
def test_what_is_sealed_opens_for_its_reader(plaintext: bytes, info: bytes) -> None:
    assert unseal(seal(plaintext, to=READER.public_key(), info=info), key=READER, info=info) == plaintext


def test_what_is_sealed_opens_for_nobody_else_and_for_nothing_else() -> None:
    sealed = seal(b"name", to=READER.public_key(), info=b"roster 1")
    for key, info in ((X25519PrivateKey.generate(), b"roster 1"), (READER, b"roster 2")):
        with pytest.raises(SealError):
            unseal(sealed, key=key, info=info)


@given(st.binary(max_size=200))
def test_garbage_does_not_open(garbage: bytes) -> None:
    with pytest.raises(SealError):
        unseal(garbage, key=READER, info=b"")
    with pytest.raises(SealError):
        unseal_template(garbage, site_key=SITE_KEY, identity=IDENTITY)


def test_a_sealed_template_is_bound_to_its_person_and_model() -> None:
    sealed = seal_template(b"vector", site_key=SITE_KEY, identity=IDENTITY)
    assert unseal_template(sealed, site_key=SITE_KEY, identity=IDENTITY) == b"vector"
    other = TemplateIdentity(site="lab", person="d" * 32, template="b" * 32, model="c" * 64)
    with pytest.raises(SealError):
        unseal_template(sealed, site_key=SITE_KEY, identity=other)
    with pytest.raises(SealError):
        unseal_template(sealed, site_key=bytes(32), identity=IDENTITY)


def test_a_site_key_has_a_name_that_does_not_tell_it() -> None:
    assert len(site_key_id(SITE_KEY)) == 32
    assert site_key_id(SITE_KEY) != site_key_id(bytes(32))


@pytest.mark.parametrize("weak", [bytes(32), b"\x01" + bytes(31)])
def test_nothing_is_sealed_to_a_key_that_shares_no_secret(weak: bytes) -> None:
    with pytest.raises(SealError, match="sealing key"):
        seal(b"name", to=X25519PublicKey.from_public_bytes(weak), info=b"roster 1")


@given(st.binary(max_size=100))
def test_sealed_bytes_have_one_text(data: bytes) -> None:
    assert from_text(to_text(data)) == data


@pytest.mark.parametrize("text", ["QR==", "QQ", "QQ=", "QQ==\n", "Q Q=", "QQ==QQ==", "\u0661111", "-_--"])
def test_another_text_of_the_same_bytes_is_refused(text: str) -> None:
    with pytest.raises(SealError):
        from_text(text)
