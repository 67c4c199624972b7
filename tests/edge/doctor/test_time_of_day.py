from datetime import timedelta
from pathlib import Path

import pytest

from edge.clock import RELEASED
from edge.doctor.findings import Health
from edge.doctor.time_of_day import check_jumps, check_trust, check_zone
from edge.types.clock import ClockTrust, Instant

NOW = RELEASED + timedelta(days=30)


def reading(trust: ClockTrust, *, offset_s: int = 3600) -> Instant:
    return Instant(wall=NOW, utc_offset_s=offset_s, boot_id="b", boottime_s=1.0, trust=trust)


@pytest.mark.parametrize(
    ("trust", "expected"),
    [
        (ClockTrust.SYNCHRONISED, Health.OK),
        (ClockTrust.HOLDOVER, Health.WARN),
        (ClockTrust.UNSYNCHRONISED, Health.WARN),
    ],
)
def test_trust_decides(tmp_path: Path, trust: ClockTrust, expected: Health) -> None:
    finding = check_trust(NOW, reading(trust), tmp_path)
    assert finding.health is expected
    assert trust.value in finding.found


def test_a_clock_before_the_release_fails_whatever_it_says(tmp_path: Path) -> None:
    finding = check_trust(RELEASED - timedelta(days=1), reading(ClockTrust.SYNCHRONISED), tmp_path)
    assert finding.health is Health.FAIL


def test_a_clock_chip_is_mentioned_where_there_is_one(tmp_path: Path) -> None:
    unknown = reading(ClockTrust.UNSYNCHRONISED)
    assert "no clock chip" in check_trust(NOW, unknown, tmp_path).found
    (tmp_path / "sys/class/rtc/rtc0").mkdir(parents=True)
    assert "check its battery" in check_trust(NOW, unknown, tmp_path).found


@pytest.mark.parametrize(
    ("zone", "system", "expected"),
    [
        ("Europe/Madrid", "Europe/Madrid\n", Health.OK),
        ("Europe/Madrid", None, Health.OK),
        ("Europe/Madrid", "Etc/UTC\n", Health.WARN),
        ("UTC", "UTC\n", Health.WARN),
    ],
)
def test_the_zone_is_the_sites_and_the_systems(
    tmp_path: Path, zone: str, system: str | None, expected: Health
) -> None:
    (tmp_path / "etc").mkdir()
    if system is not None:
        (tmp_path / "etc/timezone").write_text(system)
    finding = check_zone(zone, reading(ClockTrust.SYNCHRONISED), tmp_path)
    assert finding.health is expected
    assert "UTC+1 h" in finding.found


def test_a_record_of_the_future_shows_that_the_clock_was_wrong() -> None:
    assert check_jumps(NOW, None).health is Health.OK
    finding = check_jumps(NOW, NOW + timedelta(hours=36))
    assert finding.health is Health.WARN
    assert "36.0 h" in finding.found
