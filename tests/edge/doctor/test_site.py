"""Doctor says in time that a certificate ends, and that templates do not leave a kiosk that is not alone."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from edge.api.protocol.status import OfficeStatus
from edge.config.attendance import AttendanceConfig
from edge.config.tree import Config
from edge.doctor.daemon import Daemon
from edge.doctor.findings import Health
from edge.doctor.site import check_certificate, check_site_key
from sync.office.authority.certificates import build_authority, new_key, pem

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("days", "expected"), [(300, Health.OK), (31, Health.OK), (29, Health.WARN), (-1, Health.FAIL)]
)
def test_a_certificate_is_judged_by_the_days_that_remain(tmp_path: Path, days: int, expected: Health) -> None:
    made = NOW - timedelta(days=10)
    certificate = build_authority(
        new_key(), name="Test", now=made, valid_for=timedelta(days=10 + days, hours=1)
    )
    path = tmp_path / "device.crt"
    path.write_bytes(pem(certificate))
    assert check_certificate(path, now=NOW).health is expected


def test_a_certificate_that_is_not_there_is_no_fault_and_rubbish_is_one(tmp_path: Path) -> None:
    path = tmp_path / "device.crt"
    assert check_certificate(path, now=NOW).health is Health.NOT_AVAILABLE
    path.write_text("rubbish")
    assert check_certificate(path, now=NOW).health is Health.FAIL


class Answered:
    """What a daemon says of its office."""

    def __init__(self, office: OfficeStatus) -> None:
        self.office = office


@pytest.mark.parametrize(
    ("sole", "office", "expected"),
    [
        (True, OfficeStatus(), Health.OK),
        (False, OfficeStatus(), Health.WARN),
        (False, OfficeStatus(site_key="ab" * 16), Health.OK),
        (True, OfficeStatus(site_key="ab" * 16, templates_waiting=2), Health.WARN),
    ],
)
def test_a_site_of_several_kiosks_wants_a_site_key(
    *, sole: bool, office: OfficeStatus, expected: Health
) -> None:
    config = Config(attendance=AttendanceConfig(sole_kiosk=sole))
    daemon = Daemon(cast("Any", None), cast("Any", Answered(office)), None)
    found = check_site_key(config, daemon)
    assert found.health is expected
    assert (found.advice == "") is (expected is Health.OK)
