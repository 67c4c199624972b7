"""`clockface-office authority run` as a process: it keeps the broker's list fresh and ends when told."""

import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509

from sync.office.authority.authority import CRL_DAYS, CRL_FILE, Authority
from sync.office.database import SQLiteSettings, open_database
from tests.sync.mqtt import await_until

ROOT = Path(__file__).parents[4]
PHRASE = "correct horse battery staple"
LIMIT_S = 60.0


def made(folder: Path) -> dict[str, str]:
    """An authority whose list is about to end, a database, and the environment of the process."""
    (folder / "phrase").write_text(PHRASE)
    (folder / "phrase").chmod(0o400)
    long_ago = datetime.now(UTC) - timedelta(days=CRL_DAYS - 2)
    Authority.create(
        folder / "ca",
        name="Test",
        passphrase=PHRASE,
        now=long_ago,
        valid_for=timedelta(days=3650),
        scrypt_n=2,
    ).close()
    database = open_database(SQLiteSettings(folder / "office.db"))
    database.upgrade()
    database.close()
    return {
        "PATH": os.environ["PATH"],
        "CLOCKFACE_OFFICE_DATABASE__PATH": str(folder / "office.db"),
        "CLOCKFACE_OFFICE_BROKER__ADDRESSES": '["localhost"]',
    }


def arguments(folder: Path) -> list[str]:
    return [
        sys.executable, "-m", "sync.office", "authority", "run",
        "--folder", str(folder / "ca"), "--passphrase-file", str(folder / "phrase"),
        "--crl-out", str(folder / "broker.crl"),
    ]  # fmt: skip


def days_left(path: Path) -> int:
    ends = x509.load_pem_x509_crl(path.read_bytes()).next_update_utc
    assert ends is not None
    return (ends - datetime.now(UTC)).days


def test_it_renews_the_list_takes_it_to_the_broker_and_ends_when_told(tmp_path: Path) -> None:
    environment = made(tmp_path)
    before = days_left(tmp_path / "ca" / CRL_FILE)
    copy = tmp_path / "broker.crl"
    with subprocess.Popen(
        arguments(tmp_path), cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as process:
        try:
            for what in ("the broker's copy", "another one after somebody tidied up"):
                copy.unlink(missing_ok=True)
                await_until(lambda: copy.exists() or process.poll() is not None, what=what)
            process.send_signal(signal.SIGTERM)
            _, said = process.communicate(timeout=LIMIT_S)
        finally:
            process.kill()
    assert process.returncode == 0
    assert before <= 2
    assert days_left(tmp_path / "broker.crl") >= CRL_DAYS - 1
    assert b"revocation_list_renewed" in said
    assert PHRASE.encode() not in said


def test_it_says_what_is_wrong_with_its_pass_phrase_and_begins_nothing(tmp_path: Path) -> None:
    environment = made(tmp_path)
    (tmp_path / "phrase").chmod(0o600)
    (tmp_path / "phrase").write_text("another one")
    (tmp_path / "phrase").chmod(0o400)
    done = subprocess.run(
        arguments(tmp_path), cwd=ROOT, env=environment, capture_output=True, timeout=LIMIT_S, check=False
    )
    assert done.returncode not in {0, 1}
    assert b"pass phrase" in done.stderr
    assert not (tmp_path / "broker.crl").exists()
