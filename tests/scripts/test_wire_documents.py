"""The published contract: current, and held to what the models read."""

import json
import re
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from scripts import wire_documents
from scripts.wire_asyncapi import CHANNELS, asyncapi
from scripts.wire_schemas import EVENTS, SIGNED, UNSIGNED, file_of, schemas
from sync.wire.topics import DOWN, UP, Channel

SCHEMAS = schemas()
ACK = {"site": "lab", "device": "door-1", "kind": "clockface.ack.v1", "resend": False}
NOW = "2026-11-22T06:00:00.000000Z"


def test_the_committed_documents_are_current() -> None:
    assert wire_documents.differences() == []


def test_a_changed_missing_or_left_over_document_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire_documents, "WIRE", tmp_path)
    assert len(wire_documents.differences()) == len(SCHEMAS) + 1
    wire_documents.write()
    assert wire_documents.differences() == []
    (tmp_path / "schemas" / "ack.v1.json").write_text("{}")
    (tmp_path / "schemas" / "old.v0.json").write_text("{}")
    assert wire_documents.differences() == ["ack.v1.json", "old.v0.json"]
    wire_documents.write()
    assert wire_documents.differences() == []


def test_every_channel_and_every_document_is_published() -> None:
    assert set(CHANNELS) == set(Channel) == {*UP, *DOWN}
    carried = {kind for channel in CHANNELS.values() for kind in channel.kinds}
    elsewhere = {"device-request.v1", "bundle.v1", "telemetry.v1"}  # two in files, one within telemetry-message
    assert {file_of(kind) for kind in {*EVENTS, *SIGNED, *UNSIGNED} - carried} == elsewhere


def test_every_reference_of_the_asyncapi_document_leads_somewhere() -> None:
    document = yaml.safe_load((wire_documents.WIRE / "asyncapi.yaml").read_text())
    assert document == asyncapi()
    for ref in re.findall(r"'\$ref': '([^']+)'", str(document)):
        if ref.startswith("#/"):
            place = document
            for part in ref.removeprefix("#/").split("/"):
                place = place[part]
        else:
            assert json.loads((wire_documents.WIRE / ref).read_text())["$id"]


@pytest.mark.parametrize(
    ("change", "holds"),
    [
        ({}, True),
        ({"committed": None}, False),
        ({"surplus": 1}, False),
        ({"site": "lab\n"}, False),
        ({"issued": "2026-11-22T24:00:00.000000Z"}, False),
        ({"resend": 0}, False),
    ],
    ids=str,
)
def test_a_schema_takes_what_our_reader_takes(change: dict[str, object], holds: bool) -> None:  # noqa: FBT001
    validator = Draft202012Validator(SCHEMAS["ack.v1"])
    assert validator.is_valid(ACK | {"issued": NOW} | change) is holds


def test_a_default_must_be_written_out_also_for_the_schema() -> None:
    without = {name: value for name, value in ACK.items() if name != "resend"}
    assert not Draft202012Validator(SCHEMAS["ack.v1"]).is_valid(without | {"issued": NOW})
