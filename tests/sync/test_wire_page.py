"""What docs/wire/README.md tells people to type works."""

import base64
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from sync.wire.envelope import public_bytes
from tests.sync.wire.goldens import FOLDER, signing_key

PAGE = Path(__file__).parents[2] / "docs" / "wire" / "README.md"
[RECIPE] = re.findall(r"```sh\n(.*?)```", PAGE.read_text(), re.DOTALL)

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")


def verify(folder: Path, envelope: str, key: bytes) -> int:
    (folder / "envelope.json").write_text(envelope)
    (folder / "key.raw").write_bytes(key)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", RECIPE], cwd=folder, capture_output=True, check=False
    )
    return done.returncode


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.json")), ids=lambda path: path.stem)
def test_openssl_alone_verifies_every_golden_message(path: Path, tmp_path: Path) -> None:
    golden = json.loads(path.read_text())
    if "envelope" not in golden:
        assert "signed_by" not in golden
        return
    key = public_bytes(signing_key(golden["signed_by"]).public_key())
    assert verify(tmp_path, golden["envelope"], key) == 0
    assert (tmp_path / "payload.json").read_text() == golden["payload"]


def test_openssl_refuses_another_key_and_a_changed_type(tmp_path: Path) -> None:
    golden = json.loads((FOLDER / "ack.json").read_text())
    key = public_bytes(signing_key("online").public_key())
    assert verify(tmp_path, golden["envelope"], public_bytes(signing_key("device").public_key())) != 0
    assert verify(tmp_path, golden["envelope"].replace(".ack+json", ".ack-json"), key) != 0
    altered = base64.b64encode(golden["payload"].encode().replace(b"lab", b"bar")).decode()
    original = base64.b64encode(golden["payload"].encode()).decode()
    assert verify(tmp_path, golden["envelope"].replace(original, altered), key) != 0
