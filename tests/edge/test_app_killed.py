"""A daemon that is killed at any instant keeps what it confirmed, once."""

import random
import threading
from pathlib import Path

from edge.api.protocol.punches import PunchView
from tests.edge.device import Device, astronaut, walk_up

ROUNDS = 5
WITHIN_S = 0.3  # after a confirmation: about three walk-ups of the fast replay


def test_every_confirmed_record_is_in_the_ledger_once_after_kills_at_random_points(
    lab: Path, enrolled: Path
) -> None:
    device = Device(lab, camera={"replay_path": str(walk_up(lab / "pictures", astronaut()))}).like(enrolled)
    confirmed: list[PunchView] = []
    for _ in range(ROUNDS):
        with device.running() as daemon:
            watcher = device.watch()
            watcher.notice("recorded")
            threading.Event().wait(random.uniform(0.0, WITHIN_S))  # noqa: S311 - any instant will do
            daemon.kill()
            watcher.close()
            confirmed += watcher.confirmed
    with device.running() as daemon, device.client() as staff:
        watcher = device.watch()
        watcher.notice("recorded")  # it goes on
        listed = list(staff.all_punches())
        assert staff.verify_ledger().problems == ()
        daemon.terminate()
        watcher.close()
    kept = {(one.epoch, one.seq): one.hash for one in listed}
    assert len(confirmed) >= ROUNDS
    assert len(kept) == len(listed)
    assert {(one.epoch, one.seq): one.hash for one in confirmed}.items() <= kept.items()
    assert len({(one.person_id, one.at) for one in listed}) == len(listed)  # one walk-up, one record
    first = listed[0].seq
    assert [one.seq for one in listed] == list(range(first, first + len(listed)))  # gapless
