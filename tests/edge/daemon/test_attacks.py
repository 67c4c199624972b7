"""Refused attacks are counted and audited, summed up, with nothing of anybody."""

from dataclasses import dataclass, field

from edge.daemon.attacks import EVERY_S, AttackLog
from edge.daemon.tally import Tally
from edge.errors import StoreError
from edge.types.verdicts import Outcome, Verdict


@dataclass
class Trail:
    """An audit trail that may be out of order."""

    entries: list[tuple[str, str]] = field(default_factory=list)
    broken: bool = False

    def append(self, action: str, *, detail: str) -> None:
        if self.broken:
            raise StoreError("disk full")
        self.entries.append((action, detail))


def refused(reason: str, at_s: float) -> Verdict:
    return Verdict(Outcome.NOT_LIVE, decided_s=at_s, reason=reason)


def test_attacks_are_audited_at_once_and_then_summed_up() -> None:
    trail = Trail()
    log = AttackLog(trail.append)
    for index in range(10):
        log(refused("flat_motion", float(index)))
    log(refused("looks_presented", 10.0))
    log(refused("flat_motion", EVERY_S + 1))
    assert trail.entries == [
        ("attack.refused", "flat_motion:1"),
        ("attack.refused", "looks_presented:1"),
        ("attack.refused", "flat_motion:10"),
    ]


def test_doubt_and_everything_else_is_no_attack() -> None:
    trail, tally = Trail(), Tally()
    for verdict in (refused("stood_still", 1.0), Verdict(Outcome.UNKNOWN, decided_s=2.0, reason="flat_motion")):
        AttackLog(trail.append)(verdict)
        tally(verdict)
    assert trail.entries == []
    assert tally.counts() == {"not_live": 1, "unknown": 1}


def test_telemetry_counts_attacks() -> None:
    tally = Tally()
    tally(refused("looks_presented", 1.0))
    assert tally.counts() == {"not_live": 1, "presentation_attack": 1}


def test_a_trail_that_fails_loses_no_count() -> None:
    trail = Trail(broken=True)
    log = AttackLog(trail.append)
    log(refused("flat_motion", 1.0))
    trail.broken = False
    log(refused("flat_motion", 2.0))
    assert trail.entries == [("attack.refused", "flat_motion:2")]
