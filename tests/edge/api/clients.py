"""The screen's and the courier's operations as plain calls, for tests that do not mean the real halves."""

from collections.abc import Generator
from pathlib import Path

from pydantic import TypeAdapter

from edge.api.connection import Connection
from edge.api.protocol.courier import (
    CertificateAsked,
    Delivery,
    DeliveryTaken,
    EnvelopeBatch,
    EnvelopeQuery,
    ParcelBatch,
    ParcelMade,
    ParcelQuery,
    TelemetryView,
)
from edge.api.protocol.exchange import (
    Heartbeat,
    Role,
)
from edge.api.protocol.intents import (
    Disavowal,
    DisavowalTaken,
    IntentChosen,
    IntentTaken,
    PinEntered,
    PinTaken,
)
from edge.api.protocol.stage import AnnouncementLine, SceneLine, StageLine, VerdictLine

_STAGE: TypeAdapter[StageLine] = TypeAdapter(StageLine)


class ScreenClient(Connection):
    def __init__(self, run: Path, *, timeout_s: float = 60.0) -> None:
        super().__init__(run, role=Role.SCREEN, timeout_s=timeout_s)

    def stage(self) -> Generator[SceneLine | VerdictLine | AnnouncementLine | Heartbeat, None, None]:
        yield from self.lines("GET", "/stage", _STAGE)

    def choose(self, choice: IntentChosen) -> IntentTaken:
        return self.ask("POST", "/intents", IntentTaken, body=choice)

    def enter_pin(self, entered: PinEntered) -> PinTaken:
        return self.ask("POST", "/pins", PinTaken, body=entered)

    def disavow(self, said: Disavowal) -> DisavowalTaken:
        return self.ask("POST", "/disavowals", DisavowalTaken, body=said)


class CourierClient(Connection):
    def __init__(self, run: Path, *, timeout_s: float = 60.0) -> None:
        super().__init__(run, role=Role.SYNC, timeout_s=timeout_s)

    def envelopes(self, query: EnvelopeQuery) -> EnvelopeBatch:
        return self.ask("GET", "/envelopes", EnvelopeBatch, query=query, timeout_s=query.wait_s + 30.0)

    def deliver(self, envelope: bytes) -> DeliveryTaken:
        return self.ask("POST", "/deliveries", DeliveryTaken, body=Delivery(envelope=envelope.decode("ascii")))

    def parcels(self, query: ParcelQuery) -> ParcelBatch:
        return self.ask("GET", "/parcels", ParcelBatch, query=query, timeout_s=query.wait_s + 30.0)

    def telemetry(self) -> TelemetryView:
        return self.ask("GET", "/telemetry", TelemetryView)

    def request_certificate(self, request_pem: str) -> ParcelMade:
        asked = CertificateAsked(request_pem=request_pem)
        return self.ask("POST", "/certificate-requests", ParcelMade, body=asked)
