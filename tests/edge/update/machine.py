"""A machine whose packages, services and ledger are files and fields, for the updater to work on."""

import sqlite3
from dataclasses import dataclass, field
from pathlib import Path

OLD, NEW = "0.1.0+py311", "0.2.0+py311"


@dataclass
class FakeMachine:
    """What `edge.update.system.System` asks.

    Args:
        state: The daemon's state folder, with a ledger.
        sick: Versions whose daemon never becomes ready.
        migrates_to: What schema a version brings the ledger to when it starts.
        records: Versions that record an event before they turn out sick.
        new_failures: Checks that fail under a version.
    """

    state: Path
    version: str = OLD
    sick: set[str] = field(default_factory=set)
    migrates_to: dict[str, int] = field(default_factory=dict)
    records: set[str] = field(default_factory=set)
    new_failures: dict[str, set[str]] = field(default_factory=dict)
    faces: list[str] = field(default_factory=list)
    crashes: int = 0
    up: bool = True
    dies_during_install: bool = False
    did: list[str] = field(default_factory=list)

    def architecture(self) -> str:
        return "amd64"

    def python(self) -> str:
        return "3.11"

    def installed(self) -> str:
        return self.version

    def newer(self, version: str) -> bool:
        return version > self.version

    def file_name(self, version: str) -> str:
        return f"clockface_{version}_amd64.deb"

    def install(self, package: Path) -> bool:
        self.did.append(f"install {package.name.split('_')[1]}")
        assert package.exists()
        if package.name.split("_")[1] > self.version:  # preinst
            with sqlite3.connect(self.state / "before-upgrade.db") as copy:
                sqlite3.connect(self.state / "ledger.db").backup(copy)
        self.version = package.name.split("_")[1]
        if self.dies_during_install:
            self.dies_during_install = False
            raise KeyboardInterrupt
        if self.up:  # postinst starts what preinst stopped, and nothing else
            self.start()
        return True

    def recover(self) -> None:
        self.did.append("recover")

    def stop(self) -> None:
        self.did.append("stop")
        self.up = False

    def start(self) -> None:
        self.up = True
        with sqlite3.connect(self.state / "ledger.db") as ledger:
            if self.version in self.migrates_to:
                ledger.execute(f"PRAGMA user_version = {self.migrates_to[self.version]}")
            if self.version in self.records:
                ledger.execute("INSERT INTO events (position) SELECT max(position) + 1 FROM events")
                self.records.remove(self.version)

    def running(self) -> str | None:
        return self.version.partition("+")[0] if self.up and self.version not in self.sick else None

    def restarts(self) -> int:
        return self.crashes

    def failing(self) -> set[str]:
        return {"backup", *self.new_failures.get(self.version, ())}

    def faces_seen(self) -> str | None:
        return self.faces.pop(0) if self.faces else "nobody"


def ledger(state: Path, *, schema: int = 5, events: int = 3) -> None:
    """A ledger as far as the updater looks into it."""
    with sqlite3.connect(state / "ledger.db") as made:
        made.execute("CREATE TABLE events (position INTEGER PRIMARY KEY)")
        made.executemany("INSERT INTO events VALUES (?)", [(number,) for number in range(1, events + 1)])
        made.execute(f"PRAGMA user_version = {schema}")
