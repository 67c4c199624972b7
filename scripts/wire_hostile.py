"""Hostile inputs for `scripts.fuzz_wire`: bombs that are always tried, and mutations of honest documents."""

import copy
import json
import random
from collections.abc import Callable
from typing import Any, Final

_MB: Final = 1 << 20

# Made when they are needed: together they are large.
BOMBS: Final[dict[str, Callable[[], bytes]]] = {
    "empty": lambda: b"",
    "10 MB of blanks": lambda: b" " * (10 * _MB),
    "10 MB of digits": lambda: b"9" * (10 * _MB),
    "10 MB in a text": lambda: b'"' + b"a" * (10 * _MB) + b'"',
    "a million digits": lambda: b'{"seq":' + b"9" * 10**6 + b"}",
    "digits below the size limit": lambda: b'{"seq":' + b"9" * 12_000 + b"}",
    "many long integers": lambda: b"[" + b",".join([b"9" * 4_000] * 20) + b"]",
    "100,000 nested lists": lambda: b"[" * 100_000,
    "closed nested lists": lambda: b"[" * 40_000 + b"]" * 40_000,
    "nested objects": lambda: b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
    "lists just below the interpreter's limit": lambda: b"[" * 900 + b"]" * 900,
    "many fields": lambda: b"{" + b",".join(b'"%06d":0' % n for n in range(8_000)) + b"}",
    "many empty lists": lambda: b"[" + b",".join([b"[]"] * 30_000) + b"]",
    "a lone surrogate": lambda: b'{"kind":"\\ud800"}',
    "not UTF-8": lambda: b'{"kind":"\xff\xfe\xc0\x80"}',
    "UTF-16": lambda: '{"kind":"a"}'.encode("utf-16"),
    "a byte order mark": lambda: b'\xef\xbb\xbf{"kind":"a"}',
    "a field twice": lambda: b'{"kind":"a","kind":"b"}',
    "numbers that are none": lambda: b"[NaN,Infinity,-Infinity,1e999,-0,1.0]",
    "slashes": lambda: b"clockface/v1/" + b"a-" * 50_000 + b"/events",
    "line breaks": lambda: b"\n" * 200_000,
    "base64 of the wrong length": lambda: b"A" * 90_001,
    "NUL": lambda: b"\0" * 1000,
}
VALUES: Final[tuple[Any, ...]] = (
    None, True, False, 0, -1, 1, 2**31, 2**53 - 1, 2**53, -(2**53), 10**30, 1.0, 0.1, 1e300, "", " ", "0",
    "1\n",
    "a" * 201, "a" * 5_000, "\x00", "\x1b[31m", "\x7f", "\x85", "\u2028", "\u202e", "\ufeff", "\U0001f3e2",
    "\u0661\u0662", "Ⅷ", "\u017f", "é", "é", "=cmd|' /C calc'!A0", "'; DROP TABLE events;--", "${jndi:x}",
    "../../x",
    "0000-01-01T00:00:00.000000Z", "0001-01-01T00:00:00.000000Z", "9999-12-31T23:59:59.999999Z",
    "2016-12-31T23:59:60.000000Z", "2026-02-29T00:00:00.000000Z", "2026-11-22T24:00:00.000000Z",
    "2026-11-22T06:00:00.000000+00:00", "2026-11-22T06:00:00.000000z", "2026-W47-7", "20261122", "2026-11-31",
    "0" * 32, "0" * 64, "F" * 32, "0" * 33, "A" * 43,
    "QQ==", "QR==", "QQ", "A===", "+/+/", "-_-_",
    "clockface.ack.v1", "clockface.command.v1", [], {}, [[]], [None], {"": 0}, {"a": {"b": {"c": []}}},
    [0] * 2_000,
    {str(n): n for n in range(300)},
)  # fmt: skip
NAMES: Final = ("surplus", "\U0001f3e2", "", "__class__", "kind", "a" * 3_000)
TOKENS: Final = (
    b"\\ud800", b"\\u0000", b"\xff", b"\xed\xa0\x80", b"\xc0\xaf", b"\xf0\x9f\x8f\xa2", b"\xef\xbf\xbf", b"\n",
    b"\r\n", b"\0", b"null", b"true", b"1e5", b"-0", b"9" * 400, b"[" * 50, b'"', b"\\", b"{", b"}", b",", b"=",
    b"/", b"+", b"#", b" ",
)  # fmt: skip


def mutate(seed: bytes, chance: random.Random) -> bytes:
    """One to four changes, of values where the bytes are JSON, else and sometimes of bytes."""
    try:
        document: Any = json.loads(seed) if chance.random() < 0.7 else None
    except ValueError:
        document = None
    if isinstance(document, dict):
        for _ in range(chance.randint(1, 3)):
            _change(document, chance)
        return _written(document, chance)
    raw = seed
    for _ in range(chance.randint(1, 4)):
        raw = _bytes(raw, chance)
    return raw


def _places(node: Any) -> list[tuple[Any, Any]]:
    """Every (container, key) of a document."""
    keys = list(node) if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ()
    return [place for key in keys for place in ((node, key), *_places(node[key]))]


def _change(document: dict[str, Any], chance: random.Random) -> None:
    places = _places(document)
    if not places:
        return
    node, key = chance.choice(places)
    kind = chance.randrange(7)
    if kind == 0:
        del node[key]
    elif kind == 1 and isinstance(node, dict):
        node[chance.choice(NAMES)] = _value(chance)
    elif kind == 2 and isinstance(node[key], str):
        at = chance.randint(0, len(node[key]))
        node[key] = node[key][:at] + chance.choice(("\n", "\0", "a", "Z", "٣", "\u202e", " ")) + node[key][at:]
    elif kind == 3 and isinstance(node[key], list):
        node[key] = node[key] * chance.choice((2, 70, 1_100))
    elif kind == 4 and isinstance(node[key], int):
        node[key] += chance.choice((-1, 1, 2**31, 2**53, -(2**53)))
    elif kind == 5:
        other, name = chance.choice(places)
        node[key] = copy.deepcopy(other[name])
    else:
        node[key] = _value(chance)


def _value(chance: random.Random) -> Any:
    return copy.deepcopy(chance.choice(VALUES))


def _written(document: Any, chance: random.Random) -> bytes:
    """Mostly in the one canonical form, so that what lies behind is reached."""
    canonical = chance.random() < 0.9
    text = json.dumps(
        document, ensure_ascii=not canonical, sort_keys=canonical, separators=(",", ":") if canonical else None
    )
    return text.encode("utf-8", "surrogatepass")


def _bytes(raw: bytes, chance: random.Random) -> bytes:
    at, end = sorted((chance.randint(0, len(raw)), chance.randint(0, len(raw))))
    kind = chance.randrange(6)
    if kind == 0 and raw:
        spot = at % len(raw)
        return raw[:spot] + bytes([raw[spot] ^ (1 << chance.randrange(8))]) + raw[spot + 1 :]
    if kind == 1:
        return raw[:at] + raw[end:]
    if kind == 2:
        return raw[:end] + raw[at:]
    if kind == 3:
        return raw[:at]
    if kind == 4:
        return raw[:at] + chance.randbytes(chance.randint(1, 8)) + raw[at:]
    return raw[:at] + chance.choice(TOKENS) + raw[at:]
