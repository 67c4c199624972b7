"""The signer: what a device lacks is signed once, reaches it whatever is lost, and nothing else does."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, update

from sync.office import audit, outbox
from sync.office.database import Database, schema
from sync.office.receipts import KEPT_US, watch
from sync.office.registry import load_devices
from sync.office.reported import take_person, take_template
from sync.office.roster import columns_of
from sync.office.rows import microseconds
from sync.office.signer import Outstanding, Signer, plan
from sync.wire.documents import MAX_DOCUMENT_BYTES
from sync.wire.sealing import to_text
from tests.sync.office.device import Device
from tests.sync.office.people import ANN, BEN, details, person_parcel, registered, roster, template_parcel

NOW = datetime(2026, 3, 2, 7, 0, tzinfo=UTC)
KEY = Ed25519PrivateKey.generate()


class Site:
    """Two kiosks, the signer, and the receiver's part of the way between them."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.devices = [Device(device=name, operator=KEY.public_key()) for name in ("gate", "dock")]
        self.known = registered(database, *self.devices)
        self.now = NOW

    def push(self) -> int:
        """Sign what is lacking; a new process each time. Returns how many documents."""
        signed = Signer(self.database, key=KEY, by="signer").push(now=self.now)
        return sum(each.documents for each in signed)

    def deliver(self, device: Device, *, answered: Callable[[int], bool] = lambda _: True) -> int:
        """Carry what is due to a device and its answers back, but for those that are lost."""
        now_us = microseconds(self.now)
        with self.database.write() as connection:
            known = load_devices(connection, [device.address])[device.address]
            due = outbox.due(connection, now_us=now_us, device_ids=frozenset({known.id}))
            for index, each in enumerate(due):
                result = device.take(each.envelope)
                if answered(index):
                    outbox.take_result(connection, known, result, now_us=now_us)
        return len(due)


@pytest.fixture
def site(office_database: Database) -> Site:
    return Site(office_database)


def test_a_template_enrolled_at_one_kiosk_reaches_the_other_sealed_as_it_was(site: Site) -> None:
    gate, dock = site.devices
    with site.database.write() as connection:
        take_person(connection, site.known[0], person_parcel(site.known[0], ANN), details=details(), now_us=1)
        sealed = to_text(b"under the site key")
        parcel = template_parcel(site.known[0], ANN, "1" * 32, sealed=sealed)
        take_template(connection, site.known[0], parcel, now_us=2)
    assert site.push() == 2
    assert site.push() == 0, "it is on its way"
    site.deliver(dock)
    assert dock.people[ANN] == details()
    assert dock.templates[ANN] == {"1" * 32: sealed}
    site.deliver(gate)
    assert site.push() == 0
    with site.database.read() as connection:
        acts = [each for each in audit.entries(connection) if each.action == "roster.signed"]
        assert {each.subject for each in acts} == {"mill/gate", "mill/dock"}
        assert all("Ann" not in each.detail and "17" not in each.detail for each in acts)


def test_a_removed_person_is_erased_on_both_kiosks_and_each_gives_its_receipt(site: Site) -> None:
    with site.database.write() as connection:
        take_person(connection, site.known[0], person_parcel(site.known[0], ANN), details=details(), now_us=1)
        take_template(connection, site.known[0], template_parcel(site.known[0], ANN, "1" * 32), now_us=2)
    site.push()
    for device in site.devices:
        site.deliver(device)
    with site.database.write() as connection:
        roster(connection).remove(ANN)
    assert site.push() == 2
    for device in site.devices:
        site.deliver(device)
        assert (device.people, device.templates[ANN]) == ({}, {})
    with site.database.read() as connection:
        receipts = connection.execute(select(schema.removal_receipts)).all()
    assert {(row.person, row.templates_erased) for row in receipts} == {(ANN, 1)}
    assert len(receipts) == 2


def test_a_large_roster_comes_in_documents_below_the_bound_and_goes_on_where_it_stopped(site: Site) -> None:
    people = {
        f"{number:032x}": details(str(number), name=f"Person {number} " + "x" * 150) for number in range(700)
    }
    with site.database.write() as connection:
        for person, found in people.items():
            roster(connection).put(person, columns_of(found), sites=["mill"])
    assert site.push() == 2 * 5
    with site.database.read() as connection:
        sizes = [len(row.envelope) for row in connection.execute(select(schema.outbox.c.envelope))]
    assert max(sizes) < MAX_DOCUMENT_BYTES * 4 / 3 + 1024
    gate = site.devices[0]
    site.deliver(gate, answered=lambda index: index < 2)
    assert gate.people == people
    assert site.push() == 0
    site.deliver(gate)
    assert site.push() == 0


def test_a_device_that_was_set_back_gets_what_follows_its_version(site: Site) -> None:
    gate = site.devices[0]
    for number in range(3):
        with site.database.write() as connection:
            roster(connection).put(f"{number:032x}", columns_of(details(str(number))), sites=["mill"])
        site.push()
        site.deliver(gate)
    gate.version, gate.people = 0, {}
    with site.database.write() as connection:
        roster(connection).put(ANN, columns_of(details("99")), sites=["mill"])
    site.push()
    site.deliver(gate)
    assert gate.version == 0, "it lies behind the document's base, and says so"
    assert site.push() >= 1
    site.deliver(gate)
    assert (gate.version, len(gate.people)) == (4, 4)


def test_what_a_kiosk_refuses_alarms_and_is_not_signed_again_and_again(site: Site) -> None:
    gate, dock = site.devices
    gate.local[BEN] = "17"
    with site.database.write() as connection:
        take_person(
            connection, site.known[1], person_parcel(site.known[1], ANN), details=details("17"), now_us=1
        )
    site.push()
    site.deliver(gate)
    site.deliver(dock)
    assert (gate.version, dock.version) == (0, 1)
    assert site.push() == 0
    with site.database.write() as connection:
        alarm = connection.execute(select(schema.alarms)).one()
        assert (alarm.kind, alarm.subject, alarm.detail) == ("roster_refused", "mill/gate", "refused")
        parcel = person_parcel(site.known[0], BEN)
        take_person(connection, site.known[0], parcel, details=details("17", name="Ben"), now_us=2)
    site.now += timedelta(minutes=16)
    assert site.push() == 1, "now it is known whom to hold back"
    site.deliver(gate)
    assert (gate.version, gate.people) == (1, {})
    with site.database.write() as connection:
        roster(connection, at_us=microseconds(site.now)).remove(BEN)
    site.push()
    site.deliver(gate)
    assert gate.people == {ANN: details("17")}


def test_revoked_devices_and_those_without_a_sealing_key_get_nothing(site: Site) -> None:
    with site.database.write() as connection:
        devices = schema.devices
        connection.execute(update(devices).where(devices.c.device == "gate").values(state="revoked"))
        connection.execute(update(devices).where(devices.c.device == "dock").values(sealing_key=None))
        roster(connection).put(ANN, columns_of(details()), sites=["mill"])
    assert site.push() == 0


def test_an_expired_document_is_signed_anew(site: Site) -> None:
    with site.database.write() as connection:
        roster(connection).put(ANN, columns_of(details()), sites=["mill"])
    assert site.push() == 2
    site.now += timedelta(days=31)
    assert site.deliver(site.devices[0]) == 0
    assert site.push() == 2
    site.deliver(site.devices[0])
    assert site.devices[0].version == 1


def test_what_was_sealed_before_a_removal_is_kept_no_longer_and_what_it_brought_is_signed_anew(
    site: Site,
) -> None:
    with site.database.write() as connection:
        for person, number in ((ANN, "17"), (BEN, "18")):
            roster(connection).put(person, columns_of(details(number)), sites=["mill"])
    assert site.push() == 2
    site.deliver(site.devices[0])
    with site.database.write() as connection:
        roster(connection).remove(ANN)
        assert connection.execute(select(schema.outbox.c.id)).all() == []
    assert site.push() == 2
    for device in site.devices:
        site.deliver(device)
        assert set(device.people) == {BEN}
    with site.database.write() as connection:
        watch(connection, now_us=microseconds(site.now) + KEPT_US, receipts_after_us=10**15)
        assert len(connection.execute(select(schema.outbox.c.id)).all()) == 2
        watch(connection, now_us=microseconds(site.now) + KEPT_US + 1, receipts_after_us=10**15)
        assert connection.execute(select(schema.outbox.c.id)).all() == []


outstanding = st.lists(
    st.builds(
        lambda index, base, more: Outstanding(index, base, base + more),
        st.integers(1, 10**6),
        st.integers(0, 20),
        st.integers(0, 5),
    ),
    max_size=20,
    unique_by=lambda each: each.id,
)


@given(applied=st.integers(0, 20), outstanding=outstanding)
def test_signing_goes_on_where_the_documents_on_their_way_will_have_led(
    applied: int, outstanding: list[Outstanding]
) -> None:
    planned = plan(applied, outstanding)
    version = applied
    for each in sorted(outstanding, key=lambda one: (one.base, one.version)):
        if each.id not in planned.withdraw:
            assert each.base <= version
            version = max(version, each.version)
    assert planned.base == version


def test_documents_for_kiosks_that_are_off_do_not_hide_the_others(site: Site) -> None:
    off = [Device(device=f"a{number}", operator=KEY.public_key()) for number in range(5)]
    registered(site.database, *off)
    for number in range(12):
        with site.database.write() as connection:
            roster(connection).put(f"{number:032x}", columns_of(details(str(number))), sites=["mill"])
        site.push()
    late = Device(device="late", operator=KEY.public_key())
    now_us = microseconds(site.now)
    with site.database.write() as connection:
        outbox.note_sent(connection, [each.id for each in outbox.due(connection, now_us=now_us)], now_us=now_us)
    registered(site.database, late)
    site.push()
    with site.database.read() as connection, pytest.MonkeyPatch.context() as patch:
        patch.setattr(outbox, "AT_ONCE", 3)
        assert {each.address for each in outbox.due(connection, now_us=now_us + 1)} == {late.address}
