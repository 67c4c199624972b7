"""Every version's messages are read for ever; today's writer writes today's version as on its first day."""

import hashlib
import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from scripts.wire_schemas import EVENTS, SIGNED, UNSIGNED, file_of, schemas
from sync.wire import envelope, events, health, sealing
from sync.wire.canonical import digest, encode, read
from sync.wire.documents import MAX_DOCUMENT_BYTES, open_document
from sync.wire.events import read_event, read_header
from sync.wire.fields import Wire
from sync.wire.topics import Address
from tests.sync.wire.goldens import FOLDER, GOLDENS, signing_key, written

HERE = Address("lab", "door-1")
KINDS = {kind.payload_type: kind for kind in SIGNED}
UNSIGNED_KINDS = {kind.model_fields["kind"].default: kind for kind in (health.State, health.TelemetryMessage)}
FILES = sorted(FOLDER.glob("*.json"))
SCHEMAS = schemas()
names = pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)


def kept(path: Path) -> dict[str, str]:
    found: dict[str, str] = json.loads(path.read_text())
    return found


def open_golden(golden: dict[str, str]) -> Wire:
    payload = golden["payload"].encode()
    if "envelope" not in golden:
        return read(UNSIGNED_KINDS[json.loads(payload)["kind"]], payload, max_bytes=2 * MAX_DOCUMENT_BYTES)
    public = signing_key(golden["signed_by"]).public_key()
    keys = {envelope.signing_key_id(public): public}
    raw = golden["envelope"].encode()
    if golden["payload_type"] == envelope.EVENT_TYPE:
        signed = envelope.verify(envelope.decode(raw), keys=keys)
        assert signed == payload
        assert read_header(payload).seq == read_event(payload).seq
        return read_event(signed)
    return open_document(KINDS[golden["payload_type"]], raw, keys=keys, address=HERE)


@names
def test_todays_readers_read_it(path: Path) -> None:
    golden = kept(path)
    document = open_golden(golden)
    assert encode(document) == golden["payload"].encode()
    name = file_of(type(document))
    Draft202012Validator(SCHEMAS[name]).validate(json.loads(golden["payload"]))
    if "envelope" in golden:
        Draft202012Validator(SCHEMAS["envelope"]).validate(json.loads(golden["envelope"]))


@names
def test_todays_writer_writes_the_same_bytes(path: Path) -> None:
    golden = kept(path)
    again = written(GOLDENS[path.stem], json.loads(golden["payload"]).get("sealed", ""))
    assert again == golden


@names
def test_what_is_sealed_in_it_still_opens(path: Path) -> None:
    golden = kept(path)
    if "opened" not in golden:
        assert "sealed" not in json.loads(golden["payload"])
        return
    opened = GOLDENS[path.stem].unseal(json.loads(golden["payload"])["sealed"])
    assert sealing.to_text(opened) == golden["opened"]


def test_there_is_one_of_every_kind() -> None:
    have = {type(open_golden(kept(path))) for path in FILES}
    assert have == {*EVENTS, *SIGNED, *UNSIGNED}
    assert {path.stem for path in FILES} == set(GOLDENS)


def test_none_was_edited_since_it_was_written() -> None:
    lines = (FOLDER / "SHA256SUMS").read_text().splitlines()
    sums = dict(reversed(line.split("  ")) for line in lines)
    assert sums == {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in FILES}


def test_the_events_are_one_chain() -> None:
    chain = sorted(
        (open_golden(kept(path)) for path in FILES if "prevhash" in path.read_text()), key=lambda e: e.seq
    )
    assert [event.seq for event in chain] == list(range(1, 11))
    assert chain[0].prevhash == events.GENESIS
    assert [event.prevhash for event in chain[1:]] == [digest(encode(event)) for event in chain[:-1]]
