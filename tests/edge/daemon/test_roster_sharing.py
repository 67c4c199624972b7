"""What a device learns of people goes up once, sealed, and comes back on the site's others."""

from pathlib import Path

import pytest

from edge.store.sitekey import new_site_key
from edge.store.templates import encode
from edge.types.identity import TemplateId
from edge.types.people import Consent, Profile, Template
from sync.wire.parcels import TemplateParcel
from sync.wire.roster import PutPerson
from tests.edge.daemon.central import Central, open_device, passed_on
from tests.edge.daemon.rostered import KEY, KEYS, MODEL, NOW, Site, caught_up, vector


def test_without_an_office_or_a_site_key_nothing_leaves_and_later_everything_does(tmp_path: Path) -> None:
    central, device = Central(), open_device(tmp_path / "device")
    ada = device.store.people.add(Profile("Ada Lovelace", "7", greeting="Ada", language="en"))
    device.store.consents.record(ada, Consent("1", "en", NOW, "paper", "operator"))
    device.store.templates.add(Template(TemplateId("1" * 32), ada, MODEL, vector(1)))
    assert caught_up(device) == (0, 0)
    central.install(device.store, device.clock)
    assert caught_up(device) == (1, 0)
    device.store.close()
    device = open_device(tmp_path / "device", site_keys=KEYS)
    assert caught_up(device) == (0, 1)
    assert caught_up(device) == (0, 0)
    person, template = central.received(device.store)
    told = central.details(person)
    assert (told.name, told.number, told.greeting, told.consent is not None) == (
        "Ada Lovelace",
        "7",
        "Ada",
        True,
    )
    assert (template.person, template.site_key) == (ada, KEY.key_id)
    device.store.close()


def test_what_finds_no_room_in_the_outbox_is_handed_in_when_there_is_some(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.store.parcels.MAX_WAITING", 3)
    central, device = Central(), open_device(tmp_path / "device", site_keys=KEYS)
    central.install(device.store, device.clock)
    ada = device.store.people.add(Profile("Ada Lovelace", "7"))
    device.store.consents.record(ada, Consent("1", "en", NOW, "paper", "operator"))
    for number in range(1, 9):
        device.store.templates.add(Template(TemplateId(f"{number:032x}"), ada, MODEL, vector(number)))
    sent: list[str] = []
    while waiting := central.received(device.store):
        sent += [each.template for each in waiting if isinstance(each, TemplateParcel)]
        assert len(waiting) <= 3
        assert sum(device.sharing.templates()) == 0
        device.store.parcels.drop([each.id for each in waiting])
        sum(device.sharing.templates())
    assert sent == [f"{number:032x}" for number in range(1, 9)]
    device.store.close()


def test_after_a_rotation_templates_go_out_again_under_the_new_key(tmp_path: Path) -> None:
    central, device = Central(), open_device(tmp_path / "device", site_keys=KEYS)
    central.install(device.store, device.clock)
    ada = device.store.people.add(Profile("Ada Lovelace", "7"))
    device.store.consents.record(ada, Consent("1", "en", NOW, "paper", "operator"))
    device.store.templates.add(Template(TemplateId("1" * 32), ada, MODEL, vector(1)))
    device.store.close()
    newest = new_site_key()
    device = open_device(tmp_path / "device", site_keys=KEYS.behind(newest))
    assert caught_up(device) == (0, 1)
    keys = [each.site_key for each in central.received(device.store) if isinstance(each, TemplateParcel)]
    assert keys == [KEY.key_id, newest.key_id]
    device.store.close()


def test_a_template_travels_from_one_ledger_to_the_other_through_an_office_that_cannot_read_it(
    site: Site, tmp_path: Path
) -> None:
    store = site.device.store
    ada = store.people.add(Profile("Ada Lovelace", "7"))
    store.consents.record(ada, Consent("1", "en", NOW, "paper", "operator"))
    site.device.sharing.person(ada)
    store.templates.add(Template(TemplateId("1" * 32), ada, MODEL, vector(1)))
    person, template = site.central.received(store)
    other = Site(open_device(tmp_path / "other", "second", site_keys=KEYS), site.central)
    site.central.install(other.device.store, other.device.clock)
    _, result = other.take(
        PutPerson(version=1, person=ada, details=site.central.details(person)), passed_on(template, version=2)
    )
    assert result.outcome == "done"
    assert other.device.store.templates.load_all(MODEL).matrix[0] == pytest.approx(vector(1))
    assert encode(Template(TemplateId("1" * 32), ada, MODEL, vector(1)))[70:86] not in template.sealed.encode()
    other.device.store.close()
