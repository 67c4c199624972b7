"""Changes of the roster: gapless, told where somebody has something to learn, forgotten when removed."""

import threading

import pytest
from sqlalchemy import select

from sync.office.database import Database, schema
from sync.office.errors import RosterRefused
from sync.office.reported import take_person, take_template
from sync.office.roster import columns_of
from tests.sync.office.kiosk import Kiosk
from tests.sync.office.people import (
    ANN,
    BEN,
    changes,
    details,
    person_parcel,
    registered,
    roster,
    template_parcel,
)


def test_a_person_is_told_to_every_site_they_belong_to_and_only_when_something_changed(
    office_database: Database,
) -> None:
    registered(office_database, Kiosk(), Kiosk("yard", "gate"))
    with office_database.write() as connection:
        people = roster(connection)
        assert people.put(ANN, columns_of(details()), sites=["mill"])
        assert not people.put(ANN, columns_of(details()), sites=["mill"])
        assert not people.put(ANN, {"department": "Packing"})
        assert people.put(ANN, {}, sites=["yard"])
        assert people.put(ANN, {"name": "Ann Other"})
        assert changes(connection) == [(1, "put_person", "a"), (2, "put_person", "a")]
        assert changes(connection, "yard") == [(1, "put_person", "a"), (2, "put_person", "a")]


def test_versions_are_gapless_when_several_change_the_roster_at_once(office_database: Database) -> None:
    registered(office_database, Kiosk())

    def add(start: int) -> None:
        for number in range(start, start + 8):
            with office_database.write() as connection:
                roster(connection).put(f"{number:032x}", columns_of(details(str(number))), sites=["mill"])

    threads = [threading.Thread(target=add, args=(start,)) for start in (0, 100, 200)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    with office_database.read() as connection:
        assert [version for version, _, _ in changes(connection)] == list(range(1, 25))
        assert connection.execute(select(schema.sites.c.roster_version)).scalar_one() == 24


def test_a_removal_empties_every_personal_column_and_the_sealed_templates(office_database: Database) -> None:
    (gate,) = registered(office_database, Kiosk())
    with office_database.write() as connection:
        take_person(connection, gate, person_parcel(gate, ANN), details=details(name="Ann Example"), now_us=1)
        roster(connection).put(ANN, {"department": "Packing", "greeting": "Hello Ann"})
        take_template(connection, gate, template_parcel(gate, ANN, "1" * 32), now_us=2)
        removal = roster(connection).remove(ANN)
        assert (removal.sites, removal.forgotten) == (("mill",), True)
        row = connection.execute(select(schema.people)).one()
        assert {column for column, value in row._mapping.items() if value is not None} == {
            "person",
            "active",
            "created_us",
            "changed_us",
            "removed_us",
        }
        template = connection.execute(select(schema.sealed_templates)).one()
        assert (template.sealed, template.removed_us is None) == (None, False)
        assert changes(connection)[-1][1:] == ("remove_person", "a")
        assert not roster(connection).remove(ANN).sites
        with pytest.raises(RosterRefused, match="was removed"):
            roster(connection).put(ANN, columns_of(details()), sites=["mill"])


def test_who_leaves_one_of_two_sites_is_erased_there_and_known_at_the_other(office_database: Database) -> None:
    registered(office_database, Kiosk(), Kiosk("yard", "gate"))
    with office_database.write() as connection:
        roster(connection).put(ANN, columns_of(details()), sites=["mill", "yard"])
        removal = roster(connection).remove(ANN, sites=["mill"])
        assert (removal.sites, removal.forgotten) == (("mill",), False)
        assert changes(connection)[-1][1] == "remove_person"
        assert changes(connection, "yard") == [(1, "put_person", "a")]
        assert roster(connection).put(ANN, {}, sites=["mill"]), "they may come back"
        assert roster(connection).sites_of(ANN) == ["mill", "yard"]


def test_an_unknown_site_is_refused_before_anything_is_written(office_database: Database) -> None:
    registered(office_database, Kiosk())
    with office_database.write() as connection:
        with pytest.raises(RosterRefused, match="no such site"):
            roster(connection).put(ANN, columns_of(details()), sites=["moon"])
        assert connection.execute(select(schema.people)).first() is None


@pytest.mark.parametrize("decision", ["another number for the new one", "the new one goes", "the old one goes"])
def test_a_number_that_two_kiosks_gave_holds_one_person_back_until_a_clerk_decides(
    office_database: Database, decision: str
) -> None:
    gate, dock = registered(office_database, Kiosk(), Kiosk("mill", "dock"))
    with office_database.write() as connection:
        take_person(connection, gate, person_parcel(gate, ANN), details=details("17"), now_us=1)
        told = take_person(
            connection, dock, person_parcel(dock, BEN), details=details("17", name="Ben"), now_us=2
        )
        assert told == "number_taken"
        assert changes(connection) == [(1, "put_person", "a")]
        alarm = connection.execute(select(schema.alarms)).one()
        assert (alarm.kind, alarm.cleared_us) == ("number_clash", None)
        assert "17" not in alarm.detail + alarm.subject
        people = roster(connection)
        if decision == "another number for the new one":
            people.put(BEN, {"employee_number": "18"})
            told_since = {("put_person", "a"), ("put_person", "b")}
        elif decision == "the new one goes":
            people.remove(BEN)
            told_since = {("remove_person", "b"), ("put_person", "a")}
        else:
            people.remove(ANN)
            told_since = {("remove_person", "a"), ("put_person", "b")}
            number = select(schema.people.c.employee_number).where(schema.people.c.person == BEN)
            assert connection.execute(number).scalar_one() == "17"
        assert {change[1:] for change in changes(connection)[1:]} == told_since
        assert connection.execute(select(schema.number_clashes)).first() is None
        assert connection.execute(select(schema.alarms.c.cleared_us)).scalar_one() is not None
