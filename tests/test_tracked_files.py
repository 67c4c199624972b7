"""What must never be committed is not: private keys, a registry's address, a path of somebody's machine."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# Spelt in pieces, so that this file does not match itself.
REGISTRIES = ("pypi" + ".org", "python" + "hosted.org", "registry" + ".npmjs", "deb" + ".debian.org",
              "archive" + ".ubuntu.com", "piwheels" + ".org", "yarnpkg" + ".com")  # fmt: skip
FORBIDDEN = {
    "a private key": rb"-----BEGIN " + rb"[A-Z ]*PRIVATE KEY|AGE-SECRET-" + rb"KEY-1",
    "a registry's address": "|".join(re.escape(host) for host in REGISTRIES).encode(),
    "an index option": rb"--(extra-)?" + rb"index-url|--find-" + rb"links",
    "a path of somebody's machine": rb"(?<![\w.])/((" + rb"home|Users|work)/[A-Za-z_]|" + rb"root/[A-Za-z.])",
}
ALLOWED = {("scripts/lock", "an index option")}  # it tells uv to write none


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode != 0:
        pytest.skip("not a git checkout: which files are tracked is not known")
    return [Path(name) for name in listed.stdout.decode().split("\0") if name]


@pytest.mark.parametrize("what", sorted(FORBIDDEN))
def test_no_tracked_file_holds(what: str) -> None:
    pattern = re.compile(FORBIDDEN[what])
    found = []
    for path in tracked():
        if (path.as_posix(), what) in ALLOWED or not (ROOT / path).is_file():
            continue
        for number, line in enumerate((ROOT / path).read_bytes().splitlines(), start=1):
            if pattern.search(line):
                found.append(f"{path}:{number}")
    assert not found, f"{what} in {found[:10]}"


@pytest.mark.parametrize(
    ("what", "line"),
    [
        ("a private key", b"-----BEGIN " + b"EC PRIVATE KEY-----"),
        ("a registry's address", b"https://files.python" + b"hosted.org/packages/x"),
        ("an index option", b"--extra-" + b"index-url x"),
        ("a path of somebody's machine", b"model = '/ho" + b"me/ada/model.tflite'"),
        ("a path of somebody's machine", b"cd /wo" + b"rk/wt"),
    ],
)
def test_the_patterns_find_what_they_are_for(what: str, line: bytes) -> None:
    assert re.search(FORBIDDEN[what], line)


@pytest.mark.parametrize(
    "line", [b"ExecStart=/opt/clockface/.venv/bin/clockface", b"ProtectHome=yes", b"docs/home/x"]
)
def test_the_patterns_leave_ordinary_lines_alone(line: bytes) -> None:
    assert not any(re.search(pattern, line) for pattern in FORBIDDEN.values())


def test_scripts_can_be_run() -> None:
    for path in tracked():
        if path.parts[0] in {"scripts", ".ci"} and (ROOT / path).read_bytes().startswith(b"#!"):
            assert (ROOT / path).stat().st_mode & 0o111, (
                f"{path} is not executable; git update-index --chmod=+x"
            )
