"""What kiosks report becomes the roster of their site's other kiosks: once, and only for their own people."""

from datetime import UTC, datetime
from typing import Literal

import pytest
from sqlalchemy import select, update

from sync.office.database import Database, schema
from sync.office.reported import (
    MAX_TEMPLATE_BYTES,
    Outcome,
    take_change,
    take_person,
    take_replaced,
    take_template,
)
from sync.office.roster import columns_of, details_of
from sync.office.rows import microseconds
from sync.wire.parcels import TemplatesReplaced
from sync.wire.roster import MAX_REVOKED
from sync.wire.sealing import to_text
from tests.sync.office.kiosk import Kiosk
from tests.sync.office.people import (
    ANN,
    AT,
    changes,
    details,
    person_parcel,
    registered,
    roster,
    template_parcel,
)

BEFORE_CONSENT = datetime(2026, 2, 1, tzinfo=UTC)
AFTER_CONSENT = datetime(2026, 4, 1, tzinfo=UTC)
LATER_US = microseconds(datetime(2026, 5, 1, tzinfo=UTC))


def test_a_person_and_a_template_reach_the_roster_once_however_often_they_are_reported(
    office_database: Database,
) -> None:
    (gate,) = registered(office_database, Kiosk())
    told = []
    for _ in range(3):
        with office_database.write() as connection:
            told.append(
                (
                    take_person(connection, gate, person_parcel(gate, ANN), details=details(), now_us=1),
                    take_template(connection, gate, template_parcel(gate, ANN, "1" * 32), now_us=2),
                )
            )
    assert told == [(Outcome.STORED, Outcome.STORED)] + 2 * [(Outcome.KNOWN, Outcome.KNOWN)]
    with office_database.read() as connection:
        assert changes(connection) == [(1, "put_person", "a"), (2, "put_template", "1")]
        assert connection.execute(select(schema.roster_changes.c.made_by)).first() == ("kiosk:mill/gate",)


def test_a_template_that_comes_again_under_another_site_key_is_given_out_anew(
    office_database: Database,
) -> None:
    (gate,) = registered(office_database, Kiosk())
    old = template_parcel(gate, ANN, "1" * 32)
    new = old.model_copy(update={"site_key": "e" * 32, "sealed": to_text(b"under another key")})
    with office_database.write() as connection:
        take_person(connection, gate, person_parcel(gate, ANN), details=details(), now_us=1)
        outcomes = [take_template(connection, gate, each, now_us=2) for each in (old, new, new)]
        row = connection.execute(select(schema.sealed_templates)).one()
        assert outcomes == [Outcome.STORED, Outcome.STORED, Outcome.KNOWN]
        assert (row.site_key_id, bytes(row.sealed)) == ("e" * 32, b"under another key")
        assert [change[1:] for change in changes(connection)] == [
            ("put_person", "a"), ("put_template", "1"), ("put_template", "1")
        ]  # fmt: skip


def test_a_template_that_came_first_waits_for_the_person_and_their_consent(office_database: Database) -> None:
    (gate,) = registered(office_database, Kiosk())
    with office_database.write() as connection:
        take_template(connection, gate, template_parcel(gate, ANN, "1" * 32), now_us=1)
        assert changes(connection) == []
        take_person(connection, gate, person_parcel(gate, ANN), details=details(consent=False), now_us=2)
        assert changes(connection) == [(1, "put_person", "a")]
        take_person(connection, gate, person_parcel(gate, ANN, number=2), details=details(), now_us=3)
        assert changes(connection)[1:] == [(2, "put_person", "a"), (3, "put_template", "1")]


def test_a_consent_withdrawn_at_a_kiosk_ends_it_everywhere_and_an_older_word_of_it_does_not(
    office_database: Database,
) -> None:
    kiosk = Kiosk()
    (gate,) = registered(office_database, kiosk)
    with office_database.write() as connection:
        take_person(connection, gate, person_parcel(gate, ANN), details=details(), now_us=1)
        take_template(connection, gate, template_parcel(gate, ANN, "1" * 32), now_us=2)
        kiosk.begin()
        before, after = (
            kiosk.change(ANN, "biometrics_removed", at=at) for at in (BEFORE_CONSENT, AFTER_CONSENT)
        )
        late = take_change(connection, gate, before, now_us=LATER_US)
        older = person_parcel(gate, ANN, at="2026-02-01T06:00:00.000000Z", number=2)
        take_person(connection, gate, older, details=details(consent=False), now_us=LATER_US)
        assert (late, len(changes(connection))) == (Outcome.KNOWN, 2)
        told = [take_change(connection, gate, after, now_us=LATER_US) for _ in range(2)]
        assert told == [Outcome.STORED, Outcome.KNOWN]
        assert changes(connection)[2:] == [(3, "remove_templates", "a")]
        assert connection.execute(select(schema.sealed_templates.c.sealed)).scalar_one() is None


@pytest.mark.parametrize("first", ["event", "parcel"])
def test_what_was_held_back_from_before_a_withdrawal_brings_neither_consent_nor_template_back(
    office_database: Database, first: str
) -> None:
    """A broker may keep a parcel for months and deliver it last."""
    kiosk = Kiosk()
    (gate,) = registered(office_database, kiosk)
    kiosk.begin()
    ended = kiosk.change(ANN, "biometrics_removed", at=AFTER_CONSENT)
    nothing = person_parcel(gate, ANN, at="2026-04-01T00:00:00.000000Z", number=2)
    held_back = person_parcel(gate, ANN, at="2026-03-30T06:00:00.000000Z", number=3)
    template = template_parcel(gate, ANN, "1" * 32)  # made before the withdrawal too
    again = person_parcel(gate, ANN, at="2026-04-03T06:00:00.000000Z", number=4)
    with office_database.write() as connection:
        if first == "parcel":  # the person herself was not known here before
            take_person(connection, gate, nothing, details=details(consent=False), now_us=LATER_US)
        else:
            take_person(connection, gate, held_back, details=details(), now_us=LATER_US)
            take_change(connection, gate, ended, now_us=LATER_US)
        before = changes(connection)
        late = held_back.model_copy(update={"id": "7" * 32})
        assert take_person(connection, gate, late, details=details(), now_us=LATER_US) == Outcome.KNOWN
        assert take_template(connection, gate, template, now_us=LATER_US) == Outcome.WITHDRAWN
        assert changes(connection) == before
        assert connection.execute(select(schema.people.c.consent_version)).scalar_one() is None
        take_person(connection, gate, again, details=details(), now_us=LATER_US)  # she agreed anew
        assert connection.execute(select(schema.people.c.consent_version)).scalar_one() is not None


def test_a_consent_that_the_office_ended_stays_ended(office_database: Database) -> None:
    (gate,) = registered(office_database, Kiosk())
    with office_database.write() as connection:
        take_person(connection, gate, person_parcel(gate, ANN), details=details(), now_us=LATER_US)
        assert roster(connection, at_us=LATER_US).remove_templates(ANN)
        held_back = person_parcel(gate, ANN, number=2)
        take_person(connection, gate, held_back, details=details(), now_us=LATER_US + 1)
        assert connection.execute(select(schema.people.c.consent_version)).scalar_one() is None


def test_where_a_clock_leaves_doubt_a_withdrawal_counts(office_database: Database) -> None:
    kiosk = Kiosk()
    (gate,) = registered(office_database, kiosk)
    kiosk.begin()
    before = kiosk.change(ANN, "biometrics_removed", at=BEFORE_CONSENT)
    unset = before.data.clock.model_copy(update={"trust": "unsynchronised"})
    doubtful = before.model_copy(update={"data": before.data.model_copy(update={"clock": unset})})
    consent_is_of_the_future = microseconds(BEFORE_CONSENT)
    with office_database.write() as connection:
        for number, (event, now_us) in enumerate(
            ((doubtful, LATER_US), (before, consent_is_of_the_future)), start=1
        ):
            parcel = person_parcel(gate, ANN, number=number)
            connection.execute(update(schema.people).values(consent_ended_us=None))  # each for itself
            take_person(connection, gate, parcel, details=details(), now_us=1)
            assert take_change(connection, gate, event, now_us=now_us) == Outcome.STORED


def test_disabling_enabling_and_removing_at_a_kiosk_are_followed(office_database: Database) -> None:
    kiosk = Kiosk()
    (gate,) = registered(office_database, kiosk)
    acts: tuple[Literal["disabled", "enabled", "removed"], ...]
    acts = ("disabled", "disabled", "enabled", "removed", "removed")
    with office_database.write() as connection:
        take_person(connection, gate, person_parcel(gate, ANN), details=details(), now_us=1)
        kiosk.begin()
        told = [take_change(connection, gate, kiosk.change(ANN, act), now_us=2) for act in acts]
        assert told == ["stored", "known", "stored", "stored", "person_removed"]
        assert [kind for _, kind, _ in changes(connection)[1:]] == 2 * ["put_person"] + ["remove_person"]
        again = take_person(connection, gate, person_parcel(gate, ANN), details=details(), now_us=3)
        assert again == Outcome.PERSON_REMOVED
        late = take_template(connection, gate, template_parcel(gate, ANN, "1" * 32), now_us=3)
        assert late == Outcome.PERSON_REMOVED


def test_a_kiosk_speaks_only_for_people_of_its_own_site(office_database: Database) -> None:
    kiosk = Kiosk("yard", "gate")
    kiosk.begin()
    (gate,) = registered(office_database, kiosk)
    registered(office_database, Kiosk("mill", "gate"))
    with office_database.write() as connection:
        roster(connection).put(ANN, columns_of(details()), sites=["mill"])
        assert {
            take_person(connection, gate, person_parcel(gate, ANN), details=details("99"), now_us=1),
            take_template(connection, gate, template_parcel(gate, ANN, "1" * 32), now_us=1),
            take_change(connection, gate, kiosk.change(ANN, "removed"), now_us=1),
            take_change(connection, gate, kiosk.change("f" * 32, "removed"), now_us=1),
        } == {Outcome.NOT_OF_SITE}
        assert changes(connection, "yard") == []
        assert connection.execute(select(schema.people.c.employee_number)).scalar_one() == "17"


def test_templates_that_a_kiosk_replaced_go_at_its_site_once_and_nobody_elses(
    office_database: Database,
) -> None:
    gate, yard = registered(office_database, Kiosk(), Kiosk(site="yard"))
    with office_database.write() as connection:
        take_person(connection, gate, person_parcel(gate, ANN), details=details(), now_us=1)
        for template in ("1" * 32, "2" * 32):
            take_template(connection, gate, template_parcel(gate, ANN, template), now_us=2)
        replaced = TemplatesReplaced(
            site="mill", device="gate", id="9" * 32, at=AT, person=ANN, templates=["1" * 32, "7" * 32]
        )
        assert take_replaced(connection, gate, replaced, now_us=3) == Outcome.STORED
        assert take_replaced(connection, gate, replaced, now_us=4) == Outcome.KNOWN
        of_yard = replaced.model_copy(update={"site": "yard", "templates": ["2" * 32]})
        assert take_replaced(connection, yard, of_yard, now_us=5) == Outcome.NOT_OF_SITE
        assert changes(connection)[3:] == [(4, "remove_template", "1")]
        table = schema.sealed_templates
        left = connection.execute(select(table.c.template_id).where(table.c.sealed.is_not(None))).scalars()
        assert list(left) == ["2" * 32]


def test_a_flood_of_templates_and_a_huge_one_are_not_kept(office_database: Database) -> None:
    (gate,) = registered(office_database, Kiosk())
    huge = to_text(bytes(MAX_TEMPLATE_BYTES + 1))
    with office_database.write() as connection:
        told = take_template(connection, gate, template_parcel(gate, ANN, "1" * 32, sealed=huge), now_us=1)
        assert told == Outcome.TOO_MUCH
        for number in range(200):
            take_template(connection, gate, template_parcel(gate, ANN, f"{number:032x}"), now_us=1)
        assert take_template(connection, gate, template_parcel(gate, ANN, "e" * 32), now_us=1) == "too_much"


def test_a_revoked_badge_reaches_the_other_kiosks_and_no_later_report_revives_it(
    office_database: Database,
) -> None:
    (gate,) = registered(office_database, Kiosk())
    one, two = "1" * 24, "2" * 24

    def told(*revoked: str) -> Outcome:
        known = details().model_copy(update={"badges_revoked": list(revoked) or None})
        return take_person(connection, gate, person_parcel(gate, ANN), details=known, now_us=1)

    with office_database.write() as connection:
        assert told() == Outcome.STORED
        assert (told(one), told(one)) == (Outcome.STORED, Outcome.KNOWN)
        assert told() == Outcome.KNOWN, "a kiosk that has not heard of it yet"
        assert told(two) == Outcome.STORED
        row = connection.execute(select(schema.people)).one()
        known = details_of(row)
        assert known is not None
        assert known.badges_revoked == [one, two]
        assert len(changes(connection)) == 3
        many = [f"{number:024x}" for number in range(MAX_REVOKED)]
        assert told(*many) == Outcome.STORED
        known = details_of(connection.execute(select(schema.people)).one())
        assert known is not None
        assert known.badges_revoked == many, "the latest stay"
        roster(connection).remove(ANN)
        assert connection.execute(select(schema.people.c.badges_revoked)).scalar_one() is None
