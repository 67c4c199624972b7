"""Whoever takes the database alone finds no name, number, detail, template or time of day in it."""

import base64
import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from edge.store.noticeboard import Closure
from edge.store.office import Office, key_text
from edge.store.parcels import new_id
from edge.store.store import Store
from edge.types.people import Profile
from sync.wire.fields import format_time
from sync.wire.parcels import CrashParcel
from tests.edge.store.given import CONSENT, Premises, punch, template
from tests.fakes import ManualClock

NAME = "Zbigniew Quxwortharian"
NUMBER = "EMP-77123-XK"
GREETING = "Zbyszko"
OPERATOR = "operator-grzegorz"
WORK_CODE = "furnace-42-quartz"
MESSAGE = "see Wojciechowska about the overtime"
REASON = "repairs after the Thursday flood"
OFFICE = "Kwisatz Holdings"
RESULT = "signed-result-of-a-command-9413"
KEPT_BY_NOBODY = "Evangelina Departedova"


@pytest.fixture
def loot(store: Store, premises: Premises, clock: ManualClock) -> bytes:
    """The bytes of every file beside the ledger, while it is open and after it was closed; never the keys."""
    person_id = store.people.add(Profile(NAME, NUMBER, GREETING, "pl"), actor=OPERATOR)
    store.consents.record(person_id, replace(CONSENT, taken_by=OPERATOR), actor=OPERATOR)
    store.templates.add(template(person_id, seed=1), actor=OPERATOR)
    for _ in range(3):
        store.events.record(replace(punch(person_id, clock.advance(61)), work_code=WORK_CODE))
    _office(store, clock)
    gone = store.people.add(Profile(KEPT_BY_NOBODY, "EMP-2", "", ""), actor=OPERATOR)
    store.people.remove(gone, actor=OPERATOR)
    store.rotation.begin(actor=OPERATOR)
    while store.rotation.step(rows=50, monotonic_s=lambda: 0.0) is not None:
        pass
    store.rotation.verify_alone(actor=OPERATOR)
    taken = _files(premises.path.parent)
    store.close()
    return taken + _files(premises.path.parent)


def _office(store: Store, clock: ManualClock) -> None:
    """A row in each of the tables that have to do with the office."""
    now = clock.now().wall
    key = key_text(b"\x07" * 32)
    store.office.install(Office(OFFICE, "ab" * 16, (key,), (key,), key, now, OPERATOR))
    store.noticeboard.close_kiosk(Closure(REASON, "cd" * 16))
    store.noticeboard.put("ef" * 16, MESSAGE, person_id=None, until=now + timedelta(days=1))
    store.progress.answer("01" * 16, RESULT.encode())
    store.parcels.add(
        CrashParcel(
            site="madrid", device="kiosk-1", id=new_id(), at=format_time(now), process="edge", software="1",
            error=["QuenchedFurnaceError"], frames=[], times=1,
        )
    )  # fmt: skip


def _files(folder: Path) -> bytes:
    return b"\n".join(path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file())


def spellings(text: str) -> set[bytes]:
    """A text as it could lie around: plain, wide, in hex and in base64 at any alignment, in any case."""
    raw = text.encode()
    found = {
        raw,
        raw.lower(),
        raw.upper(),
        raw.hex().encode(),
        text.encode("utf-16-le"),
        text.encode("utf-16-be"),
    }
    for shift in range(3):
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            found.add(encode(b"\0" * shift + raw)[4:-4])
    return found


_SECRETS = (
    NAME,
    "Quxwortharian",
    NUMBER,
    GREETING,
    OPERATOR,
    WORK_CODE,
    MESSAGE,
    "Wojciechowska",
    REASON,
    OFFICE,
    RESULT,
    "QuenchedFurnaceError",
    KEPT_BY_NOBODY,
    "Departedova",
)


@pytest.mark.parametrize("secret", _SECRETS)
def test_no_personal_text_is_in_the_file(loot: bytes, secret: str) -> None:
    assert not [each for each in spellings(secret) if each in loot]


def test_no_part_of_a_template_is_in_the_file(loot: bytes) -> None:
    raw = template("0" * 32, seed=1).vector.tobytes()
    assert not any(raw[place : place + 8] in loot for place in range(0, len(raw) - 8, 4))
    encoded = base64.urlsafe_b64encode(raw)
    assert not any(encoded[place : place + 16] in loot for place in range(0, len(encoded) - 16, 4))


def test_no_key_is_in_the_file(loot: bytes, premises: Premises) -> None:
    assert premises.keys.signing.private.private_bytes_raw() not in loot


def test_no_detail_of_an_event_is_in_the_file(loot: bytes, clock: ManualClock) -> None:
    for detail in (
        b"direction",
        b"person.added",
        b"boottime",
        clock.instant.boot_id.encode(),
        b"2026-03-02",
        b"T08:0",
    ):
        assert detail not in loot


def test_the_tokens_tell_no_time(loot: bytes) -> None:
    tokens = re.findall(rb"gAAAAA[\w-]+", loot)
    assert len(tokens) > 10
    assert all(base64.urlsafe_b64decode(token[:12])[:9] == b"\x80" + bytes(8) for token in tokens)


def test_what_a_thief_does_learn_is_what_the_documents_say(
    loot: bytes, store: Store, premises: Premises
) -> None:
    """Counts, random ids, the model's hash, the UTC day of a punch; the site's and the device's names."""
    import sqlite3

    thief = sqlite3.connect(premises.path)
    assert thief.execute("SELECT count(*) FROM people").fetchone() == (1,)
    assert thief.execute("SELECT site, device FROM identity").fetchone() == ("madrid", "kiosk-1")
    assert {day for (day,) in thief.execute("SELECT punch_day FROM events")} == {None, 20514}
    assert thief.execute("SELECT count(*) FROM parcels").fetchone() == (1,)
    assert thief.execute("SELECT state FROM key_rotation").fetchone() == ("verified",)
    assert None not in {since for (since,) in thief.execute("SELECT since_us FROM storage_keys")}
    journal = (premises.path.parent / "erasures").read_text(encoding="ascii")
    assert re.fullmatch(r"person\.removed [0-9a-f]{32} -\n", journal)
    thief.close()


def test_sizes_do_not_tell_the_length_of_a_name(store: Store) -> None:
    for number, name in enumerate(("Al", "A" * 40)):
        store.people.add(Profile(name, str(number)))
    with store.database.read() as connection:
        sizes = {size for (size,) in connection.execute("SELECT length(profile) FROM people")}
    assert len(sizes) == 1
