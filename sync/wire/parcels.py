"""Parcels: what a device hands in that must be erasable or is too bulky for the ledger's eternal chain.

A device keeps a parcel until the office's signed receipt names it. What is personal in one is sealed to the
office (details) or under the site key (templates). Trust boundary: each is signed by the device.
"""

from typing import Annotated, ClassVar, Final, Literal

from pydantic import Field, StringConstraints
from pydantic.functional_validators import model_validator

from sync.wire.documents import Document, registry
from sync.wire.fields import Base64, Code, Count, KeyId, Pem, RandomId, Seq, Sha256, Time, Version, Wire

MAX_AUDIT_ENTRIES: Final = 100  # with the longest codes 80 kB: below a document's 96 KiB
AuditCode = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_.:=,/+@-]{0,199}$")]


class Parcel(Document):
    """What all parcels carry: a random id, so that handing one in twice is handing it in once, and when."""

    id: RandomId
    at: Time


class PersonParcel(Parcel):
    """A person whom staff added or changed at the kiosk: `roster.PersonDetails`, sealed to the office."""

    payload_type: ClassVar[str] = "application/vnd.clockface.parcel.person+json"

    kind: Literal["clockface.parcel.person.v1"] = "clockface.parcel.person.v1"
    person: RandomId
    sealed: Base64

    @property
    def info(self) -> bytes:
        """What the sealed details are bound to."""
        return f"person {self.site}/{self.device} {self.id} {self.person}".encode()


class TemplateParcel(Parcel):
    """A template for the site's other kiosks, sealed under the site key: the office cannot open it."""

    payload_type: ClassVar[str] = "application/vnd.clockface.parcel.template+json"

    kind: Literal["clockface.parcel.template.v1"] = "clockface.parcel.template.v1"
    person: RandomId
    template: RandomId
    model: Sha256
    site_key: KeyId
    sealed: Base64


class TemplatesReplaced(Parcel):
    """Templates that newer ones of the same person have replaced: the site's other kiosks are to drop them."""

    payload_type: ClassVar[str] = "application/vnd.clockface.parcel.templates-replaced+json"

    kind: Literal["clockface.parcel.templates-replaced.v1"] = "clockface.parcel.templates-replaced.v1"
    person: RandomId
    templates: Annotated[list[RandomId], Field(min_length=1, max_length=100)]


class CrashParcel(Parcel):
    """A crash, scrubbed to classes and places in our code: no message, no value, no argument.

    Args:
        error: The exception's class, outermost last cause first.
        frames: "module:line function" of the traceback, innermost last.
        times: How often since the last report of the same.
    """

    payload_type: ClassVar[str] = "application/vnd.clockface.parcel.crash+json"

    kind: Literal["clockface.parcel.crash.v1"] = "clockface.parcel.crash.v1"
    process: Literal["edge", "sync", "screen", "capture", "command"]
    software: Version
    error: Annotated[list[Code], Field(min_length=1, max_length=8)]
    frames: Annotated[
        list[Annotated[str, Field(pattern=r"^[A-Za-z0-9_.<>-]{1,120}:[0-9]{1,6} [A-Za-z0-9_.<>-]{1,80}$")]],
        Field(max_length=64),
    ]
    times: Count


class AuditEntry(Wire):
    """An entry of the device's audit trail, without the account that did it: a name has no place in it.

    Args:
        seq: Its place in the device's chain, from 1.
        by: What kind of actor.
        subject: A random id, or empty.
        detail: A code, or empty.
        hash: Of the whole entry as the device keeps it, salted, account included: what is told here pins it.
    """

    seq: Seq
    at: Time
    by: Literal["daemon", "office", "screen", "staff"]
    action: AuditCode
    subject: AuditCode | Literal[""]
    detail: AuditCode | Literal[""]
    hash: Sha256


class AuditParcel(Parcel):
    """The next part of the device's audit trail.

    Args:
        previous: Hash of the entry before the first one; zeros before the very first.
    """

    payload_type: ClassVar[str] = "application/vnd.clockface.parcel.audit+json"

    kind: Literal["clockface.parcel.audit.v1"] = "clockface.parcel.audit.v1"
    previous: Sha256
    entries: Annotated[list[AuditEntry], Field(min_length=1, max_length=MAX_AUDIT_ENTRIES)]

    @model_validator(mode="after")
    def _without_gaps(self) -> "AuditParcel":
        first = self.entries[0].seq
        if [entry.seq for entry in self.entries] != list(range(first, first + len(self.entries))):
            raise ValueError("entries must follow one another")
        return self


class CertificateRequest(Parcel):
    """A request for the device's next TLS certificate, countersigned by the device's signing key.

    A hostile broker could put a request of its own on the topic; it cannot make this signature.
    """

    payload_type: ClassVar[str] = "application/vnd.clockface.parcel.certificate-request+json"

    kind: Literal["clockface.parcel.certificate-request.v1"] = "clockface.parcel.certificate-request.v1"
    request: Pem


class SupportParcel(Parcel):
    """A part of a support bundle, sealed to the office.

    Args:
        bundle: The bundle's random id; the first part's parcel bears it.
        part: Counted from 1.
        parts: How many.
    """

    payload_type: ClassVar[str] = "application/vnd.clockface.parcel.support+json"

    kind: Literal["clockface.parcel.support.v1"] = "clockface.parcel.support.v1"
    bundle: RandomId
    part: Annotated[int, Field(ge=1, le=256)]
    parts: Annotated[int, Field(ge=1, le=256)]
    sealed: Base64

    @model_validator(mode="after")
    def _of_parts(self) -> "SupportParcel":
        if self.part > self.parts:
            raise ValueError("part must not be after parts")
        return self

    @property
    def info(self) -> bytes:
        """What the sealed part is bound to."""
        return f"support {self.site}/{self.device} {self.bundle} {self.part}/{self.parts}".encode()


AnyParcel = (
    PersonParcel
    | TemplateParcel
    | TemplatesReplaced
    | CrashParcel
    | AuditParcel
    | CertificateRequest
    | SupportParcel
)
PARCELS: Final = registry(
    PersonParcel,
    TemplateParcel,
    TemplatesReplaced,
    CrashParcel,
    AuditParcel,
    CertificateRequest,
    SupportParcel,
)
