"""Drains a backlog through a real courier and a real Mosquitto, beside bare paho publishing to the same broker.

The courier is a process of its own; edge and office are the tests' stand-ins, so what is measured is the
courier, TLS and the broker, and neither edge's ledger nor the office's database. Rates vary with the machine:
the ratio of both in one run is the figure.
"""

import argparse
import json
import os
import platform
import ssl
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from sync.wire.topics import Channel
from tests.sync.line import ADDRESS, Line, lay
from tests.sync.mosquitto import Mosquitto, TestAuthority

WAIT_S = 600.0
QUEUED = 2000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    rounds = [measure(asked.events) for _ in range(asked.rounds)]
    found = {
        "machine": f"{platform.machine()}, {os.cpu_count()} processors, Python {platform.python_version()}",
        "events": asked.events,
        "courier_per_s": round(median(each["courier"] for each in rounds)),
        "bare_per_s": round(median(each["bare"] for each in rounds)),
        "ratio": round(median(each["courier"] / each["bare"] for each in rounds), 2),
        "courier_peak_mb": round(max(each["peak_mb"] for each in rounds), 1),
    }
    if asked.json:
        print(json.dumps(found))
        return
    print(f"{found['machine']}; {asked.events} events, {asked.rounds} rounds, medians")
    print(f"courier, edge to the office's ack: {found['courier_per_s']} events/s")
    print(f"bare paho, QoS 1, one event a message: {found['bare_per_s']} events/s")
    print(f"ratio {found['ratio']}; the courier's largest resident memory {found['courier_peak_mb']} MB")


def measure(events: int) -> dict[str, float]:
    """One round: bare publishing, then the courier, against the same broker."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with Mosquitto(folder / "broker", TestAuthority(folder / "authority")) as broker:
            with lay(folder, broker) as line:
                line.edge.record(events)
                payloads = [each.envelope.encode() for each in line.edge.envelopes[:1000]]
                began = time.perf_counter()
                with courier(line) as process:
                    while not line.complete:
                        if process.poll() is not None or time.perf_counter() - began > WAIT_S:
                            sys.exit("bench-sync: the courier ended, or did not drain in time")
                        time.sleep(0.01)
                    took_s = time.perf_counter() - began
                    peak_mb = peak_kb(process.pid) / 1000
                if not line.in_order():
                    sys.exit("bench-sync: the office has other events than the ledger")
            bare = bare_per_s(broker, payloads, events)
    return {"courier": events / took_s, "bare": bare, "peak_mb": peak_mb}


@contextmanager
def courier(line: Line) -> "Iterator[subprocess.Popen[bytes]]":
    """`clockface-sync run` as its own process."""
    environment = {
        **os.environ,
        "CLOCKFACE_SYNC_DEVICE__SITE": ADDRESS.site,
        "CLOCKFACE_SYNC_DEVICE__NAME": ADDRESS.device,
        "CLOCKFACE_SYNC_PATHS__RUN": str(line.tmp),
        "CLOCKFACE_SYNC_PATHS__TLS": str(line.tmp / "tls"),
        "CLOCKFACE_SYNC_BROKER__ADDRESSES": json.dumps([f"localhost:{line.broker.port}"]),
        "CLOCKFACE_SYNC_CERTIFICATE__RENEW_DAYS": "0",
        "CLOCKFACE_SYNC_LOGGING__LEVEL": "error",
    }
    process = subprocess.Popen([sys.executable, "-m", "sync", "run"], env=environment)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(30)


def peak_kb(pid: int) -> int:
    """The largest resident set of a process so far."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1])


def bare_per_s(broker: Mosquitto, payloads: list[bytes], events: int) -> float:
    """Paho alone: its network thread, 100 messages in flight, one event each, TLS as the courier's."""
    client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
    context: ssl.SSLContext = broker.credentials(ADDRESS.site, ADDRESS.device).context()
    client.tls_set_context(context)
    client.max_inflight_messages_set(100)
    client.connect(broker.host, broker.port)
    client.loop_start()
    topic = ADDRESS.topic(Channel.EVENTS)
    began = time.perf_counter()
    sent: deque[paho.MQTTMessageInfo] = deque()
    for index in range(events):
        sent.append(client.publish(topic, payloads[index % len(payloads)], qos=1))
        if len(sent) > QUEUED:  # message ids end at 65,535
            sent.popleft().wait_for_publish(WAIT_S)
    for each in sent:
        each.wait_for_publish(WAIT_S)
    rate = events / (time.perf_counter() - began)
    client.disconnect()
    client.loop_stop()
    return rate


if __name__ == "__main__":
    main()
