"""Emulated TPMs (swtpm) and a systemd-creds that asks one of them: each TPM is another board.

`scripts/fetch-swtpm` brings the emulator and the libraries that systemd-creds loads. Loopback only; whoever
starts one ends it.
"""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from clockface.errors import SecretUnwritable

ROOT = Path(__file__).parents[3]
CACHE = ROOT / ".cache" / "swtpm"
PATIENCE_S = 20.0


def swtpm() -> str | None:
    """The emulator, fetched or installed."""
    fetched = CACHE / "usr" / "bin" / "swtpm"
    return str(fetched) if fetched.exists() else shutil.which("swtpm")


def libraries() -> dict[str, str]:
    """Where the loader finds what was fetched."""
    folders = [str(path) for path in CACHE.glob("usr/lib/*-linux-gnu*")]
    folders += [str(path) for path in CACHE.glob("usr/lib/*-linux-gnu*/swtpm")]
    return {"LD_LIBRARY_PATH": ":".join(folders)} if folders else {}


def why_not() -> str | None:
    """Why no TPM can be emulated here; None if one can."""
    if shutil.which("systemd-creds") is None:
        return "no systemd-creds here (systemd 250 or later)"
    if swtpm() is None:
        return "no TPM emulator here: scripts/fetch-swtpm"
    return None


@dataclass(frozen=True)
class Board:
    """A TPM: a folder with its seeds.

    Switched on for each question: no resource manager (on hardware the kernel's /dev/tpmrm0) gives back the
    sessions that systemd-creds leaves.
    """

    folder: Path

    def creds(self, arguments: list[str], given: bytes) -> bytes:
        """As `edge.store.keyplace.run_creds`, with this TPM."""
        verb, *rest = arguments
        with _switched_on(self.folder) as port:
            device = f"--tpm2-device=swtpm:host=127.0.0.1,port={port}"
            options = ["--with-key=tpm2", device] if verb == "encrypt" else [device]
            return creds([verb, *options, *rest], given)


def creds(arguments: list[str], given: bytes, **environment: str) -> bytes:
    """systemd-creds with its input on a pipe.

    Raises:
        SecretUnwritable: It says no.
    """
    done = subprocess.run(
        ["systemd-creds", *arguments],
        input=given,
        capture_output=True,
        timeout=60,
        check=False,
        env=os.environ | libraries() | environment,
    )
    if done.returncode != 0:
        raise SecretUnwritable(f"systemd-creds {arguments[0]} failed: {done.stderr[-300:]!r}")
    return done.stdout


@contextmanager
def _switched_on(folder: Path) -> Iterator[int]:
    """The TPM as a process; its port."""
    program = swtpm()
    assert program is not None
    folder.mkdir(exist_ok=True)
    port = _two_free()
    process = subprocess.Popen(
        [
            program, "socket", "--tpm2", "--tpmstate", f"dir={folder}",
            "--flags", "not-need-init,startup-clear",
            "--server", f"type=tcp,port={port},bindaddr=127.0.0.1",
            "--ctrl", f"type=tcp,port={port + 1},bindaddr=127.0.0.1",
        ],
        env=os.environ | libraries(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        _await(port + 1, process)
        yield port
    finally:
        _shut_down(port)
        process.terminate()
        process.wait(PATIENCE_S)


def _await(port: int, process: "subprocess.Popen[bytes]") -> None:
    """The control port only: a connection to the other one counts as a session."""
    until = time.monotonic() + PATIENCE_S
    while True:
        assert process.poll() is None, "swtpm has ended"
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            assert time.monotonic() < until, "swtpm does not answer"
            time.sleep(0.02)
        else:
            return


def _shut_down(port: int) -> None:
    """TPM2_Shutdown(TPM_SU_CLEAR): one that is only switched off counts it as an attack, and locks itself."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as connection:
        connection.sendall(bytes.fromhex("80010000000c000001450000"))
        assert connection.recv(10) == bytes.fromhex("80010000000a00000000")


def _two_free() -> int:
    """A port that is free with the next one: there the TPM library looks for the control."""
    for _ in range(50):
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port: int = first.getsockname()[1]
            try:
                second.bind(("127.0.0.1", port + 1))
            except (OSError, OverflowError):
                continue
            return port
    raise AssertionError("no two ports in a row are free")
