"""A Debian machine in systemd-nspawn: booted, asked, cut off. Everything goes through its own systemd.

It shares the proof's network namespace, which has loopback and nothing else: the office beside it can be
reached and nobody further. Trust boundary: only processes of this machine are ended, by their ids.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

BOOT_S = 60.0
REBOOT = 133  # how systemd-nspawn --keep-unit says that the machine wants to boot again
SHARED = Path("/var/lib/proof")
"""A folder of the machine that the proof reads and writes from outside."""


class ProofFailed(Exception):
    """Something did not come about; the text says what."""


class Machine:
    """One machine.

    Args:
        base: The root that it is copied from.
        folder: Where its copy and its disk lie.
    """

    def __init__(self, base: Path, folder: Path) -> None:
        self.root = folder / "root"
        self.disk = folder / "disk"
        self._console = (folder / "console.log").open("ab")
        self._nspawn: subprocess.Popen[bytes] | None = None
        self.leader = 0
        subprocess.run(["cp", "-a", "--reflink=auto", str(base), str(self.root)], check=True)
        self.disk.mkdir()
        # A file system of its own, which can be full, and whose content outlives a power cut as a card's does.
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=256M,mode=0755", "proof-disk", str(self.disk)], check=True
        )
        self.shared.mkdir(parents=True)

    @property
    def shared(self) -> Path:
        """`SHARED` as the proof sees it."""
        return self.root / SHARED.relative_to("/")

    def boot(self) -> float:
        """Boot; returns the seconds until systemd answers."""
        began = time.monotonic()
        state = "/var/lib/clockface"
        self._nspawn = subprocess.Popen(
            ["systemd-nspawn", "--quiet", "-b", "-D", str(self.root), "--register=no", "--keep-unit",
             "--console=pipe", f"--bind={self.disk}:{state}", "--kill-signal=SIGRTMIN+3",
             "--capability=CAP_NET_ADMIN"],  # services have network namespaces of their own, with a loopback
            stdin=subprocess.DEVNULL, stdout=self._console, stderr=self._console,
        )  # fmt: skip
        self.await_up()
        return time.monotonic() - began

    def await_up(self) -> None:
        """Wait until PID 1 answers; after a reboot it is another process."""
        self.until(self._find_leader, "the machine boots", within_s=BOOT_S)
        up = {"running", "degraded"}
        self.until(
            lambda: self.ask("systemctl", "is-system-running").strip() in up, "systemd is up", within_s=BOOT_S
        )

    def _find_leader(self) -> bool:
        assert self._nspawn is not None  # noqa: S101 - booted
        pid = self._nspawn.pid
        if self._nspawn.poll() is not None:
            raise ProofFailed(f"systemd-nspawn ended with {self._nspawn.returncode}; see console.log")
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
        self.leader = int(children[0]) if children else 0
        with contextlib.suppress(OSError):
            return bool(children) and "systemd" in Path(f"/proc/{self.leader}/comm").read_text(encoding="ascii")
        return False

    def cut_power(self) -> None:
        """End every process of the machine at once, in the middle of whatever it does."""
        os.kill(self.leader, signal.SIGKILL)
        assert self._nspawn is not None  # noqa: S101 - booted
        self._nspawn.wait(timeout=30)

    def reboot(self) -> float:
        """Reboot in good order; returns the seconds until systemd answers again."""
        began = time.monotonic()
        self.ask("systemctl", "reboot", "--no-block")
        assert self._nspawn is not None  # noqa: S101 - booted
        code = self._nspawn.wait(timeout=BOOT_S)
        if code != REBOOT:
            raise ProofFailed(f"systemd-nspawn ended with {code} and not with {REBOOT}, a wish to reboot")
        self.boot()
        return time.monotonic() - began

    def close(self) -> None:
        """End it and take its disk away."""
        if self._nspawn is not None and self._nspawn.poll() is None:
            with contextlib.suppress(OSError):
                os.kill(self.leader, signal.SIGKILL)
            try:
                self._nspawn.wait(timeout=30)
            except subprocess.TimeoutExpired:
                self._nspawn.kill()
                self._nspawn.wait(timeout=10)
        self._console.close()
        subprocess.run(["umount", "-l", str(self.disk)], check=False, capture_output=True)

    def remove(self) -> None:
        """Take its root away."""
        shutil.rmtree(self.root, ignore_errors=True)

    # --- asking -----------------------------------------------------------------------------------------

    def done(
        self, *command: str, timeout_s: float = 120.0, **environment: str
    ) -> "subprocess.CompletedProcess[str]":
        """Run a command in the machine, as its root."""
        clean = {
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "LANG": "C.UTF-8",
            "HOME": "/root",
        }
        return subprocess.run(
            ["nsenter", "-t", str(self.leader), "-m", "-u", "-i", "-p", "--", *command],
            env=clean | environment, capture_output=True, text=True, timeout=timeout_s, check=False, cwd="/",
            stdin=subprocess.DEVNULL,
        )  # fmt: skip

    def ask(self, *command: str, timeout_s: float = 120.0) -> str:
        """What a command prints, whatever it thinks of it."""
        return self.done(*command, timeout_s=timeout_s).stdout

    def do(self, *command: str, timeout_s: float = 120.0, codes: tuple[int, ...] = (0,)) -> str:
        """Run a command that must work.

        Raises:
            ProofFailed: It did not.
        """
        done = self.done(*command, timeout_s=timeout_s)
        if done.returncode not in codes:
            raise ProofFailed(
                f"{' '.join(command)} exited with {done.returncode}:\n{(done.stdout + done.stderr)[-2000:]}"
            )
        return done.stdout

    def show(self, unit: str, name: str) -> str:
        """One property of a unit."""
        return self.ask("systemctl", "show", "-P", name, unit).strip()

    def active(self, unit: str) -> bool:
        """Whether a unit is active: for these, that it said READY."""
        return self.show(unit, "ActiveState") == "active"

    def pid(self, unit: str) -> int:
        """A unit's main process, by the machine's own count; 0 where none runs."""
        return int(self.show(unit, "MainPID") or 0)

    def signal(self, unit: str, what: str) -> int:
        """Send a unit's main process a signal; returns which process it was."""
        pid = self.pid(unit)
        self.do("systemctl", "kill", "--kill-whom=main", f"--signal={what}", unit)
        return pid

    def status(self) -> dict[str, Any] | None:
        """What `clockface status --json` says; None while the daemon does not answer."""
        done = self.done("clockface", "status", "--json")
        return json.loads(done.stdout) if done.returncode == 0 else None

    def punches(self) -> list[dict[str, Any]]:
        """Every attendance record of the ledger."""
        return [json.loads(line) for line in self.do("clockface", "attendance", "list", "--json").splitlines()]

    def until(self, holds: Callable[[], bool], what: str, *, within_s: float, every_s: float = 0.2) -> float:
        """Wait, bounded; returns how long it took.

        Raises:
            ProofFailed: It did not come about.
        """
        began = time.monotonic()
        while not holds():
            if time.monotonic() - began > within_s:
                raise ProofFailed(f"not within {within_s:.0f} s: {what}")
            time.sleep(every_s)
        return time.monotonic() - began


@contextlib.contextmanager
def machine(base: Path, folder: Path, *, keep: bool) -> Iterator[Machine]:
    """A machine that is ended and taken away at the end."""
    made = Machine(base, folder)
    try:
        yield made
    finally:
        made.close()
        if not keep:
            made.remove()
