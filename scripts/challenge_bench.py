"""The challenge in a closed loop: what the kiosk asks steers the next frames of whoever is shown. Simulated.

    scripts/challenge-bench --faces DIR [--half tune|held-out] [--policy NAME] [--times N] [--only NAME ...]
                            [--seed N] [--without-look] [--report FILE]

People who answer (promptly, late, or the wrong way at first) and attackers who try to (a print that is turned
by hand, a bent mask on somebody who turns, a film with random turns, somebody else's head while something is
asked) stand before the whole pipeline as the daemon runs it. Photographs of a folder move; nothing is written
but the report. The kiosk draws its requests from its own source: two runs differ in them.

Most simulated prints and films are refused by their look before anything is asked. --without-look takes that
layer out, to see what frames, motion and the challenge stop alone; such a report says so.
"""

import argparse
import json
import secrets
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2

from edge.config.tree import Config
from edge.errors import ClockfaceError
from edge.evaluation import liveness_rates
from edge.evaluation.liveness_run import open_seam, open_trial, with_policy
from edge.evaluation.liveness_trial import Result, Trial
from edge.evaluation.machine import describe
from edge.evaluation.presentations import Kind, Presentation
from edge.evaluation.report import JsonObject
from edge.inference.chain import Models
from edge.inference.liveness import GuardedLiveness
from edge.inference.models import SHIPPED_MODELS, ModelStore
from edge.inference.pad.passive import PassiveNetwork
from edge.inference.pad.watch import LayeredLiveness
from edge.inference.threads import use_one_thread
from edge.ports import Liveness
from edge.types.faces import BgrImage, Box, Embedding, Frame
from edge.types.verdicts import Scene
from scripts.pad_bench.acts import ATTACKS, LENGTH_S, LIVING, MEANT_TO_FAIL, Act, Company, seed_of
from scripts.pad_bench.camera import FPS, FinalCamera
from scripts.pad_bench.recipes import BENCH_VERSION
from scripts.pad_bench.sources import HALVES, Finder, Shown, photographed

AHEAD_DEG = 5.0
"""Photographs of whom the head is turned further cannot look ahead, which the kiosk asks for first."""
POLICIES = ("challenge_always", "challenge_when_in_doubt")


class Cast:
    """The people of one half whose photograph looks ahead.

    Args:
        faces: One folder a person.
        half: Whose.
        seed: Of the order that they come in.
    """

    def __init__(self, faces: Path, half: str, *, seed: int) -> None:
        self._finder = Finder()
        self._people = photographed(faces, half)
        self._names = list(self._people)
        self._half, self._seed = half, seed
        self._shown: dict[str, Shown | None] = {}

    @property
    def models(self) -> Models:
        """The open models, for the kiosk as well."""
        return self._finder.models

    def company(self, species: str, index: int) -> Company:
        """Three different people; another victim for every index, as far as the half reaches."""
        order = seed_of(self._seed, self._half, species).permutation(len(self._names))
        found: list[Shown] = []
        for place in order:
            shown = self._ahead(self._names[place])
            found += [] if shown is None else [shown]
            if len(found) >= index + 3:
                break
        if len(found) < 3:
            raise SystemExit("challenge-bench: fewer than three photographs of this half look ahead")
        victim, attacker, other = (found[(index + step) % len(found)] for step in range(3))
        return Company(victim, attacker, other, lambda name: lambda picture: self._finder.find(name, picture))

    def templates(self, shown: Shown) -> list[Embedding]:
        """The victim is known by the very photograph that is shown: the hardest case for the kiosk."""
        return self._finder.templates([shown.picture])

    def _ahead(self, name: str) -> Shown | None:
        if name not in self._shown:
            picture = cv2.imread(str(self._people[name][0]))
            ahead = picture is not None and self._finder.looks_ahead(picture, most_deg=AHEAD_DEG)
            self._shown[name] = self._finder.find(name, picture) if ahead else None
        return self._shown[name]


def perform(
    trial: Trial, act: Act, camera: FinalCamera, *, shown: Presentation, known: Sequence[Embedding]
) -> Result:
    """Let an act stand before the kiosk until it decides: what it asks is heard before the next frame."""
    began_s = trial.next_s()

    def frames() -> Iterator[Frame]:
        for index in range(round(LENGTH_S * FPS)):
            at_s = index / FPS
            yield Frame(camera.take(act.view(at_s), at_s=at_s), began_s + at_s, index)

    def looking(scene: Scene) -> None:
        act.hear(scene.coaching, scene.captured_s - began_s)

    return trial.watch(shown, frames(), templates=known, from_s=began_s, until_verdict=True, looking=looking)


class Content(PassiveNetwork):
    """A look that finds nothing against anybody, and is sure of nobody."""

    def __init__(self) -> None:
        """It needs no model."""

    def log_odds(self, image: BgrImage, box: Box) -> float:
        """As likely living as not."""
        del image, box
        return 0.0

    def close(self) -> None:
        """Nothing to free."""


def without_look(config: Config, store: ModelStore) -> Liveness:
    """The seam as the daemon opens it, but for the look of single frames."""
    del store
    layers = LayeredLiveness(
        Content(), policy=config.liveness.policy, people={}, mirrored=False, choose=secrets.choice
    )
    return GuardedLiveness(layers)


def show_all(trial: Trial, cast: Cast, names: Sequence[str], *, times: int, seed: int) -> list[Result]:
    """Every act so many times; what became of each."""
    results = []
    for name in names:
        for index in range(times):
            company, rng = cast.company(name, index), seed_of(BENCH_VERSION, seed, name, index)
            act = (LIVING | ATTACKS)[name](company, rng)
            shown = Presentation(Path(f"{name}-{index:03}"), Kind.CLIP, name, company.victim.person)
            known = cast.templates(company.victim)
            results.append(perform(trial, act, FinalCamera(act.optics, rng), shown=shown, known=known))
            print(f"\r{name} {index + 1}/{times}   ", end="", file=sys.stderr)
        print(file=sys.stderr)
    return results


def report_of(results: Sequence[Result], *, told: JsonObject) -> JsonObject:
    """The rates, and the word that every report from the bench carries; who answers wrongly is in no total."""
    living = [result for result in results if result.presentation.group in LIVING]
    refused = [result for result in living if result.presentation.group in MEANT_TO_FAIL]
    living = [result for result in living if result.presentation.group not in MEANT_TO_FAIL]
    attacks = [result for result in results if result.presentation.group in ATTACKS]
    if not living or not attacks:
        raise SystemExit(
            "challenge-bench: rates need a kind that answers as asked and one that attacks; widen --only"
        )
    rates = liveness_rates.evaluate(living, attacks)
    if refused:
        rates["bona_fide"] |= liveness_rates.evaluate(refused, attacks)["bona_fide"]
    return {"simulated": True, **told, "machine": describe(), **rates}


def table(report: JsonObject) -> str:
    """The report for a person to read."""
    told = f"policy {report['policy']}, {report['half']} people, bench version {report['bench_version']}"
    lines = [f"simulated, {told}" + ("" if report["look"] else ", WITHOUT the look of single frames")]
    for kind, word in (("bona_fide", "BPCER"), ("species", "APCER")):
        for name, row in report[kind].items():
            low, rate, high, silent = (
                f"{100 * row[part]:.0f} %"
                for part in ("error_low", "error_rate", "error_high", "non_response_rate")
            )
            reasons = ", ".join(f"{reason} {count}" for reason, count in row["reasons"].items())
            lines.append(
                f"{name:18}{row['presentations']:4} shown  {word} {rate:>5} ({low} to {high})"
                f"  no response {silent:>5}  recorded {row['recorded']:3}  {reasons}"
            )
    return "\n".join(lines)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faces", type=Path, required=True, help="photographs, one folder a person")
    parser.add_argument("--half", choices=HALVES, default="tune")
    parser.add_argument("--policy", choices=POLICIES, default=POLICIES[0])
    parser.add_argument("--times", type=int, default=20, help="presentations of each kind")
    parser.add_argument("--only", action="append", default=[], choices=[*LIVING, *ATTACKS])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--without-look", action="store_true", help="single frames speak against nobody")
    parser.add_argument("--report", type=Path, help="write the rates as JSON")
    return parser.parse_args()


def main() -> None:
    asked = _arguments()
    if asked.times < 1:
        raise SystemExit("challenge-bench: --times must be 1 or more")
    use_one_thread()
    cast = Cast(asked.faces, asked.half, seed=asked.seed)
    config, store = with_policy(Config(), asked.policy), ModelStore(SHIPPED_MODELS)
    seam = without_look if asked.without_look else open_seam
    trial = open_trial(config, cast.models, store, gallery={}, fps=FPS, thumbnails=False, seam=seam)
    names = [name for name in (*LIVING, *ATTACKS) if not asked.only or name in asked.only]
    try:
        results = show_all(trial, cast, names, times=asked.times, seed=asked.seed)
    except ClockfaceError as error:
        raise SystemExit(f"challenge-bench: {error}") from error
    finally:
        trial.overheard.close()
    told: JsonObject = {
        "bench_version": BENCH_VERSION,
        "half": asked.half,
        "seed": asked.seed,
        "policy": asked.policy,
        "look": not asked.without_look,
    }
    report = report_of(results, told=told)
    if asked.report is not None:
        asked.report.write_text(json.dumps(report, indent=2, allow_nan=False) + "\n")
    print(table(report))


if __name__ == "__main__":
    main()
