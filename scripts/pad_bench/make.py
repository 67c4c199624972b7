"""Write the bench's material: bona fide clips and stills, and one folder a species of simulated attacks.

    scripts/pad-bench OUT --faces DIR [--half tune|held-out] [--size small|full] [--only NAME ...] [--seed N]

OUT gets a marker file SIMULATED (version, parameters, seed), so that every report from it says "simulated", and
live/, attacks/SPECIES/, stills/live/, stills/attacks/SPECIES/, enrolled/PERSON/. A clip is a lossless video
(HuffYUV in .avi) of 640x480 at 15 pictures a second; a still is a PNG. Names begin with the person:
PERSON--NNN. A .json beside a clip says from when on the attack is shown, if not from its first picture on.
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
from scripts.pad_bench.recipes import BENCH_VERSION
from scripts.pad_bench.sources import HALVES, RECORDINGS, Finder, Footage, Picture, Shown, photographed
from scripts.pad_bench.staging import LENGTH_S, Cast, Moving, View, animated, direct, skin_of, still

SIZES = {
    "smoke": {"live": 12, "animated": 6, "attacks": 6, "stills": 12},
    "small": {"live": 24, "animated": 12, "attacks": 10, "stills": 30},
    "medium": {"live": 40, "animated": 30, "attacks": 20, "stills": 60},
    "full": {"live": 90, "animated": 60, "attacks": 60, "stills": 100},
}
STILL_AT_S = 1.0
CODEC = "HFYU"  # without loss, and ten times as fast as FFV1 on pictures full of noise, at a quarter more bytes
SEEN_BEFORE = {"tune": frozenset[int](), "held-out": frozenset((*range(11), *range(40, 63)))}
"""People of whom figures of version 2 were read, by their place among those of a half with several photographs:
they come last. On the tuning half everybody may be seen again."""
RECORDED_EVERY = 4  # replays: every so manyth shows somebody recorded, until each was shown once


class Bench:
    """Makes the presentations of one half."""

    def __init__(self, out: Path, *, faces: Path, half: str, seed: int, cache: Path) -> None:
        self._out, self._half, self._seed, self._cache = out, half, seed, cache
        self._finder = Finder()
        self._people = photographed(faces, half)
        self._clips = [Footage(recording, cache=cache) for recording in RECORDINGS if recording.half == half]
        self._stretches = self._in_turn()
        self._shown: dict[Path, Shown | None] = {}
        self._orders: dict[str, list[str]] = {}
        self._boxes: dict[tuple[int, int], tuple[float, float, float, float]] = {}

    def make(self, sizes: dict[str, int], only: set[str]) -> None:
        """Write everything that is planned and not there yet."""
        for name, jobs in self._plan(sizes).items():
            if only and name not in only:
                continue
            kind, _, species = name.partition("/")
            for index in range(jobs):
                if not self._made(kind, species, index):
                    getattr(self, f"_{kind}")(species, index)
                print(f"\r{self._half} {name} {index + 1}/{jobs}   ", end="", file=sys.stderr)
            print(file=sys.stderr)

    def _made(self, kind: str, species: str, index: int) -> bool:
        """Whether an earlier run made it: a larger size continues a smaller one."""
        folder = {
            "live": self._out / "live",
            "animated": self._out / "live-animated",
            "still": self._out / "stills" / "live",
            "attack": self._out / "attacks" / species,
            "stillattack": self._out / "stills" / "attacks" / species,
        }[kind]
        return any(path.suffix in (".avi", ".png") for path in folder.glob(f"[!.]*--{index:03}.*"))

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
        self._clip(self._out / "live" / f"{who.person}--{index:03}.avi", direct(who, rng), rng)

    def _animated(self, _: str, index: int) -> None:
        rng = self._rng("animated", index)
        who = self._animated_person("animated", index, rng)
        self._clip(self._out / "live-animated" / f"{who.person}--{index:03}.avi", direct(who, rng), rng)

    def _still(self, _: str, index: int) -> None:
        rng = self._rng("still", index)
        shown = self._photograph("still", index, several=False)
        view = direct(still(shown, self._find(shown.person)), rng)
        self._picture(self._out / "stills" / "live" / f"{shown.person}--{index:03}.png", view, rng)

    # attacks

    def _attack(self, species: str, index: int) -> None:
        rng = self._rng(species, index)
        optics = draw_optics(rng)
        cast = self._cast(species, index, rng, optics)
        path = self._out / "attacks" / species / f"{cast.victim.person}--{index:03}.avi"
        if species == "face-swap":
            path.parent.mkdir(parents=True, exist_ok=True)
            path.with_suffix(".json").write_text(json.dumps({"attack_from_s": recipes.SWAP_S}))
        self._clip(path, recipes.SPECIES[species](cast, rng), rng, optics)

    def _stillattack(self, species: str, index: int) -> None:
        rng = self._rng("still", species, index)
        optics = draw_optics(rng)
        cast = self._cast(species, index, rng, optics, moving=False)
        path = self._out / "stills" / "attacks" / species / f"{cast.victim.person}--{index:03}.png"
        self._picture(path, recipes.SPECIES[species](cast, rng), rng, optics)

    def _cast(
        self, species: str, index: int, rng: np.random.Generator, optics: Optics, *, moving: bool = True
    ) -> Cast:
        other = self._photograph(f"{species} behind", index, several=False)
        if species in recipes.MOVES and moving:
            victim = self._who_moves(species, index, rng)
        else:
            shown = self._photograph(species, index, several=True)
            victim = still(shown, self._find(shown.person))
        attacker = self._recorded(index + 1) if species in recipes.WORN else None
        self._enrol(victim.person)
        return Cast(victim, attacker, skin_of(other), other.picture, optics)

    def _who_moves(self, species: str, index: int, rng: np.random.Generator) -> Moving:
        """Somebody recorded now and then, each once; animated photographs else: claims count people."""
        turn, recorded = divmod(index, RECORDED_EVERY)
        people = sorted({clip.recording.person for clip in self._clips})
        if recorded == RECORDED_EVERY - 1 and turn < len(people):
            return self._recorded(turn, of=people[turn])
        return self._animated_person(species, index, rng)

    # people

    def _photograph(self, use: str, index: int, *, several: bool) -> Shown:
        """Another person's photograph for every index of a use, as far as the half reaches."""
        order = self._order(use, several=several)
        person = order[index % len(order)]
        shown = self._read(person, self._people[person][0])
        if shown is None:
            raise SystemExit(f"pad-bench: the photograph of {person} is gone, or shows no face any more")
        return shown

    def _order(self, use: str, *, several: bool) -> list[str]:
        """People whose photograph shows a face, drawn for each use; whose figures were read come last."""
        if use not in self._orders:
            many = [name for name, files in self._people.items() if len(files) > 1]
            seen = {many[place] for place in SEEN_BEFORE[self._half] if place < len(many)}
            names = many if several else list(self._people)
            drawn = [names[place] for place in self._rng("order", use).permutation(len(names))]
            drawn.sort(key=lambda name: name in seen)
            self._orders[use] = [name for name in drawn if self._read(name, self._people[name][0])]
        if not self._orders[use]:
            raise SystemExit("pad-bench: no photograph of this half shows a face")
        return self._orders[use]

    def _read(self, person: str, path: Path) -> Shown | None:
        if path not in self._shown:
            picture = cv2.imread(str(path))
            self._shown[path] = None if picture is None else self._finder.find(person, picture)
        return self._shown[path]

    def _animated_person(self, use: str, index: int, rng: np.random.Generator) -> Moving:
        shown = self._photograph(use, index, several=True)
        self._enrol(shown.person)
        return animated(shown, rng, self._find(shown.person))

    def _recorded(self, index: int, *, of: str | None = None) -> Moving:
        """The index-th stretch of a recording (of one person if asked) that shows a face throughout."""
        stretches = [stretch for stretch in self._stretches if of in (None, stretch[0])]
        good: list[tuple[str, int, int]] = []
        for stretch in stretches:
            good += [stretch] if self._box(*stretch) is not None else []
            if len(good) > index:
                break
        if not good:
            raise SystemExit("pad-bench: no stretch of this half's recordings shows a face throughout")
        person, number, start = good[index % len(good)]
        self._enrol(person)
        return self._stretch(person, number, start)

    def _in_turn(self) -> list[tuple[str, int, int]]:
        """All stretches: people in turn as long as they have any left, each stretch at most twice."""
        by_person: dict[str, list[tuple[int, int]]] = {}
        for number, clip in enumerate(self._clips):
            step = max(1, round(clip.rate * LENGTH_S))
            starts = range(0, max(1, clip.frames - step + 1), max(1, step // 2))
            by_person.setdefault(clip.recording.person, []).extend((number, start) for start in starts)
        order = {
            person: self._rng("stretches", person).permutation(len(found))
            for person, found in by_person.items()
        }
        most = max(map(len, by_person.values()), default=0)
        return [
            (person, *found[order[person][turn % len(found)]])
            for turn in range(2 * most)
            for person, found in sorted(by_person.items())
            if turn < 2 * len(found)
        ]

    def _box(self, person: str, number: int, start: int) -> tuple[float, float, float, float] | None:
        """Where the face is in a stretch on the whole; None where it is not always to be seen."""
        if (number, start) not in self._boxes:
            frames = self._frames(number, start)
            found = [self._finder.find(person, frames[int(k * (len(frames) - 1) / 4)]) for k in range(5)]
            boxes = [one.box for one in found if one is not None]
            left, top, width, height = np.median(boxes, axis=0) if len(boxes) == len(found) else [np.nan] * 4
            self._boxes[number, start] = (float(left), float(top), float(width), float(height))
        box = self._boxes[number, start]
        return None if np.isnan(box[0]) else box

    def _frames(self, number: int, start: int) -> list[Picture]:
        clip = self._clips[number]
        return clip.read(start, round(clip.rate * LENGTH_S))

    def _stretch(self, person: str, number: int, start: int) -> Moving:
        frames, rate, box = (
            self._frames(number, start),
            self._clips[number].rate,
            self._box(person, number, start),
        )
        if box is None:
            raise SystemExit(f"pad-bench: a stretch of {person} shows no face throughout")

        def at(at_s: float) -> Picture:
            return frames[min(len(frames) - 1, int(at_s * rate))]

        return Moving(person, at, box, self._find(person))

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
        for clip in self._clips:
            if clip.recording.person == person:
                for quarter in (0.05, 0.3, 0.55, 0.8):
                    frame = clip.read(int(quarter * clip.frames), 1)[0]
                    if self._finder.find(person, frame) is not None:
                        name = f"{Path(clip.recording.source.path).stem}-{quarter}.png"
                        cv2.imwrite(str(folder / name), frame)

    # the final camera

    def _clip(self, path: Path, view: View, rng: np.random.Generator, optics: Optics | None = None) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        camera = FinalCamera(optics or draw_optics(rng), rng)
        part = path.with_name(f".part-{path.name}")  # an interrupted run leaves no half clip behind
        writer = cv2.VideoWriter(str(part), cv2.VideoWriter.fourcc(*CODEC), FPS, (WIDTH, HEIGHT))
        for index in range(round(LENGTH_S * FPS)):
            writer.write(camera.take(view(index / FPS), at_s=index / FPS))
        writer.release()
        part.replace(path)

    def _picture(self, path: Path, view: View, rng: np.random.Generator, optics: Optics | None = None) -> None:
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
