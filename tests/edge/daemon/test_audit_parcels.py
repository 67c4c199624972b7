"""The audit trail goes to the office: all of it, once, in order, without an account; and it stands there."""

import itertools
from pathlib import Path

import pytest
from pydantic import ValidationError

from edge.daemon.audit_parcels import AuditReports
from edge.types.people import Profile
from sync.wire.documents import open_document
from sync.wire.parcels import MAX_AUDIT_ENTRIES, AuditEntry, AuditParcel
from tests.edge.daemon.central import Central, open_device

ZEROS = "0" * 64


def told(folder: Path, entries: int) -> tuple[AuditReports, object, list[AuditParcel]]:
    """A device with so many entries more, and what it hands in."""
    device = open_device(folder)
    Central().install(device.store, device.clock)
    reports = AuditReports(store=device.store, address=device.address, clock=device.clock)
    device.store.people.add(Profile(name="Ada Lovelace", number="Q-1815"), actor="jones")
    for number in range(entries):
        device.store.audit.append("config.changed", actor="jones", detail=f"n={number}")
    reports.hand_in()
    return reports, device, _waiting(device)


def _waiting(device: object) -> list[AuditParcel]:
    store = device.store  # type: ignore[attr-defined]
    keys = {store.device_keys.signing.key_id: store.device_keys.signing.private.public_key()}
    found = []
    for each in store.parcels.waiting(limit=100):
        found.append(open_document(AuditParcel, each.envelope, keys=keys, address=device.address))  # type: ignore[attr-defined]
    return found


def test_every_entry_is_handed_in_once_linked_and_without_its_account(tmp_path: Path) -> None:
    reports, device, parcels = told(tmp_path, 250)
    store = device.store  # type: ignore[attr-defined]
    entries = [entry for parcel in parcels for entry in parcel.entries]
    here = list(store.audit.list())
    assert [(e.seq, e.action, e.hash) for e in entries] == [(e.seq, e.action, e.hash) for e in here]
    assert [len(parcel.entries) for parcel in parcels][:2] == [MAX_AUDIT_ENTRIES, MAX_AUDIT_ENTRIES]
    assert parcels[0].previous == ZEROS
    for before, after in itertools.pairwise(parcels):
        assert after.previous == before.entries[-1].hash
    written = "".join(parcel.model_dump_json() for parcel in parcels)
    assert not any(text in written for text in ("jones", "Ada", "Q-18", "installer"))
    assert {e.by for e in entries} == {"daemon", "staff"}
    assert reports.hand_in() == 0
    store.audit.append("config.changed", actor="jones")
    assert reports.hand_in() == 1
    assert store.audit.handed_in() == here[-1].seq + 1
    store.close()


def test_without_an_office_nothing_is_made_and_later_all_of_it(tmp_path: Path) -> None:
    device = open_device(tmp_path)
    reports = AuditReports(store=device.store, address=device.address, clock=device.clock)
    assert reports.hand_in() == 0
    assert device.store.parcels.count() == 0
    Central().install(device.store, device.clock)
    assert reports.hand_in() == len(list(device.store.audit.list()))
    device.store.close()


def test_entries_that_do_not_follow_one_another_are_no_parcel() -> None:
    at = "2026-11-22T06:00:00.000000Z"
    entry = AuditEntry(seq=1, at=at, by="staff", action="person.added", subject="", detail="", hash=ZEROS)
    later = entry.model_copy(update={"seq": 3})
    with pytest.raises(ValidationError, match="follow one another"):
        AuditParcel(site="a", device="b", id="0a" * 16, at=at, previous=ZEROS, entries=[entry, later])
