"""What the proof needs from outside, made once and kept in the user's cache: a root, packages, recordings.

The mirror is the machine's own. Trust boundary: debootstrap checks signatures with the machine's keyring.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "clockface" / "proof"
SUITES = {"bookworm": "3.11", "trixie": "3.13"}
# What the package asks for, and what a kiosk's Debian has anyway.
INCLUDED = (
    "systemd", "systemd-sysv", "dbus", "udev", "ca-certificates", "libgl1", "libglib2.0-0", "alsa-utils",
    "iproute2",
)  # fmt: skip
BEFORE = "09579bb"
"""The commit of the version before: its ledger is older, so that the upgrade has something to migrate."""
OLD, NEW, NEWER, BROKEN = "0.0.9", "0.1.0", "0.1.1", "0.1.2"


def main() -> None:
    """Make what is missing; packages always anew, for they hold this tree."""
    CACHE.mkdir(parents=True, exist_ok=True)
    suite = suite_of(sys.argv)
    base(suite)
    build(suite, NEW)
    known = subprocess.run(["git", "cat-file", "-e", BEFORE], cwd=ROOT, capture_output=True, check=False)
    build(suite, OLD, *(("--ours-from", BEFORE) if known.returncode == 0 else ()))
    derive(suite, NEWER)
    derive(suite, BROKEN, 'raise RuntimeError("broken for the proof")')
    sys.path.insert(0, str(ROOT / "scripts"))
    import demo_recordings

    recordings = CACHE / "recordings"
    recordings.mkdir(exist_ok=True)
    if not (recordings / "evening.avi").exists():
        demo_recordings.make(recordings, cache=ROOT / ".cache" / "packages")


def suite_of(arguments: list[str]) -> str:
    """Which Debian: the word of `--suite=`, else bookworm."""
    return next((each.partition("=")[2] for each in arguments if each.startswith("--suite=")), "bookworm")


def base(suite: str) -> Path:
    """The cached root of a Debian."""
    made = CACHE / f"root-{suite}"
    if made.is_dir():
        return made
    draft = CACHE / f"root-{suite}.draft"
    shutil.rmtree(draft, ignore_errors=True)
    print(f"proof: debootstrap of {suite} (once)")
    wanted = ",".join((*INCLUDED, f"python{SUITES[suite]}"))
    run("debootstrap", "--variant=minbase", f"--include={wanted}", suite, str(draft), mirror())
    shutil.rmtree(draft / "var/cache/apt/archives", ignore_errors=True)
    (draft / "etc/hosts").write_text("127.0.0.1 localhost\n::1 localhost\n", encoding="ascii")
    (draft / "etc/hostname").write_text("kiosk\n", encoding="ascii")
    draft.rename(made)
    return made


def mirror() -> str:
    """Where this machine's apt fetches Debian from."""
    told = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(SITE) $(CODENAME) $(COMPONENT) $(CREATED_BY)"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    for line in told.splitlines():
        site, codename, component, kind = [*line.split(), "", "", "", ""][:4]
        if component == "main" and kind == "Packages" and "-" not in codename and codename in SUITES:
            return site
    raise SystemExit("proof: apt names no Debian mirror. Next: apt-get update; look at /etc/apt")


def build(suite: str, version: str, *more: str) -> Path:
    """One package of this tree, compressed little."""
    done = run(
        str(ROOT / "scripts/build-deb"), "--fast", "--python", SUITES[suite], "--version", version,
        "--out", str(CACHE / "debs"), *more,
    )  # fmt: skip
    return Path(done.split(" (")[0])


def derive(suite: str, version: str, more: str = "") -> None:
    """The same package under another number; with a line more at the end of its daemon."""
    with tempfile.TemporaryDirectory(prefix="clockface-derived-") as folder:
        run("dpkg-deb", "-R", str(package(suite, NEW)), folder)
        [site] = Path(folder).glob("usr/lib/clockface/lib/python*/site-packages")
        for path in (Path(folder) / "DEBIAN/control", site / "clockface/__init__.py"):
            path.write_text(path.read_text(encoding="utf-8").replace(NEW, version), encoding="utf-8")
        if more:
            with (site / "edge/app.py").open("a", encoding="utf-8") as daemon:
                daemon.write(f"\n{more}\n")
        made = package(suite, version)
        run("dpkg-deb", "--root-owner-group", "-Zzstd", "-z1", "--build", folder, str(made))


def package(suite: str, version: str) -> Path:
    """Where `build` put it."""
    arch = run("dpkg", "--print-architecture").strip()
    return CACHE / "debs" / f"clockface_{version}+py{SUITES[suite].replace('.', '')}_{arch}.deb"


def run(*command: str) -> str:
    """Run one command; its output, or the end of the proof."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    if done.returncode != 0:
        raise SystemExit(f"proof: {command[0]} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout


if __name__ == "__main__":
    main()
