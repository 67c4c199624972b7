"""Installs a signed release and takes it back when it is not well; root's, in `clockface-update.service`.

The package that runs this is the one that is replaced: everything it needs is imported before, and the new
version is asked only through its own command. What it is doing stands in a file, so that a power cut is
followed by a decision and not by half a version. Trust boundary: only root reaches its folder; releases are
judged by `edge.update.release`.
"""

import contextlib
import json
import os
import shutil
import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import structlog

from edge.config.device import UpdateConfig
from edge.errors import UpdateError, UpdateStuck, UpdateUndone
from edge.provisioning import replace_file
from edge.update.plan import End, Head, Start, decide, local, may_start
from edge.update.release import FILE, MAX_DOCUMENT_BYTES, Package, check_package, keys_of, matching, read
from edge.update.system import System

FOLDER: Final = Path("/var/lib/clockface-update")
WELL_FOR_S: Final = 15.0  # so long it must stay well: a crash at the first face would show
IDLE_S: Final = 20.0
COPY_KEPT_S: Final = 86_400.0
KEPT: Final = 2  # packages: the one that runs, and the way back

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Place:
    """The folders of updates, all root's.

    Args:
        folder: Of everything below.
    """

    folder: Path = FOLDER

    @property
    def incoming(self) -> Path:
        """Where release and packages are put."""
        return self.folder / "incoming"

    @property
    def kept(self) -> Path:
        """Packages that were installed: the way back."""
        return self.folder / "kept"

    @property
    def journal(self) -> Path:
        """What is being done now; there while an installation is under way."""
        return self.folder / "under-way.json"

    @property
    def result(self) -> Path:
        """How the last one ended."""
        return self.folder / "result.json"


class Updater:
    """One run.

    Args:
        place: The folders.
        state: The daemon's state folder.
        config: The section [update].
        system: dpkg, systemd and the daemon.
        now: The local time.
        pause: Sleeps.
        elapsed_s: A monotonic clock.
    """

    def __init__(
        self,
        place: Place,
        *,
        state: Path,
        config: UpdateConfig,
        system: System,
        now: Callable[[], datetime],
        pause: Callable[[float], None] = time.sleep,
        elapsed_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._place, self._state, self._config, self._system = place, state, config, system
        self._now, self._pause, self._elapsed_s = now, pause, elapsed_s

    def run(self, *, at_once: bool) -> Start:
        """Finish what was begun, then install what lies in the folder, if it may be now.

        Returns:
            NOW if something was installed and is well; else why nothing was begun.

        Raises:
            ReleaseRefused: It is not believed.
            UpdateUndone: It was not well, and the version before runs again.
            UpdateStuck: It is not well and stays.
            UpdateError: It could not be installed.
        """
        if self._place.journal.exists():
            self._resume()
        document = self._place.incoming / FILE
        raw = _bounded(document)
        release = read(raw, keys=keys_of(self._config.release_key), where=str(document))
        package = matching(release, architecture=self._system.architecture(), python=self._system.python())
        version = f"{release.version}+py{package.python.replace('.', '')}"
        start = may_start(
            newer=self._system.newer(version),
            failed_before=self._failed(package),
            now=local(self._now()),
            begins=self._config.begins,
            ends=self._config.ends,
            idle=self._idle(),
            at_once=at_once,
        )
        log.info("update_considered", outcome=start)
        if start is not Start.NOW:
            self._tell(version, start.value)
            return start
        self._install(version, self._copied(package), package)
        document.unlink()
        (self._place.incoming / package.name).unlink(missing_ok=True)
        return start

    # --- before -----------------------------------------------------------------------------------------

    def _copied(self, package: Package) -> Path:
        """The package in a folder that nobody else writes, compared with what was signed."""
        self._place.kept.mkdir(mode=0o700, exist_ok=True)
        copy = self._place.kept / package.name
        draft = copy.with_suffix(".new")
        try:
            shutil.copyfile(self._place.incoming / package.name, draft, follow_symlinks=False)
            check_package(draft, package)
            draft.replace(copy)
        except OSError as error:
            raise UpdateError(
                f"the package cannot be copied: {error.strerror}",
                where=package.name,
                next_step=f"ls -l {self._place.incoming}; df -h {self._place.folder}",
            ) from None
        finally:
            draft.unlink(missing_ok=True)
        return copy

    def _failed(self, package: Package) -> bool:
        told = _json(self._place.result)
        return told.get("outcome") == "undone" and told.get("sha256") == package.sha256

    def _idle(self) -> bool:
        """Whether nobody's face was embedded for a while; a daemon that does not answer disturbs nobody."""
        before = self._system.faces_seen()
        if before is None:
            return True
        self._pause(IDLE_S)
        return self._system.faces_seen() in (before, None)

    # --- during -----------------------------------------------------------------------------------------

    def _install(self, version: str, package: Path, about: Package) -> None:
        before = self._system.installed()
        way_back = self._place.kept / self._system.file_name(before)
        if not way_back.exists():
            raise UpdateError(
                "there is no way back: the package of the version that runs is not kept here",
                where=str(way_back),
                next_step=f"copy it there, or install the new one by hand: apt-get install {package}",
            )
        failing = self._system.failing()
        self._system.stop()  # edge holds its ledger alone
        try:
            head = head_of(self._state)
        except UpdateError:
            self._system.start()
            raise
        replace_file(
            self._place.journal,
            json.dumps(
                {
                    "version": version,
                    "before": before,
                    "way_back": way_back.name,
                    "sha256": about.sha256,
                    "schema": None if head is None else head.schema,
                    "position": None if head is None else head.position,
                    "failing": sorted(failing),
                }
            ).encode(),
            mode=0o600,
        )
        log.info("update_begun")
        installed = self._system.install(package)
        self._system.start()
        self._settle(well=installed and self._well(version, failing))

    def _resume(self) -> None:
        """A power cut came in between: dpkg first, then the same decision."""
        told = _json(self._place.journal)
        log.warning("update_resumed")
        self._system.recover()
        self._system.start()
        version, failing = str(told.get("version")), told.get("failing")
        known = {str(each) for each in failing} if isinstance(failing, list) else set()
        self._settle(well=self._system.installed() == version and self._well(version, known))

    def _well(self, version: str, failing: set[str]) -> bool:
        """Whether the new version becomes well in time, and stays so for a while."""
        wanted = version.partition("+")[0]
        until_s = self._elapsed_s() + self._config.healthy_within_s
        while self._system.running() != wanted:
            if self._elapsed_s() >= until_s:
                return False
            self._pause(1.0)
        restarts = self._system.restarts()
        self._pause(WELL_FOR_S)
        well = self._system.running() == wanted and self._system.restarts() == restarts
        return well and self._system.failing() <= failing

    def _settle(self, *, well: bool) -> None:
        told = _json(self._place.journal)
        before = (
            None if told.get("schema") is None else Head(int(str(told["schema"])), int(str(told["position"])))
        )
        version, earlier = str(told["version"]), str(told["before"])
        if not well:
            self._system.stop()
        end = decide(healthy=well, before=before, now=None if well else _now(self._state))
        if end in (End.BACK, End.BACK_WITH_LEDGER):
            if end is End.BACK_WITH_LEDGER:
                put_back(self._state)
            self._system.install(self._place.kept / str(told["way_back"]))
        self._system.start()
        self._tell(version, {End.KEEP: "installed", End.STUCK: "stuck"}.get(end, "undone"), str(told["sha256"]))
        self._place.journal.unlink()
        self._forget({self._system.file_name(version), str(told["way_back"])})
        log.info("update_ended", outcome=end)
        if end is End.STUCK:
            raise UpdateStuck(
                f"{version} is not well, migrated the ledger and recorded events: {earlier} stays out",
                where="clockface-edge.service",
                next_step="clockface doctor; journalctl -u clockface-edge -n 50; install the next version",
            )
        if end is not End.KEEP:
            raise UpdateUndone(
                f"{version} was not well, and {earlier} runs again",
                where="clockface-edge.service",
                next_step="journalctl -u clockface-edge -u clockface-update -n 100",
            )

    # --- after ------------------------------------------------------------------------------------------

    def _tell(self, version: str, outcome: str, sha256: str = "") -> None:
        at = self._now().isoformat(timespec="seconds")
        kept = _json(self._place.result)
        if not sha256 and kept.get("outcome") == "undone":
            return  # why it is not tried again stays to be seen
        told = {"version": version, "outcome": outcome, "at": at, "sha256": sha256}
        replace_file(self._place.result, json.dumps(told).encode(), mode=0o600)

    def _forget(self, names: set[str]) -> None:
        """Keep the way back and what runs; nothing else."""
        for each in self._place.kept.glob("*.deb"):
            if each.name not in names and len(list(self._place.kept.glob("*.deb"))) > KEPT:
                each.unlink()


def head_of(state: Path) -> Head | None:
    """Where the ledger of a state folder stands, while no daemon runs; None where there is none.

    Raises:
        UpdateError: It cannot be read.
    """
    path = state / "ledger.db"
    if not path.exists():
        return None
    try:
        # Not read-only: what a crash left in the WAL belongs to it. What root makes, SQLite gives to its owner.
        with contextlib.closing(sqlite3.connect(path, timeout=10)) as ledger:
            schema = int(ledger.execute("PRAGMA user_version").fetchone()[0])
            return Head(
                schema, int(ledger.execute("SELECT ifnull(max(position), 0) FROM events").fetchone()[0])
            )
    except sqlite3.Error as error:
        raise UpdateError(
            f"the ledger cannot be read: {type(error).__name__}", where=str(path), next_step="clockface doctor"
        ) from None


def _now(state: Path) -> Head | None:
    """As `head_of`; None also for a ledger that cannot be read any more."""
    try:
        return head_of(state)
    except UpdateError:
        return None


def put_back(state: Path) -> None:
    """Put the copy of before the upgrade in the ledger's place; the other one stays beside it.

    Raises:
        UpdateError: There is no copy.
    """
    copy, ledger = state / "before-upgrade.db", state / "ledger.db"
    if not copy.exists():
        raise UpdateError(
            "there is no copy of the ledger of before", where=str(copy), next_step="clockface backup restore"
        )
    owner = ledger.stat()
    ledger.replace(state / "after-upgrade.db")
    for suffix in ("-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            Path(f"{ledger}{suffix}").replace(state / f"after-upgrade.db{suffix}")
    shutil.copyfile(copy, ledger)
    ledger.chmod(0o600)
    os.chown(ledger, owner.st_uid, owner.st_gid)


def forget_copies(state: Path, *, now_s: float) -> None:
    """Remove copies of the ledger that are older than a day: whoever was erased since is in them still."""
    for path in state.glob("*-upgrade.db*"):
        with contextlib.suppress(FileNotFoundError):
            if now_s - path.stat().st_mtime > COPY_KEPT_S:
                path.unlink()


def _bounded(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(2 * MAX_DOCUMENT_BYTES + 1)
    except OSError as error:
        raise UpdateError(
            f"there is no release to install: {error.strerror}",
            where=str(path),
            next_step=f"copy {FILE} and its package into {path.parent}",
        ) from None


def _json(path: Path) -> dict[str, object]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
