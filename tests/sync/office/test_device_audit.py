"""A kiosk's audit trail at the office: kept as signed, listed, and what does not fit together is named."""

import hashlib
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from sqlalchemy import select

from sync.office.database import Database, schema
from sync.office.errors import AuditBroken, RoleMissing
from sync.office.ingest import Limits
from sync.office.intake import Intake
from sync.office.link import Arrival
from sync.wire.documents import sign_document
from sync.wire.fields import format_time
from sync.wire.parcels import AuditEntry, AuditParcel
from sync.wire.topics import Channel
from tests.sync.office.cli.conftest import office  # noqa: F401 - a fixture
from tests.sync.office.cli.office import Office
from tests.sync.office.kiosk import START, Kiosk

NOW = format_time(START)
ZEROS = "0" * 64
Tell = Callable[..., None]


def digest(history: str, seq: int) -> str:
    return ZEROS if seq == 0 else hashlib.sha256(f"{history}{seq}".encode()).hexdigest()


def entry(seq: int, history: str = "a") -> AuditEntry:
    return AuditEntry(
        seq=seq,
        at=NOW,
        by="staff",
        action="person.added",
        subject="ab" * 16,
        detail="",
        hash=digest(history, seq),
    )


@pytest.fixture
def kiosk(office_database: Database) -> Kiosk:
    made = Kiosk()
    with office_database.write() as connection:
        made.register(connection)
    return made


@pytest.fixture
def tell(office_database: Database, kiosk: Kiosk) -> Tell:
    """Have the kiosk hand in entries."""
    intake = Intake(office_database, sealing=X25519PrivateKey.generate(), limits=Limits())
    number = iter(range(1, 1000))

    def told(first: int, last: int, *, previous: str | None = None, history: str = "a") -> None:
        count = next(number)
        parcel = AuditParcel(
            site=kiosk.address.site,
            device=kiosk.address.device,
            id=f"{count:032x}",
            at=NOW,
            previous=digest(history, first - 1) if previous is None else previous,
            entries=[entry(seq, history) for seq in range(first, last + 1)],
        )
        payload = sign_document(parcel, key=kiosk.key)
        outcome = intake.take([Arrival(kiosk.address.topic(Channel.PARCELS), payload)], now_us=count * 10**6)
        assert outcome.receipts == {kiosk.address: [parcel.id]}

    return told


def where(kiosk: Kiosk) -> str:
    return f"{kiosk.address.site}/{kiosk.address.device}"


def test_a_whole_trail_is_listed_in_order_whatever_order_it_came_in(
    office: Office,  # noqa: F811
    kiosk: Kiosk,
    tell: Tell,
) -> None:
    assert "told nothing" in office.said("audit", "device", where(kiosk))
    tell(101, 120)
    tell(1, 100)
    tell(101, 120)  # again, as after a restore from a backup
    rows = office.rows("audit", "device", where(kiosk))
    assert [row["seq"] for row in rows] == list(range(1, 121))
    assert {row["finding"] for row in rows} == {""}
    assert [row["seq"] for row in office.rows("audit", "device", where(kiosk), "--last", "2")] == [119, 120]


@pytest.mark.parametrize(
    ("second", "finding"),
    [
        ({"first": 5, "last": 6}, "missing_before"),
        ({"first": 4, "last": 5, "previous": digest("b", 3)}, "unlinked"),
        ({"first": 3, "last": 4, "history": "b", "previous": digest("a", 2)}, "other_history"),
    ],
)
def test_what_does_not_fit_is_named_and_ends_with_its_exit_code(
    office: Office,  # noqa: F811
    kiosk: Kiosk,
    tell: Tell,
    second: dict[str, object],
    finding: str,
) -> None:
    tell(1, 3)
    tell(**second)
    done = office.run("audit", "device", where(kiosk), "--json")
    assert isinstance(done.exception, AuditBroken)
    assert done.output.count(f'"{finding}"') == 1


def test_an_altered_original_is_found(
    office: Office,  # noqa: F811
    office_database: Database,
    kiosk: Kiosk,
    tell: Tell,
) -> None:
    tell(1, 3)
    with office_database.write() as connection:
        raw = bytes(connection.execute(select(schema.parcels.c.envelope)).scalar_one())
        connection.execute(schema.parcels.update().values(envelope=raw.replace(b"payload", b"pAyload", 1)))
    done = office.run("audit", "device", where(kiosk), "--json")
    assert isinstance(done.exception, AuditBroken)
    assert '"unsigned"' in done.output


def test_only_an_administrator_reads_it_and_reading_is_audited(
    office: Office,  # noqa: F811
    kiosk: Kiosk,
    tell: Tell,
) -> None:
    tell(1, 1)
    office.said("audit", "device", where(kiosk))
    assert office.rows("audit", "list", "--last", "2")[0]["action"] == "audit.device_read"
    office.become("vera")
    assert isinstance(office.run("audit", "device", where(kiosk)).exception, RoleMissing)
    assert office.run("audit", "device", "mill").exit_code == 2
    office.become("ana")
    assert office.run("audit", "device", "mill/nowhere").exit_code == 2
