"""Opening: the right keys, the right device, or a named error and nothing changed."""

from dataclasses import replace
from pathlib import Path

import pytest

from clockface.errors import ConfigError, SecretWrong
from edge.store.store import Store, ledger_path, open_store
from edge.types.identity import DeviceId
from tests.edge.store.given import KIOSK, MODEL, SITE, Premises, enrolled, keyring, punch, template
from tests.fakes import ManualClock


def test_everything_is_there_after_a_restart(store: Store, premises: Premises, clock: ManualClock) -> None:
    person_id = enrolled(store)
    store.templates.add(template(person_id))
    recorded = store.events.record(punch(person_id, clock.advance(1)))
    store.close()
    reopened = premises.open()
    assert reopened.people.get(person_id).consented
    assert reopened.templates.load_all(MODEL).person_ids == (person_id,)
    assert reopened.events.head() == recorded.id
    assert reopened.events.record(punch(person_id, clock.advance(1))).id.seq == recorded.id.seq + 1
    assert reopened.verify().intact
    reopened.close()


@pytest.mark.parametrize(
    ("wrong", "says"),
    [("data", "DATA_ENCRYPTION_KEY"), ("face", "FACE_DATA_ENCRYPTION_KEY"), ("signing", "signing key")],
)
def test_a_wrong_key_is_named_and_changes_nothing(
    store: Store, premises: Premises, wrong: str, says: str
) -> None:
    store.close()
    before = premises.path.read_bytes()
    with pytest.raises(SecretWrong, match=says):
        premises.open(keys=replace(premises.keys, **{wrong: getattr(keyring(), wrong)}))
    assert premises.path.read_bytes() == before
    premises.open().close()


def test_another_signing_key_goes_on_in_an_epoch_of_its_own(
    store: Store, premises: Premises, clock: ManualClock
) -> None:
    store.events.record(punch(enrolled(store), clock.advance(1)))
    store.close()
    new = replace(premises.keys, signing=keyring().signing)
    opened = open_store(premises.path, keyring=new, clock=clock, device=KIOSK, site=SITE, new_epoch="replaced")
    person_id = opened.people.list()[0].person_id
    assert opened.events.record(punch(person_id, clock.advance(1))).id.epoch.startswith("000002-")
    found = opened.verify()
    assert (found.problems, found.epochs) == ((), 2)
    opened.close()
    with pytest.raises(SecretWrong, match="signing key"):
        premises.open()
    premises.open(keys=new).close()


@pytest.mark.parametrize(("device", "site"), [("kiosk-2", SITE), (KIOSK, "lisbon")])
def test_another_devices_ledger_is_refused(store: Store, premises: Premises, device: str, site: str) -> None:
    store.close()
    with pytest.raises(ConfigError, match=f'device.name = "{KIOSK}"'):
        open_store(
            premises.path, keyring=premises.keys, clock=premises.clock, device=DeviceId(device), site=site
        )


def test_a_store_shows_no_key(store: Store, premises: Premises) -> None:
    shown = repr(store)
    assert "********" in repr(premises.keys)
    assert premises.keys.signing.private.private_bytes_raw().hex() not in shown


def test_the_ledger_lies_in_the_state_folder() -> None:
    assert ledger_path(Path("/var/lib/clockface")) == Path("/var/lib/clockface/ledger.db")
