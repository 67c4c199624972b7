"""A process that checks signatures: it vouches for what is signed, for nothing else, and may die."""

import os
import signal
import sys
import time
from collections.abc import Iterator

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from sqlalchemy import func, select

from sync.office.checker import NOT_VOUCHED_FOR, answer
from sync.office.checking import Checker
from sync.office.database import Database, schema
from sync.office.ingest import Limits
from sync.office.intake import Intake
from sync.office.link import Arrival
from sync.office.preparation import BACKLOG, Preparation
from sync.office.signature import SodiumKey
from sync.office.verification import DeviceKey, verify_message
from sync.wire import envelope
from sync.wire.topics import Channel
from tests.sync.office.kiosk import Kiosk

KIOSK, OTHER = Kiosk(), Kiosk(device="other")
KIOSK.begin()
OTHER.begin()
EVENT = KIOSK.record()
KEYS = [(OTHER.key_id, OTHER.public), (KIOSK.key_id, KIOSK.public)]
SENT = envelope.decode(EVENT)
FORGED = envelope.encode(
    envelope.Envelope(SENT.payload.replace(b'"seq":2', b'"seq":3'), SENT.payload_type, SENT.signatures)
)
LINES = {
    b"nonsense": NOT_VOUCHED_FOR,
    b"": NOT_VOUCHED_FOR,
    FORGED: NOT_VOUCHED_FOR,
    EVENT.replace(b'","', b'", "', 1): NOT_VOUCHED_FOR,  # signed, and not in the one form
    envelope.encode(envelope.sign(b"{}", key=KIOSK.key, payload_type="text/plain")): NOT_VOUCHED_FOR,
    b" " * (envelope.MAX_ENVELOPE_BYTES + 1): NOT_VOUCHED_FOR,
    EVENT: 2,
    OTHER.record(): 1,
}


@pytest.fixture
def checker() -> Iterator[Checker]:
    checker = Checker()
    yield checker
    checker.close()


def test_only_what_a_given_key_signed_is_vouched_for_by_the_keys_number() -> None:
    assert answer(b"\n".join(LINES), KEYS) == bytes(LINES.values())
    assert answer(EVENT, KEYS[:1]) == bytes([NOT_VOUCHED_FOR])


def test_the_process_says_the_same_and_ends_when_it_is_closed(checker: Checker) -> None:
    message = b"\n".join(LINES)
    assert checker.check([(message, KEYS), (EVENT + b"\n", KEYS[1:])]) == [
        bytes(LINES.values()),
        bytes([1, NOT_VOUCHED_FOR]),
    ]
    pid = checker.pid
    assert pid is not None
    os.kill(pid, signal.SIGTERM)  # as a service manager does while the receiver finishes
    assert checker.check([(EVENT, KEYS)]) == [b"\x02"]
    checker.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_one_that_was_killed_says_nothing_and_is_started_again_later() -> None:
    now = [0.0]
    checker = Checker(monotonic=lambda: now[0])
    try:
        assert checker.check([(EVENT, KEYS)]) == [b"\x02"]
        assert checker.pid is not None
        os.kill(checker.pid, signal.SIGKILL)
        assert checker.check([(EVENT, KEYS)]) is None
        assert checker.check([(EVENT, KEYS)]) is None
        assert checker.pid is None
        now[0] = 60.0
        assert checker.check([(EVENT, KEYS)]) == [b"\x02"]
    finally:
        checker.close()


@pytest.mark.parametrize(
    "does",
    [
        "import time; time.sleep(60)",
        "import os; os.write(0, b'\\0\\0\\0\\7' + bytes([1] * 7)); os.read(0, 9)",  # more lines than were asked
        "import os; os.write(0, b'\\0\\0\\0\\1' + b'\\3'); os.read(0, 9)",  # a key that was not named
    ],
)
def test_one_that_hangs_or_answers_nonsense_is_ended_and_not_believed(does: str) -> None:
    checker = Checker(command=(sys.executable, "-S", "-c", does), answer_within_s=1.0)
    began = time.monotonic()
    assert checker.check([(EVENT, KEYS)]) is None
    assert checker.pid is None
    assert time.monotonic() - began < 20
    checker.close()


def test_a_message_reads_the_same_with_a_checkers_word_and_without() -> None:
    message = b"\n".join(LINES)
    keys = {key_id: DeviceKey(SodiumKey(raw)) for key_id, raw in KEYS}
    long_way = verify_message(message, address=KIOSK.address, keys=keys)
    assert verify_message(message, address=KIOSK.address, keys=keys, vouched=answer(message, KEYS)) == long_way


@pytest.mark.parametrize("killed", [False, True])
def test_a_backlog_is_committed_and_a_forgery_is_not_also_without_the_process(
    office_database: Database, *, killed: bool
) -> None:
    kiosk = Kiosk()
    with office_database.write() as connection:
        kiosk.register(connection)
    kiosk.begin()
    kiosk.records(BACKLOG)
    intake = Intake(office_database, sealing=X25519PrivateKey.generate(), limits=Limits())
    preparation = Preparation(office_database, checkers=1)
    [checker] = preparation.checkers
    try:
        if killed:
            checker.check([(EVENT, KEYS)])
            assert checker.pid is not None
            os.kill(checker.pid, signal.SIGKILL)
        message = b"\n".join([*kiosk.sent, FORGED])
        arrivals = [Arrival(kiosk.address.topic(Channel.EVENTS), message)]
        outcome = intake.take(arrivals, now_us=1_000_000, prepared=preparation.prepare(arrivals))
        assert (checker.pid is None) is killed
    finally:
        preparation.close()
        intake.close()
    assert outcome.counts == {"committed": BACKLOG + 1, "unknown_key": 1}
    with office_database.read() as connection:
        assert connection.execute(select(func.count()).select_from(schema.events)).scalar_one() == BACKLOG + 1
