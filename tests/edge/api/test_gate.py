"""Who of staff may do what: every operation names its role, and what cannot be undone asks for a session."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pydantic import ValidationError

from edge.api.client import EdgeClient
from edge.api.gate import ATTEMPTS_S, MAX_ATTEMPTS, MAX_NOTES, NEEDS, Gate, Need, StaffRole, need_of, plain
from edge.api.protocol.exchange import Role
from edge.api.protocol.staff import SessionAsked
from edge.api.routes.desk import Desk
from edge.api.routes.tables import tables
from edge.api.server import ApiServer
from edge.api.service import Peer
from edge.api.stage import Stage
from edge.config.device import ApiConfig, StaffConfig
from edge.errors import NotPermitted, SessionNeeded, SessionRefused, StoreError
from tests.edge.api.raw_http import ADA
from tests.edge.api.small_edge import SmallEdge

CONFIG = StaffConfig(operators=("bo",), administrators=("ana",), session_s=1800)
DANGER = Need(StaffRole.ADMINISTRATOR, session=True)
DOOR = "door-2"


def peer(account: str, uid: int = 1001) -> Peer:
    return Peer(role=Role.STAFF, uid=uid, pid=7, account=account)


ANA, BO, CY = peer("ana", 1001), peer("bo", 1002), peer("cy", 1003)


class Trail:
    """The audit trail of a test."""

    def __init__(self) -> None:
        self.entries: list[tuple[str, str, str]] = []
        self.full = False

    def __call__(self, action: str, *, actor: str, detail: str) -> None:
        if self.full:
            raise StoreError("the disk is full")
        self.entries.append((action, actor, detail))


@pytest.fixture
def now() -> list[float]:
    return [1000.0]


@pytest.fixture
def trail() -> Trail:
    return Trail()


@pytest.fixture
def gate(now: list[float], trail: Trail) -> Gate:
    return Gate(CONFIG, device=DOOR, now_s=lambda: now[0], note=trail, own_uid=990)


def test_every_operation_of_staff_names_what_it_asks_and_nothing_else_is_named() -> None:
    with ThreadPoolExecutor(1) as pool:
        desk = Desk(
            gate=Gate(CONFIG, device=DOOR, now_s=lambda: 0.0),
            service=SmallEdge(),
            stage=Stage(),
            workers=pool,
            enrolment=pool,
            uploads=asyncio.Semaphore(1),
        )
        offered = {(method, plain(path)) for method, path, _ in tables(desk)[Role.STAFF]}
    assert offered - set(NEEDS) == set(), "name the role that it needs in edge/api/gate.py"
    assert set(NEEDS) - offered == set(), "edge/api/gate.py names operations that are gone"


def test_what_cannot_be_undone_asks_for_an_administrator_with_a_session() -> None:
    erase = need_of("DELETE", "/v1/people/{person_id:[0-9a-f]{32}}")
    assert {erase, need_of("POST", "/v1/keys/rotation"), need_of("GET", "/v1/ledger-copy")} == {DANGER}
    assert need_of("DELETE", "/v1/keys/old") == DANGER


def test_an_operation_that_nobody_classed_asks_for_everything() -> None:
    assert need_of("POST", "/v1/forgotten") == DANGER


def test_nothing_that_changes_anything_is_open_to_a_viewer() -> None:
    own = {("POST", "/session"), ("DELETE", "/session")}
    own |= {("POST", "/crashes")}  # what the account's own command fell over: classes and places for the office
    open_to_all = {operation for operation, need in NEEDS.items() if need.role is StaffRole.VIEWER}
    assert {operation for operation in open_to_all if operation[0] != "GET"} == own


@pytest.mark.parametrize(
    ("who", "role"),
    [
        (ANA, StaffRole.ADMINISTRATOR),
        (BO, StaffRole.OPERATOR),
        (CY, StaffRole.VIEWER),
        (peer("root", 0), StaffRole.ADMINISTRATOR),
        (peer("clockface", 990), StaffRole.ADMINISTRATOR),
        (peer("uid:1004", 1004), StaffRole.VIEWER),
    ],
)
def test_a_role_is_the_configurations_and_who_is_not_named_may_look(
    gate: Gate, who: Peer, role: StaffRole
) -> None:
    assert gate.role_of(who) is role
    assert gate.view(who).role == role.code


def test_each_role_may_what_the_lower_ones_may_and_no_more(gate: Gate, trail: Trail) -> None:
    for who, held in ((ANA, 2), (BO, 1), (CY, 0)):
        for role in StaffRole:
            if role <= held:
                gate.admit(who, Need(role), operation="get:/people")
            else:
                with pytest.raises(NotPermitted, match=role.code):
                    gate.admit(who, Need(role), operation="post:/people")
    assert trail.entries == [
        ("role.refused", "bo", "administrator:post:/people"),
        ("role.refused", "cy", "operator:post:/people"),
        ("role.refused", "cy", "administrator:post:/people"),
    ]


def test_a_session_is_confirmed_with_the_devices_name_and_ends_by_itself(
    gate: Gate, now: list[float], trail: Trail
) -> None:
    with pytest.raises(SessionNeeded, match="clockface login"):
        gate.admit(ANA, DANGER, operation="delete:/people")
    assert gate.open(ANA, DOOR).session_s == 1800
    now[0] += 1799
    gate.admit(ANA, DANGER, operation="delete:/people")
    now[0] += 1
    with pytest.raises(SessionNeeded):
        gate.admit(ANA, DANGER, operation="delete:/people")
    assert trail.entries == [("session.opened", "ana", "administrator")]


def test_a_session_is_its_accounts_alone_and_raises_nobodys_role(gate: Gate) -> None:
    gate.open(BO, DOOR)
    with pytest.raises(NotPermitted):
        gate.admit(BO, DANGER, operation="delete:/people")
    with pytest.raises(SessionNeeded):
        gate.admit(ANA, DANGER, operation="delete:/people")


def test_logging_out_ends_it_at_once(gate: Gate, trail: Trail) -> None:
    gate.open(ANA, DOOR)
    assert gate.close(ANA).session_s == 0
    with pytest.raises(SessionNeeded):
        gate.admit(ANA, DANGER, operation="delete:/people")
    gate.close(ANA)
    assert [action for action, _, _ in trail.entries] == ["session.opened", "session.closed"]


def test_wrong_names_are_counted_recorded_and_after_five_the_right_one_waits_too(
    gate: Gate, now: list[float], trail: Trail
) -> None:
    for _ in range(MAX_ATTEMPTS):
        with pytest.raises(SessionRefused, match="not this device's name"):
            gate.open(ANA, "door-3")
    with pytest.raises(SessionRefused, match="5 wrong names"):
        gate.open(ANA, DOOR)
    assert [detail for _, _, detail in trail.entries] == ["wrong_name"] * MAX_ATTEMPTS + ["too_many"]
    gate.open(BO, DOOR)  # another account is not held up
    now[0] += ATTEMPTS_S
    assert gate.open(ANA, DOOR).session_s == 1800


def test_a_flood_of_refusals_does_not_fill_the_audit_trail(gate: Gate, now: list[float], trail: Trail) -> None:
    for _ in range(500):
        with pytest.raises(NotPermitted):
            gate.admit(CY, DANGER, operation="delete:/people")
    assert len(trail.entries) == MAX_NOTES
    now[0] += ATTEMPTS_S
    with pytest.raises(NotPermitted):
        gate.admit(CY, DANGER, operation="delete:/people")
    assert len(trail.entries) == MAX_NOTES + 1


def test_where_the_trail_cannot_be_written_there_is_no_session(gate: Gate, trail: Trail) -> None:
    trail.full = True
    with pytest.raises(StoreError):
        gate.open(ANA, DOOR)
    with pytest.raises(SessionNeeded):
        gate.admit(ANA, DANGER, operation="delete:/people")


def test_root_and_the_daemons_own_account_need_no_session(gate: Gate) -> None:
    gate.admit(peer("root", 0), DANGER, operation="delete:/people")
    assert gate.view(peer("root", 0)).needs_none


def test_an_account_that_is_named_twice_is_refused() -> None:
    with pytest.raises(ValidationError, match="named twice"):
        StaffConfig(operators=("ana",), administrators=("ana",))


@pytest.fixture
def as_account(run: Path, gate: Gate, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Peer]]:
    """A served daemon, and whom it takes the next caller for."""
    who = [ANA]
    monkeypatch.setattr("edge.api.server.peer_of", lambda *_: who[0])
    served = ApiServer(service=SmallEdge(), stage=Stage(), run=run, config=ApiConfig(), gate=gate)
    served.start()
    yield who
    served.close()


def test_the_socket_keeps_to_it(run: Path, as_account: list[Peer]) -> None:
    with EdgeClient(run, timeout_s=10) as client:
        as_account[0] = CY
        assert client.whoami().role == "viewer"
        client.people()
        with pytest.raises(NotPermitted):
            client.add_person(ADA)
        as_account[0] = BO
        added = client.add_person(ADA)
        with pytest.raises(NotPermitted):
            client.remove_person(added.person_id)
        as_account[0] = ANA
        with pytest.raises(SessionNeeded):
            client.remove_person(added.person_id)
        with pytest.raises(SessionRefused):
            client.login(SessionAsked(device="door-3"))
        assert client.login(SessionAsked(device=DOOR)).session_s > 1700
        client.remove_person(added.person_id)
        assert client.logout().session_s == 0
