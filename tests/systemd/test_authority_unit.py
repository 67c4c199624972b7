"""The authority's unit: the database and its own folder, nothing of the receiver's or the operator's keys."""

import re
from pathlib import Path

import pytest

from tests.systemd.test_edge_unit import analyze, needs_systemd, settings_of

UNIT = Path(__file__).parents[2] / "systemd" / "clockface-office-authority.service"


@needs_systemd
def test_systemd_has_nothing_to_say_about_the_unit(tmp_path: Path) -> None:
    copy = tmp_path / UNIT.name
    copy.write_text(re.sub(r"ExecStart=\S+", "ExecStart=/bin/true", UNIT.read_text()))
    done = analyze("verify", str(copy))
    assert (done.returncode, done.stderr, done.stdout) == (0, "", "")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("ProtectSystem", "strict"),
        ("NoNewPrivileges", "yes"),
        ("CapabilityBoundingSet", ""),
        ("LimitCORE", "0"),
        ("StateDirectory", "clockface-office clockface-ca"),
        ("StateDirectoryMode", "0700"),
        ("LoadCredentialEncrypted", "ca_passphrase:/etc/credstore.encrypted/clockface-ca"),
    ],
)
def test_the_promises_stand_in_the_unit(key: str, value: str) -> None:
    assert settings_of(UNIT)[key] == [value]


def test_it_sees_neither_online_key_nor_tls_key_nor_the_operators() -> None:
    [hidden] = settings_of(UNIT)["InaccessiblePaths"]
    assert set(hidden.split()) == {
        "-/var/lib/clockface",
        "-/var/lib/clockface-office/keys",
        "-/etc/clockface/tls",
        "-/var/lib/clockface-signer",
        "-/run/credentials/clockface-office-signer.service",
    }
