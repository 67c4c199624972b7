"""An office restored from an old backup goes on where its kiosks are; a hostile kiosk cannot push it far."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import select, update

from sync.office import outbox
from sync.office.database import Database, schema
from sync.office.errors import RosterRefused
from sync.office.registry import load_devices
from sync.office.resume import MOST_AHEAD, claims, resume
from sync.office.roster import columns_of
from sync.office.rows import microseconds
from sync.office.signer import Signer
from tests.sync.office.device import Device
from tests.sync.office.people import ANN, BEN, details, registered, roster
from tests.sync.office.test_signer import NOW

KEY = Ed25519PrivateKey.generate()
NOW_US = microseconds(NOW)


class Restored:
    """Two kiosks that have version 40, and an office whose backup is of version 1."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.devices = [Device(device=name, operator=KEY.public_key()) for name in ("gate", "dock")]
        registered(database, *self.devices)
        with database.write() as connection:
            roster(connection).put(ANN, columns_of(details()), sites=["mill"])
        for device in self.devices:
            device.version = 40
            self.tell(device)

    def tell(self, device: Device) -> None:
        with self.database.write() as connection:
            known = load_devices(connection, [device.address])[device.address]
            outbox.take_result(connection, known, device.result("e" * 32, "done"), now_us=NOW_US)

    def alarmed(self) -> set[str]:
        table = schema.alarms
        with self.database.read() as connection:
            rows = connection.execute(
                select(table.c.subject).where(table.c.kind == "roster_ahead", table.c.cleared_us.is_(None))
            )
            return {row.subject for row in rows}

    def go_on(self, *without: str) -> int:
        with self.database.write() as connection:
            return resume(connection, "mill", without=without, by="ana", at_us=NOW_US)

    def deliver(self) -> None:
        Signer(self.database, key=KEY, by="signer").push(now=NOW)
        for device in self.devices:
            with self.database.write() as connection:
                known = load_devices(connection, [device.address])[device.address]
                for each in outbox.due(connection, now_us=NOW_US, device_ids=frozenset({known.id})):
                    outbox.take_result(connection, known, device.take(each.envelope), now_us=NOW_US)


@pytest.fixture
def restored(office_database: Database) -> Restored:
    return Restored(office_database)


def test_kiosks_that_are_ahead_are_alarmed_and_get_everybody_anew_once_the_office_goes_on(
    restored: Restored,
) -> None:
    assert restored.alarmed() == {"mill/gate", "mill/dock"}
    restored.deliver()
    assert restored.devices[0].people == {}  # this is what has to be mended
    with restored.database.read() as connection:
        assert [claim.version for claim in claims(connection, "mill")] == [40, 40]
    assert restored.go_on() == 41
    assert restored.alarmed() == set()
    with restored.database.write() as connection:
        roster(connection).put(BEN, columns_of(details("18")), sites=["mill"])
    restored.deliver()
    for device in restored.devices:
        assert (set(device.people), device.version) == ({ANN, BEN}, 42)
    with restored.database.read() as connection:
        assert connection.execute(select(schema.devices.c.command_number)).scalars().all() == [10_000] * 2


def test_a_kiosk_that_is_not_believed_moves_nothing_and_nobody_moves_it_far(restored: Restored) -> None:
    liar = restored.devices[0]
    liar.version = MOST_AHEAD + 2
    restored.tell(liar)
    with pytest.raises(RosterRefused, match="which no backup explains") as refused:
        restored.go_on()
    assert refused.value.where == "mill/gate"
    assert restored.go_on("mill/gate") == 41
    assert restored.alarmed() == {"mill/gate"}
    with pytest.raises(RosterRefused, match="no kiosk of this site is ahead"):
        restored.go_on("mill/gate")


def test_a_site_with_nobody_goes_on_too(restored: Restored) -> None:
    members = schema.memberships
    with restored.database.write() as connection:
        connection.execute(update(members).values(until_us=NOW_US))
    assert restored.go_on() == 40
    restored.deliver()
