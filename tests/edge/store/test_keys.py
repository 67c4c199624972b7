"""Keys come from credentials, files or the environment, in this order, and are never made up."""

import base64
import os
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from clockface.errors import SecretInvalid, SecretMissing, SecretUnwritable
from edge.store.keys import (
    DATA_FILE,
    FACE_FILE,
    KEY_FILES,
    SIGNING_FILE,
    Keyring,
    generate_keys,
    load_keyring,
    missing_keys,
    parse_signing_key,
)
from tests.edge.store.given import fernet_key


def load(state: Path, *, allow: bool = False, **environment: str) -> Keyring:
    return load_keyring(state=state, environment=environment, allow_environment=allow)


def write(folder: Path, name: str, text: str, mode: int = 0o400) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.unlink(missing_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return path


def test_generated_keys_load_and_differ_and_stay(tmp_path: Path) -> None:
    created = generate_keys(tmp_path / "state")
    assert {path.name for path in created} == set(KEY_FILES)
    keys = load(tmp_path / "state")
    assert keys.data.primary_id != keys.face.primary_id
    assert generate_keys(tmp_path / "state") == ()
    again = load(tmp_path / "state")
    assert (again.data.primary_id, again.face.primary_id, again.signing.key_id) == (
        keys.data.primary_id,
        keys.face.primary_id,
        keys.signing.key_id,
    )


def test_generated_keys_are_closed_to_others_and_leave_no_draft(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        created = generate_keys(tmp_path / "state")
    finally:
        os.umask(old)
    assert {stat.S_IMODE(path.stat().st_mode) for path in created} == {0o400}
    assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o700
    assert {path.name for path in (tmp_path / "state" / "keys").iterdir()} == set(KEY_FILES)


def test_no_key_is_made_up_for_a_ledger_that_exists(tmp_path: Path) -> None:
    generate_keys(tmp_path)
    (tmp_path / "ledger.db").touch()
    (tmp_path / "keys" / FACE_FILE).unlink()
    with pytest.raises(SecretMissing, match="could not open it"):
        generate_keys(tmp_path)
    with pytest.raises(SecretMissing, match=FACE_FILE):
        load(tmp_path)


def test_credentials_come_before_files(tmp_path: Path) -> None:
    generate_keys(tmp_path)
    generate_keys(tmp_path / "other")
    credentials = tmp_path / "other" / "keys"
    assert load(tmp_path, CREDENTIALS_DIRECTORY=str(credentials)).data.primary_id == (
        load(tmp_path / "other").data.primary_id
    )
    assert load(tmp_path, CREDENTIALS_DIRECTORY=str(tmp_path / "none")).data.primary_id == (
        load(tmp_path).data.primary_id
    )


def test_half_a_pair_of_credentials_is_missing_rather_than_mixed_with_files(tmp_path: Path) -> None:
    generate_keys(tmp_path)
    write(tmp_path / "credentials", DATA_FILE, fernet_key())
    with pytest.raises(SecretMissing, match=FACE_FILE):
        load(tmp_path, CREDENTIALS_DIRECTORY=str(tmp_path / "credentials"))


def test_credentials_may_have_the_mode_that_systemd_gives_them(tmp_path: Path) -> None:
    for name in (DATA_FILE, FACE_FILE):
        write(tmp_path / "credentials", name, fernet_key(), 0o440)
    generate_keys(tmp_path, names=[SIGNING_FILE])
    assert load(tmp_path, CREDENTIALS_DIRECTORY=str(tmp_path / "credentials"))


@pytest.mark.parametrize("mode", [0o440, 0o604, 0o644, 0o620, 0o401])
def test_a_key_file_that_others_can_touch_is_refused_with_the_remedy(tmp_path: Path, mode: int) -> None:
    generate_keys(tmp_path)
    write(tmp_path / "keys", DATA_FILE, fernet_key(), mode)
    with pytest.raises(SecretInvalid, match="chmod 0400"):
        load(tmp_path)


def test_a_key_file_may_be_writable_for_its_owner(tmp_path: Path) -> None:
    generate_keys(tmp_path)
    write(tmp_path / "keys", DATA_FILE, fernet_key(), 0o600)
    assert load(tmp_path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_key_file_of_another_user_is_refused(tmp_path: Path) -> None:
    generate_keys(tmp_path)
    os.chown(tmp_path / "keys" / DATA_FILE, 12345, 12345)
    with pytest.raises(SecretInvalid, match="belongs to user 12345"):
        load(tmp_path)


def test_a_link_a_folder_and_a_pipe_are_not_keys(tmp_path: Path) -> None:
    generate_keys(tmp_path)
    path = tmp_path / "keys" / DATA_FILE
    elsewhere = write(tmp_path / "elsewhere", "key", fernet_key())
    for make in (lambda: path.symlink_to(elsewhere), path.mkdir, lambda: os.mkfifo(path, 0o400)):
        if path.is_dir() and not path.is_symlink():
            path.rmdir()
        else:
            path.unlink()
        make()
        with pytest.raises((SecretInvalid, SecretMissing), match=DATA_FILE):
            load(tmp_path)


@pytest.mark.parametrize("content", [b"\xff" * 44, b"A" * 9000])
def test_a_key_file_that_is_no_text_or_too_large_is_refused(tmp_path: Path, content: bytes) -> None:
    generate_keys(tmp_path)
    path = tmp_path / "keys" / DATA_FILE
    path.unlink()
    path.write_bytes(content)
    path.chmod(0o400)
    with pytest.raises(SecretInvalid):
        load(tmp_path)


def test_the_environment_serves_only_where_it_is_allowed(tmp_path: Path) -> None:
    generate_keys(tmp_path, names=[SIGNING_FILE])
    variables = {"DATA_ENCRYPTION_KEY": fernet_key(), "FACE_DATA_ENCRYPTION_KEY": fernet_key()}
    with pytest.raises(SecretMissing, match="clockface init"):
        load(tmp_path, **variables)
    assert load(tmp_path, allow=True, **variables)
    with pytest.raises(SecretMissing, match="FACE_DATA_ENCRYPTION_KEY is not set"):
        load(tmp_path, allow=True, DATA_ENCRYPTION_KEY=variables["DATA_ENCRYPTION_KEY"])
    with pytest.raises(SecretInvalid, match="must differ"):
        load(
            tmp_path,
            allow=True,
            DATA_ENCRYPTION_KEY=variables["DATA_ENCRYPTION_KEY"],
            FACE_DATA_ENCRYPTION_KEY=variables["DATA_ENCRYPTION_KEY"],
        )


def test_what_is_missing_is_what_no_source_has(tmp_path: Path) -> None:
    def missing(*, allow: bool = False, **environment: str) -> tuple[str, ...]:
        return missing_keys(state=tmp_path, environment=environment, allow_environment=allow)

    assert missing() == KEY_FILES
    assert missing(DATA_ENCRYPTION_KEY="x") == KEY_FILES
    assert missing(allow=True, DATA_ENCRYPTION_KEY="x") == (SIGNING_FILE,)
    generate_keys(tmp_path / "other", names=[FACE_FILE])
    assert missing(CREDENTIALS_DIRECTORY=str(tmp_path / "other" / "keys")) == (SIGNING_FILE,)
    generate_keys(tmp_path)
    assert missing() == ()


def test_a_signing_key_in_pem_is_the_same_as_its_seed() -> None:
    key = Ed25519PrivateKey.generate()
    seed = base64.urlsafe_b64encode(key.private_bytes_raw()).decode()
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    assert parse_signing_key(seed, where="test").key_id == parse_signing_key(pem, where="test").key_id


@pytest.mark.parametrize(
    "text",
    [
        "",
        "short",
        base64.urlsafe_b64encode(bytes(32)).decode(),
        base64.urlsafe_b64encode(os.urandom(33)).decode(),
        "-----BEGIN " + "PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----",
        generate_private_key(SECP256R1())
        .private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        .decode(),
    ],
    ids=lambda text: f"{len(text)} characters",  # keys are new in each process, and stand in no report
)
def test_what_is_no_ed25519_key_is_refused_without_being_quoted(text: str) -> None:
    with pytest.raises(SecretInvalid) as refused:
        parse_signing_key(text, where="keys/device_signing_key")
    assert len(text) < 8 or text not in str(refused.value)


def test_a_keyring_shows_no_key(tmp_path: Path) -> None:
    generate_keys(tmp_path)
    shown = repr(load(tmp_path))
    for name in KEY_FILES:
        assert (tmp_path / "keys" / name).read_text().strip() not in shown


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_state_folder_of_another_user_is_refused_with_the_command_to_use(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    os.chown(state, 12345, 12345)
    with pytest.raises(SecretUnwritable, match="sudo -u '#12345' clockface init"):
        generate_keys(state)
