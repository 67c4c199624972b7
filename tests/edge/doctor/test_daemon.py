"""What doctor learns through a served daemon, and without one: daemon, sockets, camera, delivery, jumps."""

import socket
import tempfile
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from edge.api.client import EdgeClient
from edge.api.protocol.exchange import Role
from edge.api.protocol.punches import PunchList, PunchQuery
from edge.api.protocol.status import AlarmView, CameraStatus, LedgerStatus, Status
from edge.api.server import ApiServer
from edge.api.stage import Stage
from edge.config.camera import CameraConfig
from edge.config.device import ApiConfig
from edge.doctor.camera import check_camera
from edge.doctor.daemon import Daemon, check_alarms, check_daemon, check_recognition, meet
from edge.doctor.findings import Health
from edge.doctor.ledger import check_delivery
from edge.doctor.sockets import check_folder, check_socket
from edge.errors import CameraUnavailable, NotPermitted
from edge.ports import Camera
from edge.types.camera import CameraHealth, CameraState
from edge.types.faces import Frame
from tests.edge.api.small_edge import AT, EPOCH, SmallEdge
from tests.edge.cli.test_attendance import view

OK, WARN, FAIL, NA = Health.OK, Health.WARN, Health.FAIL, Health.NOT_AVAILABLE


class Kiosk(SmallEdge):
    """A daemon whose status is set by the test."""

    def __init__(self, **changed: object) -> None:
        super().__init__()
        self.changed = changed
        self.ahead: datetime | None = None

    def status(self) -> Status:
        return super().status().model_copy(update=self.changed)

    def punches(self, query: PunchQuery) -> PunchList:
        found = self.ahead is not None and (query.since is None or self.ahead >= query.since)
        return PunchList(punches=(view(1, self.ahead),) if found and self.ahead is not None else ())


@pytest.fixture
def run() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="cf-") as folder:
        yield Path(folder)


@pytest.fixture
def client(run: Path) -> Iterator[EdgeClient]:
    with EdgeClient(run, timeout_s=5) as made:
        yield made


@pytest.fixture
def kiosk(run: Path) -> Iterator[Kiosk]:
    served = Kiosk()
    server = ApiServer(service=served, stage=Stage(), run=run, config=ApiConfig())
    server.start()
    yield served
    server.close()


def met(kiosk: Kiosk, client: EdgeClient, **changed: object) -> Daemon:
    kiosk.changed = changed
    return meet(client)


class FewFrames:
    """A camera that gives some pictures and then none."""

    def __init__(
        self, count: int, *, size: tuple[int, int] = (480, 640), grey: int = 120, problem: str = ""
    ) -> None:
        self._count = self._left = count
        self._size, self._grey, self._problem = size, grey, problem
        self.closed = False

    def read(self, *, timeout_s: float) -> Frame | None:
        if self._left == 0:
            return None
        self._left -= 1
        index = self._count - self._left - 1
        image = np.full((*self._size, 3), self._grey, np.uint8)
        return Frame(image, captured_s=10.0 + index / 10, index=index)

    def health(self) -> CameraHealth:
        return CameraHealth(CameraState.LOST, since_s=0, frames=0, fps=0, reopened=3, problem=self._problem)

    def close(self) -> None:
        self.closed = True


def never(_config: CameraConfig) -> Camera:
    raise AssertionError("doctor must not open a camera that the daemon owns")


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, OK),
        ({"version": "9"}, WARN),
        ({"resident_mb": 201.0}, WARN),
    ],
)
def test_a_running_daemon_is_judged_by_version_and_size(
    kiosk: Kiosk, client: EdgeClient, changed: dict[str, object], expected: Health
) -> None:
    daemon = met(kiosk, client, **changed)
    assert not daemon.down
    assert check_daemon(daemon, version="0").health is expected


def test_without_a_daemon_doctor_looks_itself(run: Path, client: EdgeClient) -> None:
    daemon = meet(client)
    assert daemon.down
    assert check_daemon(daemon, version="0").health is WARN
    assert check_delivery(daemon).health is NA
    assert check_recognition(daemon).health is check_alarms(daemon).health is NA
    (run / "staff.sock").touch()
    assert meet(client).down


def test_a_dead_daemons_socket_counts_as_none(run: Path, client: EdgeClient) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(run / "staff.sock"))
    assert meet(client).down


def test_a_daemon_that_does_not_answer_keeps_what_it_owns(run: Path) -> None:
    with socket.socket(socket.AF_UNIX) as hung, EdgeClient(run, timeout_s=0.2) as client:
        hung.bind(str(run / "staff.sock"))
        hung.listen(8)
        daemon = meet(client)
        assert not daemon.down
        assert check_daemon(daemon, version="0").health is FAIL
        assert check_camera(CameraConfig(), daemon, open_camera=never).health is NA


def test_a_daemon_that_does_not_let_us_ask_is_running(client: EdgeClient) -> None:
    daemon = Daemon(
        client, None, NotPermitted("this account may not use the daemon's socket", next_step="sudo")
    )
    assert not daemon.down
    finding = check_daemon(daemon, version="0")
    assert (finding.health, finding.advice) == (FAIL, "sudo")
    assert check_camera(CameraConfig(), daemon, open_camera=never).health is NA


@pytest.mark.parametrize(
    ("state", "reopened", "expected"),
    [
        ("streaming", 0, OK),
        ("streaming", 2, WARN),
        ("opening", 0, WARN),
        ("ended", 0, WARN),
        ("frozen", 0, FAIL),
        ("lost", 4, FAIL),
    ],
)
def test_a_running_daemon_says_how_its_camera_is(
    kiosk: Kiosk, client: EdgeClient, state: str, reopened: int, expected: Health
) -> None:
    camera = CameraStatus.model_validate(
        {
            "source": "v4l2",
            "state": state,
            "since_s": 0,
            "frames": 9,
            "fps": 15,
            "reopened": reopened,
            "problem": "p",
        }
    )
    finding = check_camera(CameraConfig(), met(kiosk, client, camera=camera), open_camera=never)
    assert finding.health is expected
    assert "v4l2" in finding.found


@pytest.mark.parametrize(
    ("camera", "expected", "word"),
    [
        (FewFrames(9), OK, "640x480, about 10 frames/s"),
        (FewFrames(1), OK, "640x480"),
        (FewFrames(9, size=(720, 1280)), WARN, "1280x720"),
        (FewFrames(9, grey=3), WARN, "nearly black"),
        (FewFrames(9, problem="it broke off"), WARN, "it broke off"),
        (FewFrames(0, problem="no such camera"), FAIL, "no such camera"),
    ],
)
def test_without_a_daemon_the_camera_is_tried_and_let_go(
    client: EdgeClient, camera: FewFrames, expected: Health, word: str
) -> None:
    finding = check_camera(CameraConfig(), meet(client), open_camera=lambda _config: camera)
    assert finding.health is expected
    assert word in finding.found
    assert camera.closed


def test_a_camera_that_cannot_be_opened_is_a_named_error(client: EdgeClient) -> None:
    def refuse(_config: CameraConfig) -> Camera:
        raise CameraUnavailable("picamera2 is not installed")

    with pytest.raises(CameraUnavailable):
        check_camera(CameraConfig(), meet(client), open_camera=refuse)


@pytest.mark.parametrize(("pending", "days", "expected"), [(0, 0, OK), (3, 0, OK), (3, 2, WARN)])
def test_events_that_wait_for_days_are_warned_of(
    kiosk: Kiosk, client: EdgeClient, pending: int, days: int, expected: Health
) -> None:
    ledger = LedgerStatus(
        epoch=EPOCH,
        seq=9,
        events=9,
        pending=pending,
        oldest_pending_at=AT - timedelta(days=days) if pending else None,
        people=1,
    )
    assert check_delivery(met(kiosk, client, ledger=ledger)).health is expected


def test_recognition_and_alarms_are_the_daemons_own_words(kiosk: Kiosk, client: EdgeClient) -> None:
    well = met(kiosk, client)
    assert check_recognition(well).health is check_alarms(well).health is OK
    alarm = AlarmView(kind="fork", detail="000001 at 7", raised_at=AT)
    ledger = SmallEdge().status().ledger.model_copy(update={"alarms": (alarm,)})
    ill = met(kiosk, client, fault="OperatingPointMissing", ledger=ledger)
    assert check_recognition(ill).health is check_alarms(ill).health is FAIL
    assert "OperatingPointMissing" in check_recognition(ill).found
    assert "fork" in check_alarms(ill).found


def test_a_record_of_the_future_is_found_through_the_daemon(kiosk: Kiosk, client: EdgeClient) -> None:
    daemon = met(kiosk, client)
    assert daemon.record_after(AT) is None
    kiosk.ahead = AT + timedelta(hours=2)
    assert daemon.record_after(AT) == kiosk.ahead


def test_the_daemons_own_sockets_are_well(kiosk: Kiosk, run: Path) -> None:
    assert kiosk.status().pid == 1
    run.chmod(0o711)
    assert check_folder(run).health is OK
    for role in Role:
        assert check_socket(run, role, ApiConfig()).health is OK


def test_sockets_that_are_missing_open_or_no_sockets_are_found(run: Path) -> None:
    config = ApiConfig(staff_group="no-such-group-here")
    assert check_folder(run / "none").health is WARN
    run.chmod(0o777)
    assert check_folder(run).health is FAIL
    assert check_socket(run, Role.SYNC, config).health is WARN
    (run / "screen.sock").touch()
    assert check_socket(run, Role.SCREEN, config).health is FAIL
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(run / "staff.sock"))
        (run / "staff.sock").chmod(0o660)
        finding = check_socket(run, Role.STAFF, config)
        assert (finding.health, "no-such-group-here" in finding.found) == (FAIL, True)
        (run / "staff.sock").chmod(0o666)
        assert "open to everybody" in check_socket(run, Role.STAFF, ApiConfig()).found
