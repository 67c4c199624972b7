"""A subscriber written from docs/wire/ alone: mosquitto_sub, openssl, hashlib and a JSON Schema validator.

It imports nothing of Clockface, and learns topics, schemas and payload types from the published documents;
tests/sync/test_subscriber.py gives it what the real writers publish.
"""

import base64
import hashlib
import json
import subprocess
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator

WIRE = Path(__file__).parents[2] / "docs" / "wire"
ASYNCAPI = yaml.safe_load((WIRE / "asyncapi.yaml").read_text())
WAIT_S = 20
ED25519_DER = bytes.fromhex("302a300506032b6570032100")  # RFC 8410's head of a public key


class Unbelieved(Exception):
    """The subscriber does not believe a message."""


class Subscriber:
    """Hears one topic, with a session that keeps what comes while nobody listens.

    Args:
        host: The broker's name.
        port: Its port.
        folder: With `ca.crt`, `client.crt` and `client.key`.
        topic: What to hear.
    """

    def __init__(self, *, host: str, port: int, folder: Path, topic: str) -> None:
        files = ["--cafile", "ca.crt", "--cert", "client.crt", "--key", "client.key"]
        session = ["-i", "subscriber", "-c", "-x", "600"]
        server = ["-V", "mqttv5", "-h", host, "-p", str(port)]
        self._command = ["mosquitto_sub", *server, *files, *session, "-q", "1", "-t", topic, "-W", str(WAIT_S)]
        self._folder = folder
        self._run("-E")

    def _run(self, *options: str) -> bytes:
        done = subprocess.run([*self._command, *options], cwd=self._folder, capture_output=True, check=False,
                              timeout=2 * WAIT_S)  # fmt: skip
        if done.returncode != 0:
            raise Unbelieved(f"mosquitto_sub ended with {done.returncode}: {done.stderr.decode()}")
        return done.stdout

    def message(self) -> dict[str, Any]:
        """The next message: topic, payload, qos, retain."""
        found: dict[str, Any] = json.loads(self._run("-C", "1", "-F", "%j"))
        return found


def schema_of(name: str) -> Draft202012Validator:
    """A published schema."""
    return Draft202012Validator(json.loads((WIRE / "schemas" / f"{name}.json").read_text()))


def topic_of(channel: str, *, site: str, device: str) -> str:
    """A topic, as the AsyncAPI document has it."""
    address: str = ASYNCAPI["channels"][channel]["address"]
    return address.replace("{site}", site).replace("{device}", device)


def openssl_says(key: bytes, signature: bytes, message: bytes, folder: Path) -> bool:
    """Verify Ed25519 with openssl alone."""
    files = {"key.der": ED25519_DER + key, "message.bin": message, "signature.bin": signature}
    for name, content in files.items():
        (folder / name).write_bytes(content)
    done = subprocess.run(
        ["openssl", "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", "key.der", "-rawin", "-in",
         "message.bin", "-sigfile", "signature.bin"],
        cwd=folder, capture_output=True, check=False, timeout=WAIT_S,
    )  # fmt: skip
    return done.returncode == 0


def open_envelope(text: str, *, channel: str, key: bytes, folder: Path) -> tuple[bytes, dict[str, Any]]:
    """Check form and signature, that the channel carries the type, and the schema of what it holds."""
    envelope = json.loads(text)
    schema_of("envelope").validate(envelope)
    kind, payload = envelope["payloadType"], base64.b64decode(envelope["payload"], validate=True)
    message = b"DSSEv1 %d %b %d %b" % (len(kind), kind.encode(), len(payload), payload)
    if not openssl_says(key, base64.b64decode(envelope["signatures"][0]["sig"]), message, folder):
        raise Unbelieved("the signature does not hold")
    document = json.loads(payload)
    messages = ASYNCAPI["components"]["messages"]
    fitting = [
        messages[name]
        for name in ASYNCAPI["channels"][channel]["messages"]
        if messages[name].get("x-payload-type") == kind
    ]
    names = [each["x-payload-schema"].removeprefix("./schemas/").removesuffix(".json") for each in fitting]
    if sum(schema_of(name).is_valid(document) for name in names) != 1:
        raise Unbelieved("it is no document of this channel")
    return payload, document


def follow_chain(payloads: list[bytes]) -> list[int]:
    """Check that the events of one epoch hang together, and return their numbers."""
    before = None
    for payload in payloads:
        event = json.loads(payload)
        if event["id"] != f"{event['epoch']}/{event['seq']}":
            raise Unbelieved("its id is not epoch/seq")
        if event["seq"] == 1 and event["prevhash"] != "0" * 64:
            raise Unbelieved("an epoch does not begin with zeros")
        if before is not None and event["prevhash"] != hashlib.sha256(before).hexdigest():
            raise Unbelieved("it does not hang on the event before it")
        before = payload
    return [json.loads(payload)["seq"] for payload in payloads]
