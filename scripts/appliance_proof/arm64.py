"""The arm64 package in an arm64 Debian root, run by qemu's user emulation: doctor, models, a short demo.

The root needs no second stage of debootstrap: every package is unpacked, and what maintainer scripts would do
is not wanted here. Times under emulation say nothing of a board, so none is reported as one.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from scripts.appliance_proof.prepare import CACHE, INCLUDED, NEW, ROOT, SUITES, mirror, run, suite_of

LEAST_COSINE = 0.999
CLOCKFACE = "/usr/bin/clockface"
CPU = "cortex-a72"  # a Raspberry Pi 4's
CPU_INFO = """\
processor\t: {number}
BogoMIPS\t: 108.00
Features\t: fp asimd evtstrm crc32 cpuid
CPU implementer\t: 0x41
CPU architecture: 8
CPU variant\t: 0x0
CPU part\t: 0xd08
CPU revision\t: 3

"""
WALK_UP_S = 900.0  # emulated, and on whatever else the machine does
ASK_AGAIN_S = 5.0  # an emulated command takes seconds of the processor that the daemon wants
# Fast: a picture counts at its time in the recording. By the clock on the wall an emulated processor sees one
# or two a second, and neither tracks nor the liveness layers believe in somebody who is seen that seldom.
SETTINGS = """\
[device]
site = "demo"
name = "emulated"
timezone = "Europe/Madrid"

[camera]
source = "replay"
replay_path = "/var/lib/proof/walk.avi"
replay_pace = "fast"
replay_loop = true

[attendance]
sole_kiosk = true
"""
# What doctor may find amiss in a root without an office, systemd or a card of its own.
MAY_FAIL = {"daemon", "clock.trust", "disk.mount", "disk.space", "certificate", "sockets", "temperature"}


def main() -> int:
    """Prepare with the network, prove without it."""
    suite = suite_of(sys.argv)
    if sys.argv[1] == "prepare":
        _base(suite)
        out = ("--out", str(CACHE / "debs"))
        run(str(ROOT / "scripts/build-deb"), "--fast", "--arch", "arm64", "--python", SUITES[suite], *out)
        sys.path.insert(0, str(ROOT / "scripts"))
        import demo_recordings

        recordings = CACHE / "recordings"
        recordings.mkdir(exist_ok=True)
        if not (recordings / "evening.avi").exists():
            demo_recordings.make(recordings, cache=ROOT / ".cache" / "packages")
        return 0
    return _prove(Emulated(Path(sys.argv[2]) / "root", suite), suite)


def _base(suite: str) -> Path:
    made = CACHE / f"root-{suite}-arm64"
    if made.is_dir():
        return made
    draft = CACHE / f"root-{suite}-arm64.draft"
    shutil.rmtree(draft, ignore_errors=True)
    print(f"proof: debootstrap of {suite} for arm64 (once)")
    wanted = ",".join((*INCLUDED, f"python{SUITES[suite]}"))
    options = ("--foreign", "--arch=arm64", "--variant=minbase", f"--include={wanted}")
    run("debootstrap", *options, suite, str(draft), mirror())
    for package in sorted((draft / "var/cache/apt/archives").glob("*.deb")):
        _unpack(package, into=draft)
    shutil.rmtree(draft / "var/cache/apt/archives")
    for name in ("passwd", "group"):
        shutil.copyfile(draft / f"usr/share/base-passwd/{name}.master", draft / "etc" / name)
    (draft / "proc").unlink(missing_ok=True)
    for name in ("proc", "dev", "tmp"):
        (draft / name).mkdir(exist_ok=True)
    draft.rename(made)
    return made


def _unpack(package: Path, *, into: Path) -> None:
    """Without its maintainer scripts, and without a folder in the place of Debian's links /bin and /lib."""
    unpack = 'dpkg-deb --fsys-tarfile "$1" | tar -x --keep-directory-symlink -C "$2"'
    run("sh", "-c", unpack, "sh", str(package), str(into))


class Emulated:
    """A copy of the root with the package in it; its mounts are this process's alone."""

    def __init__(self, root: Path, suite: str) -> None:
        self.root = root
        run("cp", "-a", "--reflink=auto", str(_base(suite)), str(root))
        version = f"{NEW}+py{SUITES[suite].replace('.', '')}"
        self.package = CACHE / "debs" / f"clockface_{version}_arm64.deb"
        _unpack(self.package, into=root)
        # Of its own: nothing of the host's is bound in, so nothing of it can be removed by mistake.
        run("mount", "-t", "proc", "proc", str(root / "proc"))
        # XNNPACK looks for processors there; the host's, of another kind, end in a segmentation fault.
        processors = root / "sys/devices/system/cpu"
        processors.mkdir(parents=True)
        for name in ("possible", "present"):
            (processors / name).write_text("0-1\n", encoding="ascii")
        told = root.parent / "cpuinfo"
        told.write_text("".join(CPU_INFO.format(number=number) for number in (0, 1)), encoding="ascii")
        run("mount", "--bind", str(told), str(root / "proc/cpuinfo"))
        for name, minor in (("null", 3), ("zero", 5), ("random", 8), ("urandom", 9)):
            (root / "dev" / name).unlink(missing_ok=True)
            run("mknod", "-m", "666", str(root / "dev" / name), "c", "1", str(minor))
        self.shared = root / "var/lib/proof"
        self.shared.mkdir(parents=True)
        (root / "etc/clockface").mkdir()
        (root / "etc/clockface/clockface.toml").write_text(SETTINGS, encoding="utf-8")
        for name in ("morning.avi", "man.jpg"):
            shutil.copyfile(CACHE / "recordings" / name, self.shared / name.replace("morning", "walk"))
        shutil.copyfile(ROOT / "models/sample-face.jpg", self.shared / "sample-face.jpg")
        shutil.copyfile(ROOT / "scripts/appliance_proof/embed.py", self.shared / "embed.py")

    def command(self, *words: str) -> list[str]:
        """A command of the root."""
        clean = ["PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LANG=C.UTF-8", f"QEMU_CPU={CPU}"]
        return ["env", "-i", *clean, "chroot", str(self.root), *words]

    def done(self, *words: str, timeout_s: float = 600.0) -> "subprocess.CompletedProcess[str]":
        """Run one."""
        return subprocess.run(
            self.command(*words),
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
            stdin=subprocess.DEVNULL,
        )

    def do(self, *words: str, codes: tuple[int, ...] = (0,)) -> str:
        """Run one that must work."""
        done = self.done(*words)
        if done.returncode not in codes:
            said = (done.stdout + done.stderr)[-2000:]
            raise SystemExit(f"proof: {' '.join(words)} exited with {done.returncode}:\n{said}")
        return done.stdout


def _prove(machine: Emulated, suite: str) -> int:
    rows: list[tuple[str, str, bool]] = []
    began = time.monotonic()
    for name, step in (("machine", _machine), ("models", _models), ("doctor", _doctor), ("demo", _demo)):
        rows.append((name, *step(machine)))
        print(f"{name}: {rows[-1][1]}", flush=True)
    table = Table("what", "seen", "", box=None, header_style="bold", pad_edge=False)
    for name, seen, well in rows:
        table.add_row(name, seen, "ok" if well else "FAILED")
    console = Console(highlight=False, width=118)
    console.print(table)
    when, here = datetime.now(UTC).strftime("%Y-%m-%d"), os.uname().machine
    console.print(
        f"{when}, {machine.package.name}, Debian {suite} arm64 under qemu user emulation on {here}: "
        f"scripts/proof-arm64, {time.monotonic() - began:.0f} s"
    )
    return 0 if all(well for _, _, well in rows) else 1


def _machine(machine: Emulated) -> tuple[str, bool]:
    """What it is, its accounts, and a device's keys and ledger in it."""
    kind = machine.do("/usr/bin/uname", "-m").strip()
    accounts = machine.done("/usr/bin/systemd-sysusers", "clockface.conf").returncode == 0
    told = f"{kind}, {machine.do(CLOCKFACE, 'version').strip()}"
    machine.do(CLOCKFACE, "init")
    return told, kind == "aarch64" and accounts


def _models(machine: Emulated) -> tuple[str, bool]:
    """Verified, and the same embeddings as here."""
    verified = machine.done(CLOCKFACE, "models", "verify")
    pictures = ("sample-face.jpg", "man.jpg")
    there = json.loads(
        machine.do(
            "/usr/lib/clockface/bin/python3",
            "-IB",
            "/var/lib/proof/embed.py",
            *(f"/var/lib/proof/{n}" for n in pictures),
        )
    )
    here = json.loads(
        run(
            sys.executable,
            str(ROOT / "scripts/appliance_proof/embed.py"),
            *(str(machine.shared / n) for n in pictures),
        )
    )
    cosines = [float(np.dot(here[name], there[name])) for name in here]
    told = (
        f"models verify: exit code {verified.returncode}; {len(cosines)} embeddings, least cosine to x86-64's "
        f"{min(cosines):.6f}"
    )
    return told, verified.returncode == 0 and min(cosines) >= LEAST_COSINE and here.keys() == there.keys()


def _doctor(machine: Emulated) -> tuple[str, bool]:
    found = json.loads(machine.do(CLOCKFACE, "doctor", "--json", codes=(0, 100)))
    failed = {each["name"] for each in found["checks"] if each["status"] == "fail"}
    states = [each["status"] for each in found["checks"]]
    counts = ", ".join(f"{states.count(state)} {state}" for state in ("ok", "warn", "n/a"))
    told = f"{counts}, failed: {', '.join(sorted(failed)) or 'none'}"
    return told, failed <= MAY_FAIL


def _log(machine: Emulated) -> Path:
    return machine.root.parent / "edge.log"


def _last_words(machine: Emulated) -> str:
    return _log(machine).read_text(errors="replace")[-500:]


def _demo(machine: Emulated) -> tuple[str, bool]:
    """The daemon, one person enrolled, and a record of their walk-up."""
    log = _log(machine).open("wb")
    edge = subprocess.Popen(machine.command(CLOCKFACE, "run"), stdout=log, stderr=log, stdin=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + WALK_UP_S
        staff = machine.root / "run/clockface/staff.sock"
        while not staff.exists() or machine.done(CLOCKFACE, "status", "--json").returncode != 0:
            time.sleep(ASK_AGAIN_S)
            if time.monotonic() > deadline or edge.poll() is not None:
                return f"the daemon does not answer: {_last_words(machine)}", False
        machine.do(
            CLOCKFACE, "enroll", "--name", "Andrew Park", "--number", "1001",
            "--photo", "/var/lib/proof/man.jpg",
            "--consent-how", "paper", "--consent-text-version", "1", "--consent-language", "en",
        )  # fmt: skip
        while not (punches := machine.do(CLOCKFACE, "attendance", "list", "--json").splitlines()):
            time.sleep(ASK_AGAIN_S)
            if time.monotonic() > deadline:
                return f"nobody was recorded: {_last_words(machine)}", False
        record = json.loads(punches[0])
        verified = machine.do(CLOCKFACE, "ledger", "verify").strip().splitlines()[-1]
        way = f"{record['direction']}, by {record['method']}"
        return f"{record['name']} walked up and was recorded ({way}); {verified}", True
    finally:
        edge.terminate()
        try:
            edge.wait(timeout=60)
        except subprocess.TimeoutExpired:
            edge.kill()
            edge.wait(timeout=10)
        log.close()


if __name__ == "__main__":
    sys.exit(main())
