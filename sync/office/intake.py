"""The office's door for messages: verified outside, then taken in one transaction; what to answer comes back.

Trust boundary: nothing is believed but what `preparation` verified. A batch is written whole or not at all.
"""

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from sync.office.batch import Batch, Outcome
from sync.office.database import Database
from sync.office.histories import lock_devices
from sync.office.ingest import Limits
from sync.office.link import Arrival
from sync.office.preparation import Preparation, Prepared, message_of, still_true
from sync.office.registry import load_devices
from sync.office.verification import Reason, Rejected
from sync.wire.topics import Channel


class Intake:
    """Takes batches into the database.

    Args:
        sealing: Opens what devices seal to the office.
        checkers: Processes that check the signatures of a backlog beside this one; 0: it does that itself.
    """

    def __init__(
        self, database: Database, *, sealing: X25519PrivateKey, limits: Limits, checkers: int = 0
    ) -> None:
        self._database = database
        self._sealing = sealing
        self._limits = limits
        self._preparation = Preparation(database, checkers=checkers)
        self._ahead = ThreadPoolExecutor(1, "ahead")

    def close(self) -> None:
        """End the threads and the processes."""
        self._ahead.shutdown(cancel_futures=True)
        self._preparation.close()

    def begin(self, arrivals: Sequence[Arrival]) -> Future[Prepared]:
        """Verify in a thread of its own; `take` may write another batch meanwhile."""
        return self._ahead.submit(self._preparation.prepare, arrivals)

    def take(self, arrivals: Sequence[Arrival], *, now_us: int, prepared: Prepared | None = None) -> Outcome:
        """Verify, unless that was done, and commit. Nothing of the batch is written if this raises.

        Raises:
            DatabaseError: The database failed, or a message is poison: take it alone.
        """
        prepared = self._preparation.prepare(arrivals) if prepared is None else prepared
        with self._database.write() as connection:
            # As they are now: who was revoked since is revoked for this batch.
            devices = load_devices(connection, prepared.wanted) if prepared.wanted else {}
            # All at once and in one order, for states and telemetry too: receivers whose batches name the same
            # kiosks would else wait for each other in a ring.
            lock_devices(connection, [device.id for device in devices.values()])
            work = Batch(connection, sealing=self._sealing, limits=self._limits, now_us=now_us)
            work.take_events(still_true(prepared, devices), devices)
            for message in prepared.messages:
                if message.channel is not Channel.EVENTS:
                    work.take_other(message, devices)
            return work.outcome

    def put_away(self, arrival: Arrival, *, now_us: int) -> Outcome:
        """Quarantine a message on which our own software failed.

        Raises:
            DatabaseError: The database failed: it was not the message's fault.
        """
        message = message_of(arrival)
        rejected = Rejected(Reason.UNPROCESSABLE, "it could not be processed", arrival.payload)
        with self._database.write() as connection:
            work = Batch(connection, sealing=self._sealing, limits=self._limits, now_us=now_us)
            work.reject(rejected, message, None)
            return work.outcome
