"""`clockface provision`: private keys stay, the office is believed by its fingerprint, once, and holds on."""

import fcntl
import json
import os
import stat
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from edge.errors import BundleRefused
from edge.store.keys import load_keyring
from edge.store.office import Office, key_text
from edge.store.store import ledger_path, open_store
from edge.types.identity import DeviceId
from sync.office.authority.certificates import build_authority, build_leaf, new_key, pem, read_request
from sync.office.authority.identity import DeviceIdentity
from sync.wire.documents import open_document, sign_document
from sync.wire.envelope import public_bytes, signing_key_id
from sync.wire.fields import format_time
from sync.wire.provisioning import Bundle, DeviceRequest
from sync.wire.topics import Address
from tests.clockface.cli.test_config import run
from tests.fakes import ManualClock

HERE = Address("madrid", "kiosk-7")


@dataclass
class Authority:
    """An office that answers requests."""

    operator: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    online: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    key: ec.EllipticCurvePrivateKey = field(default_factory=new_key)

    @property
    def fingerprint(self) -> str:
        return signing_key_id(self.operator.public_key())

    def certify(self, request: DeviceRequest, *, device: str = "kiosk-7", days: int = 397) -> tuple[str, str]:
        now = datetime.now(UTC)
        root = build_authority(self.key, name="Test authority", now=now, valid_for=timedelta(days=3000))
        leaf = build_leaf(
            authority=root,
            authority_key=self.key,
            public_key=read_request(request.certificate_request.encode()),
            identity=DeviceIdentity("madrid", device),
            now=now if days > 0 else now - timedelta(days=2),
            valid_for=timedelta(days=abs(days)),
        )
        return pem(leaf).decode(), pem(root).decode()

    def bundle(self, request: DeviceRequest, **changed: Any) -> bytes:
        certificate, authorities = self.certify(request)
        now = datetime.now(UTC)
        fields: dict[str, Any] = {
            "site": "madrid",
            "device": "kiosk-7",
            "id": "0b" * 16,
            "answers": request.id,
            "office": "Head office",
            "certificate": certificate,
            "authorities": authorities,
            "brokers": ["broker.example:8883"],
            "online_keys": [key_text(public_bytes(self.online.public_key()))],
            "operator_keys": [key_text(public_bytes(self.operator.public_key()))],
            "sealing_key": key_text(X25519PrivateKey.generate().public_key().public_bytes_raw()),
            "issued": format_time(now),
            "expires": format_time(now + timedelta(days=7)),
        }
        return sign_document(Bundle(**(fields | changed)), key=self.operator)


class Kiosk:
    """A device that was initialised, and commands on it."""

    def __init__(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        self.folder, self.monkeypatch, self.capsys = folder, monkeypatch, capsys
        self.state, self.tls = folder / "state", folder / "tls"
        self.tls.mkdir()
        assert self.clockface("init") == 0

    def clockface(self, *arguments: str) -> int:
        self.capsys.readouterr()
        return run(
            self.monkeypatch,
            *arguments,
            CLOCKFACE_PATHS__STATE=str(self.state),
            CLOCKFACE_DEVICE__NAME="kiosk-7",
            CLOCKFACE_DEVICE__SITE="madrid",
            CLOCKFACE_TRUST__RESET_FILE=str(self.folder / "clockface-reset"),
        )

    def request(self) -> DeviceRequest:
        out = self.folder / "request"
        assert self.clockface("provision", "request", "--out", str(out), "--tls", str(self.tls)) == 0
        own = load_keyring(state=self.state, environment={}, allow_environment=False).signing
        keys = {own.key_id: own.private.public_key()}
        return open_document(DeviceRequest, out.read_bytes().strip(), keys=keys, address=HERE)

    def apply(self, raw: bytes, *, fingerprint: str = "") -> int:
        file = self.folder / "bundle"
        file.write_bytes(raw)
        given = ("--office-fingerprint", fingerprint) if fingerprint else ()
        return self.clockface("provision", "apply", str(file), "--tls", str(self.tls), *given)

    def audited(self) -> list[str]:
        keys = load_keyring(state=self.state, environment={}, allow_environment=False)
        name = DeviceId("kiosk-7")
        store = open_store(
            ledger_path(self.state), keyring=keys, clock=ManualClock(), device=name, site="madrid"
        )
        try:
            return [entry.action for entry in store.audit.list()]
        finally:
            store.close()

    def office(self) -> Office | None:
        keys = load_keyring(state=self.state, environment={}, allow_environment=False)
        store = open_store(
            ledger_path(self.state),
            keyring=keys,
            clock=ManualClock(),
            device=DeviceId("kiosk-7"),
            site="madrid",
        )
        try:
            return store.office.current()
        finally:
            store.close()

    @property
    def untouched(self) -> bool:
        return self.office() is None and not (self.tls / "device.crt").exists()


@pytest.fixture
def kiosk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Kiosk:
    return Kiosk(tmp_path, monkeypatch, capsys)


@pytest.fixture
def authority() -> Authority:
    return Authority()


def test_the_request_proves_the_keys_and_holds_no_private_one(kiosk: Kiosk) -> None:
    request = kiosk.request()
    keys = load_keyring(state=kiosk.state, environment={}, allow_environment=False)
    assert keys.sealing is not None
    assert request.signing_key == key_text(keys.signing.public)
    assert request.sealing_key == key_text(keys.sealing.public_key().public_bytes_raw())
    asked = x509.load_pem_x509_csr(request.certificate_request.encode())
    assert asked.subject.rfc4514_string() == "CN=madrid/kiosk-7"
    written = (kiosk.folder / "request").read_bytes()
    for secret in (*(kiosk.state / "keys").iterdir(), kiosk.tls / "device.key"):
        assert stat.S_IMODE(secret.stat().st_mode) == 0o400
        assert secret.read_bytes().strip() not in written
    printed = kiosk.capsys.readouterr().out.replace(" ", "")
    assert keys.signing.key_id in printed


def test_a_second_request_keeps_the_keys_and_replaces_the_first(kiosk: Kiosk, authority: Authority) -> None:
    first, second = kiosk.request(), kiosk.request()
    assert (first.sealing_key, first.signing_key) == (second.sealing_key, second.signing_key)
    assert first.id != second.id
    assert kiosk.apply(authority.bundle(first), fingerprint=authority.fingerprint) == 96
    assert "another request" in kiosk.capsys.readouterr().err
    assert kiosk.untouched
    assert kiosk.apply(authority.bundle(second), fingerprint=authority.fingerprint) == 0


def test_a_bundle_is_believed_by_its_fingerprint_and_installed_whole(
    kiosk: Kiosk, authority: Authority
) -> None:
    bundle = authority.bundle(kiosk.request())
    grouped = " ".join(authority.fingerprint[i : i + 4] for i in range(0, 32, 4)).upper()
    assert kiosk.apply(bundle, fingerprint=grouped) == 0
    office = kiosk.office()
    assert office is not None
    assert (office.name, list(office.operator)) == ("Head office", [authority.fingerprint])
    installed = x509.load_pem_x509_certificate((kiosk.tls / "device.crt").read_bytes())
    assert installed.subject.rfc4514_string() == "CN=madrid/kiosk-7"
    assert b"BEGIN CERTIFICATE" in (kiosk.tls / "ca.crt").read_bytes()
    assert {each.name for each in kiosk.tls.iterdir()} == {"device.key", "device.crt", "ca.crt"}
    assert kiosk.apply(bundle) == 0  # again, after an interruption: trusted already


def test_the_installation_is_in_the_audit_trail(kiosk: Kiosk, authority: Authority) -> None:
    assert kiosk.apply(authority.bundle(kiosk.request()), fingerprint=authority.fingerprint) == 0
    keys = load_keyring(state=kiosk.state, environment={}, allow_environment=False)
    store = open_store(
        ledger_path(kiosk.state), keyring=keys, clock=ManualClock(), device=DeviceId("kiosk-7"), site="madrid"
    )
    last = list(store.audit.list())[-1]
    store.close()
    assert (last.action, last.detail) == ("office.installed", f"operator_key={authority.fingerprint}")


def test_another_fingerprint_installs_nothing(kiosk: Kiosk, authority: Authority) -> None:
    bundle = authority.bundle(kiosk.request())
    assert kiosk.apply(bundle, fingerprint="00" * 16) == 96
    assert "another key" in kiosk.capsys.readouterr().err
    assert kiosk.untouched


def test_without_the_option_the_fingerprint_is_typed(
    kiosk: Kiosk, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = authority.bundle(kiosk.request())
    monkeypatch.setattr("typer.prompt", lambda _: authority.fingerprint)
    assert kiosk.apply(bundle) == 0


def test_bundles_that_do_not_hold_install_nothing(kiosk: Kiosk, authority: Authority) -> None:
    request = kiosk.request()
    now = datetime.now(UTC)
    stranger = Authority()
    other_key = request.model_copy(update={"certificate_request": _foreign_request()})
    good = json.loads(authority.bundle(request))
    refused = {
        "another device": authority.bundle(request, device="kiosk-8"),
        "expired": authority.bundle(
            request, issued=format_time(now - timedelta(days=9)), expires=format_time(now - timedelta(days=2))
        ),
        "TLS key": authority.bundle(request, certificate=authority.certify(other_key)[0]),
        "names another device": authority.bundle(
            request, certificate=authority.certify(request, device="kiosk-8")[0]
        ),
        "not valid now": authority.bundle(request, certificate=authority.certify(request, days=-1)[0]),
        "does not lead to": authority.bundle(request, authorities=stranger.certify(request)[1]),
        "not apart": authority.bundle(
            request, online_keys=[key_text(public_bytes(authority.operator.public_key()))]
        ),
        "not a bundle": json.dumps(good | {"payload": good["payload"][:-4]}).encode(),
    }
    for why, raw in refused.items():
        assert kiosk.apply(raw, fingerprint=authority.fingerprint) == 96, why
        assert why in kiosk.capsys.readouterr().err
        assert kiosk.untouched, why


def _foreign_request() -> str:
    from edge.certificates import new_request

    return new_request(ec.generate_private_key(ec.SECP256R1()), HERE)


def test_an_office_that_is_believed_is_not_replaced_by_another(kiosk: Kiosk, authority: Authority) -> None:
    assert kiosk.apply(authority.bundle(kiosk.request()), fingerprint=authority.fingerprint) == 0
    stranger = Authority()
    request = kiosk.request()
    assert kiosk.apply(stranger.bundle(request), fingerprint=stranger.fingerprint) == 96
    assert "holds on to it" in kiosk.capsys.readouterr().err
    office = kiosk.office()
    assert office is not None
    assert list(office.operator) == [authority.fingerprint]
    handed_over = authority.bundle(
        request, operator_keys=[key_text(public_bytes(stranger.operator.public_key()))]
    )
    assert kiosk.apply(handed_over) == 0  # its own operator names the next one
    office = kiosk.office()
    assert office is not None
    assert list(office.operator) == [stranger.fingerprint]


def test_while_the_daemon_runs_it_says_what_to_do(kiosk: Kiosk, authority: Authority) -> None:
    bundle = authority.bundle(kiosk.request())
    lock = os.open(kiosk.state / "ledger.db.lock", os.O_RDWR)
    fcntl.flock(lock, fcntl.LOCK_EX)
    assert kiosk.apply(bundle, fingerprint=authority.fingerprint) == 45
    assert "systemctl stop clockface-edge" in kiosk.capsys.readouterr().err
    os.close(lock)
    assert kiosk.untouched


def test_what_is_missing_is_named_with_the_next_command(
    kiosk: Kiosk, authority: Authority, tmp_path: Path
) -> None:
    assert kiosk.clockface("provision", "apply", str(tmp_path / "none"), "--tls", str(kiosk.tls)) == 95
    out = str(tmp_path / "request")
    assert kiosk.clockface("provision", "request", "--out", out, "--tls", str(tmp_path / "none")) == 95
    assert "install -d" in kiosk.capsys.readouterr().err
    request = kiosk.request()
    (kiosk.state / "device_request").unlink()
    assert kiosk.apply(authority.bundle(request), fingerprint=authority.fingerprint) == 95
    assert "provision request" in kiosk.capsys.readouterr().err


def test_another_office_needs_somebody_at_the_device_and_the_audit_trail_says_so(
    kiosk: Kiosk, authority: Authority
) -> None:
    assert kiosk.apply(authority.bundle(kiosk.request()), fingerprint=authority.fingerprint) == 0
    other, reset = Authority(), kiosk.folder / "clockface-reset"
    bundle = other.bundle(kiosk.request(), office="Other office")
    assert kiosk.apply(bundle, fingerprint=other.fingerprint) == BundleRefused.exit_code
    assert f"make an empty file {reset}" in kiosk.capsys.readouterr().err
    reset.touch()
    assert kiosk.apply(bundle, fingerprint=authority.fingerprint) == BundleRefused.exit_code
    assert reset.exists()  # a bundle that does not hold uses nothing up
    assert kiosk.apply(bundle, fingerprint=other.fingerprint) == 0
    believed = kiosk.office()
    assert believed is not None
    assert believed.name == "Other office"
    assert not reset.exists()
    assert "trust.reset" in kiosk.audited()


def test_another_authority_of_the_same_office_needs_it_too(kiosk: Kiosk, authority: Authority) -> None:
    assert kiosk.apply(authority.bundle(kiosk.request()), fingerprint=authority.fingerprint) == 0
    authority.key = new_key()
    assert kiosk.apply(authority.bundle(kiosk.request())) == BundleRefused.exit_code
