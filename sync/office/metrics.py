"""What the receiver counts, for Prometheus. Numbers and codes; no device, person or topic in a label."""

from collections.abc import Mapping
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from sync.office.watch import Fleet

_EVENTS: Final = ("committed", "repeated", "waiting", "dropped", "fork", "broken_chain")
_OTHERS: Final = ("state", "telemetry", "results", "parcels")
_SECONDS: Final = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


class Metrics:
    """The receiver's own registry."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._events = self._counter("events", "Authentic events by what became of them.", "outcome")
        self._messages = self._counter("messages", "Other documents that were taken.", "channel")
        self._quarantined = self._counter("quarantined", "What was refused, by reason.", "reason")
        self.answers = self._counter("answers", "Signed answers handed to the broker.", "kind")
        self.published = Counter(
            "clockface_office_published", "Operator's documents published.", registry=self.registry
        )
        self.commit_seconds = Histogram(
            "clockface_office_commit_seconds",
            "From a batch to its commit.",
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.connected = self._gauge("broker_connected", "Whether the broker's connection stands.")
        self.database_up = self._gauge("database_up", "Whether the last transaction committed.")
        self._fleet = {
            name: self._gauge(f"devices_{name}", f"Active devices: {name}.")
            for name in ("active", "online", "silent", "stalled")
        }
        self._alerts = Counter(
            "clockface_office_alert_messages",
            "Messages about alarms, by way and whether they went out.",
            ["channel", "outcome"],
            registry=self.registry,
        )
        self._gaps = self._gauge("open_gaps", "Stretches of events that are missing.")
        self._alarms = self._gauge("open_alarms", "Alarms that nobody has cleared.")

    def count(self, counts: Mapping[str, int]) -> None:
        """Count what became of a batch."""
        for name, number in counts.items():
            if name in _EVENTS:
                self._events.labels(name).inc(number)
            elif name in _OTHERS:
                self._messages.labels(name).inc(number)
            else:
                self._quarantined.labels(name).inc(number)

    def alerted(self, channel: str, well: bool) -> None:  # noqa: FBT001 (an observer's arguments)
        """Count a message about alarms."""
        self._alerts.labels(channel, "sent" if well else "failed").inc()

    def fleet(self, seen: Fleet) -> None:
        """Show how the devices are."""
        for name, gauge in self._fleet.items():
            gauge.set(getattr(seen, name))
        self._gaps.set(seen.gaps)
        self._alarms.set(seen.alarms)

    def _counter(self, name: str, about: str, label: str) -> Counter:
        return Counter(f"clockface_office_{name}", about, [label], registry=self.registry)

    def _gauge(self, name: str, about: str) -> Gauge:
        return Gauge(f"clockface_office_{name}", about, registry=self.registry)
