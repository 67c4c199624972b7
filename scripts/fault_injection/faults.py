"""The kinds of faults: each does one thing to one part of the rig, and says how and when it is made good again.

A part under a fault is left alone by others until then; different parts suffer at the same time. Everything is
drawn from the run's seed.
"""

import hashlib
import os
import signal
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from scripts.fault_injection.clocks import DAY_S, JUMPS_S
from scripts.fault_injection.hostile import forged_ack, forgeries, publish_as, shuffled
from scripts.fault_injection.kiosk import Kiosk
from scripts.fault_injection.processes import Child
from scripts.fault_injection.proxy import Condition, Line
from scripts.fault_injection.rig import Rig
from scripts.fault_injection.wounds import Busy, Wound, drained_of, nothing, patiently
from sync.office.broker.configuration import write
from sync.wire.fields import EventPoint, format_time
from sync.wire.topics import Channel
from tests.sync.mosquitto import Credentials


class Injector:
    """Injects faults of all kinds into one rig.

    Args:
        rig: Whose parts.
        busy: Parts that are under a fault; kept by the caller.
    """

    def __init__(self, rig: Rig, busy: set[str]) -> None:
        self._rig = rig
        self._draw = rig.draw
        self._busy = busy
        self._away_s = 0.0  # how many weeks everybody's clock has gone on in all
        self._lives = 0

    def kinds(self) -> Mapping[str, tuple[int, Callable[[], Wound]]]:
        """Every kind that this rig can suffer, with its weight."""
        found: dict[str, tuple[int, Callable[[], Wound]]] = {
            "edge killed": (10, lambda: self._killed(self._kiosk("edge").edge, "edge")),
            "sync killed": (10, lambda: self._killed(self._kiosk("sync").sync, "sync")),
            "office killed": (8, self._office_killed),
            "broker killed": (5, lambda: self._broker_down(graceful=False, wipe=False)),
            "broker restarted": (3, lambda: self._broker_down(graceful=True, wipe=False)),
            "broker wiped": (4, lambda: self._broker_down(graceful=False, wipe=True)),
            "broker frozen": (3, self._broker_frozen),
            "process frozen": (4, self._frozen),
            "queue overflow": (3, self._overflow),
            "line cut": (8, self._cut),
            "line half-open": (5, self._half_open),
            "line deaf": (4, lambda: self._condition("line", Condition(deaf=True))),
            "line delayed": (5, lambda: self._condition("line", Condition(delay_s=self._between(0.05, 0.5)))),
            "line throttled": (
                5,
                lambda: self._condition("line", Condition(bytes_per_s=self._between(4e3, 4e4))),
            ),
            "certificate expired": (3, lambda: self._certificate("expired")),
            "certificate revoked": (3, lambda: self._certificate("revoked")),
            "certificate wrong": (3, lambda: self._certificate("wrong")),
            "device clock jumps": (6, self._device_clock),
            "messages repeated and shuffled": (6, self._repeated),
            "forged events": (5, self._forged_events),
            "forged acknowledgement": (5, self._forged_ack),
            "old backup put back": (1, lambda: self._old_life(properly=False)),
            "backup restored": (1, lambda: self._old_life(properly=True)),
        }
        if any(name != "office" for name in self._rig.disks):
            found["device disk full"] = (5, self._device_disk)
        if "office" in self._rig.disks:
            found["office disk full"] = (3, lambda: self._disk("office"))
        if self._rig.office.clock.library is not None:
            found["office clock jumps"] = (3, self._office_clock)
            found["courier clock jumps"] = (3, self._courier_clock)
            found["office away for weeks"] = (1, self._weeks)
        if self._rig.server is not None:
            found["database server crashes"] = (3, self._database_crash)
        return found

    # --- processes ----------------------------------------------------------------------------------------

    def _killed(self, child: Child, kind: str) -> Wound:
        part = self._claim(f"{child.name.partition(' ')[0]} {kind}")
        child.kill()
        return Wound(part, self._between(0.0, 1.5), lambda: self._start(child))

    def _start(self, child: Child) -> None:
        for kiosk in self._rig.kiosks:
            if child is kiosk.sync:
                kiosk.start_sync()
                return
        child.start()

    def _office_killed(self) -> Wound:
        part = self._claim("office")
        self._rig.office.receiver.kill()
        return Wound(part, self._between(0.0, 3.0), self._rig.office.start)

    def _broker_down(self, *, graceful: bool, wipe: bool) -> Wound:
        part, broker = self._claim("broker"), self._rig.broker
        broker.stop() if graceful else broker.kill()
        if wipe:
            broker.wipe()
        return Wound(part, self._between(0.0, 3.0), broker.start)

    def _broker_frozen(self) -> Wound:
        part, broker = self._claim("broker"), self._rig.broker
        broker.pause()
        return Wound(part, self._between(0.5, 9.0), broker.resume)

    def _frozen(self) -> Wound:
        if self._draw.random() < 0.5:
            part, child = self._claim("office"), self._rig.office.receiver
        else:
            kiosk = self._kiosk("sync")
            part, child = self._claim(f"{kiosk.address.device} sync"), kiosk.sync
        child.freeze()
        return Wound(part, self._between(0.3, 9.0), child.thaw)

    def _overflow(self) -> Wound:
        """The office is slow and the broker has hardly any room: it drops, and says Success."""
        rig, broker = self._rig, self._rig.broker
        if {"office", "broker"} & self._busy:
            raise Busy
        part = self._claim("broker")
        self._busy.add("office")
        changed = {"max_queued_messages": self._draw.randint(1, 4), "max_queued_bytes": 4096, "max_inflight": 2}
        self._reconfigure(changed)
        rig.office.receiver.freeze()

        def mend() -> None:
            rig.office.receiver.thaw()
            self._busy.discard("office")
            self._reconfigure({})

        assert broker.alive  # noqa: S101 - the part is ours
        return Wound(part, self._between(1.0, 4.0), mend)

    def _reconfigure(self, changed: dict[str, int]) -> None:
        broker = self._rig.broker
        settings = {name: getattr(broker.settings, name) for name in broker.settings.__dataclass_fields__}
        broker.stop()
        write(type(broker.settings)(**(settings | changed)), broker.folder)
        broker.start()

    # --- the network --------------------------------------------------------------------------------------

    def _line(self) -> tuple[str, Line]:
        lines = {"office line": self._rig.office_line}
        lines |= {f"{kiosk.address.device} line": kiosk.line for kiosk in self._rig.kiosks}
        part = self._claim(self._draw.choice([name for name in lines if name not in self._busy] or [""]))
        return part, lines[part]

    def _cut(self) -> Wound:
        part, line = self._line()
        self._rig.proxy.cut(line)
        return Wound(part, 0.0, nothing)

    def _half_open(self) -> Wound:
        part, line = self._line()
        self._rig.proxy.freeze(line)
        return Wound(part, 0.0, nothing)

    def _condition(self, _kind: str, condition: Condition) -> Wound:
        part, line = self._line()
        line.condition = condition

        def mend() -> None:
            line.condition = Condition()
            if condition.deaf:
                self._rig.proxy.cut(line)  # connections that the deaf line took were never carried on

        return Wound(part, self._between(0.5, 6.0), mend)

    # --- certificates -------------------------------------------------------------------------------------

    def _certificate(self, how: str) -> Wound:
        kiosk = self._kiosk("certificate")
        part = self._claim(f"{kiosk.address.device} certificate")
        key = kiosk.installed.public_key()
        assert isinstance(key, ec.EllipticCurvePublicKey)  # noqa: S101 - our own
        if how == "revoked":
            self._revoke(kiosk.installed)
        elif how == "expired":
            past = datetime.now(UTC) - timedelta(hours=10)
            life = timedelta(hours=5)
            kiosk.swap_certificate(
                kiosk.certificate(key, authority=self._rig.authority, made=past, valid_for=life)
            )
        else:
            kiosk.swap_certificate(kiosk.certificate(key, authority=self._rig.stranger))
        self._rig.proxy.cut(kiosk.line)

        def mend() -> None:
            kiosk.swap_certificate(kiosk.certificate(key, authority=self._rig.authority))

        return Wound(part, self._between(1.0, 6.0), mend)

    def _revoke(self, certificate: x509.Certificate) -> None:
        rig = self._rig
        folder = rig.folder / f"revoked-{certificate.serial_number:x}"
        folder.mkdir()
        held = Credentials(folder)
        held.certificate.write_bytes(certificate.public_bytes(Encoding.PEM))
        rig.authority.revoke(held)
        if rig.broker.alive:
            rig.broker.reload()

    # --- disks and clocks ---------------------------------------------------------------------------------

    def _device_disk(self) -> Wound:
        names = [name for name in self._rig.disks if name != "office" and f"{name} disk" not in self._busy]
        if not names:
            raise Busy
        return self._disk(self._draw.choice(names))

    def _disk(self, name: str) -> Wound:
        part, disk = self._claim(f"{name} disk"), self._rig.disks[name]
        disk.fill(left_bytes=self._draw.choice((0, 4096, 16_384, 65_536, 262_144)))
        return Wound(part, self._between(1.0, 5.0), disk.clear)

    def _device_clock(self) -> Wound:
        kiosk = self._kiosk("clock")
        part = self._claim(f"{kiosk.address.device} clock")
        trusted = self._draw.random() < 0.5
        kiosk.move_clock(self._away_s + self._draw.choice(JUMPS_S), synchronised=trusted)
        return Wound(part, self._between(1.0, 8.0), lambda: kiosk.move_clock(self._away_s, synchronised=True))

    def _office_clock(self) -> Wound:
        part, clock = self._claim("office clock"), self._rig.office.clock
        clock.move(self._away_s + self._draw.choice(JUMPS_S))
        return Wound(part, self._between(1.0, 8.0), lambda: clock.move(self._away_s))

    def _courier_clock(self) -> Wound:
        kiosk = self._kiosk("courier clock")
        part = self._claim(f"{kiosk.address.device} courier clock")
        kiosk.clock.move(self._away_s + self._draw.choice(JUMPS_S))
        return Wound(part, self._between(1.0, 8.0), lambda: kiosk.clock.move(self._away_s))

    def _weeks(self) -> Wound:
        """The office is away, everybody's calendar goes on by weeks, the broker forgets who stayed away."""
        rig = self._rig
        if {"office", "broker", "office clock"} & self._busy:
            raise Busy
        part = self._claim("office")
        rig.office.receiver.kill()
        rig.broker.kill()
        rig.broker.wipe()
        self._away_s += self._draw.randint(2, 5) * 7 * DAY_S
        for kiosk in rig.kiosks:
            kiosk.move_clock(self._away_s, synchronised=True)
            kiosk.clock.move(self._away_s)
        rig.office.clock.move(self._away_s)
        rig.broker.start()
        return Wound(part, self._between(3.0, 6.0), rig.office.start)

    def _database_crash(self) -> Wound:
        """A backend dies as by a bug or the kernel: the server throws everybody out and recovers its log."""
        part, server = self._claim("database"), self._rig.server
        assert server is not None  # noqa: S101 - only then is this kind among the kinds
        backends = server.admin("SELECT pid FROM pg_stat_activity WHERE datname LIKE 'office%'")
        if not backends:
            self._busy.discard(part)
            raise Busy
        os.kill(int(str(self._draw.choice(backends)[0])), signal.SIGKILL)
        return Wound(part, 2.0, nothing)

    # --- somebody hostile ---------------------------------------------------------------------------------

    def _repeated(self) -> Wound:
        kiosk = self._kiosk("line")
        heard = self._rig.ear.heard(kiosk.address)
        if not heard or "broker" in self._busy or f"{kiosk.address.device} certificate" in self._busy:
            raise Busy
        payloads = shuffled(heard, self._draw)
        publish_as(kiosk.tls, self._rig.broker.port, kiosk.address.topic(Channel.EVENTS), payloads)
        return Wound(self._claim(f"{kiosk.address.device} line"), 0.0, nothing)

    def _forged_events(self) -> Wound:
        kiosk = self._kiosk("line")
        part = f"{kiosk.address.device} line"
        if "broker" in self._busy or f"{kiosk.address.device} certificate" in self._busy:
            raise Busy
        self.forge(kiosk)
        return Wound(self._claim(part), 0.0, nothing)

    def forge(self, kiosk: Kiosk) -> set[bytes]:
        """Publish forgeries as this kiosk; returns their marks.

        Raises:
            Busy: Nothing of it was heard yet.
        """
        heard = self._rig.ear.heard(kiosk.address)
        if not heard:
            raise Busy
        made = forgeries(self._draw.choice(heard), self._draw)
        others = [
            other for other in self._rig.kiosks if other is not kiosk and self._rig.ear.heard(other.address)
        ]
        marks = {hashlib.sha256(each).digest() for each in made}
        if others:  # another device's own event on this device's topic: authentic, and not this device's
            other = self._draw.choice(self._rig.ear.heard(self._draw.choice(others).address)).split(b"\n")[0]
            made.append(other)
            marks.add(hashlib.sha256(other).digest())
        self._rig.forged.update(marks)
        published = publish_as(kiosk.tls, self._rig.broker.port, kiosk.address.topic(Channel.EVENTS), made)
        return marks if published else set()

    def _forged_ack(self) -> Wound:
        kiosk = self._kiosk("line")
        newest = kiosk.confirmed()[-1:]
        if not newest or "broker" in self._busy:
            raise Busy
        point = EventPoint(epoch=newest[0].epoch, seq=newest[0].seq, hash=newest[0].hash)
        ack = forged_ack(kiosk.address, point, issued=format_time(datetime.now(UTC)))
        self._rig.ear.publish(kiosk.address.topic(Channel.ACK), ack)
        return Wound(self._claim(f"{kiosk.address.device} line"), 0.0, nothing)

    # --- old lives ----------------------------------------------------------------------------------------

    def _old_life(self, *, properly: bool) -> Wound:
        """A backup is taken, the device goes on and delivers all of it, then the backup takes its place."""
        rig, kiosk = self._rig, self._kiosk("edge")
        device = kiosk.address.device
        if any(each.startswith(("office", "broker", "database", device)) for each in self._busy):
            raise Busy
        part = self._claim(f"{device} edge")
        self._lives += 1
        kiosk.edge.stop()
        backup = kiosk.copy_ledger(f"{self._lives:03}-backup")
        kiosk.edge.start()
        before = kiosk.confirmed_count()
        more = self._draw.randint(5, 60)
        kiosk.set_rate(30.0)
        patiently(rig, lambda: kiosk.confirmed_count() >= before + more)
        kiosk.set_rate(0.0)
        drained = patiently(rig, lambda: drained_of(kiosk))
        kiosk.edge.stop()
        if not drained:  # what only the device holds is not destroyed by us: the promise excepts it
            return Wound(part, 0.0, kiosk.edge.start)
        kiosk.copy_ledger(f"{self._lives:03}-past")
        if properly:
            with kiosk.opened(backup, new_epoch="restored"):
                pass
        kiosk.put_ledger(backup)
        return Wound(part, self._between(0.0, 1.0), kiosk.edge.start)

    # --- drawing ------------------------------------------------------------------------------------------

    def _kiosk(self, part: str) -> Kiosk:
        free = [kiosk for kiosk in self._rig.kiosks if f"{kiosk.address.device} {part}" not in self._busy]
        if not free:
            raise Busy
        return self._draw.choice(free)

    def _claim(self, part: str) -> str:
        if not part or part in self._busy:
            raise Busy
        self._busy.add(part)
        return part

    def _between(self, low: float, high: float) -> float:
        return self._draw.uniform(low, high)
