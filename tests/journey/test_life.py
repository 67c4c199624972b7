"""The end and the beginning of devices, all parts real: one is retired, one is replaced, one moves away."""

import json
import re
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from click.testing import Result
from sqlalchemy import func, select

from edge.cli.main import PROGRAM as CLOCKFACE
from edge.cli.provision_guide import EXIT_WAITING
from edge.errors import LedgerRetired, ProvisioningError
from edge.setup.receipt import AUDIT_FILE, RECEIPT_FILE, read_receipt
from edge.store.keys import load_keyring
from edge.store.store import ledger_path, open_store
from edge.types.identity import DeviceId
from sync.office.database import schema
from sync.wire.topics import Address, Channel
from tests.edge.device import astronaut, enrol, nobody, recording, walk_up
from tests.fakes import ManualClock
from tests.journey.premises import PASSPHRASE, SITE, Kiosk, Office, _typed, certified, share_site_key, until
from tests.sync.mosquitto import Credentials, Mosquitto
from tests.sync.mqtt import Client

ANSWERS = """
[device]
site = "{site}"
name = "{name}"
[paths]
state = "{folder}/state"
run = "{folder}/run"
tls = "{folder}/tls"
[camera]
source = "replay"
replay_path = "{pictures}"
replay_loop = true
fps = 15
[attendance]
repeat_s = 0
[check]
face_within_s = 0
[office]
request = "{folder}/request"
"""


@dataclass
class Life:
    """An office and kiosks that may come and go."""

    folder: Path
    broker: Mosquitto
    office: Office
    kiosks: dict[str, Kiosk] = field(default_factory=dict)
    open: dict[str, ExitStack] = field(default_factory=dict)

    def kiosk(self, folder: str, *, name: str, pictures: Path) -> Kiosk:
        made = Kiosk(self.folder / folder, name=name, pictures=pictures, broker=self.broker)
        self.kiosks[folder] = made
        return made

    def start(self, kiosk: Kiosk) -> None:
        stack = self.open.setdefault(str(kiosk.folder), ExitStack())
        stack.enter_context(kiosk.open())

    def stop(self, kiosk: Kiosk) -> None:
        self.open.pop(str(kiosk.folder)).close()

    def close(self) -> None:
        for stack in self.open.values():
            stack.close()

    def alarms(self) -> set[tuple[str, str]]:
        with self.office.database() as database, database.read() as connection:
            rows = connection.execute(
                select(schema.alarms.c.kind, schema.alarms.c.subject).where(
                    schema.alarms.c.cleared_us.is_(None)
                )
            )
            return {(row.kind, row.subject) for row in rows}

    def device(self, name: str, *, site: str = SITE) -> dict:  # type: ignore[type-arg]
        found: dict = json.loads(self.office.said("device", "show", f"{site}/{name}", "--json"))  # type: ignore[type-arg]
        return found


def tried(kiosk: Kiosk, *arguments: str) -> Result:
    """A command that need not succeed."""
    return _typed(CLOCKFACE, ("--config", str(kiosk.config), *arguments), environment={})


@pytest.fixture(scope="module")
def life(shared_broker: Mosquitto) -> Iterator[Life]:
    with tempfile.TemporaryDirectory(prefix="cf-") as name:
        folder = Path(name)
        office = Office(folder / "office", shared_broker)
        office.said("init")
        made = Life(folder, shared_broker, office)
        with office.open():
            try:
                yield made
            finally:
                made.close()


@pytest.fixture(scope="module")
def gate(life: Life) -> Kiosk:
    """A kiosk with a site key, a person and a template, alone after the dock was retired."""
    gate = life.kiosk("g", name="gate", pictures=recording(life.folder / "nobody", nobody(4)))
    dock = life.kiosk("d", name="dock", pictures=walk_up(life.folder / "somebody", astronaut()))
    gate.introduce(life.office)
    share_site_key(gate, dock, fingerprint=dock.introduce(life.office))
    life.start(gate)
    life.start(dock)
    enrol(gate, astronaut(), name="Ada Lovelace", number="1815")
    until(lambda: dock.templates("1815") == 1, "the template at the dock")
    return gate


@pytest.fixture(scope="module")
def dock(life: Life, gate: Kiosk) -> Kiosk:
    """The other one; it runs."""
    return life.kiosks["d"]


def test_a_kiosk_is_retired_when_the_office_has_everything_and_keeps_nothing(
    life: Life, gate: Kiosk, dock: Kiosk
) -> None:
    retire = ("provision", "retire", "--tls", str(dock.tls), "--confirm")
    wrong = tried(dock, *retire, "gate")
    assert isinstance(wrong.exception, ProvisioningError)
    secrets = [line for file in (dock.state / "keys").iterdir() for line in file.read_text().split()]
    watcher = dock.watch()
    said = tried(dock, *retire, "dock")
    assert said.exit_code == EXIT_WAITING, said.output
    assert "The office it has confirmed everything" in " ".join(said.output.split())
    assert "stop clockface run" in said.output
    watcher.notice("out_of_service", detail="retired")
    assert life.device("dock")["state"] == "retired"
    until(lambda: ("site_key_due", SITE) in life.alarms(), "the office demands another site key")
    life.stop(dock)

    done = tried(dock, *retire, "dock")
    assert done.exit_code == 0, (done.output, done.exception)
    assert "An SD card or SSD keeps older copies" in done.output
    assert "clockface site rotate --without dock" in done.output
    assert sorted(path.name for path in dock.state.rglob("*")) == sorted((AUDIT_FILE, RECEIPT_FILE))
    assert list(dock.tls.iterdir()) == []
    left = b"".join(path.read_bytes() for path in dock.folder.rglob("*") if path.is_file())
    assert not [secret for secret in secrets if secret.encode() in left]
    assert b"Lovelace" not in left
    receipt = read_receipt(dock.state)
    assert receipt is not None
    assert (receipt.confirmed, receipt.events_lost, receipt.people, receipt.templates) == (True, 0, 1, 1)
    actions = [json.loads(line)["action"] for line in (dock.state / AUDIT_FILE).read_text().splitlines()]
    assert actions[-1] == "device.retired"
    assert "dock of site mill was retired" in dock.type("status")
    assert isinstance(tried(dock, "run").exception, LedgerRetired)
    assert isinstance(tried(dock, *retire, "dock").exception, ProvisioningError)


def test_the_site_key_is_changed_without_the_retired_kiosk_and_the_office_stops_asking(
    life: Life, gate: Kiosk
) -> None:
    passphrase = str(gate.folder / "passphrase")
    assert Path(passphrase).read_text(encoding="ascii") == PASSPHRASE
    said = gate.type("site", "rotate", "--without", "dock", "--passphrase-file", passphrase, "--yes")
    assert "dock did not get" not in said
    life.stop(gate)
    life.start(gate)
    until(lambda: ("site_key_due", SITE) not in life.alarms(), "templates came under the new key")
    key = json.loads(gate.type("site", "show", "--json"))["site_keys"][0]
    with life.office.database() as database, database.read() as connection:
        sealed = connection.execute(select(schema.sealed_templates.c.site_key_id)).scalars().all()
    assert sealed == [key]


def test_new_hardware_takes_the_place_of_a_broken_kiosk_and_the_old_one_counts_no_more(
    life: Life, gate: Kiosk
) -> None:
    until(lambda: life.device("gate")["pending"] == 0, "everything is here")
    frontier = life.device("gate")["epochs"][-1]
    life.stop(gate)
    new = life.kiosk("n", name="gate", pictures=life.folder / "nobody")
    new.config.unlink()
    answers = new.folder / "answers.toml"
    answers.write_text(
        ANSWERS.format(site=SITE, name="gate", folder=new.folder, pictures=life.folder / "somebody")
    )
    asked = tried(new, "provision", "replace", "--answers", str(answers))
    assert asked.exit_code == EXIT_WAITING, (asked.output, asked.exception)
    assert "clockface-office device replace mill/gate request" in asked.output
    fingerprint = asked.output.split("This device's fingerprint: ")[1].splitlines()[0]
    chain = new.folder / "certificate"
    chain.write_bytes(certified(new.folder / "request", life.broker))
    told = life.office.said(
        "device", "replace", "mill/gate", str(new.folder / "request"), "--out", str(new.folder / "bundle"),
        "--reason", "replaced", "--fingerprint", fingerprint, "--certificate", str(chain),
    )  # fmt: skip
    assert f"trusted: {frontier['epoch']}/{frontier['frontier_seq']}" in told
    assert "clockface site rotate --without gate" in told
    office = told.split("office's fingerprint: ")[1].splitlines()[0]
    given = ("--bundle", str(new.folder / "bundle"), "--office-fingerprint", office)
    assert tried(new, "provision", *given).exit_code == EXIT_WAITING
    life.start(new)
    done = tried(new, "provision")
    assert "its events reach the office" in done.output, (done.output, done.exception)
    epochs = life.device("gate")["epochs"]
    assert [each["reason"] for each in epochs] == ["provisioned", "replaced"]
    assert "history_ended" not in {kind for kind, _ in life.alarms()}
    until(lambda: "1815" in new.people(), "the roster comes to the new hardware")
    life.stop(new)

    seq = revived(life, gate)  # it was not so broken after all: nothing of it is believed
    until(lambda: ("forgery", "mill/gate") in life.alarms(), "the old key is a stranger's")
    with life.office.database() as database, database.read() as connection:
        late = select(func.count()).where(schema.quarantine.c.reason == "unknown_key")
        assert connection.execute(late).scalar_one() == 1
    assert life.device("gate")["epochs"][0]["frontier_seq"] == frontier["frontier_seq"] < seq


def revived(life: Life, gate: Kiosk) -> int:
    """The old hardware signs one more event and sends it; returns the event's number."""
    keyring = load_keyring(state=gate.state, environment={}, allow_environment=False)
    store = open_store(
        ledger_path(gate.state), keyring=keyring, clock=ManualClock(), device=DeviceId("gate"), site=SITE
    )
    with closing(store):
        before = store.events.head()
        event = store.events.test(actor="thief")
        (signed,) = store.events.envelopes_after((before.epoch, before.seq), limit=1)
    tls = Credentials(gate.tls, "device")
    with Client(life.broker, tls) as client:
        client.publish(Address(SITE, "gate").topic(Channel.EVENTS), signed.envelope)
    return event.seq


def test_a_kiosk_moves_to_another_site_with_nothing_of_the_old_one_but_the_office_that_it_believes(
    life: Life,
) -> None:
    moved = life.kiosks["n"]
    move = ("provision", "move", "--site", "quarry", "--tls", str(moved.tls), "--confirm", "gate")
    waits = tried(moved, *move)
    assert waits.exit_code == EXIT_WAITING, (waits.output, waits.exception)
    assert "The daemon does not run, so the office cannot be told" in waits.output
    done = tried(moved, *move, "--without-office")
    assert done.exit_code == 0, (done.output, done.exception)
    # Two if the courier was stopped before the word about the first one came.
    assert re.search("NOT confirmed by the office: [12] events", done.output), done.output
    assert "There: clockface-office device retire mill/gate" in done.output
    told = life.office.said("device", "retire", "mill/gate")
    assert "It has not said so itself" in told
    assert life.device("gate")["state"] == "retired"
    assert not (moved.state / "ledger.db").exists()
    assert not (moved.tls / "device.key").exists()

    asked = tried(moved, "provision")
    assert asked.exit_code == EXIT_WAITING, (asked.output, asked.exception)
    fingerprint = asked.output.split("This device's fingerprint: ")[1].splitlines()[0]
    chain = moved.folder / "certificate"
    chain.write_bytes(certified(moved.folder / "request", life.broker))
    known = ("--fingerprint", fingerprint, "--certificate", str(chain))
    bundle = str(moved.folder / "bundle")
    life.office.said("device", "add", str(moved.folder / "request"), "--out", bundle, *known)
    taken = tried(moved, "provision", "--bundle", bundle)  # no fingerprint: it believes this office already
    assert taken.exit_code == EXIT_WAITING, (taken.output, taken.exception)
    assert "this device believes the office" in taken.output
    keyring = load_keyring(state=moved.state, environment={}, allow_environment=False)
    with closing(
        open_store(
            ledger_path(moved.state),
            keyring=keyring,
            clock=ManualClock(),
            device=DeviceId("gate"),
            site="quarry",
        )
    ) as store:
        assert store.people.count() == 0
        assert store.events.count() == 1
    assert not (moved.state / "keys" / "site_key").exists()
