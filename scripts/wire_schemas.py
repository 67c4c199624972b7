"""JSON Schema 2020-12 of every document on the wire, from the models that read and write it.

The schemas say what our own writer writes: an optional field is absent, never null, and a default stands
written out. What a schema cannot say (a rule over two fields) stands in `$comment`.
"""

import inspect
import re
from typing import Any, Final

from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from sync.wire import commands, documents, envelope, events, health, office, parcels, provisioning, roster

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
SIGNED: Final[tuple[type[documents.Document], ...]] = (
    office.Ack,
    office.Refusal,
    office.ParcelReceipt,
    office.RenewedCertificate,
    commands.Command,
    commands.Result,
    roster.RosterDocument,
    health.Telemetry,
    parcels.PersonParcel,
    parcels.TemplateParcel,
    parcels.TemplatesReplaced,
    parcels.CrashParcel,
    parcels.AuditParcel,
    parcels.CertificateRequest,
    parcels.SupportParcel,
    provisioning.DeviceRequest,
    provisioning.Bundle,
)
EVENTS: Final[tuple[type[BaseModel], ...]] = (
    events.EpochBegun,
    events.AttendanceRecorded,
    events.ClockCorrected,
    events.PersonChanged,
    events.AttendanceVoided,
    events.CorrectionRequested,
    events.DeviceTested,
    events.DeviceRetired,
)
UNSIGNED: Final[tuple[type[BaseModel], ...]] = (health.State, health.TelemetryMessage)
UNNAMED: Final[dict[str, type[BaseModel]]] = {
    "event-header.v1": events.EventHeader,
    "person-details.v1": roster.PersonDetails,
    "roster-changes.v1": roster.RosterChanges,
}
EVENT_RULES: Final = (
    "id is epoch, a slash and seq. prevhash is 64 zeros if and only if seq is 1; else it is the SHA-256, in "
    "hex, of the payload with seq - 1 of the same epoch. source is clockface://SITE/DEVICE of the topic."
)
LIFE: Final = "expires is after issued, and at most {} days after it."
RULES: Final[dict[type[BaseModel], str]] = {
    events.EpochBegun: f"{EVENT_RULES} seq is 1.",
    events.AttendanceRecorded: EVENT_RULES,
    events.ClockCorrected: f"{EVENT_RULES} In each range last_seq is not before first_seq.",
    events.PersonChanged: EVENT_RULES,
    events.AttendanceVoided: EVENT_RULES,
    events.CorrectionRequested: EVENT_RULES,
    events.DeviceTested: EVENT_RULES,
    events.DeviceRetired: f"{EVENT_RULES} It is the device's last event.",
    events.EventHeader: f"{EVENT_RULES} All other fields are to be ignored.",
    commands.Command: LIFE.format(commands.MAX_COMMAND_LIFE.days),
    roster.RosterDocument: LIFE.format(roster.MAX_ROSTER_LIFE.days) + " version is not before base.",
    provisioning.Bundle: LIFE.format(provisioning.MAX_BUNDLE_LIFE.days),
    parcels.SupportParcel: "part is at most parts.",
}
_ARGUMENT = re.compile(r"^([a-z_]+): (.*(?:\n {4}.*)*)", re.MULTILINE)


class WireSchema(GenerateJsonSchema):
    """Pydantic's schemas, held to what is on the wire."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        """Absent is not null, and null is never written."""
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        """On the wire nothing is assumed: a field is written out, or it is absent and means absent."""
        return self.generate_inner(schema["schema"])

    def dict_schema(self, schema: core_schema.DictSchema) -> JsonSchemaValue:
        """A name that does not match is refused."""
        found = super().dict_schema(schema)
        return found | ({"additionalProperties": False} if "patternProperties" in found else {})

    def field_is_required(
        self,
        field: core_schema.ModelField | core_schema.DataclassField | core_schema.TypedDictField,
        total: bool,  # noqa: ARG002, FBT001 - pydantic's signature
    ) -> bool:
        """Everything is written out but what may be absent."""
        inner = field["schema"]
        return not (inner["type"] == "default" and inner.get("default", ...) is None)

    def str_schema(self, schema: core_schema.StringSchema) -> JsonSchemaValue:
        """A pattern holds to the text's very end, also where `$` would let a last line break pass."""
        found = super().str_schema(schema)
        if "pattern" in found:
            if found["pattern"].endswith("Z$"):
                found["format"] = "date-time"
            elif "[0-9]{2}-[0-9]{2}$" in found["pattern"]:
                found["format"] = "date"
            found["pattern"] = re.sub(r"\$$", r"$(?!\\n)", found["pattern"])
        return found


def _describe(schema: dict[str, Any]) -> None:
    """Turn a docstring's Args section into the descriptions of its fields."""
    text, _, arguments = schema.get("description", "").partition("\n\nArgs:\n")
    if text:
        schema["description"] = re.sub(r"(?<!\n)\n(?!\n)", " ", text)
    for name, about in _ARGUMENT.findall(inspect.cleandoc("\n" + arguments)):
        if name in schema.get("properties", {}):
            schema["properties"][name]["description"] = " ".join(about.split())


def file_of(kind: type[BaseModel]) -> str:
    """The schema's name: the document's kind or the event's type without "clockface."."""
    for name, unnamed in UNNAMED.items():
        if unnamed is kind:
            return name
    field = kind.model_fields["type" if kind in EVENTS else "kind"]
    return str(field.default).removeprefix("clockface.")


def schema_of(kind: type[BaseModel]) -> dict[str, Any]:
    """One document's schema."""
    found = TypeAdapter(kind).json_schema(mode="serialization", schema_generator=WireSchema)
    for each in (found, *found.get("$defs", {}).values()):
        _describe(each)
    head: dict[str, Any] = {"$schema": DIALECT, "$id": f"urn:clockface:schema:{file_of(kind)}"}
    if kind in RULES:
        head["$comment"] = RULES[kind]
    return head | found


def envelope_schema() -> dict[str, Any]:
    """The DSSE envelope, as strict as our own writer; a reader ignores unknown fields."""
    base64 = "^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/][AQgw]==|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=)?$(?!\\n)"
    types = sorted({envelope.EVENT_TYPE, *(kind.payload_type for kind in SIGNED)})
    signature = {
        "type": "object",
        "required": ["keyid", "sig"],
        "properties": {
            "keyid": {
                "type": "string",
                "maxLength": envelope.MAX_KEYID_LENGTH,
                "description": "A hint which key signed: the first 32 hex digits of the SHA-256 of "
                "'clockface signing key id v1', a zero byte and the raw public key. Never proof.",
            },
            "sig": {
                "type": "string",
                "pattern": base64,
                "minLength": 88,
                "maxLength": 88,
                "description": "Ed25519 over 'DSSEv1', LEN(payloadType), payloadType, LEN(payload) and "
                "payload, each after one space; lengths are in bytes, in decimal digits; payload is decoded.",
            },
        },
    }
    return {
        "$schema": DIALECT,
        "$id": "urn:clockface:schema:envelope",
        "title": "Envelope",
        "description": "A signed document: DSSE v1 (Dead Simple Signing Envelope) with Ed25519.",
        "type": "object",
        "required": ["payload", "payloadType", "signatures"],
        "properties": {
            "payload": {
                "type": "string",
                "pattern": base64,
                "maxLength": 4 * documents.MAX_DOCUMENT_BYTES // 3,
                "description": f"Base64 of canonical JSON (RFC 8785): of an event at most "
                f"{envelope.MAX_PAYLOAD_BYTES} bytes, of any other document {documents.MAX_DOCUMENT_BYTES}.",
            },
            "payloadType": {"enum": types},
            "signatures": {
                "type": "array",
                "minItems": 1,
                "maxItems": envelope.MAX_SIGNATURES,
                "items": signature,
            },
        },
    }


def schemas() -> dict[str, dict[str, Any]]:
    """Every schema by its file's name without ".json"."""
    kinds = (*EVENTS, *SIGNED, *UNSIGNED, *UNNAMED.values())
    return {"envelope": envelope_schema()} | {file_of(kind): schema_of(kind) for kind in kinds}
