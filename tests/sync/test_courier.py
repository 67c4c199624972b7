"""The courier on a real broker: events up in order, acks down, and only the office's ack moves anything."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sync.wire.canonical import encode
from sync.wire.commands import Command, Identify, Result
from sync.wire.documents import open_document
from sync.wire.envelope import signing_key_id
from sync.wire.health import TelemetryMessage
from sync.wire.office import ParcelReceipt
from sync.wire.topics import Channel
from tests.sync.courier_runner import WAIT_S, await_until
from tests.sync.edge_stand_in import TIME, point
from tests.sync.line import ADDRESS, Line, lay
from tests.sync.mosquitto import Mosquitto
from tests.sync.proxy import Proxy


@pytest.fixture
def line(tmp_path: Path, broker: Mosquitto) -> Iterator[Line]:
    with lay(tmp_path, broker) as made:
        yield made


# --- events -----------------------------------------------------------------------------------------------


def test_events_arrive_in_order_and_acks_are_carried_back(line: Line) -> None:
    made = line.edge.record(1234)
    with line.courier():
        await_until(lambda: line.complete, "edge has the office's ack of the last event")
    assert line.office.events == [point(each) for each in made]
    assert max(line.office.sizes) == 100


def test_a_lone_event_goes_at_once(line: Line) -> None:
    with line.courier():
        line.state()
        line.edge.record()
        await_until(lambda: line.complete, "its ack", within_s=2.0)
    assert line.office.sizes == [1]


def test_the_window_holds_until_the_office_has_committed_and_a_puback_does_not_open_it(line: Line) -> None:
    line.office.silent = True
    made = line.edge.record(50)
    with line.courier(delivery__window_events="20") as running:
        await_until(lambda: len(line.office.events) == 20, "the window is full")
        await_until(lambda: not running.unanswered, "the broker has acknowledged all of it")
        line.office.acknowledge(point(made[4]))
        await_until(lambda: len(line.office.events) == 25, "five were committed, five more come")
        assert line.edge.frontier == made[4]
        assert running.courier.pump.window.on_the_way == 20
    assert line.office.events == [point(each) for each in made[:25]]


def test_silence_of_the_office_sends_everything_unconfirmed_again(line: Line) -> None:
    line.office.silent = True
    made = line.edge.record(10)
    with line.courier(delivery__stall_s="2"):
        await_until(lambda: len(line.office.events) >= 20, "all of it twice")
        line.office.silent = False
        line.office.acknowledge(point(made[-1]))
        await_until(lambda: line.complete, "the ack")
    assert line.office.events[:20] == 2 * [point(each) for each in made]


def test_the_office_can_have_events_sent_again_from_where_its_backup_ends(line: Line) -> None:
    made = line.edge.record(30)
    with line.courier():
        await_until(lambda: line.complete, "all of it")
        line.office.committed = point(made[9])
        line.office.acknowledge(point(made[9]), resend=True)
        await_until(lambda: len(line.office.events) == 50, "the last twenty again")
    assert line.office.events[30:] == [point(each) for each in made[10:]]


def test_a_forged_ack_moves_nothing(line: Line) -> None:
    line.office.silent = True
    line.office.key = Ed25519PrivateKey.generate()
    made = line.edge.record(5)
    with line.courier():
        await_until(lambda: len(line.office.events) == 5, "the events")
        line.office.acknowledge(point(made[-1]))
        await_until(lambda: bool(line.edge.delivered), "edge has seen it")
    assert line.edge.delivered[-1].outcome == "refused"
    assert line.edge.frontier is None


# --- connections that end ---------------------------------------------------------------------------------


def test_after_a_cut_the_courier_is_born_again_and_sends_what_was_not_confirmed(line: Line) -> None:
    line.office.silent = True
    made = line.edge.record(10)
    with Proxy(line.broker.port) as proxy, line.courier(proxy.port):
        first = line.state()
        await_until(lambda: len(line.office.events) == 10, "the events")
        proxy.cut()
        states = [line.state(), line.state()]  # death and birth: a death counts only for its own session
        [birth] = [each for each in states if each.online]
        [death] = [each for each in states if not each.online]
        assert death.session == first.session != birth.session
        await_until(lambda: len(line.office.events) == 20, "all of it again")
        assert not death.orderly
    assert line.office.events == 2 * [point(each) for each in made]


@pytest.mark.parametrize("wipe", [False, True], ids=["kept", "wiped"])
def test_a_broker_that_restarts_loses_nothing(line: Line, *, wipe: bool) -> None:
    line.edge.record(200)
    with line.courier():
        await_until(lambda: line.complete, "the first")
        line.broker.restart(graceful=False, wipe=wipe)
        line.edge.record(200)
        await_until(lambda: line.complete, "the rest")
    assert line.in_order()


def test_a_half_open_connection_is_found_and_replaced(line: Line) -> None:
    with Proxy(line.broker.port) as proxy, line.courier(proxy.port, broker__keepalive_s="5") as running:
        line.state()
        proxy.freeze()
        line.edge.record(3)
        await_until(lambda: line.complete, "by another connection", within_s=1.5 * 5 + 4)
        assert proxy.accepted == 2
        assert running.conditions == ["half_open"]


def test_the_next_address_is_taken_when_the_first_does_not_answer(line: Line) -> None:
    with Proxy(1) as nowhere, line.courier(nowhere.port, line.broker.port):
        line.edge.record(3)
        await_until(lambda: line.complete, "by way of the second")
        assert _telemetry(line).courier.broker == 2


def test_a_name_that_leads_elsewhere_now_is_followed(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """The broker has moved: its old address is dead, and the name's server already tells the new one."""
    resolve = socket.getaddrinfo
    with Proxy(line.broker.port) as old, Proxy(line.broker.port) as new:
        leads_to = {old.port: old.port}

        def moved(host: str, port: int, *others: Any, **named: Any) -> Any:
            return resolve(host, leads_to.get(port, port), *others, **named)

        monkeypatch.setattr(socket, "getaddrinfo", moved)
        with line.courier(old.port):
            birth = line.state()
            old.target = 1
            leads_to[old.port] = new.port
            old.cut()
            states = [line.state(), line.state()]  # the death of the one, the birth of the other
            assert {each.session for each in states if not each.online} == {birth.session}
            line.edge.record(3)
            await_until(lambda: line.complete, "by way of the new address")
            assert new.accepted == 1


def test_the_first_address_is_taken_again_when_it_answers(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sync.retry.RETURN_S", 0.2)
    with Proxy(1) as first, line.courier(first.port, line.broker.port):
        birth = line.state()
        first.target = line.broker.port
        goodbye, again = line.state(), line.state()
        assert (goodbye.session, goodbye.orderly, again.online) == (birth.session, True, True)
        line.edge.record(3)
        await_until(lambda: line.complete, "by way of the first")


def test_it_says_goodbye_and_no_death_follows(line: Line) -> None:
    with line.courier():
        birth = line.state()
    goodbye = line.state()
    assert (goodbye.session, goodbye.online, goodbye.orderly) == (birth.session, False, True)
    assert line.office.states.empty()


def test_edge_may_go_and_come_back(line: Line) -> None:
    with line.courier():
        line.edge.record(5)
        await_until(lambda: line.complete, "the first")
        line.edge.down()
        line.edge.up()
        line.edge.record(5)
        await_until(lambda: line.complete, "the rest")
    assert line.in_order()


def test_documents_that_come_while_edge_is_down_are_kept_in_order(line: Line) -> None:
    line.office.silent = True
    made = line.edge.record(60)
    with line.courier():
        await_until(lambda: len(line.office.events) == 60, "the events")
        line.edge.down()
        for each in made:
            line.office.acknowledge(point(each))
        line.edge.up()
        await_until(lambda: line.complete, "all acks, the last one too")
        await_until(lambda: len(line.edge.delivered) >= 60, "each of them")
    assert [taken.frontier.seq for taken in line.edge.delivered[:60]] == list(range(1, 61))


def test_a_document_over_which_edge_falls_holds_nobody_up_for_ever(line: Line) -> None:
    line.office.silent = True
    made = line.edge.record(2)
    with line.courier():
        await_until(lambda: len(line.office.events) == 2, "the events")
        line.edge.fail_next = 5
        line.office.acknowledge(point(made[0]))
        line.office.acknowledge(point(made[1]))
        await_until(lambda: line.complete, "the second ack")


# --- commands, parcels, telemetry -------------------------------------------------------------------------


def _command(number: int) -> Command:
    later = "2026-01-02T04:04:05.000006Z"
    return Command(
        site=ADDRESS.site, device=ADDRESS.device, id=f"{number:032x}", number=number, issued=TIME,
        expires=later, order=Identify(seconds=5),
    )  # fmt: skip


@pytest.mark.parametrize("topic", ["", "own", "foreign"])
def test_a_command_is_answered_on_the_devices_own_topic_alone(line: Line, topic: str) -> None:
    named = {"": "", "own": ADDRESS.topic(Channel.RESULTS), "foreign": "clockface/v1/paris-1/door-9/results"}
    with line.courier():
        line.state()
        line.office.send(Channel.COMMANDS, _command(7), key=line.operator, response_topic=named[topic])
        while (found := line.office.others.get(timeout=WAIT_S))[0] is not Channel.RESULTS:
            pass
    _, payload, properties = found
    assert properties.CorrelationData == f"{7:032x}".encode()
    key = line.edge.signing.public_key()
    result = open_document(Result, payload, keys={signing_key_id(key): key}, address=ADDRESS)
    assert (result.answers, result.outcome) == (f"{7:032x}", "done")


def test_bytes_that_are_no_document_are_dropped_and_the_next_one_is_heard(line: Line) -> None:
    [made] = line.edge.record()
    line.office.silent = True
    with line.courier():
        await_until(lambda: bool(line.office.events), "the event")
        line.office.send_raw(Channel.ACK, b"\xff\xfe")
        line.office.send_raw(Channel.COMMANDS, b"")
        line.office.send_raw(Channel.ROSTER, b"[" * 200_000)
        line.office.acknowledge(point(made))
        await_until(lambda: line.complete, "the ack")


def test_a_parcel_goes_out_once_and_its_receipt_takes_it_off(line: Line) -> None:
    first, second = f"{1:032x}", f"{2:032x}"
    line.edge.hand_in(first, "one")
    with line.courier():
        assert _next(line, Channel.PARCELS) == b"one"
        line.edge.hand_in(second, "two")
        assert _next(line, Channel.PARCELS) == b"two"
        receipt = ParcelReceipt(site=ADDRESS.site, device=ADDRESS.device, parcels=[first, second], issued=TIME)
        line.office.send(Channel.ACK, receipt)
        await_until(lambda: not line.edge.parcels, "the receipt")
    assert all(channel is not Channel.PARCELS for channel, _, _ in line.office.others.queue)


def test_a_parcel_without_receipt_goes_out_again_after_the_stall(line: Line) -> None:
    line.edge.hand_in(f"{1:032x}", "one")
    with line.courier(delivery__stall_s="2"):
        assert [_next(line, Channel.PARCELS) for _ in range(2)] == [b"one", b"one"]


def test_telemetry_carries_edges_part_and_ours_at_once_when_something_changed(line: Line) -> None:
    with line.courier(telemetry__interval_s="3600"):
        birth = line.state()
        first = _telemetry(line)
        line.edge.fault = "camera_lost"
        second = _telemetry(line)
        line.edge.down()
        third = _telemetry(line)
        line.edge.up()
    assert first.courier.session == birth.session
    assert first.courier.certificate_days == 1
    assert first.edge != second.edge
    assert first.edge is not None
    assert third.edge is None


def _next(line: Line, wanted: Channel) -> bytes:
    while True:
        channel, payload, _ = line.office.others.get(timeout=WAIT_S)
        if channel is wanted:
            return bytes(payload)


def _telemetry(line: Line) -> TelemetryMessage:
    payload = _next(line, Channel.TELEMETRY)
    message = TelemetryMessage.model_validate(json.loads(payload))
    assert encode(message) == payload
    return message


def test_edge_is_told_how_the_way_to_the_broker_is(line: Line) -> None:
    with line.courier():
        await_until(lambda: [each.connected for each in line.edge.links] == [True], "that it is connected")
        assert line.edge.links[0].broker == 1
        line.edge.down()
        line.edge.up()
        line.edge.record()
        await_until(lambda: line.complete, "it carries on")
