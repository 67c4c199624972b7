"""How a device and an office come to know each other: the device's request, and the office's bundle.

Private keys never travel. The request proves that its maker holds the signing key that it names; the bundle is
signed with the operator's key, whose fingerprint the installer compares on the first day and which the device
then holds on to. Trust boundary: both come from files that anybody may have touched.
"""

from datetime import timedelta
from typing import Annotated, ClassVar, Final, Literal

from pydantic import Field
from pydantic.functional_validators import model_validator

from sync.wire.documents import Document
from sync.wire.fields import Pem, PublicKey, RandomId, SigningKey, Text, Time, Version, expires_within

MAX_BUNDLE_LIFE: Final = timedelta(days=366)


class DeviceRequest(Document):
    """A device asks to be known; signed with the signing key that it names.

    Args:
        signing_key: Ed25519, of events and everything else that the device signs.
        sealing_key: X25519, to which roster and site key are sealed.
        certificate_request: The TLS key's request, PEM.
    """

    payload_type: ClassVar[str] = "application/vnd.clockface.device-request+json"

    kind: Literal["clockface.device-request.v1"] = "clockface.device-request.v1"
    id: RandomId
    signing_key: SigningKey
    sealing_key: PublicKey
    certificate_request: Pem
    software: Version
    at: Time


class Bundle(Document):
    """The office's answer: everything that the device needs to deliver, signed with the operator's key.

    Args:
        answers: The id of the request.
        certificate: The device's TLS certificate and chain, PEM.
        authorities: Certificate authorities of the brokers, PEM.
        brokers: "host:port", in order.
        online_keys: Ed25519 keys of acks, refusals, receipts.
        operator_keys: Ed25519 keys of commands, roster and bundles.
        sealing_key: X25519, to which personal details are sealed for the office.
        expires: From this moment on it may not be installed; at most 366 days after `issued`.
    """

    payload_type: ClassVar[str] = "application/vnd.clockface.bundle+json"

    kind: Literal["clockface.bundle.v1"] = "clockface.bundle.v1"
    id: RandomId
    answers: RandomId
    office: Text
    certificate: Pem
    authorities: Pem
    brokers: Annotated[
        list[Annotated[str, Field(pattern=r"^[A-Za-z0-9.:\[\]-]{1,260}$")]], Field(min_length=1, max_length=8)
    ]
    online_keys: Annotated[list[SigningKey], Field(min_length=1, max_length=4)]
    operator_keys: Annotated[list[SigningKey], Field(min_length=1, max_length=4)]
    sealing_key: PublicKey
    issued: Time
    expires: Time

    @model_validator(mode="after")
    def _life(self) -> "Bundle":
        expires_within(self.issued, self.expires, longest=MAX_BUNDLE_LIFE)
        return self
