"""An office that takes events of kiosks, and what it then holds."""

from typing import Any

from sqlalchemy import func, select

from sync.office.database import Database, schema
from sync.office.ingest import Answer, Limits, ingest
from sync.office.registry import load_devices
from sync.office.verification import Verified, verify_message
from tests.sync.office.kiosk import Kiosk

E1 = "000001-00000000000000aa"
E2 = "000002-00000000000000bb"


class Office:
    """A database and the way of the receiver into it."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.limits = Limits()
        self.now_us = 1_000_000

    def register(self, kiosk: Kiosk) -> int:
        with self.database.write() as connection:
            return kiosk.register(connection)

    def take(self, kiosk: Kiosk, *raws: bytes) -> Answer:
        self.now_us += 1
        with self.database.write() as connection:
            device = load_devices(connection, [kiosk.address])[kiosk.address]
            events = verify_message(b"\n".join(raws), address=kiosk.address, keys=device.keys)
            assert all(isinstance(each, Verified) for each in events), events
            [answer] = ingest(connection, [(device, events)], now_us=self.now_us, limits=self.limits)
            return answer

    def rows(self, statement: Any) -> list[Any]:
        with self.database.read() as connection:
            return list(connection.execute(statement))

    def stored(self) -> list[tuple[str, int]]:
        events, epochs = schema.events, schema.epochs
        return [
            tuple(row)
            for row in self.rows(
                select(epochs.c.epoch, events.c.seq)
                .join(epochs, events.c.epoch_id == epochs.c.id)
                .order_by(epochs.c.epoch, events.c.seq)
            )
        ]

    def count(self, table: Any) -> int:
        return int(self.rows(select(func.count()).select_from(table))[0][0])

    def open_alarms(self) -> set[str]:
        alarms = schema.alarms
        return {row.kind for row in self.rows(select(alarms.c.kind).where(alarms.c.cleared_us.is_(None)))}

    def gaps(self) -> list[tuple[int, int, bool]]:
        gaps = schema.gaps
        return [
            (row.from_seq, row.to_seq, row.closed_us is not None)
            for row in self.rows(select(gaps).order_by(gaps.c.id))
        ]
