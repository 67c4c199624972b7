"""Write the bench's material: bona fide clips and stills, and one folder a species of simulated attacks.

    scripts/pad-bench OUT --faces DIR [--half tune|held-out] [--size small|full] [--only NAME ...] [--seed N]

OUT gets a marker file SIMULATED (version, parameters, seed), so that every report from it says "simulated", and
live/, attacks/SPECIES/, stills/live/, stills/attacks/SPECIES/, enrolled/PERSON/. A clip is a lossless video
(FFV1 in .avi) of 640x480 at 15 pictures a second; a still is a PNG. Names begin with the person: PERSON--NNN.
A .json beside a clip says from when on the attack is shown, where that is not from its first picture on.
"""

import argparse
import hashlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from scripts.pad_bench import recipes
from scripts.pad_bench.camera import FPS, HEIGHT, WIDTH, FinalCamera, Optics, draw_optics
from scripts.pad_bench.recipes import BENCH_VERSION, LENGTH_S, Cast, Moving
from scripts.pad_bench.sources import HALVES, RECORDINGS, Finder, Picture, Shown, frames_of, photographed

SIZES = {
    "smoke": {"live": 12, "animated": 6, "attacks": 6, "stills": 12},
    "small": {"live": 24, "animated": 12, "attacks": 10, "stills": 30},
    "medium": {"live": 60, "animated": 30, "attacks": 24, "stills": 60},
    "full": {"live": 90, "animated": 60, "attacks": 60, "stills": 100},
}
STILL_AT_S = 1.0


class Bench:
    """Makes the presentations of one half."""

    def __init__(self, out: Path, *, faces: Path, half: str, seed: int, cache: Path) -> None:
        self._out, self._half, self._seed, self._cache = out, half, seed, cache
        self._finder = Finder()
        self._people = photographed(faces, half)
        self._clips = [
            (recording, *frames_of(recording, cache=cache))
            for recording in RECORDINGS
            if recording.half == half
        ]
        self._stretches = self._in_turn()
        self._shown: dict[Path, Shown | None] = {}

    def make(self, sizes: dict[str, int], only: set[str]) -> None:
        """Write everything that is planned and not there yet."""
        for name, jobs in self._plan(sizes).items():
            if only and name not in only:
                continue
            for index in range(jobs):
                getattr(self, f"_{name.partition('/')[0]}")(name.partition("/")[2], index)
                print(f"\r{self._half} {name} {index + 1}/{jobs}   ", end="", file=sys.stderr)
            print(file=sys.stderr)

    def _plan(self, sizes: dict[str, int]) -> dict[str, int]:
        species = [s for s in recipes.SPECIES if self._half == "held-out" or s not in recipes.HELD_OUT_SPECIES]
        plan = {"live": sizes["live"], "animated": sizes["animated"], "still": sizes["stills"]}
        return (
            plan
            | {f"attack/{name}": sizes["attacks"] for name in species}
            | {f"stillattack/{name}": sizes["stills"] for name in species if name != "face-swap"}
        )

    def _rng(self, *names: object) -> np.random.Generator:
        key = hashlib.sha256(repr((BENCH_VERSION, self._seed, self._half, *names)).encode()).digest()
        return np.random.default_rng(np.frombuffer(key, np.uint32))

    # bona fide

    def _live(self, _: str, index: int) -> None:
        rng = self._rng("live", index)
        who = self._recorded(index)
        self._clip(self._out / "live" / f"{who.person}--{index:03}.avi", recipes.direct(who, rng), rng)

    def _animated(self, _: str, index: int) -> None:
        rng = self._rng("animated", index)
        who = self._animated_person(index, rng)
        self._clip(self._out / "live-animated" / f"{who.person}--{index:03}.avi", recipes.direct(who, rng), rng)

    def _still(self, _: str, index: int) -> None:
        rng = self._rng("still", index)
        shown = self._photograph(index, several=False)
        view = recipes.direct(recipes.still(shown, self._find(shown.person)), rng)
        self._picture(self._out / "stills" / "live" / f"{shown.person}--{index:03}.png", view, rng)

    # attacks

    def _attack(self, species: str, index: int) -> None:
        rng = self._rng(species, index)
        optics = draw_optics(rng)
        cast = self._cast(species, index, rng, optics)
        path = self._out / "attacks" / species / f"{cast.victim.person}--{index:03}.avi"
        self._clip(path, recipes.SPECIES[species](cast, rng), rng, optics)
        if species == "face-swap":
            path.with_suffix(".json").write_text(json.dumps({"attack_from_s": recipes.SWAP_S}))

    def _stillattack(self, species: str, index: int) -> None:
        rng = self._rng("still", species, index)
        optics = draw_optics(rng)
        cast = self._cast(species, index, rng, optics, moving=False)
        path = self._out / "stills" / "attacks" / species / f"{cast.victim.person}--{index:03}.png"
        self._picture(path, recipes.SPECIES[species](cast, rng), rng, optics)

    def _cast(
        self, species: str, index: int, rng: np.random.Generator, optics: Optics, *, moving: bool = True
    ) -> Cast:
        other = self._photograph(index * 7 + 3, several=False)
        if species in recipes.MOVES and moving:
            victim = self._recorded(index // 4) if index % 4 == 3 else self._animated_person(index + 11, rng)
        else:
            shown = self._photograph(index, several=True)
            victim = recipes.still(shown, self._find(shown.person))
        attacker = self._recorded(index + 1) if species in recipes.WORN else None
        self._enrol(victim.person)
        return Cast(victim, attacker, recipes.skin_of(other), other.picture, optics)

    # people

    def _photograph(self, index: int, *, several: bool) -> Shown:
        """The index-th person's photograph in which a face was found; of people with several if asked."""
        people = [name for name, files in self._people.items() if len(files) > 1 or not several]
        for step in range(len(people)):
            person = people[(index + step) % len(people)]
            shown = self._read(person, self._people[person][0])
            if shown is not None:
                return shown
        raise SystemExit("pad-bench: no photograph of this half shows a face")

    def _read(self, person: str, path: Path) -> Shown | None:
        if path not in self._shown:
            picture = cv2.imread(str(path))
            self._shown[path] = None if picture is None else self._finder.find(person, picture)
        return self._shown[path]

    def _animated_person(self, index: int, rng: np.random.Generator) -> Moving:
        shown = self._photograph(index + 40, several=True)
        self._enrol(shown.person)
        return recipes.animated(shown, rng, self._find(shown.person))

    def _recorded(self, index: int) -> Moving:
        """The index-th stretch of a recording that shows a face throughout."""
        for person, number, start in (self._stretches * 2)[index % len(self._stretches) :]:
            moving = self._stretch(person, number, start)
            if moving is not None:
                self._enrol(person)
                return moving
        raise SystemExit("pad-bench: no stretch of this half's recordings shows a face throughout")

    def _in_turn(self) -> list[tuple[str, int, int]]:
        """All stretches: people in turn as long as they have any left, each stretch at most twice."""
        by_person: dict[str, list[tuple[int, int]]] = {}
        for number, (recording, frames, rate) in enumerate(self._clips):
            step = max(1, round(rate * LENGTH_S))
            starts = range(0, max(1, len(frames) - step + 1), max(1, step // 2))
            by_person.setdefault(recording.person, []).extend((number, start) for start in starts)
        order = {
            person: self._rng("stretches", person).permutation(len(found))
            for person, found in by_person.items()
        }
        most = max(len(found) for found in by_person.values())
        return [
            (person, *found[order[person][turn % len(found)]])
            for turn in range(2 * most)
            for person, found in sorted(by_person.items())
            if turn < 2 * len(found)
        ]

    def _stretch(self, person: str, number: int, start: int) -> Moving | None:
        _, frames, rate = self._clips[number]
        length = min(len(frames) - start, round(rate * LENGTH_S))
        found = [self._finder.find(person, frames[start + int(k * (length - 1) / 4)]) for k in range(5)]
        if any(one is None for one in found):
            return None
        box = tuple(float(v) for v in np.median([one.box for one in found if one is not None], axis=0))

        def at(at_s: float) -> Picture:
            return frames[start + min(length - 1, int(at_s * rate))]

        return Moving(person, at, box, self._find(person))  # type: ignore[arg-type]

    def _find(self, person: str) -> Any:
        return lambda picture: self._finder.find(person, picture)

    def _enrol(self, person: str) -> None:
        """Other pictures of the person: the other photographs, or frames from the recording's four quarters."""
        folder = self._out / "enrolled" / person
        if folder.is_dir():
            return
        folder.mkdir(parents=True)
        if person in self._people:
            for path in self._people[person][1:]:
                (folder / path.name).write_bytes(path.read_bytes())
            return
        for recording, frames, _ in self._clips:
            if recording.person == person:
                for quarter in (0.05, 0.3, 0.55, 0.8):
                    frame = frames[int(quarter * len(frames))]
                    if self._finder.find(person, frame) is not None:
                        cv2.imwrite(str(folder / f"{Path(recording.source.path).stem}-{quarter}.png"), frame)

    # the final camera

    def _clip(
        self, path: Path, view: recipes.View, rng: np.random.Generator, optics: Optics | None = None
    ) -> None:
        if path.is_file():
            return  # made by an earlier run: a larger size continues a smaller one
        path.parent.mkdir(parents=True, exist_ok=True)
        camera = FinalCamera(optics or draw_optics(rng), rng)
        part = path.with_name(f".part-{path.name}")  # an interrupted run leaves no half clip behind
        writer = cv2.VideoWriter(str(part), cv2.VideoWriter.fourcc(*"FFV1"), FPS, (WIDTH, HEIGHT))
        for index in range(round(LENGTH_S * FPS)):
            writer.write(camera.take(view(index / FPS), at_s=index / FPS))
        writer.release()
        part.replace(path)

    def _picture(
        self, path: Path, view: recipes.View, rng: np.random.Generator, optics: Optics | None = None
    ) -> None:
        if path.is_file():
            return  # made by an earlier run: a larger size continues a smaller one
        path.parent.mkdir(parents=True, exist_ok=True)
        camera = FinalCamera(optics or draw_optics(rng), rng)
        cv2.imwrite(str(path), camera.take(view(STILL_AT_S), at_s=STILL_AT_S))


def mark(out: Path, *, half: str, seed: int, size: str) -> None:
    """Leave the word that every report from this material must carry."""
    told = {"simulated": True, "bench_version": BENCH_VERSION, "half": half, "seed": seed, "size": size}
    out.mkdir(parents=True, exist_ok=True)
    (out / "SIMULATED").write_text(json.dumps(told, indent=2) + "\n")


def _arguments() -> Iterator[argparse.Namespace]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--faces", type=Path, required=True, help="photographs, one folder a person")
    parser.add_argument("--half", choices=HALVES, default="tune")
    parser.add_argument("--size", choices=tuple(SIZES), default="small")
    parser.add_argument(
        "--only", action="append", default=[], help="live, animated, still, attack/SPECIES, ..."
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cache", type=Path, default=Path(".cache/pad-bench"))
    yield parser.parse_args()


def main() -> None:
    cv2.setNumThreads(1)
    for asked in _arguments():
        asked.cache.mkdir(parents=True, exist_ok=True)
        mark(asked.out, half=asked.half, seed=asked.seed, size=asked.size)
        bench = Bench(asked.out, faces=asked.faces, half=asked.half, seed=asked.seed, cache=asked.cache)
        bench.make(SIZES[asked.size], set(asked.only))


if __name__ == "__main__":
    main()
