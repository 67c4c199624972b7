"""libsodium's verdict on signatures: RFC 8032's own, and the edge cases on which implementations differ."""

import hashlib
from dataclasses import dataclass
from typing import Final

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from sync.office.signature import SodiumKey
from sync.wire.envelope import VerifyingKey, public_bytes

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))

# RFC 8032, section 7.1, tests 1 to 3: public key, message, signature.
RFC_8032 = (
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        (
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b"
            "d25bf5f0595bbe24655141438e7a100b"
        ),
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        (
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c"
            "387b2eaeb4302aeeb00d291612bb0c00"
        ),
    ),
    (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        (
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc659"
            "4a7c15e9716ed28dc027beceea1ec40a"
        ),
    ),
)

# --- the curve, written out: nothing else makes such points and signatures ------------------------------------

P: Final = 2**255 - 19
ORDER: Final = 2**252 + 27742317777372353535851937790883648493
D: Final = -121665 * pow(121666, P - 2, P) % P
Point = tuple[int, int]
IDENTITY: Final = (0, 1)


def on_curve(y: int) -> Point | None:
    """The point of this y with an even x."""
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if (x * x - square) % P:
        return None
    return (P - x if x % 2 else x), y


def add(one: Point, other: Point) -> Point:
    (x1, y1), (x2, y2) = one, other
    t = D * x1 * x2 * y1 * y2 % P
    return (x1 * y2 + x2 * y1) * pow(1 + t, P - 2, P) % P, (y1 * y2 + x1 * x2) * pow(1 - t, P - 2, P) % P


def times(point: Point, factor: int) -> Point:
    found = IDENTITY
    while factor:
        if factor & 1:
            found = add(found, point)
        point, factor = add(point, point), factor >> 1
    return found


def written(point: Point) -> bytes:
    return (point[1] | (point[0] & 1) << 255).to_bytes(32, "little")


def of_order_eight() -> Point:
    for y in range(2, 100):
        point = on_curve(y)
        if point is not None and times(times(point, ORDER), 4) != IDENTITY:
            return times(point, ORDER)
    raise AssertionError


def challenge(r: bytes, key: bytes, data: bytes) -> int:
    return int.from_bytes(hashlib.sha512(r + key + data).digest(), "little") % ORDER


def scalar(number: int) -> bytes:
    return number.to_bytes(32, "little")


BASE = on_curve(4 * pow(5, P - 2, P) % P)
assert BASE is not None
TORSION = of_order_eight()
SECRET, NONCE = (int.from_bytes(hashlib.sha512(word).digest(), "little") % ORDER for word in (b"a", b"r"))
KEY_POINT, NONCE_POINT = times(BASE, SECRET), times(BASE, NONCE)
NOT_REDUCED = scalar(P + 1)  # the identity, in another form
IDENTITY_NEGATIVE = scalar(1 | 1 << 255)


@dataclass(frozen=True)
class Case:
    name: str
    key: bytes
    data: bytes
    signature: bytes
    holds: bool


def case(
    name: str, *, key: bytes, r: bytes, eighth: int | None = None, beyond: int = 0, holds: bool = False
) -> Case:
    """Signed by SECRET and NONCE under these forms of key and R; `eighth` is the challenge's remainder of 8."""
    for number in range(1000):
        data = b"%d" % number
        h = challenge(r, key, data)
        if eighth is None or h % 8 == eighth:
            break
    return Case(name, key, data, r + scalar((NONCE + h * SECRET) % ORDER + beyond), holds)


def cases() -> list[Case]:
    key, r = written(KEY_POINT), written(NONCE_POINT)
    mixed_key, mixed_r = written(add(KEY_POINT, TORSION)), written(add(NONCE_POINT, TORSION))
    small = [written(times(TORSION, factor)) for factor in (8, 4, 2, 1, 3)] + [NOT_REDUCED, IDENTITY_NEGATIVE]
    found = [
        case("honest", key=key, r=r, holds=True),
        case("malleable", key=key, r=r, beyond=ORDER),
        case("key of mixed order, equation with cofactor only", key=mixed_key, r=r, eighth=1),
        case("key of mixed order, both equations", key=mixed_key, r=r, eighth=0, holds=True),
        case("R of mixed order, equation with cofactor only", key=key, r=mixed_r),
        case("key and R of mixed order, both equations", key=mixed_key, r=mixed_r, eighth=7, holds=True),
    ]
    for each in small:
        # S = r makes R = [S]B hold for everybody where the key adds nothing; R of small order likewise
        found.append(Case("key of small order", each, b"x", r + scalar(NONCE), holds=False))
        h = challenge(each, key, b"x")
        found.append(Case("R of small order", key, b"x", each + scalar(h * SECRET % ORDER), holds=False))
        found.append(Case("nobody's", each, b"x", each + scalar(0), holds=False))
        found.append(Case("nobody's, identity", each, b"x", written(IDENTITY) + scalar(0), holds=False))
    found.append(Case("key off the curve", scalar(2), b"x", r + scalar(NONCE), holds=False))
    return found


def holds(key: VerifyingKey, signature: bytes, data: bytes) -> bool:
    try:
        key.verify(signature, data)
    except InvalidSignature:
        return False
    return True


@pytest.mark.parametrize(("public", "data", "signature"), RFC_8032)
def test_the_standards_own_signatures_hold(public: str, data: str, signature: str) -> None:
    SodiumKey(bytes.fromhex(public)).verify(bytes.fromhex(signature), bytes.fromhex(data))


@pytest.mark.parametrize("one", cases(), ids=lambda one: one.name)
def test_an_edge_case_holds_only_where_it_held_before(one: Case) -> None:
    before = holds(Ed25519PublicKey.from_public_bytes(one.key), one.signature, one.data)
    now = holds(SodiumKey(one.key), one.signature, one.data)
    assert now == one.holds
    assert before or not now


def test_openssl_lets_nobodys_signatures_through_under_keys_that_we_refuse() -> None:
    """What the stricter library is for; and the cases above would show nothing if OpenSSL refused them all."""
    let_through = [
        one
        for one in cases()
        if not one.holds and holds(Ed25519PublicKey.from_public_bytes(one.key), one.signature, one.data)
    ]
    assert {"key of small order", "R of small order", "nobody's"} <= {one.name for one in let_through}


@given(st.binary(max_size=200), st.data())
def test_a_changed_bit_is_refused_as_by_openssl(data: bytes, draw: st.DataObject) -> None:
    public = KEY.public_key()
    signature = bytearray(KEY.sign(data))
    assert holds(SodiumKey(public_bytes(public)), bytes(signature), data)
    signature[draw.draw(st.integers(0, 63))] ^= 1 << draw.draw(st.integers(0, 7))
    assert not holds(SodiumKey(public_bytes(public)), bytes(signature), data)
    assert not holds(public, bytes(signature), data)


def test_a_key_of_another_length_is_none() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        SodiumKey(bytes(31))
