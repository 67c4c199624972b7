"""`command`: who may order what, and the exit code that a signed answer gives."""

import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from sqlalchemy import select, update

from sync.office import audit, outbox
from sync.office.database import Database, schema
from sync.office.errors import (
    BundleIncomplete,
    CommandExpired,
    CommandNotDone,
    CommandUnanswered,
    DeviceUnknown,
    RoleMissing,
)
from sync.office.keys import make_key
from sync.office.parcels import take_parcel
from sync.office.registry import Device as Known
from sync.wire.documents import sign_document
from sync.wire.parcels import SupportParcel
from sync.wire.sealing import seal, to_text
from tests.sync.office.cli.office import Office
from tests.sync.office.device import Device, Ending
from tests.sync.office.people import AT, NOW_US, registered

KEY = Ed25519PrivateKey.generate()


class Place:
    """A kiosk that the office can order about."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.device = Device(operator=KEY.public_key())
        [self.known] = registered(database, self.device)

    @contextmanager
    def answering(self) -> Iterator[None]:
        """The kiosk obeys what comes, and the receiver files its answers, until the block ends."""
        stop = threading.Event()

        def work() -> None:
            while not stop.wait(0.02):
                with self.database.write() as connection:
                    table = schema.outbox
                    rows = connection.execute(select(table.c.envelope).where(table.c.answered_us.is_(None)))
                    for row in rows.all():
                        result = self.device.obey(bytes(row.envelope))
                        outbox.take_result(connection, self.known, result, now_us=NOW_US)

        thread = threading.Thread(target=work)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join(30)


@pytest.fixture
def place(office: Office, office_database: Database, tmp_path: Path) -> Place:
    path = tmp_path / "operator" / "key"
    make_key(path, KEY)
    office.more["CLOCKFACE_OFFICE_PATHS__OPERATOR_KEY"] = str(path)
    office.more["CLOCKFACE_OFFICE_PATHS__STATE"] = str(tmp_path / "state")
    return Place(office_database)


@pytest.mark.parametrize(
    ("ending", "error"),
    [("done", None), ("refused", CommandNotDone), ("failed", CommandNotDone), ("expired", CommandExpired)],
)
def test_wait_ends_with_the_answer_and_its_exit_code(
    office: Office, place: Place, ending: Ending, error: type[Exception] | None
) -> None:
    place.device.will_end = ending
    with place.answering():
        done = office.run("command", "restart", "mill/gate", "--wait", "--timeout", "20")
    assert type(done.exception) is (error or type(None)), done.output
    [row] = office.rows("command", "list")
    assert (row["device"], row["order"], row["number"], row["state"]) == ("mill/gate", "restart", 1, ending)


def test_an_answer_that_does_not_come_is_said_so(office: Office, place: Place) -> None:
    done = office.run("command", "identify", "gate", "--wait", "--timeout", "1")
    assert isinstance(done.exception, CommandUnanswered)
    assert "command show" in str(done.exception)
    assert [row["state"] for row in office.rows("command", "list", "--open")] == ["waiting"]


def test_a_command_that_was_withdrawn_waits_for_nobody(
    office: Office, office_database: Database, place: Place
) -> None:
    office.run("command", "identify", "gate")
    with office_database.write() as connection:
        connection.execute(update(schema.outbox).values(withdrawn_us=1))
    assert office.rows("command", "list", "--open") == []
    assert [row["state"] for row in office.rows("command", "list")] == ["withdrawn"]


def test_a_clerk_may_identify_and_show_a_message_and_nothing_else(
    office: Office, office_database: Database, place: Place
) -> None:
    office.become("carl")
    office.said("command", "identify", "gate")
    office.said("command", "message", "gate", "--text", "Canteen closed")
    for act in (
        ("restart", "gate"),
        ("out-of-service", "gate"),
        ("in-service", "gate"),
        ("configure", "gate", "--set", "attendance.repeat_s=60"),
        ("support-bundle", "gate"),
    ):
        assert isinstance(office.run("command", *act).exception, RoleMissing), act
    office.become("vera")
    assert isinstance(office.run("command", "identify", "gate").exception, RoleMissing)
    with office_database.read() as connection:
        numbers = [row.number for row in connection.execute(select(schema.outbox.c.number))]
        acts = [each for each in audit.entries(connection) if each.action == "command.signed"]
    assert numbers == [1, 2]
    assert [(each.actor, each.subject) for each in acts] == 2 * [("carl", "mill/gate")]
    assert "Canteen" not in "".join(each.detail for each in acts)


def test_what_no_kiosk_takes_is_refused_before_it_is_signed(office: Office, place: Place) -> None:
    for act in (
        ("message", "gate", "--text", "x" * 201),
        ("message", "gate", "--text", "bell\x07"),
        ("configure", "gate", "--set", "NOT A SETTING=1"),
        ("restart", "gate", "--expires", "32d"),
        ("restart", "gate", "--expires", "soon"),
    ):
        assert office.run("command", *act).exit_code == 2, act
    assert isinstance(office.run("command", "restart", "moon").exception, DeviceUnknown)
    assert office.rows("command", "list") == []


def test_an_answer_that_was_altered_in_the_database_is_not_believed(
    office: Office, office_database: Database, place: Place
) -> None:
    with place.answering():
        office.said("command", "identify", "gate", "--wait", "--timeout", "20")
    [row] = office.rows("command", "list")
    forged = Device(operator=KEY.public_key()).result(row["id"], "done")
    with office_database.write() as connection:
        connection.execute(schema.outbox.update().values(result=forged))
    shown = office.run("command", "show", row["id"])
    assert isinstance(shown.exception, CommandNotDone)
    assert "does not hold" in str(shown.exception)


def test_a_support_bundle_is_opened_once_all_of_its_parts_hold(
    office: Office, place: Place, tmp_path: Path
) -> None:
    sealing = X25519PrivateKey.generate()
    make_key(tmp_path / "state" / "keys" / "online_key", Ed25519PrivateKey.generate())
    make_key(tmp_path / "state" / "keys" / "sealing_key", sealing)
    content = b'{"kind":"clockface.support.v1"}' * 5000
    packed = zlib.compress(content)
    halves = [packed[: len(packed) // 2], packed[len(packed) // 2 :]]
    out = tmp_path / "bundle.json"
    bundle = "b" * 32
    for number in (2, 1):
        _hand_in(place, sealing, halves[number - 1], part=number, bundle=bundle)
        done = office.run("command", "bundle", bundle, "--out", str(out))
        assert type(done.exception) is (BundleIncomplete if number == 2 else type(None)), done.output
    assert out.read_bytes() == content
    assert out.stat().st_mode & 0o777 == 0o600


def test_a_bundle_that_unpacks_without_end_is_refused(office: Office, place: Place, tmp_path: Path) -> None:
    sealing = X25519PrivateKey.generate()
    make_key(tmp_path / "state" / "keys" / "online_key", Ed25519PrivateKey.generate())
    make_key(tmp_path / "state" / "keys" / "sealing_key", sealing)
    bomb = zlib.compress(bytes(40 * 1024 * 1024))
    _hand_in(place, sealing, bomb, part=1, parts=1, bundle="b" * 32)
    done = office.run("command", "bundle", "b" * 32, "--out", str(tmp_path / "out"))
    assert isinstance(done.exception, BundleIncomplete)
    assert "larger than 32 MiB" in str(done.exception)
    assert not (tmp_path / "out").exists()


def _hand_in(
    place: Place, sealing: X25519PrivateKey, content: bytes, *, part: int, bundle: str, parts: int = 2
) -> None:
    known: Known = place.known
    blank = SupportParcel(
        site=known.address.site,
        device=known.address.device,
        id=f"{part:032x}",
        at=AT,
        bundle=bundle,
        part=part,
        parts=parts,
        sealed="",
    )
    sealed = to_text(seal(content, to=sealing.public_key(), info=blank.info))
    raw = sign_document(blank.model_copy(update={"sealed": sealed}), key=place.device.key)
    with place.database.write() as connection:
        taken = take_parcel(connection, known, raw, sealing=sealing, now_us=NOW_US)
    assert isinstance(taken, SupportParcel)
