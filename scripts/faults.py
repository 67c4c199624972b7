"""Hold the whole way to its promise: every confirmed event is in the office's database once.

    scripts/faults                                     50,000 events and 500 faults on SQLite
    scripts/faults --database postgresql --seed 7
    scripts/faults --events 1500 --faults 20 --minutes 3

Kiosks (edge with a generator, courier), Mosquitto, receiver and database are processes as they ship; faults
come at random instants drawn from the seed. In the end everything drains and is judged from files and rows.
"""

import argparse
import secrets
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table
from sqlalchemy import select

from scripts.fault_injection.campaign import Campaign, Diary, Plan
from scripts.fault_injection.judge import Judgement, judge
from scripts.fault_injection.processes import stop_all
from scripts.fault_injection.rig import Rig, Stuck, assembled
from sync.office.database import schema
from tests.sync.office.postgres import Server

FAILED = 1
KIOSKS = 5
LAST_FORGERIES_S = 30.0
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Result:
    """A run that came to its end.

    Args:
        repeated: Events that an eavesdropper at the broker saw more than once.
        exits: Processes that ended by themselves, and with which codes.
    """

    diary: Diary
    judgement: Judgement
    repeated: int
    exits: dict[str, list[int]]
    notes: list[str]


def run(
    folder: Path,
    plan: Plan,
    *,
    kiosks: int,
    seed: int,
    database: str,
    server: Server | None = None,
    say: Say = lambda _: None,
) -> Result:
    """Run and judge.

    Raises:
        Stuck: Something did not come about in the time that it had.
    """
    with assembled(folder, kiosks=kiosks, seed=seed, database=database, server=server) as rig:
        campaign = Campaign(rig, plan, say=say)
        diary = campaign.run()
        say("everything is confirmed; the last forgeries")
        last = _last_forgeries(rig, campaign)
        exits = {child.name: child.exits for child in rig.children if child.exits}
        stop_all(rig.children)
        say("judging")
        return Result(diary, judge(rig, last_forged=last), rig.ear.repeated, exits, rig.notes)


def _last_forgeries(rig: Rig, campaign: Campaign) -> set[bytes]:
    """In the calm, when nothing may be lost, every forgery must end in quarantine."""
    marks: set[bytes] = set()
    for kiosk in rig.kiosks:
        marks |= campaign.injector.forge(kiosk)
    rig.await_until(
        lambda: marks <= _held(rig), "the last forgeries are in quarantine", within_s=LAST_FORGERIES_S
    )
    return marks


def _held(rig: Rig) -> set[bytes]:
    with rig.office.database() as database, database.read() as connection:
        return {bytes(row.digest) for row in connection.execute(select(schema.quarantine.c.digest))}


def show(result: Result, *, seed: int, database: str) -> None:
    """The table."""
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 120)
    table = Table("fault", "injected", box=None, pad_edge=False)
    for kind, times in sorted(result.diary.injected.items()):
        table.add_row(kind, str(times))
    table.add_row("all", str(result.diary.faults))
    console.print(table)
    judged = result.judgement
    for label, value in {
        "database": database,
        "seed": seed,
        "confirmed events": judged.confirmed,
        "events in the office": judged.stored,
        "of them reissued under a later name": judged.reissued,
        "held under both names, linked": judged.linked,
        "seen again at the broker": result.repeated,
        "forks refused": judged.forks,
        "forgeries in quarantine": judged.quarantined,
        "ended by themselves": sum(len(codes) for codes in result.exits.values()),
        "storm": f"{result.diary.storm_s:.0f} s",
        "draining": f"{result.diary.drain_s:.0f} s",
    }.items():
        console.print(f"{label + ':':40}{value}")
    for note in result.notes:
        console.print(f"left out: {note}")
    for problem in judged.problems:
        console.print(f"PROBLEM: {problem}", style="red", markup=False)


def main() -> int:
    """Run from the command line."""
    chosen = _arguments()
    for number in (signal.SIGTERM, signal.SIGINT):  # a shell's background job would be deaf to the second
        signal.signal(number, _interrupt)
    folder = Path(tempfile.mkdtemp(prefix="cf-faults-"))
    plan = Plan(chosen.events, chosen.faults, limit_s=chosen.minutes * 60)
    print(f"seed {chosen.seed}, logs in {folder}", flush=True)
    began = time.monotonic()
    try:
        result = run(folder, plan, kiosks=chosen.kiosks, seed=chosen.seed, database=chosen.database, say=_say)
    except Stuck as stuck:
        print(f"scripts/faults: {stuck}. Logs: {folder}. Next: tail {folder}/*/*.log", file=sys.stderr)
        return FAILED
    show(result, seed=chosen.seed, database=chosen.database)
    print(f"{time.monotonic() - began:.0f} s in all", flush=True)
    if result.judgement.problems:
        print(f"scripts/faults: it does not hold. Logs: {folder}", file=sys.stderr)
        return FAILED
    if not chosen.keep:
        shutil.rmtree(folder, ignore_errors=True)
    return 0


def _interrupt(_number: int, _frame: object) -> None:
    """End what was started before we end."""
    raise KeyboardInterrupt


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/faults", description=__doc__.partition("\n")[0])
    parser.add_argument("--events", type=int, default=50_000)
    parser.add_argument("--faults", type=int, default=500)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000))
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--kiosks", type=int, default=KIOSKS)
    parser.add_argument("--minutes", type=float, default=60.0, help="stop after so long, done or not")
    parser.add_argument("--keep", action="store_true", help="keep the logs of a run that held")
    return parser.parse_args()


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
