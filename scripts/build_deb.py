"""Builds clockface_VERSION_ARCH.deb: Clockface, its pinned packages and its models, for one processor.

The package holds an environment of its own in /usr/lib/clockface, which runs on the system's interpreter and
sees the system's packages after its own (picamera2 comes from Raspberry Pi OS). Wheels are resolved here for
the other machine and checked against requirements/*.txt. The same commit gives the same bytes: only tracked
files, times of the commit, owners root. Trust boundary: what is installed is what requirements/ names by hash.
"""

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "package"
HOME = Path("usr/lib/clockface")
PLATFORM = {"amd64": "x86_64-manylinux_2_35", "arm64": "aarch64-manylinux_2_35"}
SET = {"amd64": "core", "arm64": "pi"}  # arm64: NumPy of the ABI that Raspberry Pi OS built picamera2 for
FROM_DEBIAN = {"gpiozero", "lgpio", "colorzero", "evdev"}  # no wheels for every Python: Debian builds them
ONLY_TO_BUILD = {"pip", "setuptools"}
OURS = ("clockface", "edge", "sync", "models")
COMMANDS = {
    "clockface": "edge.cli.main",
    "clockface-capture": "edge.camera.capture",
    "clockface-screen": "edge.kiosk.screen.cli",
    "clockface-sync": "sync.cli",
}
UNITS = ("clockface-office",)  # prefixes of units that are the office's, and do not belong on a kiosk
LAUNCHER = """\
#!/{home}/bin/python3 -IB
import sys

from {module} import main

sys.exit(main())
"""
COPYRIGHT = """\
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: Clockface

Files: *
Copyright: 2026 The Clockface authors
License: Apache-2.0
 On Debian systems the full text of the Apache License, Version 2.0 can be found in
 /usr/share/common-licenses/Apache-2.0.
Comment:
 The neural networks' origins and licences are in NOTICE beside this file, the licences of the
 Python packages in usr/lib/clockface/lib/python*/site-packages/*.dist-info.
"""


@dataclass(frozen=True)
class Build:
    """One package.

    Args:
        arch: Debian's name of the processor.
        python: The interpreter's version, such as 3.11.
        version: Clockface's version, without the part that names the interpreter.
        epoch_s: Every file's time, Unix seconds.
        fast: Compress little: for a proof, not for a release.
        commit: Where Clockface's own packages come from; empty means the tracked files as they stand.
    """

    arch: str
    python: str
    version: str
    epoch_s: int
    fast: bool = False
    commit: str = ""

    @property
    def full_version(self) -> str:
        """As dpkg compares it: the package of a newer Debian is the newer one."""
        return f"{self.version}+py{self.python.replace('.', '')}"

    @property
    def site(self) -> Path:
        """Where Python looks, inside the package."""
        return HOME / "lib" / f"python{self.python}" / "site-packages"


def main() -> int:
    """Build, once or twice."""
    asked = _arguments()
    build = Build(asked.arch, asked.python, asked.version, asked.epoch, asked.fast, asked.ours_from)
    asked.out.mkdir(parents=True, exist_ok=True)
    made = _built(build, asked.out)
    print(f"{made} ({made.stat().st_size / 1e6:.1f} MB)")
    if asked.check:
        with tempfile.TemporaryDirectory(prefix="clockface-deb-") as second:
            again = _built(build, Path(second))
            if _sha256(again) != _sha256(made):
                print("scripts/build-deb: the second build differs from the first", file=sys.stderr)
                return 1
        print(f"reproducible: built twice, SHA-256 {_sha256(made)}")
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/build-deb", description=__doc__)
    parser.add_argument("--arch", choices=sorted(PLATFORM), default=_output("dpkg", "--print-architecture"))
    parser.add_argument("--python", choices=("3.11", "3.12", "3.13"), default="3.11")
    parser.add_argument("--version", default=_version(), help="another version, for trials of an upgrade")
    parser.add_argument("--out", type=Path, default=ROOT / "dist")
    parser.add_argument("--check", action="store_true", help="build twice and compare")
    parser.add_argument("--fast", action="store_true", help="compress little: for proofs, not for releases")
    parser.add_argument(
        "--ours-from", default="", metavar="COMMIT", help="Clockface's own code of another commit"
    )
    parser.set_defaults(
        epoch=int(os.environ.get("SOURCE_DATE_EPOCH") or _output("git", "log", "-1", "--format=%ct"))
    )
    return parser.parse_args()


def _built(build: Build, out: Path) -> Path:
    with tempfile.TemporaryDirectory(prefix="clockface-deb-") as folder:
        tree = Path(folder) / "tree"
        tree.mkdir()
        _environment(build, tree)
        _ours(build, tree)
        _system_files(tree)
        _documents(build, tree)
        _control(build, tree)
        _settle(tree, build.epoch_s)
        made = out / f"clockface_{build.full_version}_{build.arch}.deb"
        squeeze = ["-Zzstd", "-z1"] if build.fast else ["-Zxz", "-z6", "--threads-max=2"]
        _run(
            ["dpkg-deb", "--root-owner-group", *squeeze, "--build", str(tree), str(made)],
            SOURCE_DATE_EPOCH=str(build.epoch_s),
        )
    return made


def _environment(build: Build, tree: Path) -> None:
    """The pinned packages, as wheels of the machine that they are for."""
    home = tree / HOME
    (home / "bin").mkdir(parents=True)
    (home / "bin" / "python3").symlink_to(f"/usr/bin/python{build.python}")
    (home / "pyvenv.cfg").write_text("home = /usr/bin\ninclude-system-site-packages = true\n", encoding="ascii")
    site = tree / build.site
    with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as wanted:
        wanted.write(_requirements(SET[build.arch]))
        wanted.flush()
        options = [
            "--target",
            str(site),
            "--python-platform",
            PLATFORM[build.arch],
            "--python-version",
            build.python,
        ]
        strict = ["--only-binary", ":all:", "--require-hashes", "--no-deps", "--link-mode", "copy"]
        _run(["uv", "pip", "install", "--quiet", *options, *strict, "-r", wanted.name])
    shutil.rmtree(site / "bin", ignore_errors=True)  # launchers of this machine's interpreter
    (site / ".lock").unlink(missing_ok=True)
    for record in site.glob("*.dist-info"):
        for name in ("RECORD", "REQUESTED", "direct_url.json", "uv_cache.json"):
            (record / name).unlink(missing_ok=True)


def _requirements(name: str) -> str:
    """One pinned set, without what Debian brings and what only builds."""
    text = (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8")
    blocks = [block for block in re.split(r"\n(?=[A-Za-z])", text) if re.match(r"[A-Za-z]", block)]
    left = [block for block in blocks if block.partition("==")[0] not in FROM_DEBIAN | ONLY_TO_BUILD]
    return "\n".join(left) + "\n"


def _ours(build: Build, tree: Path) -> None:
    """Tracked files of the packages and models, and the commands."""
    site = tree / build.site
    with tempfile.TemporaryDirectory(prefix="clockface-ours-") as folder:
        source = ROOT if not build.commit else Path(folder)
        if build.commit:
            _run(
                [
                    "sh",
                    "-c",
                    'git archive "$1" -- clockface edge sync models | tar -x -C "$2"',
                    "sh",
                    build.commit,
                    folder,
                ]
            )
        names = (
            _output("git", "ls-files", "--", *OURS)
            if not build.commit
            else _output("git", "ls-tree", "-r", "--name-only", build.commit, "--", *OURS)
        )
        for name in names.splitlines():
            if name.startswith("sync/office/"):
                continue  # another machine's
            target = site / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source / name, target)
    about = site / f"clockface-{build.version}.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: clockface\nVersion: {build.version}\n", encoding="ascii"
    )
    init = site / "clockface" / "__init__.py"
    init.write_text(
        re.sub(r'__version__ = "[^"]+"', f'__version__ = "{build.version}"', init.read_text(encoding="utf-8")),
        encoding="utf-8",
    )
    commands = tree / "usr" / "bin"
    commands.mkdir(parents=True)
    for name, module in COMMANDS.items():
        (commands / name).write_text(LAUNCHER.format(home=HOME, module=module), encoding="ascii")
        (commands / name).chmod(0o755)


def _system_files(tree: Path) -> None:
    """Units, accounts, folders, device rules, and what systemd itself is told."""
    places = {
        "sysusers.conf": "usr/lib/sysusers.d/clockface.conf",
        "tmpfiles.conf": "usr/lib/tmpfiles.d/clockface.conf",
        "udev.rules": "usr/lib/udev/rules.d/60-clockface.rules",
        "manager.conf": "usr/lib/systemd/system.conf.d/10-clockface.conf",
        "journal.conf": "usr/lib/systemd/journald.conf.d/10-clockface.conf",
        "lintian-overrides": "usr/share/lintian/overrides/clockface",
    }
    for source, place in places.items():
        target = tree / place
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(PACKAGE / source, target)
    kiosk = tree / "usr/bin/clockface-kiosk"
    kiosk.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(ROOT / "scripts" / "kiosk-browser", kiosk)
    kiosk.chmod(0o755)
    units = tree / "usr/lib/systemd/system"
    units.mkdir(parents=True)
    for name in _output("git", "ls-files", "--", "systemd").splitlines():
        unit = ROOT / name
        if not unit.name.startswith(UNITS):
            shutil.copyfile(unit, units / unit.name)


def _documents(build: Build, tree: Path) -> None:
    doc = tree / "usr/share/doc/clockface"
    doc.mkdir(parents=True)
    (doc / "copyright").write_text(COPYRIGHT, encoding="utf-8")
    for name in ("NOTICE", "SECURITY.md"):
        shutil.copyfile(ROOT / name, doc / name)
    date = _output("date", "--utc", f"--date=@{build.epoch_s}", "--rfc-email")
    told = (
        f"clockface ({build.full_version}) stable; urgency=medium\n\n  * See CHANGELOG.md.\n\n"
        f" -- Clockface maintainers <clockface@example.org>  {date}\n"
    )
    _zipped(doc / "changelog.gz", told)
    _zipped(doc / "CHANGELOG.md.gz", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"))
    manual = tree / "usr/share/man/man1"
    manual.mkdir(parents=True)
    text = (PACKAGE / "clockface.1").read_text(encoding="utf-8")
    _zipped(manual / "clockface.1.gz", text)
    for name in sorted({*COMMANDS, "clockface-kiosk"} - {"clockface"}):
        (manual / f"{name}.1.gz").symlink_to("clockface.1.gz")


def _zipped(path: Path, text: str) -> None:
    with path.open("wb") as file:
        subprocess.run(["gzip", "-9nc"], input=text.encode(), stdout=file, check=True)


def _control(build: Build, tree: Path) -> None:
    control = tree / "DEBIAN"
    control.mkdir()
    kilobytes = sum(each.lstat().st_size for each in tree.rglob("*") if each.is_file()) // 1024
    values = {"version": build.full_version, "arch": build.arch, "python": build.python, "size": kilobytes}
    for source in sorted((PACKAGE / "control").iterdir()):
        text = source.read_text(encoding="utf-8")
        for name, value in values.items():
            text = text.replace(f"@{name}@", str(value))
        (control / source.name).write_text(text, encoding="utf-8")
        if text.startswith("#!"):
            (control / source.name).chmod(0o755)
    sums = [
        f"{hashlib.md5(each.read_bytes(), usedforsecurity=False).hexdigest()}  {each.relative_to(tree)}\n"
        for each in sorted(tree.rglob("*"))
        if each.is_file() and not each.is_symlink() and control not in each.parents
    ]
    (control / "md5sums").write_text("".join(sums), encoding="utf-8")


def _settle(tree: Path, epoch_s: int) -> None:
    """Modes and times that say nothing of the machine that built it."""
    for path in sorted(tree.rglob("*"), reverse=True):
        if not path.is_symlink():
            runs = path.is_dir() or (path.parent.name in {"bin", "DEBIAN"} and path.stat().st_mode & 0o100)
            path.chmod(0o755 if runs else 0o644)
        os.utime(path, (epoch_s, epoch_s), follow_symlinks=False)
    tree.chmod(0o755)
    os.utime(tree, (epoch_s, epoch_s))


def _version() -> str:
    found = re.search(r'__version__ = "([^"]+)"', (ROOT / "clockface/__init__.py").read_text(encoding="utf-8"))
    if found is None:
        raise SystemExit("scripts/build-deb: clockface/__init__.py names no version")
    return found[1]


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _output(*command: str) -> str:
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


def _run(command: list[str], **environment: str) -> None:
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ | environment, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise SystemExit(f"scripts/build-deb: {command[0]} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")


if __name__ == "__main__":
    sys.exit(main())
