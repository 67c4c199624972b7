"""The server over real sockets: roles, versions, peers, and what it does with the hostile."""

import io
import json
import os
import socket
import time
from pathlib import Path

import pytest

from clockface.config import LoggingConfig
from clockface.logs import set_up
from edge.api.client import EdgeClient
from edge.api.protocol.courier import EnvelopeQuery, ParcelQuery, ParcelView
from edge.api.protocol.enrolment import PhotoEnrolment
from edge.api.protocol.exchange import MAX_PHOTO_BYTES
from edge.api.protocol.intents import IntentChosen, IntentTaken
from edge.api.protocol.people import PeopleQuery
from edge.api.protocol.punches import PunchQuery
from edge.api.server import ApiServer
from edge.api.stage import Stage
from edge.config.device import ApiConfig
from edge.errors import (
    ApiError,
    AttendanceError,
    ConsentMissing,
    LedgerCorrupt,
    NotPermitted,
    NumberTaken,
    PersonUnknown,
)
from tests.edge.api.clients import CourierClient, ScreenClient
from tests.edge.api.conftest import LIMITS
from tests.edge.api.raw_http import ADA, CONSENT, ask, raw
from tests.edge.api.small_edge import SmallEdge, envelope


def test_people_come_and_go_over_the_socket(staff: EdgeClient, edge: SmallEdge) -> None:
    person = staff.add_person(ADA)
    assert staff.person(person.person_id) == person
    assert staff.people(PeopleQuery(number="1815")).people == (person,)
    assert not staff.set_enabled(person.person_id, enabled=False).enabled
    consented = staff.record_consent(person.person_id, CONSENT)
    assert consented.consent is not None
    assert consented.consent.taken_by == edge.acts[0][1].account
    assert staff.withdraw_consent(person.person_id).templates == 1
    assert staff.remove_person(person.person_id).person_id == person.person_id
    with pytest.raises(PersonUnknown, match="clockface people list"):
        staff.person(person.person_id)


def test_pages_join_into_everyone(staff: EdgeClient) -> None:
    for number in range(7):
        staff.add_person(ADA.model_copy(update={"number": str(number)}))
    assert len(staff.people(PeopleQuery(limit=3)).people) == 3
    assert len(list(staff.everyone())) == 7


def test_the_daemons_errors_are_raised_as_they_were(staff: EdgeClient, edge: SmallEdge) -> None:
    staff.add_person(ADA)
    with pytest.raises(NumberTaken) as taken:
        staff.add_person(ADA)
    assert taken.value.exit_code == 75
    edge.corrupt = True
    with pytest.raises(LedgerCorrupt, match=r"event 7 does not hold \(ledger\.db\)\. Next: restore it"):
        staff.verify_ledger()


def test_every_act_names_the_account_that_the_kernel_names(staff: EdgeClient, edge: SmallEdge) -> None:
    staff.add_person(ADA)
    (_, peer), *_ = edge.acts
    assert (peer.uid, peer.pid) == (os.getuid(), os.getpid())


@pytest.mark.parametrize(
    ("name", "method", "url"),
    [
        ("screen.sock", "GET", "/v1/people"),
        ("sync.sock", "GET", "/v1/people"),
        ("sync.sock", "GET", "/v1/stage"),
        ("sync.sock", "GET", "/v1/scenes"),
        ("screen.sock", "GET", "/v1/envelopes"),
        ("staff.sock", "GET", "/v1/envelopes"),
        ("screen.sock", "POST", "/v1/enrolments/photo"),
        ("sync.sock", "DELETE", "/v1/people/" + "0" * 32),
    ],
)
def test_a_socket_offers_its_roles_operations_only(
    run: Path, server: ApiServer, name: str, method: str, url: str
) -> None:
    status, problem = ask(run / name, method, url)
    assert status == 403
    assert problem["error"] == "NotPermitted"
    assert name.removesuffix(".sock") in str(problem["title"])


def test_another_version_is_refused_with_both_versions(run: Path, server: ApiServer) -> None:
    status, problem = ask(run / "staff.sock", "GET", "/v1/status", headers={"Clockface-Protocol": "2"})
    assert (status, problem["error"], problem["exit_code"]) == (426, "ProtocolMismatch", 63)
    assert "version 1" in str(problem["title"])
    assert "'2'" in str(problem["title"])
    status, problem = ask(run / "staff.sock", "GET", "/v9/status")
    assert problem["error"] == "ProtocolMismatch"


def test_curl_needs_no_header(run: Path, server: ApiServer) -> None:
    status, answer = ask(run / "staff.sock", "GET", "/v1/status")
    assert (status, answer["device"]) == (200, "kiosk")


@pytest.mark.parametrize(
    ("body", "content_type", "says"),
    [
        (b"{", "application/json", "JSON"),
        (b'{"name":"A","number":"1","salary":3}', "application/json", "salary: Extra inputs"),
        (b'{"name":"A"}', "application/json", "number: Field required"),
        (b'{"name":"\xff","number":"1"}', "application/json", "JSON"),
        (b'{"name":"A","number":"1"}', "text/plain", "must be application/json"),
        (b"[" * 50_000, "application/json", "JSON"),
        (b'{"name":"' + b"x" * 70_000 + b'","number":"1"}', "application/json", "too large"),
    ],
)
def test_a_body_that_does_not_fit_is_refused_by_name(
    run: Path, server: ApiServer, edge: SmallEdge, body: bytes, content_type: str, says: str
) -> None:
    status, problem = ask(run / "staff.sock", "POST", "/v1/people", body, {"Content-Type": content_type})
    assert 400 <= status < 500
    assert says in str(problem["title"])
    assert edge.registered == {}


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("/v1/people?limit=0", "limit"),
        ("/v1/people?limit=9999", "limit"),
        ("/v1/people?colour=red", "colour: Extra inputs"),
        ("/v1/people?limit=3&limit=4", "given twice"),
        ("/v1/punches?since=yesterday", "since"),
        ("/v1/punches?after=1%3BDROP", "after"),
        ("/v1/people/../../etc/passwd", "no such operation"),
        ("/v1/people/ABC", "no such operation"),
        ("/v1/nothing", "no such operation"),
    ],
)
def test_a_query_or_path_that_does_not_fit_is_refused(
    run: Path, server: ApiServer, url: str, says: str
) -> None:
    status, problem = ask(run / "staff.sock", "GET", url)
    assert 400 <= status < 500
    assert says in str(problem["title"])


def test_another_method_is_refused_as_such(run: Path, server: ApiServer) -> None:
    status, problem = ask(run / "staff.sock", "PATCH", "/v1/people")
    assert (status, problem["title"]) == (405, "this operation has another method")


def test_bytes_that_are_not_http_end_the_connection_and_nothing_else(
    run: Path, server: ApiServer, staff: EdgeClient
) -> None:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(5)
        connection.connect(str(run / "staff.sock"))
        connection.sendall(b"\x16\x03\x01\x02\x00" + os.urandom(200) + b"\r\n\r\n")
        while connection.recv(4096):
            pass
    assert staff.status().device == "kiosk"


def test_a_head_that_dribbles_in_is_cut_off(run: Path, server: ApiServer) -> None:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(5)
        connection.connect(str(run / "staff.sock"))
        connection.sendall(b"GET /v1/status HTTP/1.1\r\nHost:")
        began = time.monotonic()
        while connection.recv(4096):
            pass
        assert time.monotonic() - began < 4


def test_a_body_that_dribbles_in_is_refused_and_frees_its_upload(
    run: Path, server: ApiServer, staff: EdgeClient
) -> None:
    with raw(run / "staff.sock") as slow:
        slow.putrequest("POST", "/v1/enrolments/photo")
        slow.putheader("Content-Type", "multipart/form-data; boundary=x")
        slow.putheader("Content-Length", "1000000")
        slow.endheaders(b'--x\r\nContent-Disposition: form-data; name="photo"\r\n\r\n')
        response = slow.getresponse()
        assert response.status == 400
        assert "did not arrive" in json.loads(response.read())["title"]
    assert staff.enrol_photo(PhotoEnrolment(profile=ADA, consent=CONSENT), b"picture").created


def test_a_full_socket_tells_the_next_client_so(run: Path, server: ApiServer) -> None:
    waiting = [socket.socket(socket.AF_UNIX) for _ in range(LIMITS.connections)]
    try:
        for connection in waiting:
            connection.connect(str(run / "staff.sock"))
        status, problem = ask(run / "staff.sock", "GET", "/v1/status")
        assert (status, problem["title"]) == (503, "too many connections are open on this socket")
    finally:
        for connection in waiting:
            connection.close()


def test_a_picture_arrives_whole(staff: EdgeClient, edge: SmallEdge) -> None:
    picture = os.urandom(3_000_001)
    assert staff.enrol_photo(PhotoEnrolment(profile=ADA, consent=CONSENT), picture).templates_added == 1
    assert edge.acts[-1][0] == "photo of 3000001 bytes"


def test_a_picture_that_is_too_large_is_refused_on_both_sides(
    staff: EdgeClient, run: Path, edge: SmallEdge
) -> None:
    with pytest.raises(ApiError, match="larger than 20 MiB"):
        staff.enrol_photo(PhotoEnrolment(profile=ADA, consent=CONSENT), b"x" * (MAX_PHOTO_BYTES + 1))
    head = b'--x\r\nContent-Disposition: form-data; name="photo"\r\n\r\n'
    status, problem = ask(
        run / "staff.sock",
        "POST",
        "/v1/enrolments/photo",
        head + b"x" * (MAX_PHOTO_BYTES + 1) + b"\r\n--x--\r\n",
        {"Content-Type": "multipart/form-data; boundary=x"},
    )
    assert status == 400
    assert "larger than" in str(problem["title"])
    assert edge.acts == []


@pytest.mark.parametrize(
    ("content_type", "body", "says"),
    [
        ("image/jpeg", b"\xff\xd8", "multipart/form-data"),
        ("multipart/form-data", b"--x--\r\n", "malformed"),
        ("multipart/form-data; boundary=x", b"--y\r\n\r\n", "malformed"),
        ("multipart/form-data; boundary=x", b"--x--\r\n", "needs a part"),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="shell"\r\n\r\nls\r\n--x--\r\n',
            "only the parts",
        ),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="request"\r\n\r\n{}\r\n--x--\r\n',
            "give either person_id or profile",
        ),
    ],
)
def test_a_malformed_upload_is_refused(
    run: Path, server: ApiServer, content_type: str, body: bytes, says: str
) -> None:
    status, problem = ask(
        run / "staff.sock", "POST", "/v1/enrolments/photo", body, {"Content-Type": content_type}
    )
    assert status == 400
    assert says in str(problem["title"])


def test_a_refused_enrolment_is_the_daemons_error(staff: EdgeClient) -> None:
    with pytest.raises(ConsentMissing):
        staff.enrol_photo(PhotoEnrolment(profile=ADA), b"picture")


def test_a_bug_in_the_daemon_tells_the_client_nothing_but_where_to_look(
    run: Path, server: ApiServer, edge: SmallEdge, capsys: pytest.CaptureFixture[str]
) -> None:
    edge.broken = True
    log = io.StringIO()
    undo = set_up(LoggingConfig(form="json"), stream=log)
    status, problem = ask(run / "staff.sock", "GET", "/v1/status")
    undo()
    line = json.loads(log.getvalue())
    assert (line["event"], line["path"]) == ("request_failed", "/v1/status")
    assert line["exception"][0]["class"] == "ZeroDivisionError"
    assert status == 500
    assert problem["next_step"] == "journalctl -u clockface-edge"
    written = json.dumps(problem) + "".join(capsys.readouterr()) + log.getvalue()
    assert "Lovelace" not in written
    assert "1815" not in written


def test_a_courier_gets_what_is_there_at_once(sync: CourierClient, edge: SmallEdge) -> None:
    edge.pending += [envelope(1), envelope(2)]
    batch = sync.envelopes(EnvelopeQuery(after_epoch=envelope(1).epoch, after_seq=1, wait_s=9))
    assert [e.seq for e in batch.envelopes] == [2]
    assert batch.frontier.pending == 2


def test_a_courier_that_waits_for_nothing_gets_nothing_in_time(sync: CourierClient) -> None:
    began = time.monotonic()
    assert sync.envelopes(EnvelopeQuery(wait_s=0.2)).envelopes == ()
    assert 0.15 < time.monotonic() - began < 5


def test_records_are_listed(staff: EdgeClient) -> None:
    assert list(staff.all_punches(PunchQuery(limit=5))) == []
    assert staff.audit().entries[0].action == "start"


def test_a_second_daemon_does_not_take_the_sockets(
    run: Path, server: ApiServer, edge: SmallEdge, staff: EdgeClient
) -> None:
    second = ApiServer(service=edge, stage=Stage(), run=run, config=ApiConfig())
    with pytest.raises(ApiError, match="another Clockface daemon"):
        second.start()
    assert staff.status().device == "kiosk"


def test_closing_takes_the_sockets_away_and_may_happen_twice(run: Path, edge: SmallEdge) -> None:
    served = ApiServer(service=edge, stage=Stage(), run=run, config=ApiConfig())
    served.start()
    assert {p.name for p in run.iterdir()} == {"staff.sock", "screen.sock", "sync.sock"}
    served.close()
    served.close()
    assert list(run.iterdir()) == []


def test_the_screen_hands_in_choices_and_staff_do_not(
    screen: ScreenClient, staff: EdgeClient, edge: SmallEdge
) -> None:
    choice = IntentChosen(direction="in", work_code="paint")
    assert screen.choose(choice).goes_to == "next"
    assert edge.choices == [choice]
    with pytest.raises(AttendanceError, match="does not use"):
        screen.choose(IntentChosen(work_code="unknown"))
    with pytest.raises(NotPermitted):
        staff.ask("POST", "/intents", IntentTaken, body=choice)


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b'{"direction": "unstated"}',
        b'{"direction": "in", "person_id": "aa"}',
        b'{"work_code": ""}',
        b'{"work_code": "a\\nb"}',
        b'{"work_code": "' + b"x" * 201 + b'"}',
    ],
)
def test_a_choice_that_does_not_fit_is_refused_without_its_value(
    screen: ScreenClient, edge: SmallEdge, body: bytes
) -> None:
    status, problem = ask(screen.path, "POST", "/v1/intents", body, {"Content-Type": "application/json"})
    assert (status, problem["error"]) == (400, "ApiError")
    assert "xxx" not in str(problem)
    assert edge.choices == []


def test_the_courier_fetches_parcels_and_telemetry_and_hands_documents_in(
    edge: SmallEdge, sync: CourierClient
) -> None:
    assert sync.parcels(ParcelQuery()).parcels == ()
    edge.parcels_waiting.append(ParcelView(parcel_id="0d" * 16, envelope="{}"))
    assert sync.parcels(ParcelQuery(wait_s=30)).parcels[0].parcel_id == "0d" * 16
    assert sync.telemetry().envelope == "{}"
    assert sync.request_certificate("PEM").parcel_id == "0c" * 16
    assert sync.deliver(b'{"payload":"' + b"x" * 150_000 + b'"}').outcome == "applied"
    assert len(edge.delivered[0]) > 150_000


@pytest.mark.parametrize(
    ("operation", "size", "status"),
    [
        ("deliveries", 200_000, 400),  # a body that fits, an envelope that does not
        ("deliveries", 300_000, 413),
        ("certificate-requests", 100_000, 413),
    ],
)
def test_large_bodies_are_refused(
    server: ApiServer, edge: SmallEdge, run: Path, operation: str, size: int, status: int
) -> None:
    body = json.dumps({"envelope": "x" * size}).encode()
    headers = {"Content-Type": "application/json"}
    assert ask(run / "sync.sock", "POST", f"/v1/{operation}", body, headers)[0] == status
    assert edge.delivered == edge.requests == []
