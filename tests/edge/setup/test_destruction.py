"""What a device kept is gone: overwritten, unlinked, keys first; what is not its own is left alone."""

import os
from pathlib import Path

import pytest

from edge.errors import ProvisioningError
from edge.setup.destruction import destroy
from edge.setup.receipt import Receipt, keep, read_receipt, retired_device
from edge.store.keyplace import CREDENTIALS
from edge.store.keys import KEY_FILES

RECEIPT = Receipt(
    site="mill", device="gate", reason="retired", at="2026-03-02T08:00:00+00:00", by="jones", signing_key=None,
    office=None, last=None, confirmed=False, events=9, people=2, templates=3, events_lost=4, parcels_lost=1,
    audit_entries=5, audit_head="ab" * 32, site_keys=(),
)  # fmt: skip


def kiosk(root: Path) -> tuple[Path, Path]:
    """A state folder and a TLS folder with what lies in them."""
    state, tls = root / "state", root / "tls"
    (state / "keys").mkdir(parents=True)
    (state / "left" / "deep").mkdir(parents=True)
    tls.mkdir()
    for name in KEY_FILES:
        (state / "keys" / name).write_text(f"secret {name}")
        (state / "keys" / name).chmod(0o400)
    for name in ("ledger.db", "ledger.db-wal", "ledger.db.replaced.1", "erasures", "left/deep/x", "receipt"):
        (state / name).write_bytes(b"people" * 1000)
    for name in ("device.key", "device.crt", "ca.crt", ".device.key.draft"):
        (tls / name).write_text(name)
    sealed = root / CREDENTIALS
    sealed.mkdir(parents=True)
    (sealed / "data_encryption_key").write_text("sealed")
    (sealed / "somebody_elses").write_text("stays")
    return state, tls


def below(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def test_everything_goes_but_what_is_named_and_what_is_not_the_devices(tmp_path: Path) -> None:
    state, tls = kiosk(tmp_path)
    assert destroy(state, tls=tls, kept=("receipt",), keep_authorities=False, root=tmp_path) == 13
    assert below(state) == {"receipt"}
    assert below(tls) == set()
    assert below(tmp_path / CREDENTIALS) == {"somebody_elses"}
    assert destroy(state, tls=tls, kept=("receipt",), keep_authorities=False, root=tmp_path) == 0


def test_a_device_that_moves_keeps_the_authorities_that_it_believes(tmp_path: Path) -> None:
    state, tls = kiosk(tmp_path)
    destroy(state, tls=tls, kept=(), keep_authorities=True, root=tmp_path)
    assert below(tls) == {"ca.crt"}


def test_a_file_is_overwritten_before_it_is_unlinked(tmp_path: Path) -> None:
    state, tls = kiosk(tmp_path)
    witness = tmp_path / "witness"
    os.link(state / "keys" / "data_encryption_key", witness)  # the same bytes of the disk, under another name
    destroy(state, tls=tls, kept=(), keep_authorities=False, root=tmp_path)
    assert len(witness.read_bytes()) == len("secret data_encryption_key")
    assert b"secret" not in witness.read_bytes()


def test_a_link_is_removed_and_what_it_points_to_is_not_touched(tmp_path: Path) -> None:
    state, tls = kiosk(tmp_path)
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "payroll").write_text("not the kiosk's")
    (state / "link").symlink_to(outside)
    (state / "ledger.db-shm").symlink_to(outside / "payroll")
    destroy(state, tls=tls, kept=(), keep_authorities=False, root=tmp_path)
    assert below(state) == set()
    assert (outside / "payroll").read_text() == "not the kiosk's"


def test_a_receipt_is_private_says_what_was_lost_and_counts_only_until_there_is_a_ledger_again(
    tmp_path: Path,
) -> None:
    assert retired_device(tmp_path) is None
    keep(RECEIPT, state=tmp_path)
    assert (tmp_path / "retired.json").stat().st_mode & 0o777 == 0o600
    found = retired_device(tmp_path)
    assert found == RECEIPT
    assert found is not None
    assert "NOT confirmed by the office: 4 events, 1 parcels" in found.line
    assert "NOT destroyed yet" in found.line
    (tmp_path / "ledger.db").touch()
    assert retired_device(tmp_path) is None
    (tmp_path / "retired.json").write_text("{}")
    with pytest.raises(ProvisioningError, match="cannot be read"):
        read_receipt(tmp_path)
