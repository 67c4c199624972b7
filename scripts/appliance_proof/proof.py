"""The proof's walk: one machine from an empty Debian to the purge, and a table of what had to be and was.

A step that fails is told in the table, and the next ones go on as far as they can. The office is the demo's:
real authority, broker and receiver, in the same network namespace.
"""

import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from demo_office import Office, free_port
from rich.console import Console
from rich.table import Table

from scripts.appliance_proof.machine import Machine, ProofFailed, machine
from scripts.appliance_proof.prepare import SUITES, base, suite_of
from scripts.appliance_proof.site import Site
from scripts.appliance_proof.steps import STEPS

console = Console(highlight=False, width=118)


@dataclass
class Row:
    """One line of the table."""

    name: str
    must: str
    seen: str
    well: bool
    took_s: float


@dataclass
class Book:
    """What has been shown."""

    rows: list[Row] = field(default_factory=list)

    def take(self, name: str, must: str, step: Callable[[], str]) -> None:
        """Walk one step and write down what came of it."""
        console.print(f"[bold]{name}[/]: {must}")
        began = time.monotonic()
        try:
            seen, well = step(), True
        except (ProofFailed, OSError, ValueError, subprocess.SubprocessError) as error:
            seen, well = str(error), False
        took_s = time.monotonic() - began
        console.print(f"  {seen} ({took_s:.1f} s)", style=None if well else "bold red", markup=False)
        self.rows.append(Row(name, must, seen.strip().splitlines()[0] if seen else "", well, took_s))

    def table(self) -> None:
        """Print it, as it goes into the docs."""
        table = Table("step", "must", "was", "", "s", box=None, header_style="bold", pad_edge=False)
        for row in self.rows:
            table.add_row(
                row.name, row.must, row.seen, "ok" if row.well else "[red]FAILED[/]", f"{row.took_s:.0f}"
            )
        console.print(table)


def main() -> int:
    """Walk, and say how it went."""
    suite = suite_of(sys.argv)
    wanted = {each for each in sys.argv[1:] if not each.startswith("--")}
    if unknown := sorted(wanted - {name for name, _, _ in STEPS}):
        known = ", ".join(name for name, _, _ in STEPS)
        raise SystemExit(f"scripts/proof-nspawn: there is no step {', '.join(unknown)}; steps: {known}")
    began = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="clockface-proof-"))
    keep = "--keep" in sys.argv
    book = Book()
    with ExitStack() as stack:
        kiosk: Machine = stack.enter_context(machine(base(suite), folder, keep=keep))
        office_folder = folder / "office"
        office_folder.mkdir()
        office = Office(office_folder, free_port(), lambda _command, _arguments: None)
        office.set_up()
        stack.enter_context(office.open())
        site = Site(kiosk, office, suite)
        for name, must, step in STEPS:
            if wanted and name not in wanted:
                continue
            book.take(name, must, lambda step=step: step(site))  # type: ignore[misc]
            if name in {"install", "provision"} and not book.rows[-1].well:
                break  # nothing after it would mean anything
    book.table()
    failed = [row.name for row in book.rows if not row.well]
    linux = f"{platform.machine()}, Linux {platform.release().split('-')[0]}"
    debian = f"Debian {suite}, Python {SUITES[suite]}, systemd-nspawn, {linux}"
    when = datetime.now(UTC).strftime("%Y-%m-%d")
    console.print(
        f"{when}, {debian}, {os.cpu_count()} cores: scripts/proof-nspawn, {time.monotonic() - began:.0f} s"
    )
    console.print(
        f"proof: {len(book.rows) - len(failed)} of {len(book.rows)} shown"
        + (f"; FAILED: {', '.join(failed)}" if failed else "")
    )
    if keep:
        console.print(f"kept: {folder}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
