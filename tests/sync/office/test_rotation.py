"""Another online or operator key: told to a real kiosk's ledger, switched with a key always there, dropped."""

import os
import queue
import stat
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from sqlalchemy import insert, select, update

from clockface.errors import SecretWrong
from edge.api.protocol.courier import Delivery
from edge.daemon.deliveries import Outcome, Reason, Refused
from sync.office import audit, condition, keyfiles, outbox, rotation, telling
from sync.office.alarms import AlarmKind
from sync.office.config.office import RetentionSection
from sync.office.database import Database, schema
from sync.office.errors import RotationRefused
from sync.office.ingest import Limits
from sync.office.intake import Intake
from sync.office.keys import make_key, read_signing_key
from sync.office.known_keys import Purpose
from sync.office.link import Arrival
from sync.office.metrics import Metrics
from sync.office.orders import sign_order
from sync.office.receiver import Receiver, ReceiverSettings
from sync.office.registry import load_devices
from sync.office.renewed import Authorities, Online
from sync.office.retention import Retention
from sync.office.rows import microseconds
from sync.office.signer import Signer
from sync.office.signing import Rounds
from sync.wire.canonical import encode
from sync.wire.commands import Identify
from sync.wire.documents import sign_document
from sync.wire.envelope import signing_key_id
from sync.wire.fields import format_time
from sync.wire.health import CourierHealth, TelemetryMessage
from sync.wire.office import Ack
from tests.edge.daemon.central import raw_public
from tests.edge.daemon.test_orders import Kiosk
from tests.edge.office import office_desk
from tests.sync.office.telemetry import NOW as EXPIRES


class Rotating:
    """An office with a database and two keys, and one kiosk with its own ledger that believes them."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.database = database
        self.kiosk = Kiosk(folder / "device")
        self.operator, self.online = self.kiosk.central.operator, Ed25519PrivateKey.generate()
        store = self.kiosk.store
        store.office.trust(
            online_keys=(raw_public(self.online),), operator_keys=(raw_public(self.operator),), by="test"
        )
        self.address, self.now = self.kiosk.device.address, self.kiosk.clock.now().wall
        self.device_id = self._register()
        with database.write() as connection:
            for purpose, key in (("online", self.online), ("operator", self.operator)):
                rotation.adopt(connection, purpose, key.public_key(), by="test", now=self.now)  # type: ignore[arg-type]

    def _register(self) -> int:
        signing = self.kiosk.store.device_keys.signing
        with self.database.write() as connection:
            site = {"site": self.address.site, "name": "", "time_zone": "UTC", "created_us": 0}
            connection.execute(insert(schema.sites).values(site))
            device = {"site": self.address.site, "device": self.address.device, "state": "active"}
            device_id: int = connection.execute(
                insert(schema.devices)
                .values(**device, registered_us=0, registered_by="test")
                .returning(schema.devices.c.id)
            ).scalar_one()
            raw = signing.private.public_key().public_bytes_raw()
            connection.execute(
                insert(schema.device_keys).values(
                    device_id=device_id, key_id=signing.key_id, public_key=raw, added_us=0, added_by="test"
                )
            )
        return device_id

    def tell(self) -> int:
        """The signer's round, with the operator's key that it has."""
        return telling.tell(self.database, key=self.operator, by="signer", now=self.now)

    def deliver(self) -> int:
        """Carry what is due to the kiosk, and its answers and telemetry back. Returns how many documents."""
        now_us = microseconds(self.now)
        with self.database.write() as connection:
            known = load_devices(connection, [self.address])[self.address]
            due = outbox.due(connection, now_us=now_us, device_ids=frozenset({known.id}))
            for each in due:
                taken = self.kiosk.desk.take(each.envelope)
                assert taken.result is not None
                outbox.take_result(connection, known, taken.result, now_us=now_us)
        self.hear()
        return len(due)

    def hear(self) -> None:
        """The kiosk's own telemetry reaches the office."""
        courier = CourierHealth(
            session="1" * 32, certificate_expires=EXPIRES, certificate_days=9, reconnects=0, resends=0,
            broker=1, resident_bytes=1,
        )  # fmt: skip
        told = office_desk(self.kiosk.store, self.kiosk.clock, address=self.address).telemetry().envelope
        message = encode(TelemetryMessage(edge=told, courier=courier))
        with self.database.write() as connection:
            device = load_devices(connection, [self.address])[self.address]
            found = condition.take_telemetry(connection, device, message, now_us=microseconds(self.now))
            assert getattr(found, "office_keys", None) is not None, found

    def stage(self, purpose: Purpose, key: Ed25519PrivateKey) -> None:
        present = self.online if purpose == "online" else self.operator
        with self.database.write() as connection:
            rotation.stage(
                connection, purpose, key.public_key(), present=present.public_key(), by="ana", now=self.now
            )
        self.approve(purpose, present, key)

    def approve(self, purpose: Purpose, *keys: Ed25519PrivateKey) -> None:
        """As the commands do where the operator's key is."""
        seen = [each.public_key() for each in keys]
        with self.database.write() as connection:
            telling.approve(connection, purpose, seen, key=self.operator, by="ana", now=self.now)

    def switch(self, purpose: Purpose) -> None:
        with self.database.write() as connection:
            rotation.switchable(connection, purpose)
            rotation.switch(connection, purpose, by="ana", now=self.now)

    def drop(self, purpose: Purpose) -> None:
        with self.database.write() as connection:
            rotation.drop(connection, purpose, by="ana", now=self.now)

    def believes(self, key: Ed25519PrivateKey) -> bool:
        office = self.kiosk.store.office.current()
        assert office is not None
        return signing_key_id(key.public_key()) in {*office.online, *office.operator}

    def order(self, key: Ed25519PrivateKey) -> bytes:
        """A command that only a believed key can sign; not through the outbox."""
        with self.database.write() as connection:
            device = load_devices(connection, [self.address])[self.address]
            issued = sign_order(
                connection, device, Identify(), key=key, by="ana", now=self.now, life=timedelta(hours=1)
            )
            table = schema.outbox
            connection.execute(
                update(table)
                .where(table.c.document_id == issued.id)
                .values(withdrawn_us=microseconds(self.now))
            )
            raw = connection.execute(select(table.c.envelope).where(table.c.document_id == issued.id))
            return bytes(raw.scalar_one())

    def states(self, purpose: Purpose) -> list[str]:
        with self.database.read() as connection:
            return [state.value for state in rotation.states(connection, purpose).values()]


@pytest.fixture
def office(office_database: Database, tmp_path: Path) -> Iterator[Rotating]:
    made = Rotating(office_database, tmp_path)
    yield made
    made.kiosk.store.close()


def test_the_operators_key_rotates_and_the_old_one_is_refused_afterwards(office: Rotating) -> None:
    office.hear()
    assert office.tell() == 0, "nothing rotates"
    old, following = office.operator, Ed25519PrivateKey.generate()
    office.stage("operator", following)
    with pytest.raises(RotationRefused, match="have not said"):
        office.switch("operator")
    assert (office.tell(), office.tell()) == (1, 0), "told once"
    assert office.deliver() == 1
    assert office.believes(old)
    assert office.believes(following)
    assert office.tell() == 0
    office.switch("operator")
    with office.database.read() as connection, pytest.raises(SecretWrong, match="switched"):
        rotation.refuse_outdated(connection, "operator", old.public_key())
    office.operator = following  # the signer was started anew
    assert office.tell() == 0, "what the old key signed is nothing to it"
    office.approve("operator", following, old)
    assert office.tell() == 0, "they believe both already"
    assert office.kiosk.desk.take(office.order(old)).outcome is Outcome.APPLIED, "the overlap"
    office.drop("operator")
    office.approve("operator", following)
    assert (office.tell(), office.deliver()) == (1, 1)
    assert not office.believes(old)
    with pytest.raises(Refused) as refused:
        office.kiosk.desk.take(office.order(old))
    assert refused.value.reason is Reason.FORGED
    assert office.kiosk.desk.take(office.order(following)).outcome is Outcome.APPLIED
    assert sorted(office.states("operator")) == ["present", "retired"]
    with office.database.read() as connection:
        acts = [each.action for each in audit.entries(connection) if each.action.startswith("key.")]
    told = ["key.staged", "key.approved", "key.switched", "key.approved", "key.retired", "key.approved"]
    assert acts == told


def test_the_online_key_rotates_and_acks_of_the_old_one_are_refused_afterwards(office: Rotating) -> None:
    desk = office_desk(office.kiosk.store, office.kiosk.clock, address=office.address)

    def taken(key: Ed25519PrivateKey) -> str:
        ack = Ack(
            site=office.address.site,
            device=office.address.device,
            committed=None,
            issued=format_time(office.now),
        )
        return desk.deliver(Delivery(envelope=sign_document(ack, key=key).decode())).outcome

    old, following = office.online, Ed25519PrivateKey.generate()
    office.hear()
    office.stage("online", following)
    assert (taken(old), taken(following)) == ("repeated", "refused")
    office.tell()
    office.deliver()
    office.switch("online")
    assert (taken(old), taken(following)) == ("repeated", "repeated")
    office.drop("online")
    office.approve("online", following)
    office.tell()
    office.deliver()
    assert (taken(old), taken(following)) == ("refused", "repeated")


def test_a_kiosk_that_was_away_is_told_again_and_one_that_missed_the_overlap_is_alarmed(
    office: Rotating,
) -> None:
    office.hear()
    following = Ed25519PrivateKey.generate()
    office.stage("operator", following)
    assert office.tell() == 1
    office.now += telling.LIFE
    assert office.tell() == 1, "the command has expired; another one"
    with office.database.write() as connection:
        with pytest.raises(RotationRefused, match="have not said"):
            rotation.switchable(connection, "operator")
        rotation.switchable(connection, "operator", without={f"{office.address.site}/{office.address.device}"})
        rotation.switch(connection, "operator", by="ana", now=office.now)
        rotation.drop(
            connection, "operator", by="ana", now=office.now,
            without={f"{office.address.site}/{office.address.device}"},
        )  # fmt: skip
        open_documents = connection.execute(
            select(schema.outbox.c.id).where(schema.outbox.c.withdrawn_us.is_(None))
        ).all()
    assert open_documents == [], "nobody would take what the retired key signed"
    old, office.operator = office.operator, following
    office.approve("operator", following)
    assert office.tell() == 0, "it could be told nothing"
    alarms = schema.alarms
    with office.database.read() as connection:
        kinds = connection.execute(select(alarms.c.kind).where(alarms.c.cleared_us.is_(None))).scalars().all()
    assert AlarmKind.OFFICE_KEYS in kinds
    # `clockface provision` with a new bundle, whose keys are those of `beside`
    with office.database.read() as connection:
        assert old.public_key() not in rotation.beside(connection, "operator", following.public_key())
    office.kiosk.store.office.trust(
        online_keys=(raw_public(office.online),), operator_keys=(raw_public(following),), by="installer"
    )
    office.hear()
    assert office.tell() == 0
    with office.database.read() as connection:
        assert connection.execute(select(alarms.c.id).where(alarms.c.cleared_us.is_(None))).all() == []


def test_a_bundle_of_the_overlap_names_both_keys_and_one_that_came_otherwise_only_itself(
    office: Rotating,
) -> None:
    following, stranger = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    office.stage("operator", following)
    with office.database.read() as connection:
        both = rotation.beside(connection, "operator", office.operator.public_key())
        assert both == (office.operator.public_key(), following.public_key())
        assert rotation.beside(connection, "operator", stranger.public_key()) == ()
    office.hear()
    assert telling.tell(office.database, key=stranger, by="x", now=office.now) == 0


def test_steps_out_of_their_order_are_refused(office: Rotating) -> None:
    following = Ed25519PrivateKey.generate()
    with office.database.write() as connection:
        for step in (rotation.switch, rotation.drop):
            with pytest.raises(RotationRefused):
                step(connection, "online", by="ana", now=office.now)
        with pytest.raises(RotationRefused, match="not the present one"):
            rotation.stage(
                connection, "online", following.public_key(), present=office.operator.public_key(), by="ana",
                now=office.now,
            )  # fmt: skip
    office.stage("online", following)
    office.stage("online", following)
    with pytest.raises(RotationRefused, match="under way"):
        office.stage("online", Ed25519PrivateKey.generate())
    assert office.states("online") == ["present", "next"]


@pytest.mark.parametrize("cut", ["before", "linked", "replaced", "done"])
def test_a_switch_that_was_cut_off_leaves_a_key_at_its_place_and_goes_on(tmp_path: Path, cut: str) -> None:
    path = tmp_path / "keys" / "online_key"
    present, following = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    make_key(path, present)
    make_key(keyfiles.next_of(path), following)
    if cut != "before":
        os.link(path, keyfiles.previous_of(path))
    if cut in ("replaced", "done"):
        keyfiles.next_of(path).replace(path)
    assert read_signing_key(path) is not None
    if keyfiles.next_of(path).exists():
        keyfiles.switch_files(path)
    found = [read_signing_key(each).public_key() for each in (path, keyfiles.previous_of(path))]
    assert found == [following.public_key(), present.public_key()]
    assert stat.S_IMODE(path.stat().st_mode) == 0o400
    keyfiles.drop_file(path)
    keyfiles.drop_file(path)
    assert [each.name for each in path.parent.iterdir()] == ["online_key"]


def test_the_processes_end_when_their_key_was_switched(office: Rotating) -> None:
    """Systemd starts them anew, and then they read the present key."""
    key, following = office.operator, Ed25519PrivateKey.generate()
    rounds = Rounds(
        office.database,
        signer=Signer(office.database, key=key, by="signer"),
        key=key,
        clock=lambda: office.now,
        receipts_after_us=10**12,
        retention=RetentionSection(),
        attendance=Retention(office.database, RetentionSection(), key=key, by="signer"),
    )
    office.hear()
    office.stage("operator", following)
    rounds.go()
    assert office.deliver() == 1, "the signer's round tells"
    office.switch("operator")
    office.now += timedelta(minutes=2)
    with pytest.raises(SecretWrong):
        rounds.go()


def test_whoever_writes_the_database_cannot_choose_whom_kiosks_obey(office: Rotating) -> None:
    """The receiver does, and must never come by an operator's key that is believed."""
    office.hear()
    thief = Ed25519PrivateKey.generate()
    with office.database.write() as connection:
        rotation.stage(
            connection,
            "operator",
            thief.public_key(),
            present=office.operator.public_key(),
            by="x",
            now=office.now,
        )
        assert (
            telling.approved(connection, "operator", signer=office.operator.public_key(), now=office.now) == []
        )
        telling.approve(connection, "operator", [thief.public_key()], key=thief, by="x", now=office.now)
    assert office.tell() == 0
    office.approve("operator", office.operator)
    with office.database.write() as connection:
        sets = schema.key_sets
        connection.execute(update(sets).values(purpose="online"))
        assert telling.approved(connection, "online", signer=office.operator.public_key(), now=office.now) == []
    assert office.tell() == 0
    assert not office.believes(thief)


def test_what_was_signed_about_keys_does_not_count_for_ever(office: Rotating) -> None:
    office.hear()
    office.stage("operator", Ed25519PrivateKey.generate())
    office.now += telling.APPROVED_FOR
    assert office.tell() == 0


class NoBroker:
    """A connection that is not there."""

    connected = False

    def __init__(self) -> None:
        self.inbox: queue.Queue[Arrival] = queue.Queue()

    def publish(self, topic: str, payload: bytes, *, correlation: bytes | None = None) -> bool:
        """Nobody is there."""
        return False

    def acknowledge(self, arrival: Arrival) -> None:
        """Nothing came."""


def test_a_receiver_ends_when_the_online_key_was_switched(office: Rotating, tmp_path: Path) -> None:
    receiver = Receiver(
        database=office.database,
        broker=NoBroker(),
        intake=Intake(office.database, sealing=X25519PrivateKey.generate(), limits=Limits()),
        online=Online(office.online, Authorities("", ())),
        settings=ReceiverSettings(),
        metrics=Metrics(),
        clock=lambda: office.now,
        monotonic=iter(range(0, 10_000, 100)).__next__,
    )
    stop = threading.Event()
    receiver.tend(stop)
    office.hear()
    office.stage("online", Ed25519PrivateKey.generate())
    office.tell()
    office.deliver()
    receiver.tend(stop)
    office.switch("online")
    with pytest.raises(SecretWrong, match="online key was switched"):
        receiver.tend(stop)
