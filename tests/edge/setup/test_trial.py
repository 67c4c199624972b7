"""A test event: recorded once, waited for, and explained when it does not come back."""

from datetime import UTC, datetime
from pathlib import Path

from edge.api.protocol.device import DeviceTest, DeviceTestQuery
from edge.setup.trial import attempt
from edge.setup.trouble import suspects
from tests.edge.api.small_edge import SmallEdge

EPOCH = "000001-" + "ab" * 8


class SlowOffice:
    """Confirms at the n-th question."""

    def __init__(self, *, after: int) -> None:
        self.after, self.asked, self.recorded, self.now = after, 0, 0, 0.0

    def test_device(self) -> DeviceTest:
        self.recorded += 1
        return DeviceTest(epoch=EPOCH, seq=7, frontier_epoch=EPOCH, frontier_seq=6, confirmed=False)

    def tested(self, query: DeviceTestQuery) -> DeviceTest:
        self.asked += 1
        done = self.asked >= self.after
        return DeviceTest(
            epoch=query.epoch,
            seq=query.seq,
            frontier_epoch=EPOCH,
            frontier_seq=7 if done else 6,
            confirmed=done,
        )

    def pause(self, seconds: float) -> None:
        self.now += seconds


def test_it_waits_until_the_office_has_the_event_and_says_how_long_it_took() -> None:
    office = SlowOffice(after=5)
    trial = attempt(office, wait_s=60.0, now_s=lambda: office.now, pause=office.pause)
    assert (trial.confirmed, trial.event, trial.frontier) == (True, f"{EPOCH}/7", f"{EPOCH}/7")
    assert round(trial.took_s, 3) == 1.0
    assert office.recorded == 1


def test_it_gives_up_in_time_and_says_how_far_the_office_had_come() -> None:
    office = SlowOffice(after=10_000)
    trial = attempt(office, wait_s=3.0, now_s=lambda: office.now, pause=office.pause)
    assert (trial.confirmed, trial.frontier) == (False, f"{EPOCH}/6")
    assert 3.0 <= trial.took_s < 3.5


def test_what_is_suspected_begins_with_the_certificate_and_ends_with_the_courier(tmp_path: Path) -> None:
    found = suspects(tls=tmp_path, status=SmallEdge().status(), now=datetime.now(UTC), courier="")
    assert found[0].startswith(f"certificate: {tmp_path / 'device.crt'} is not there")
    assert "no office is believed here" in found[1]
    assert found[-1].startswith("courier: not seen from here. Next: journalctl -u clockface-sync")
