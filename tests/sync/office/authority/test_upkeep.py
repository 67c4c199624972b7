"""The revocation list stays fresh by itself, and reaches the broker."""

import os
import signal
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from sync.office.authority.authority import CRL_FILE, Authority
from sync.office.authority.certificates import new_key, new_request
from sync.office.authority.errors import AuthorityUnavailable
from sync.office.authority.identity import DeviceIdentity
from sync.office.authority.upkeep import RevocationUpkeep

NOW = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)
GATE = DeviceIdentity("mill", "gate")


@pytest.fixture
def authority(tmp_path: Path) -> Iterator[Authority]:
    made = Authority.create(
        tmp_path / "ca", name="T", passphrase="x" * 12, now=NOW, valid_for=timedelta(days=3650), scrypt_n=2
    )
    yield made
    made.close()


def number(path: Path) -> int:
    crl = x509.load_pem_x509_crl(path.read_bytes())
    return crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number


def test_it_is_renewed_a_fortnight_before_its_end_and_not_before(authority: Authority) -> None:
    upkeep = RevocationUpkeep(authority)
    assert upkeep.keep(now=NOW + timedelta(days=14)) == timedelta(days=16)
    assert number(authority.folder / CRL_FILE) == 1
    assert upkeep.keep(now=NOW + timedelta(days=16)) == timedelta(days=30)
    assert number(authority.folder / CRL_FILE) == 2


def test_a_revocation_by_hand_reaches_the_brokers_copy_and_the_broker_is_told(
    authority: Authority, tmp_path: Path
) -> None:
    told: list[int] = []
    before = signal.signal(signal.SIGHUP, lambda number, _frame: told.append(number))
    try:
        (tmp_path / "pid").write_text(f"{os.getpid()}\n")
        copy = tmp_path / "broker.crl"
        upkeep = RevocationUpkeep(authority, out=copy, reload_pid_file=tmp_path / "pid")
        upkeep.keep(now=NOW)
        upkeep.keep(now=NOW)
        assert len(told) == 1
        made = authority.issue(new_request(new_key(), GATE), GATE, now=NOW, valid_for=timedelta(days=9))
        authority.revoke([f"{made.serial_number:x}"], now=NOW, reason="lost")
        authority.write_crl(now=NOW, valid_for=timedelta(days=30))
        upkeep.keep(now=NOW)
        assert len(told) == 2
        crl = x509.load_pem_x509_crl(copy.read_bytes())
        assert crl.get_revoked_certificate_by_serial_number(made.serial_number) is not None
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_broker_that_was_not_told_is_told_again(authority: Authority, tmp_path: Path) -> None:
    upkeep = RevocationUpkeep(authority, out=tmp_path / "copy", reload_pid_file=tmp_path / "pid")
    for content in ("", "0", "1", "-5", "many"):
        (tmp_path / "pid").write_text(content)
        with pytest.raises(AuthorityUnavailable, match="no process number"):
            upkeep.keep(now=NOW)
