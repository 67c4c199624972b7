"""Throws hostile bytes at every decoder of sync/wire, for a bounded time: `-m scripts.fuzz_wire --seconds 60`.

Each must end in its own refusal or in a document that is written again as the same bytes, and its processor
time may grow only with the input's size. Signed kinds are signed anew after each change, so that what lies
behind the signature is reached too. The seed is printed; the same seed makes the same inputs in the same order.
"""

import argparse
import hashlib
import json
import random
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from scripts.wire_hostile import BOMBS, mutate
from scripts.wire_schemas import SIGNED, UNNAMED, UNSIGNED, file_of
from sync.wire import canonical, documents, envelope, events, sealing
from sync.wire.batches import split_batch
from sync.wire.fields import Wire
from sync.wire.topics import read_topic

GOLDENS = Path(__file__).parents[1] / "tests" / "data" / "wire" / "v1"
REFUSALS = (canonical.WireError, envelope.EnvelopeError, sealing.SealError)
LIMIT_MS = 30.0  # of processor time for any input; this machine's worst honest document takes under 5
LIMIT_MS_PER_KB = 0.5
KEY = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"clockface fuzzer").digest())
KEYS = {envelope.signing_key_id(KEY.public_key()): KEY.public_key()}
READER = X25519PrivateKey.from_private_bytes(hashlib.sha256(b"clockface fuzzer").digest())
IDENTITY = sealing.TemplateIdentity(site="lab", person="0" * 32, template="1" * 32, model="2" * 64)


@dataclass(frozen=True)
class Target:
    """One decoder.

    Args:
        name: As reported.
        seeds: Honest inputs.
        run: Decodes; raises a refusal, or AssertionError if what it read is written otherwise.
        prepare: What happens to a mutated input first (signing), outside the measured time.
    """

    name: str
    seeds: tuple[bytes, ...]
    run: Callable[[bytes], object]
    prepare: Callable[[bytes], bytes] = bytes


@dataclass(frozen=True)
class Finding:
    """An input that ended neither in a refusal nor in the same bytes, or took too long."""

    target: str
    what: str
    payload: bytes


def _same(read: bytes, payload: bytes) -> None:
    assert read == payload, "it is written otherwise than it was read"  # noqa: S101 - the invariant


def _sign_as(payload_type: str) -> Callable[[bytes], bytes]:
    def prepare(payload: bytes) -> bytes:
        signed = envelope.sign(payload, key=KEY, payload_type=payload_type, max_payload_bytes=len(payload))
        return envelope.encode(signed)

    return prepare


def _document(kind: type[documents.Document]) -> Callable[[bytes], object]:
    def run(raw: bytes) -> None:
        opened = documents.open_document(kind, raw, keys=KEYS, address=None)
        payload = envelope.decode(raw, max_payload_bytes=documents.MAX_DOCUMENT_BYTES).payload
        _same(canonical.encode(opened), payload)

    return run


def _plain(kind: type[Wire]) -> Callable[[bytes], object]:
    def run(payload: bytes) -> None:
        found = canonical.read(kind, payload, max_bytes=2 * documents.MAX_DOCUMENT_BYTES)
        _same(canonical.encode(found), payload)

    return run


def _envelope(raw: bytes) -> None:
    found = envelope.decode(raw)
    assert envelope.decode(envelope.encode(found)) == found  # noqa: S101 - the invariant


def _event(payload: bytes) -> None:
    _same(events.canonical(events.read_event(payload)), payload)
    events.read_header(payload)


def _header(payload: bytes) -> None:
    found = events.read_header(payload)
    assert json.loads(payload)["seq"] == found.seq  # noqa: S101 - the invariant


def _topic(raw: bytes) -> None:
    address, channel = read_topic(raw.decode("utf-8", "replace"))
    _same(address.topic(channel).encode(), raw)


def _batch(raw: bytes) -> None:
    _same(b"\n".join(split_batch(raw)), raw.removesuffix(b"\n"))


def _text(raw: bytes) -> None:
    _same(sealing.to_text(sealing.from_text(raw.decode("latin-1"))).encode(), raw)


def targets() -> Iterator[Target]:
    """Every decoder, with the golden messages as honest inputs."""
    kept: list[dict[str, str]] = [json.loads(path.read_text()) for path in sorted(GOLDENS.glob("*.json"))]
    payloads = [each["payload"].encode() for each in kept]
    signed = tuple(each["envelope"].encode() for each in kept if "envelope" in each)
    event = tuple(payload for payload in payloads if b'"prevhash"' in payload)
    for kind in SIGNED:
        seeds = tuple(p["payload"].encode() for p in kept if p.get("payload_type") == kind.payload_type)
        yield Target(file_of(kind), seeds, _document(kind), _sign_as(kind.payload_type))
    for plain in (*UNSIGNED, *(kind for kind in UNNAMED.values() if kind is not events.EventHeader)):
        name = file_of(plain)
        seeds = tuple(payload for payload in payloads if f'"clockface.{name}"'.encode() in payload)
        yield Target(name, seeds or tuple(_opened(kept, plain)), _plain(plain))
    info = b"roster lab/door-1"
    sealed = sealing.seal(b"names", to=READER.public_key(), info=info)
    template = sealing.seal_template(b"vector", site_key=bytes(32), identity=IDENTITY)
    yield Target("envelope", signed, _envelope)
    yield Target("event", event, _event)
    yield Target("event header", event, _header)
    yield Target("topic", (b"clockface/v1/lab/door-1/events", b"clockface/v1/l/d/ack"), _topic)
    yield Target("batch", (b"\n".join(signed), *signed[:1]), _batch)
    yield Target("sealed", (sealed,), lambda raw: sealing.unseal(raw, key=READER, info=info))
    yield Target(
        "sealed template",
        (template,),
        lambda raw: sealing.unseal_template(raw, site_key=bytes(32), identity=IDENTITY),
    )
    yield Target("base64", (sealing.to_text(sealed).encode(),), _text)


def _opened(kept: list[dict[str, str]], kind: type[Wire]) -> Iterator[bytes]:
    for each in kept:
        opened = sealing.from_text(each.get("opened", ""))
        try:
            canonical.read(kind, opened, max_bytes=len(opened))
        except canonical.WireError:
            continue
        yield opened


def _tried(target: Target, raw: bytes) -> tuple[str, bool, float]:
    """What is wrong, whether it was read, and the milliseconds of processor time."""
    wrong, read = "", True
    started = time.thread_time()
    try:
        target.run(raw)
    except REFUSALS:
        read = False
    except Exception as error:  # noqa: BLE001 - any other exception is what we look for
        wrong = f"{type(error).__name__}: {error}"[:200]
    return wrong, read, (time.thread_time() - started) * 1000


def attempt(target: Target, payload: bytes) -> tuple[Finding | None, float, bool]:
    """One input: what is wrong, the milliseconds of processor time, and whether it was read, not refused."""
    raw = target.prepare(payload)
    limit_ms = LIMIT_MS + LIMIT_MS_PER_KB * len(raw) / 1024
    wrong, read, took_ms = _tried(target, raw)
    if not wrong and took_ms > limit_ms:  # a busy machine is slow once, a bad decoder always
        took_ms = min(_tried(target, raw)[2] for _ in range(3))
        wrong = f"took {took_ms:.0f} ms for {len(raw)} bytes" if took_ms > limit_ms else ""
    return (Finding(target.name, wrong, payload) if wrong else None), took_ms, read


def fuzz(
    over: tuple[Target, ...], *, seed: int, may_go_on: Callable[[int], bool]
) -> tuple[list[Finding], dict[str, Any]]:
    """Try all bombs on all decoders, then mutations in turn while `may_go_on(rounds)`."""
    chance = random.Random(seed)  # noqa: S311 - it must be repeatable
    findings: list[Finding] = []
    slowest = dict.fromkeys((target.name for target in over), 0.0)
    rounds, read = 0, 0

    def one(target: Target, payload: bytes) -> None:
        nonlocal rounds, read
        rounds += 1
        found, took_ms, was_read = attempt(target, payload)
        read += was_read
        slowest[target.name] = max(slowest[target.name], took_ms)
        findings.extend([found] if found else [])

    for target in over:
        for bomb in BOMBS.values():
            one(target, bomb())
    while may_go_on(rounds) and len(findings) < 20:
        target = over[rounds % len(over)]
        one(target, mutate(chance.choice(target.seeds), chance))
    return findings, {"seed": seed, "rounds": rounds, "read": read, "slowest_ms": slowest}


def main() -> int:
    """Fuzz for some seconds; exit 1 if anything was found."""
    parser = argparse.ArgumentParser(prog="scripts.fuzz_wire", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    asked = parser.parse_args()
    ends = time.monotonic() + min(asked.seconds, 86_400.0)
    findings, told = fuzz(tuple(targets()), seed=asked.seed, may_go_on=lambda _: time.monotonic() < ends)
    print(f"seed {told['seed']}: {told['rounds']} inputs, {told['read']} read, {len(findings)} findings")
    for name, took_ms in sorted(told["slowest_ms"].items(), key=lambda each: -each[1])[:5]:
        print(f"  slowest: {name} {took_ms:.1f} ms")
    for found in findings:
        print(f"{found.target}: {found.what}\n  {len(found.payload)} bytes: {found.payload[:300]!r}")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
