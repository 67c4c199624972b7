"""A list of keys: the first writes, all read, and nothing weak or known gets in."""

import base64
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clockface.errors import SecretInvalid, SecretWrong
from edge.errors import LedgerCorrupt
from edge.store.rings import MAX_KEYS, fingerprint, parse_ring, refuse_shared
from tests.edge.store.given import fernet_key

# Published examples, in parts, so that no scanner takes them for ours.
PUBLISHED = (
    "cw_0x689RpI-jtRR7oE8h_eQ" + "sKImvJapLeSbXpwF4e4=",
    "46BKJoQYlPPOexq0OhDZnIlN" + "epKFf87WFwLbfzqDDho=",
    "81HqDtbqAywKSOumSha3BhWN" + "OdQ26slT6K0YaZeZyPs=",
    "ZmDfcTF7_60GrrY167zsiPd6" + "7pEvs0aGOv2oasOM1Pg=",
)


def ring(text: str):
    return parse_ring(text, purpose="DATA_ENCRYPTION_KEY", where="test")


def encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode()


@given(st.binary(max_size=2000))
def test_what_is_encrypted_is_decrypted(plaintext: bytes) -> None:
    keys = ring(KEY)
    assert keys.decrypt(keys.encrypt(plaintext), key_id=keys.primary_id, where="row") == plaintext


KEY = fernet_key()


def test_the_first_key_writes_and_all_read() -> None:
    old, new = fernet_key(), fernet_key()
    before, during, after = ring(old), ring(f" {new} , {old}\n"), ring(new)
    token = before.encrypt(b"x")
    assert during.decrypt(token, key_id=before.primary_id, where="row") == b"x"
    assert after.decrypt(during.encrypt(b"y"), key_id=after.primary_id, where="row") == b"y"
    with pytest.raises(SecretWrong, match="new,current"):
        after.decrypt(token, key_id=before.primary_id, where="row")


def test_a_token_tells_no_time() -> None:
    token = ring(KEY).encrypt(b"x")
    assert base64.urlsafe_b64decode(token)[1:9] == bytes(8)


@given(st.data())
def test_an_altered_token_is_corrupt_and_nothing_else(data: st.DataObject) -> None:
    keys = ring(KEY)
    token = bytearray(base64.urlsafe_b64decode(keys.encrypt(b"some plaintext")))
    place = data.draw(st.integers(0, len(token) - 1))
    token[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(LedgerCorrupt, match="row 7"):
        keys.decrypt(base64.urlsafe_b64encode(bytes(token)), key_id=keys.primary_id, where="row 7")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is empty"),
        (f"{KEY},", "key 2 of DATA_ENCRYPTION_KEY is empty"),
        (KEY[:-1], "43 characters"),
        (KEY + "=", "45 characters"),
        ("!" * 43 + "=", "not url-safe base64"),
        ("é" * 44, "not url-safe base64"),
        (encoded(os.urandom(31)), "not url-safe base64 of 32"),
        (f"{KEY},{KEY}", "the same key twice"),
        (",".join(fernet_key() for _ in range(MAX_KEYS + 1)), "at most"),
        (encoded(bytes(32)), "not random"),
        (encoded(bytes(range(32))), "not random"),
        (encoded(b"\x01\xfe" * 16), "not random"),
        (encoded(b"correct horse battery staple 123"), "not random"),
        *((known, "published") for known in PUBLISHED),
    ],
    ids=lambda value: f"{len(value)} characters",  # keys are new in each process, and stand in no report
)
def test_a_bad_list_is_refused_and_the_key_is_not_in_the_message(text: str, says: str) -> None:
    with pytest.raises(SecretInvalid) as refused:
        ring(text)
    assert says in str(refused.value)
    for part in text.split(","):
        assert len(part) < 8 or part not in str(refused.value)


def test_standard_base64_of_a_key_is_refused_where_it_differs() -> None:
    raw = b"\xfb\xff" + os.urandom(30)
    with pytest.raises(SecretInvalid):
        ring(base64.b64encode(raw).decode())
    assert ring(encoded(raw)).primary_id == fingerprint(raw)


def test_a_key_of_both_lists_is_refused() -> None:
    shared = fernet_key()
    with pytest.raises(SecretInvalid, match="must differ"):
        refuse_shared(ring(f"{fernet_key()},{shared}"), ring(f"{shared},{fernet_key()}"), where="test")


def test_neither_repr_nor_fingerprint_tells_the_key() -> None:
    keys = ring(KEY)
    assert KEY not in repr(keys)
    assert len(keys.primary_id) == 16
    assert keys.primary_id not in base64.urlsafe_b64decode(KEY).hex()
