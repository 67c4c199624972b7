"""The AsyncAPI 3.0 document of the wire: which topic carries what, in which direction, and who signed it."""

from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel

from scripts.wire_schemas import DIALECT, EVENTS, file_of
from sync.wire import commands, documents, envelope, health, office, parcels, roster
from sync.wire.batches import MAX_BATCH_BYTES, MAX_BATCH_LINES
from sync.wire.topics import DOWN, ROOT, Channel

DEVICE: Final = "the device's signing key"
ONLINE: Final = "the office's online key"
OPERATOR: Final = "the operator's key"
BINDING: Final = "0.2.0"
SCHEMA_FORMAT: Final = "application/schema+json;version=draft-2020-12"


@dataclass(frozen=True)
class Carried:
    """What a channel carries, and how."""

    about: str
    kinds: tuple[type[BaseModel], ...]
    signed_by: str = ""
    retain: bool = False
    batch: bool = False


CHANNELS: Final[dict[Channel, Carried]] = {
    Channel.EVENTS: Carried(
        f"Attendance and what belongs to it: 1 to {MAX_BATCH_LINES} envelopes, one a line (JSON lines, "
        f"separated by one line feed), at most {MAX_BATCH_BYTES} bytes. Each line stands alone. Any event may "
        "come again; (device, epoch, seq) and the hash tell that it is the same.",
        EVENTS,
        DEVICE,
        batch=True,
    ),
    Channel.STATE: Carried(
        "The courier's birth (retained) and its death by the broker's will (retained). Unsigned: as true as "
        "the broker.",
        (health.State,),
        retain=True,
    ),
    Channel.TELEMETRY: Carried(
        "The device's condition. `edge` is an encoded envelope that the device signed, of "
        "schemas/telemetry.v1.json with payloadType application/vnd.clockface.telemetry+json; "
        "`courier` is unsigned.",
        (health.TelemetryMessage,),
    ),
    Channel.RESULTS: Carried(
        "What became of a command or a roster document; goes to the request's response topic, with its "
        "correlation data.",
        (commands.Result,),
        DEVICE,
    ),
    Channel.PARCELS: Carried(
        "What must be erasable or is bulky; kept by the device until a parcel receipt names it.",
        (
            parcels.PersonParcel,
            parcels.TemplateParcel,
            parcels.TemplatesReplaced,
            parcels.CrashParcel,
            parcels.AuditParcel,
            parcels.CertificateRequest,
            parcels.SupportParcel,
        ),
        DEVICE,
    ),
    Channel.ACK: Carried(
        "How far the office has committed, what it refuses, which parcels it has. Only these move a device's "
        "frontier.",
        (office.Ack, office.Refusal, office.ParcelReceipt),
        ONLINE,
    ),
    Channel.COMMANDS: Carried("An operator's orders.", (commands.Command,), OPERATOR),
    Channel.ROSTER: Carried("Changes of the site's roster.", (roster.RosterDocument,), OPERATOR),
    Channel.CERTIFICATE: Carried("A renewed TLS certificate.", (office.RenewedCertificate,), ONLINE),
}
ANSWERED: Final = (Channel.COMMANDS, Channel.ROSTER)


def _ref(place: str) -> dict[str, str]:
    return {"$ref": f"#/{place}"}


def _schema(name: str) -> dict[str, Any]:
    return {"schemaFormat": SCHEMA_FORMAT, "schema": {"$ref": f"./schemas/{name}.json"}}


_SIGNED_WITHIN: Final = {
    "x-envelope-field": "edge",
    "x-payload-type": health.Telemetry.payload_type,
    "x-payload-schema": f"./schemas/{file_of(health.Telemetry)}.json",
    "x-signed-by": DEVICE,
}


def _message(kind: type[BaseModel], carried: Carried) -> dict[str, Any]:
    name = file_of(kind)
    found: dict[str, Any] = {
        "name": name,
        "title": kind.__name__,
        "summary": (kind.__doc__ or "").split("\n")[0],
    }
    if not carried.signed_by:
        found |= {"contentType": "application/json", "payload": _schema(name)}
        return found | (_SIGNED_WITHIN if kind is health.TelemetryMessage else {})
    payload_type = kind.payload_type if issubclass(kind, documents.Document) else envelope.EVENT_TYPE
    return found | {
        "contentType": "application/x-ndjson" if carried.batch else "application/json",
        "description": f"A DSSE envelope signed by {carried.signed_by} with payloadType {payload_type}; its "
        f"payload, base64-decoded, is schemas/{name}.json.",
        "payload": _schema("envelope"),
        "x-payload-type": payload_type,
        "x-payload-schema": f"./schemas/{name}.json",
        "x-signed-by": carried.signed_by,
    }


def _channel(channel: Channel, carried: Carried) -> dict[str, Any]:
    return {
        "address": f"{ROOT}/{{site}}/{{device}}/{channel.value}",
        "description": carried.about,
        "parameters": {name: _ref(f"components/parameters/{name}") for name in ("site", "device")},
        "messages": {file_of(kind): _ref(f"components/messages/{file_of(kind)}") for kind in carried.kinds},
    }


def _operation(channel: Channel, carried: Carried) -> dict[str, Any]:
    mqtt = {"qos": 1, "retain": carried.retain, "bindingVersion": BINDING}
    found: dict[str, Any] = {
        "action": "receive" if channel in DOWN else "send",
        "channel": _ref(f"channels/{channel.value}"),
        "summary": carried.about.split(". ")[0].rstrip(".") + ".",
        "bindings": {"mqtt": mqtt},
        "messages": [_ref(f"channels/{channel.value}/messages/{file_of(kind)}") for kind in carried.kinds],
    }
    if channel in ANSWERED:
        found["reply"] = {
            "address": {
                "location": "$message.header#/responseTopic",
                "description": "MQTT 5's response topic.",
            },
            "channel": _ref("channels/results"),
        }
    return found


def _server() -> dict[str, Any]:
    will = {"topic": f"{ROOT}/SITE/DEVICE/state", "qos": 1, "retain": True, "message": "state.v1, online false"}
    return {
        "host": "broker.example:8883",
        "protocol": "secure-mqtt",
        "protocolVersion": "5.0",
        "description": "TLS 1.2 or later with certificates on both sides. The certificate's name is the user, "
        "and the access list ties a device to its own topics.",
        "security": [{"type": "X509"}],
        "bindings": {"mqtt": {"cleanSession": False, "lastWill": will, "bindingVersion": BINDING}},
    }


def asyncapi() -> dict[str, Any]:
    """The whole document, seen from the device: what it sends and what it receives."""
    slug = "Lower-case letters, digits and hyphens, 1 to 64, none at either end; never personal data."
    return {
        "asyncapi": "3.0.0",
        "id": "urn:clockface:wire:v1",
        "info": {
            "title": "Clockface on the wire",
            "version": "1.0.0",
            "description": "A device and its central office over MQTT 5, seen from the device. Written by "
            f"scripts/wire_documents.py from sync/wire/; README.md beside it says how to read it. Schemas are "
            f"{DIALECT}.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {"broker": _server()},
        "channels": {channel.value: _channel(channel, carried) for channel, carried in CHANNELS.items()},
        "operations": {
            f"{'receive' if channel in DOWN else 'send'}-{channel.value}": _operation(channel, carried)
            for channel, carried in CHANNELS.items()
        },
        "components": {
            "parameters": {
                "site": {"description": f"The site. {slug}"},
                "device": {"description": f"The device, unique in its site. {slug}"},
            },
            "messages": {
                file_of(kind): _message(kind, carried)
                for carried in CHANNELS.values()
                for kind in carried.kinds
            },
        },
    }
