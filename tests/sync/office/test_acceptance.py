"""What nobody holds any more can be accepted as lost; what a kiosk may still bring cannot."""

from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, text, update

from sync.office import acceptance, accepted, audit, condition
from sync.office.acceptance import Accepted
from sync.office.alarms import AlarmKind
from sync.office.database import Database, schema
from sync.office.database.errors import DatabaseError
from sync.office.errors import GapRefused
from sync.office.inspection import Inspected, inspect
from sync.office.losses import Loss, Past, losses, may_hold
from sync.office.periods import figures
from sync.office.registry import load_devices
from sync.office.retention import Retention
from sync.office.rows import microseconds
from sync.office.watch import Watch, WatchSettings
from tests.sync.office.ingesting import E1, E2, Office
from tests.sync.office.kiosk import START, Kiosk
from tests.sync.office.telemetry import telemetry_of
from tests.sync.office.test_retention import RULES

KEY = Ed25519PrivateKey.generate()
NOW = START + timedelta(hours=1)
DAY = START.date()
HISTORY = f"mill/gate/{E1}"


class Desk(Office):
    """An office, and a kiosk of which events 3 and 4 never came while 5 and 6 wait."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.now_us = microseconds(START)
        self.kiosk = Kiosk()
        self.device_id = self.register(self.kiosk)
        events = [self.kiosk.begin(E1), *self.kiosk.records(2)]
        self.third = self.kiosk.point
        events += self.kiosk.records(3)
        self.take(self.kiosk, *events[:2], *events[4:])
        self.lost = events[2:4]

    def accept(
        self, seqs: tuple[int, int] = (3, 4), *, history: str = HISTORY, reason: str = "disk"
    ) -> Accepted:
        with self.database.write() as connection:
            return acceptance.accept(
                connection, history=history, seqs=seqs, reason=reason, key=KEY, by="ana", now=NOW
            )

    def lose_the_hardware(self) -> None:
        """`device replace`: another board hangs there, and the old key counts for nothing new."""
        keys = schema.device_keys
        with self.database.write() as connection:
            connection.execute(
                update(keys).where(keys.c.device_id == self.device_id).values(withdrawn_us=1, to_epoch=E1)
            )

    def tell(self, **more: Any) -> None:
        """The kiosk sends telemetry."""
        with self.database.write() as connection:
            device = load_devices(connection, [self.kiosk.address])[self.kiosk.address]
            told = telemetry_of(self.kiosk, **more)
            condition.take_telemetry(connection, device, told, now_us=self.now_us)

    def missing(self) -> list[tuple[str, int, int, bool]]:
        with self.database.read() as connection:
            return [(each.epoch, each.from_seq, each.to_seq, each.at_end) for each in losses(connection)]

    def findings(self) -> list[str]:
        with self.database.read() as connection:
            return [each.what for each in inspect(connection, done=Inspected())]

    def look(self) -> None:
        """The receiver's watch, much later."""
        with self.database.write() as connection:
            Watch(WatchSettings()).look(connection, now_us=self.now_us + 10**10, connected=True)


@pytest.fixture
def desk(office_database: Database) -> Desk:
    return Desk(office_database)


def test_a_lost_stretch_is_accepted_and_what_waited_counts(desk: Desk) -> None:
    desk.look()
    assert AlarmKind.GAP in desk.open_alarms()
    desk.lose_the_hardware()
    done = desk.accept()
    assert (done.events, done.taken) == (2, 2)
    assert [seq for _, seq in desk.stored()] == [1, 2, 5, 6]
    assert desk.missing() == []
    assert AlarmKind.GAP not in desk.open_alarms()
    desk.look()
    assert AlarmKind.GAP not in desk.open_alarms()
    assert desk.findings() == []
    with desk.database.read() as connection:
        [entry] = [each for each in audit.entries(connection) if each.action == "gap.accepted"]
    assert (entry.actor, entry.subject) == ("ana", HISTORY)
    assert "disk" not in entry.detail


def test_reports_mark_the_days_and_say_who_accepted_it(desk: Desk) -> None:
    desk.lose_the_hardware()
    with desk.database.read() as connection:
        assert not any(each.lost for each in figures(connection, site="mill", first=DAY, last=DAY, now=NOW))
    desk.accept(reason="the card burnt")
    with desk.database.read() as connection:
        days = figures(connection, site="mill", first=DAY, last=DAY, now=NOW)
        [lost] = accepted.lost(connection, "mill", first=DAY, last=DAY)
        assert accepted.lost(connection, "mill", first=DAY + timedelta(days=1), last=NOW.date()) == []
    assert len(days) == 3
    assert all(each.lost for each in days)
    assert (lost.events, lost.device, lost.by, lost.reason) == (2, "gate", "ana", "the card burnt")


def test_a_kiosk_in_use_may_still_bring_them_until_it_says_otherwise(desk: Desk) -> None:
    """The office was restored and the kiosk has removed what it had confirmed: it says so itself, signed."""
    with pytest.raises(GapRefused, match="may still bring"):
        desk.accept()
    desk.tell()
    with pytest.raises(GapRefused, match="may still bring"):
        desk.accept()
    point = desk.kiosk.point
    desk.tell(removed_to=point.model_copy(update={"seq": 3}))
    with pytest.raises(GapRefused, match="may still bring"):
        desk.accept()
    desk.tell(removed_to=point.model_copy(update={"seq": 4}))
    assert desk.accept().taken == 2
    answer = desk.take(desk.kiosk, desk.kiosk.record())
    assert [point.seq for point in answer.committed] == [7], "the kiosk is confirmed again"
    assert desk.take(desk.kiosk, desk.lost[0]).counts["fork"] == 1, "too late: the chain went on"


def test_events_that_come_after_all_leave_nothing_to_accept(desk: Desk) -> None:
    desk.take(desk.kiosk, *desk.lost)
    desk.lose_the_hardware()
    with pytest.raises(GapRefused, match="nothing is missing"):
        desk.accept()


def test_what_a_restored_kiosk_never_had_is_lost_at_once_and_what_it_has_is_not(desk: Desk) -> None:
    twin = desk.kiosk.restored_copy()
    twin.seq, twin.hash = desk.third.seq, desk.third.hash  # the end of its backup
    desk.take(twin, twin.begin(E2, reason="restored"))
    assert AlarmKind.LOST_TAIL in desk.open_alarms()
    with pytest.raises(GapRefused, match="may still bring"):
        desk.accept()  # 3 is in the backup
    desk.take(desk.kiosk, desk.lost[0])
    assert desk.missing() == [(E1, 4, 4, False)]
    assert desk.accept((4, 4)).taken == 2
    assert AlarmKind.LOST_TAIL not in desk.open_alarms()
    assert desk.findings() == []


def test_the_end_of_a_history_that_never_came_is_listed_and_accepted(office_database: Database) -> None:
    office, kiosk = Office(office_database), Kiosk()
    office.now_us = microseconds(START)
    office.register(kiosk)
    events = [kiosk.begin(E1), *kiosk.records(4)]
    office.take(kiosk, *events[:2])
    answer = office.take(kiosk, kiosk.begin(E2, reason="restored"), kiosk.record())
    assert [(point.epoch, point.seq) for point in answer.committed] == [(E1, 2)]
    with office_database.write() as connection:
        [loss] = losses(connection)
        assert (loss.from_seq, loss.to_seq, loss.at_end) == (3, 5, True)
        connection.execute(update(schema.devices).values(state="revoked", ended_us=1, ended_by="ana"))
        done = acceptance.accept(
            connection, history=HISTORY, seqs=(3, 5), reason="lost", key=KEY, by="ana", now=NOW
        )
        connection.execute(update(schema.devices).values(state="active", ended_us=None, ended_by=None))
        assert list(inspect(connection, done=Inspected())) == []
    assert (done.events, done.taken) == (3, 0)
    answer = office.take(kiosk, kiosk.record())
    assert [(point.epoch, point.seq) for point in answer.committed] == [(E2, 3)]


def test_a_whole_history_of_which_nothing_came_can_be_accepted(office_database: Database) -> None:
    office, kiosk = Office(office_database), Kiosk()
    device_id = office.register(kiosk)
    kiosk.begin(E1)
    kiosk.records(2)
    office.take(kiosk, kiosk.begin(E2, reason="restored"))
    with office_database.write() as connection:
        connection.execute(update(schema.devices).values(state="retired", ended_us=1, ended_by="ana"))
        acceptance.accept(connection, history=HISTORY, seqs=(1, 3), reason="lost", key=KEY, by="ana", now=NOW)
        assert losses(connection) == []
        rows = connection.execute(
            select(schema.epochs.c.frontier_seq).where(schema.epochs.c.device_id == device_id)
        )
        assert sorted(rows.scalars()) == [1, 3]


@pytest.mark.parametrize(
    ("history", "seqs", "reason"),
    [
        ("mill/gate/x", (3, 4), "disk"),
        (HISTORY, (3, 3), "disk"),
        (HISTORY, (5, 6), "disk"),
        (HISTORY, (3, 4), " "),
        (HISTORY, (3, 4), "a\nb"),
        (HISTORY, (3, 4), "x" * 501),
    ],
)
def test_only_exactly_what_is_missing_is_accepted_and_only_with_a_reason(
    desk: Desk, history: str, seqs: tuple[int, int], reason: str
) -> None:
    desk.lose_the_hardware()
    with pytest.raises(GapRefused):
        desk.accept(seqs, history=history, reason=reason)
    assert desk.missing() == [(E1, 3, 4, False)]


@pytest.mark.parametrize("column", ["to_seq = 9", "reason = 'x'", "hash = prev_hash"])
def test_an_acceptance_is_history_and_a_forged_one_is_found(desk: Desk, column: str) -> None:
    desk.lose_the_hardware()
    desk.accept()
    statement = f"UPDATE accepted_gaps SET {column}"  # noqa: S608
    with pytest.raises(DatabaseError), desk.database.write() as connection:
        connection.execute(text(statement))
    on = " ON accepted_gaps" if desk.database.dialect == "postgresql" else ""
    with desk.database.write() as connection:
        connection.execute(text(f"DROP TRIGGER accepted_gaps_kept{on}"))
        connection.execute(text(statement))
    assert "no key of this office signed that a gap was accepted here" in desk.findings()


def test_retention_goes_on_behind_an_accepted_gap(desk: Desk) -> None:
    desk.lose_the_hardware()
    desk.accept()
    retention = Retention(desk.database, RULES, key=KEY, by="signer")
    assert retention.go(now=START + timedelta(days=60)).events == 3
    assert desk.findings() == []


LOSS = Loss(1, "mill", "gate", E1, 1, 3, 4, 2, 0, at_end=False)
names = st.sampled_from([E1, E2, "000003-00000000000000dd", "000004-00000000000000dd"])


@given(
    epochs=st.dictionaries(
        names, st.builds(Past, begun=st.booleans(), previous=st.none() | st.tuples(names, st.integers(1, 9)))
    ),
    head=st.none() | names,
    removed_to=st.none() | st.tuples(names, st.integers(1, 9)),
)
def test_what_is_not_known_may_be_held(
    epochs: dict[str, Past], head: str | None, removed_to: tuple[str, int] | None
) -> None:
    """Rings and holes in what a device signed end, and never make events lost that nothing says are."""
    held = may_hold(LOSS, epochs=epochs, head=head, removed_to=removed_to)
    if head is None or (head == E1 and removed_to is None):
        assert held
    if held and head == E1:
        assert removed_to is None or removed_to[0] != E1 or removed_to[1] < LOSS.to_seq
    if head not in (None, E1) and not epochs.get(head or "", Past(begun=False, previous=None)).begun:
        assert held
