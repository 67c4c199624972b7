"""Compares Clockface with other libraries: the same 640x480 frame, one core, one thread each, taking turns.

    scripts/compare                          all libraries that install here
    scripts/compare --only face_recognition --rounds 100
    scripts/compare --clock cpu              on a machine that is busy with other work
    scripts/compare --json

In each round every library has one turn, in an order that rotates: one run that does not count, then some
that do.
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from clockface.errors import ClockfaceError
from edge.evaluation.bench import read_frame
from edge.evaluation.machine import describe
from scripts.comparison import exchange
from scripts.comparison.environments import RECIPES, CannotInstall, environment
from scripts.comparison.figures import Cost, Ratio, cost, ratios
from scripts.comparison.worker import Worker, WorkerFailed
from scripts.model_sources import SourceError

ROOT = Path(__file__).resolve().parents[1]
CACHE = ROOT / ".cache"
WORKERS = ROOT / "scripts" / "comparison"
PICTURE = ROOT / "models" / "sample-face.jpg"
OWN = "clockface"
PRINTED_WIDTH = 140  # where the output is no terminal
Say = Callable[[str], None]


@dataclass(slots=True)
class Outcome:
    """What came of a comparison.

    Args:
        turns: Milliseconds by library and stage, one list a round.
        about: What each worker said of itself.
        skipped: Libraries that took no part, and why.
    """

    turns: dict[str, dict[str, list[list[float]]]] = field(default_factory=dict)
    about: dict[str, dict[str, Any]] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)

    @property
    def costs(self) -> dict[str, dict[str, Cost]]:
        """Of every stage of every library."""
        return {name: {stage: cost(t) for stage, t in stages.items()} for name, stages in self.turns.items()}

    @property
    def ratios(self) -> list[Ratio]:
        """Of every pairing whose library took part."""
        return ratios(self.turns, own=OWN)


def pin_to_one_core() -> int | None:
    """Keep this process, and so its workers, on one core; None where the system does not allow it."""
    try:
        core = max(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {core})
    except OSError:
        return None
    return core


def compare(
    libraries: list[str], *, image: Path, rounds: int, runs: int, clock: str = "wall", say: Say
) -> Outcome:
    """Make environments, start workers, take turns.

    Raises:
        ClockfaceError: A model of Clockface is missing or cannot run.
        NoFace: The picture does not serve.
        WorkerFailed: Clockface's own worker failed.
    """
    outcome = Outcome()
    frame = read_frame(image)
    with tempfile.TemporaryDirectory(prefix="clockface-compare-") as name, ExitStack() as stack:
        folder = Path(name)
        exchange.write_inputs(folder, frame=frame)
        own = stack.enter_context(_start(OWN, Path(sys.executable), folder=folder, clock=clock))
        workers = {OWN: own}
        outcome.about[OWN] = own.about
        for library in libraries:
            try:
                python = environment(library, folder=CACHE / "compare", say=say)
                exchange.write_model_for(library, folder=folder, cache=CACHE / "models")
                worker = stack.enter_context(_start(library, python, folder=folder, clock=clock))
            except (CannotInstall, SourceError, WorkerFailed) as error:
                outcome.skipped[library] = str(error)
                continue
            differs = exchange.difference(own.about, worker.about)
            if differs is not None:
                outcome.skipped[library] = f"not comparable: {differs}"
                continue
            workers[library] = worker
            outcome.about[library] = worker.about
        _take_turns(workers, outcome, rounds=rounds, runs=runs)
    return outcome


def _start(name: str, python: Path, *, folder: Path, clock: str) -> Worker:
    if name == OWN:
        command, home = [str(python), "-m", "scripts.comparison.run_clockface", str(folder), clock], ROOT
    else:
        command, home = [str(python), f"run_{name}.py", str(folder), clock], WORKERS
    (CACHE / "compare").mkdir(parents=True, exist_ok=True)
    return Worker(name, command, folder=home, log=CACHE / "compare" / f"{name}.worker.log")


def _take_turns(workers: Mapping[str, Worker], outcome: Outcome, *, rounds: int, runs: int) -> None:
    """Every worker has a turn in every round; who begins rotates. One that fails is out, with its reason."""
    names = list(workers)
    with Progress(console=Console(stderr=True), transient=True) as progress:
        for turn in progress.track(range(rounds), description="taking turns"):
            for name in names[turn % len(names) :] + names[: turn % len(names)]:
                if name in outcome.skipped:
                    continue
                try:
                    answer = workers[name].run(runs)
                except WorkerFailed as error:
                    if name == OWN:
                        raise
                    outcome.skipped[name] = str(error)
                    outcome.turns.pop(name, None)
                    continue
                for stage, values in answer.items():
                    outcome.turns.setdefault(name, {}).setdefault(stage, []).append(values)


def report(outcome: Outcome, *, described: Mapping[str, Any], console: Console) -> None:
    """Two tables and what was skipped."""
    console.print(", ".join(f"{key.replace('_', ' ')} {value}" for key, value in described.items()))
    for name, about in outcome.about.items():
        console.print(f"{name}: " + ", ".join(f"{k} {v}" for k, v in about["versions"].items()))
    spent = Table("library", "stage", "median ms", "p95 ms", "min ms", "runs")
    for name, stages in outcome.costs.items():
        for stage, one in stages.items():
            figures = (f"{value:.3f}" for value in (one.median_ms, one.p95_ms, one.min_ms))
            spent.add_row(name, stage, *figures, str(one.runs))
    console.print(spent)
    faster = Table(
        "against",
        "at",
        "its ms",
        "ours ms",
        "times faster",
        "by rounds (5 % to 95 %)",
        "by minima",
        "goal",
    )
    for one in outcome.ratios:
        goal = "" if one.goal is None else f"{one.goal:g}: {'met' if one.met else 'MISSED'}"
        pairs = f"{one.of_rounds:.2f} ({one.of_rounds_low:.2f} to {one.of_rounds_high:.2f})"
        faster.add_row(
            one.library,
            one.what,
            f"{one.its_ms:.2f}",
            f"{one.own_ms:.2f}",
            f"{one.of_medians:.2f}",
            pairs,
            f"{one.of_minima:.2f}",
            goal,
        )
    console.print(faster)
    for name, why in outcome.skipped.items():
        console.print(f"skipped: {name}: {why}", markup=False)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/compare", description=__doc__.splitlines()[0])
    parser.add_argument(
        "--only", action="append", choices=sorted(RECIPES), help="only this library; may be repeated"
    )
    parser.add_argument("--rounds", type=int, default=60, help="rounds of turns")
    parser.add_argument("--runs", type=int, default=3, help="runs of a turn that count")
    parser.add_argument("--image", type=Path, default=PICTURE, help="a picture of one face")
    parser.add_argument(
        "--clock", choices=("wall", "cpu"), default="wall", help="cpu: on a machine that has other work to do"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    if options.rounds < 1 or options.runs < 1:
        parser.error("--rounds and --runs must be at least 1")
    return options


def main() -> int:
    options = arguments()
    console, aside = Console(), Console(stderr=True, soft_wrap=True)
    if not console.is_terminal:
        console = Console(width=PRINTED_WIDTH)
    described = {
        "clock": options.clock,
        "load_before": round(os.getloadavg()[0], 2),
        "pinned_to_core": pin_to_one_core(),
        **describe(),
    }
    if options.clock == "wall" and described["load_before"] > 0.5 * (os.cpu_count() or 1):
        aside.print(f"scripts/compare: busy machine (load {described['load_before']}): consider --clock cpu")
    try:
        outcome = compare(
            options.only or list(RECIPES),
            image=options.image,
            rounds=options.rounds,
            runs=options.runs,
            clock=options.clock,
            say=lambda text: aside.print(f"scripts/compare: {text}"),
        )
    except (ClockfaceError, exchange.NoFace, WorkerFailed) as error:
        aside.print(f"scripts/compare: {error}", markup=False)
        return 1
    if options.json:
        costs = {name: {s: asdict(c) for s, c in stages.items()} for name, stages in outcome.costs.items()}
        print(
            json.dumps(
                {
                    "machine": described,
                    "rounds": options.rounds,
                    "runs_a_turn": options.runs,
                    "versions": {name: about["versions"] for name, about in outcome.about.items()},
                    "costs": costs,
                    "ratios": [one.as_json() for one in outcome.ratios],
                    "skipped": outcome.skipped,
                },
                indent=2,
            )
        )
    else:
        report(outcome, described=described, console=console)
    return 0 if outcome.ratios else 1


if __name__ == "__main__":
    sys.exit(main())
