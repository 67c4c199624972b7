"""No key that a command makes or moves stands in an argument, an environment or a file that is not its own."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from edge.store.keyplace import CREDENTIALS, SealedCredentials, keep_first, run_creds, stage
from edge.store.keys import KEYS_FOLDER, generate_keys
from tests.edge.cli.watching import Witness, holding
from tests.edge.device import PATIENCE_S, ROOT
from tests.edge.store import tpm

PHRASE = "five words that do not belong"


@pytest.fixture
def witness(tmp_path: Path) -> Witness:
    return Witness(tmp_path)


def command(witness: Witness, folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """As staff type it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CLOCKFACE_")}
    settings = {"CLOCKFACE_PATHS__STATE": str(folder / "state"), "CLOCKFACE_PATHS__RUN": str(folder / "run")}
    done = subprocess.run(
        [sys.executable, "-m", "edge", "--config", str(folder / "clockface.toml"), *arguments],
        cwd=ROOT,
        env=kept | settings | witness.environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode in (0, 75), done.stderr
    return done


def test_the_witness_sees_what_it_is_there_for(witness: Witness, tmp_path: Path) -> None:
    secret = "a-secret-that-somebody-put-into-an-argument"
    child = (
        "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; time.sleep(0.4)', {!r}])"
    )
    script = child.format(secret)
    with witness.watching():
        subprocess.run(
            [sys.executable, "-c", script], env=os.environ | witness.environment, check=True, timeout=30
        )
    assert secret.encode() in witness.noted
    assert witness.told([secret]) == ["a-se"]
    (tmp_path / "left").write_text(f"key = {secret}")
    assert holding(tmp_path, [secret]) == {tmp_path / "left", tmp_path / "witness"}


def test_provisioning_keys_and_the_site_key_stay_in_their_files(witness: Witness) -> None:
    with tempfile.TemporaryDirectory(prefix="cf-") as name:
        folder = Path(name)
        (folder / "clockface.toml").write_text('[device]\nsite = "mill"\nname = "gate"\n')
        (folder / "phrase").write_text(PHRASE)
        answers = folder / "answers.toml"
        answers.write_text(
            f'[device]\nsite = "mill"\nname = "gate"\n[paths]\nstate = "{folder}/state"\nrun = "{folder}/run"\n'
            f'tls = "{folder}/tls"\n[check]\ncamera = false\n[office]\nrequest = "{folder}/request"\n'
        )
        with witness.watching():
            said = command(witness, folder, "provision", "--answers", str(answers), "--replace-edited").stdout
            said += command(witness, folder, "keys", "generate").stdout
            said += command(
                witness, folder, "site", "init", "--yes", "--passphrase-file", f"{folder}/phrase"
            ).stdout
        keys, tls = folder / "state" / KEYS_FOLDER, folder / "tls" / "device.key"
        own = [path for path in keys.iterdir() if path.name != "site_key_made_here"]
        assert len(own) == 5
        secrets = [path.read_text(encoding="utf-8").strip() for path in own]
        secrets.append(tls.read_text(encoding="utf-8").splitlines()[1])
        assert witness.told([*secrets, PHRASE]) == []
        assert not [secret[:4] for secret in secrets if secret in said]
        assert holding(folder, secrets) == {*own, tls}
        assert {path.stat().st_mode & 0o777 for path in (*own, tls)} == {0o400}


def test_a_rotation_of_sealed_keys_gives_them_to_systemd_creds_through_pipes_alone(
    witness: Witness, tmp_path: Path
) -> None:
    if why := tpm.why_not():
        pytest.skip(why)
    board = tpm.Board(tmp_path / "tpm")
    seen: list[str] = []

    def creds(arguments: list[str], given: bytes) -> bytes:
        answer = board.creds(arguments, given)
        seen.extend(each.decode() for each in (given, answer) if each and b"=" in each[-2:])
        return answer

    state = tmp_path / "state"
    generate_keys(state)
    folder = tmp_path / CREDENTIALS
    folder.mkdir(mode=0o700, parents=True)
    place = SealedCredentials(folder, creds)
    with witness.watching():
        for name in ("data_encryption_key", "face_data_encryption_key"):
            file = state / KEYS_FOLDER / name
            place.replace(name, file.read_text(encoding="utf-8").strip())
            file.unlink()
        staged = stage(place)
        keep_first(place, data=staged.data[0], face=staged.face[0])
    secrets = {part.strip() for text in seen for part in text.split(",") if len(part.strip()) == 44}
    assert len(secrets) == 4
    assert witness.told(secrets) == []
    assert holding(tmp_path, secrets) == set()
    assert run_creds.__module__ == SealedCredentials.__module__
