"""The whole way between a site's kiosks and the office, all parts real: people, faces, erasures, commands."""

import json
from datetime import UTC, datetime, timedelta
from secrets import token_hex

from sqlalchemy import select

from sync.office.database import schema
from sync.office.keys import read_signing_key
from sync.wire.canonical import read
from sync.wire.commands import Command, Identify, Result
from sync.wire.documents import MAX_DOCUMENT_BYTES, sign_document
from sync.wire.envelope import decode
from sync.wire.fields import format_time
from sync.wire.topics import Address, Channel
from tests.edge.device import astronaut, enrol
from tests.journey.premises import SITE, Premises, until
from tests.sync.mqtt import Client

NUMBER = "1815"
DOCK = Address(SITE, "dock")
SECONDS = 20.0  # "within seconds": this machine may have eight other things to do


def test_a_face_enrolled_at_one_kiosk_is_recognised_at_the_other_and_the_office_erases_it_on_both(
    premises: Premises,
) -> None:
    gate, dock, office = premises.gate, premises.dock, premises.office
    watcher = dock.watch()
    person = enrol(gate, astronaut(), name="Ada Lovelace", number=NUMBER)
    until(lambda: dock.templates(NUMBER) == 1, "the template at the dock", within_s=SECONDS)
    told = watcher.notice("recorded")
    assert told.greeting == "Ada"
    assert told.recorded is not None
    assert told.recorded.person_id == person
    assert [row["person"] for row in office.rows("roster", "list")] == [person]

    office.said("roster", "delete", NUMBER, "--yes")
    until(lambda: not gate.people() and not dock.people(), "nobody is known anywhere", within_s=SECONDS)
    erased = len(watcher.lines)
    watcher.notice("not_recognised", after=erased)

    def confirmed() -> bool:
        rows = office.rows("roster", "status")
        done = all(row["applied"] == row["version"] and not row["receipts_missing"] for row in rows)
        return done and len(rows) == 2

    until(confirmed, "both kiosks' receipts", within_s=SECONDS)
    with office.database() as database, database.read() as connection:
        receipts = connection.execute(select(schema.removal_receipts)).all()
    assert sorted((row.person, row.templates_erased) for row in receipts) == [(person, 1)] * 2


def test_a_consent_withdrawn_at_one_kiosk_erases_templates_at_the_other_and_a_removal_the_person(
    premises: Premises,
) -> None:
    gate, dock = premises.gate, premises.dock
    person = enrol(gate, astronaut(), name="Ada Lovelace", number=NUMBER)
    until(lambda: dock.templates(NUMBER) == 1, "the template at the dock", within_s=SECONDS)
    with gate.client() as staff:
        staff.withdraw_consent(person)
    until(lambda: dock.templates(NUMBER) == 0, "no template at the dock", within_s=SECONDS)
    assert dock.people()[NUMBER].person_id == person
    with gate.client() as staff:
        staff.remove_person(person)
    until(lambda: not dock.people(), "nobody at the dock", within_s=SECONDS)


def test_a_kiosk_does_what_the_office_orders_and_answers(premises: Premises) -> None:
    dock, office = premises.dock, premises.office
    watcher = dock.watch()
    assert "done" in office.said("command", "identify", "dock", "--seconds", "3", "--wait")
    assert watcher.notice("identify").seconds == 3
    office.said("command", "message", "dock", "--text", "Fire drill at noon", "--wait")
    assert watcher.notice("message").messages == ("Fire drill at noon",)
    office.said("command", "out-of-service", "dock", "--reason", "moving", "--wait")
    watcher.notice("out_of_service", detail="office")
    closed = len(watcher.lines)
    office.said("command", "in-service", "dock", "--wait")
    watcher.until(lambda line: line.notice not in ("out_of_service", "message"), after=closed)


def test_a_setting_is_in_force_after_the_restart_that_the_office_orders(premises: Premises) -> None:
    dock, office = premises.dock, premises.office
    person = enrol(dock, astronaut(), name="Ada Lovelace", number=NUMBER)
    before = premises.dock_daemon.starts
    told = office.said("command", "configure", "dock", "--set", "attendance.repeat_s=600", "--wait")
    assert "restart_needed" in told
    office.said("command", "restart", "dock", "--wait")
    until(lambda: premises.dock_daemon.starts == before + 1, "the daemon starts anew")
    until((dock.run / "screen.sock").exists, "its sockets")
    watcher = dock.watch()
    watcher.notice("already_recorded")
    with dock.client() as staff:
        staff.remove_person(person)


def test_a_support_bundle_is_opened_at_the_office(premises: Premises) -> None:
    dock, office = premises.dock, premises.office
    told = office.said("command", "support-bundle", "dock", "--wait")
    bundle = told.split("command bundle ")[1].split()[0]
    file = office.folder / "bundle.json"
    until(
        lambda: office.run("command", "bundle", bundle, "--out", str(file)).exit_code == 0, "the bundle's parts"
    )
    content = json.loads(file.read_text(encoding="utf-8"))
    assert content["status"]["device"] == dock.name
    assert file.stat().st_mode & 0o777 == 0o600


def test_an_expired_command_is_refused_and_a_replayed_one_is_answered_and_not_done_again(
    premises: Premises,
) -> None:
    office, broker = premises.office, premises.broker
    office.said("command", "identify", "dock", "--seconds", "7", "--wait")
    with office.database() as database, database.read() as connection:
        row = connection.execute(
            select(schema.outbox.c.envelope, schema.outbox.c.number, schema.outbox.c.document_id)
            .where(schema.outbox.c.channel == "commands")
            .order_by(schema.outbox.c.id.desc())
        ).first()
    assert row is not None
    now = datetime.now(UTC)
    late = Command(
        site=SITE,
        device="dock",
        id=token_hex(16),
        number=row.number + 1,
        issued=format_time(now - timedelta(minutes=10)),
        expires=format_time(now - timedelta(minutes=5)),
        order=Identify(seconds=9),
    )
    key = read_signing_key(office.operator_key, ask=str)
    watcher = premises.dock.watch()
    with Client(broker, broker.office("receiver-2")) as client:
        client.subscribe(DOCK.topic(Channel.RESULTS))
        for raw in (bytes(row.envelope), sign_document(late, key=key)):
            client.publish(DOCK.topic(Channel.COMMANDS), raw)
        answers = [_result(client.receive().payload) for _ in range(2)]
    assert [(each.answers, each.outcome) for each in answers] == [
        (row.document_id, "done"),
        (late.id, "expired"),
    ]
    office.said("command", "identify", "dock", "--seconds", "11", "--wait")
    watcher.until(lambda line: line.notice == "identify" and line.seconds == 11)
    assert [line.seconds for line in watcher.lines if line.notice == "identify"] == [11]


def test_a_command_given_while_the_broker_is_down_is_done_when_it_is_back(premises: Premises) -> None:
    watcher = premises.dock.watch()
    premises.broker.stop()
    told = premises.office.said("command", "identify", "dock", "--seconds", "5")
    command = told.split("command ")[1].split(",")[0]
    premises.broker.start()
    watcher.until(lambda line: line.notice == "identify" and line.seconds == 5)
    until(
        lambda: json.loads(premises.office.said("command", "show", command, "--json"))["state"] == "done",
        "the answer",
    )


def test_who_is_added_at_the_office_is_known_at_both_kiosks(premises: Premises) -> None:
    office = premises.office
    office.said("roster", "add", "--number", "7", "--name", "Grace Hopper", "--site", SITE)
    for kiosk in (premises.gate, premises.dock):
        until(lambda: "7" in kiosk.people(), f"known at the {kiosk.name}", within_s=SECONDS)  # noqa: B023
    office.said("roster", "delete", "7", "--yes")
    for kiosk in (premises.gate, premises.dock):
        until(lambda: not kiosk.people(), f"gone at the {kiosk.name}", within_s=SECONDS)  # noqa: B023


def _result(raw: bytes) -> Result:
    return read(Result, decode(raw, max_payload_bytes=MAX_DOCUMENT_BYTES).payload, max_bytes=MAX_DOCUMENT_BYTES)
