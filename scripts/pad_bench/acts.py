"""What is shown to a kiosk that asks: living people who answer, and attackers who try to.

Each act is a view that changes with what was heard before. People are animated photographs (two dimensions and
a relief): whoever turns does so as a relief turns, and nobody here has real motion. Drawn anew from a seed.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from edge.types.faces import Coaching
from scripts.pad_bench.camera import Light, Optics, draw_optics
from scripts.pad_bench.masks import PRESENT, mask_bent
from scripts.pad_bench.motion import Pose
from scripts.pad_bench.recipes import held
from scripts.pad_bench.responding import REQUESTS, Manner, Moves, Recorded, Responder, Turning, steered
from scripts.pad_bench.sources import Picture, Shown
from scripts.pad_bench.staging import LEFT_EYE, RIGHT_EYE, Cast, Moving, Rng, View, direct, skin_of, still
from scripts.pad_bench.stock import draw_print, draw_screen

LENGTH_S = 32.0
"""Longer than the kiosk gives anybody: it is the kiosk that ends a try."""
PROMPT = Manner(latency_s=(0.4, 1.0), takes_s=(0.5, 1.0), yaw=(0.45, 0.62))
LATE = Manner(latency_s=(1.2, 2.4), takes_s=(0.7, 1.2), yaw=(0.45, 0.62))
WRONG = Manner(latency_s=(0.4, 1.0), takes_s=(0.5, 1.0), yaw=(0.45, 0.62), wrong=True)
HAND = Manner(latency_s=(0.3, 0.8), takes_s=(0.4, 0.9), yaw=(0.45, 0.85))
"""Of whoever turns a sheet: further than a head, since a sheet that is turned looks turned less."""

Find = Callable[[Picture], Shown | None]


@dataclass(frozen=True)
class Company:
    """The people of one act.

    Args:
        victim: Whose face the kiosk knows.
        attacker: Somebody else, who is there.
        other: Whose photograph makes the room, and whose skin the hands have.
        find: The face in a picture, by the name of its owner.
    """

    victim: Shown
    attacker: Shown
    other: Shown
    find: Callable[[str], Find]


@dataclass(frozen=True)
class Act:
    """One try before the kiosk.

    Args:
        view: Light at a time; asked for in the order of time.
        hear: Told what the screen says, and when.
        optics: The camera.
    """

    view: View
    hear: Callable[[Coaching | None, float], None]
    optics: Optics


Make = Callable[[Company, Rng], Act]


def person(shown: Shown, find: Find, moves: Moves, rng: Rng) -> Moving:
    """A photograph that turns and comes closer."""
    turning = Turning(shown, rng, moves)
    left, top, width, height = (2 * side for side in shown.box)
    return Moving(shown.person, turning.at, (left, top, width, height), find)


def answering(manner: Manner) -> Make:
    """Somebody living, who does what is asked."""

    def make(company: Company, rng: Rng) -> Act:
        moves, victim = Responder(manner, rng), company.victim
        who = person(victim, company.find(victim.person), moves, rng)
        return Act(direct(who, rng), moves.hear, draw_optics(rng))

    return make


def print_turned(company: Company, rng: Rng) -> Act:
    """A print in the hand that is turned, and brought closer, as the screen asks the head to be."""
    optics, moves = draw_optics(rng), Responder(HAND, rng)
    victim = still(company.victim, company.find(company.victim.person))
    made = draw_print(rng, width_mm=float(rng.uniform(150, 195)), ratio=1.3, glossy=False, curled=False)
    edges = str(rng.choice(["l", "r", "lr", "b"]))
    cast = Cast(victim, None, skin_of(company.other), company.other.picture, optics)
    view = held(
        cast, rng, made, widths=2.4, steady=1.0, edges=edges, clip=lambda _at_s: 0.0, steer=steered(moves)
    )
    return Act(view, moves.hear, optics)


def mask_turned(company: Company, rng: Rng) -> Act:
    """A bent paper mask of the victim, with holes for the eyes, on somebody living, who turns as asked."""
    optics, moves = draw_optics(rng), Responder(PROMPT, rng)
    victim, attacker = company.victim, company.attacker
    wearer = person(attacker, company.find(attacker.person), moves, rng)
    skin, behind = skin_of(company.other), company.other.picture
    cast = Cast(still(victim, company.find(victim.person)), wearer, skin, behind, optics)
    return Act(
        mask_bent(cast, rng, holes=(RIGHT_EYE, LEFT_EYE), smoothed=PRESENT, length_s=LENGTH_S),
        moves.hear,
        optics,
    )


def replay_random(company: Company, rng: Rng) -> Act:
    """A film of the victim, who turns and comes closer at random in it, on a screen that stands."""
    optics, moves = draw_optics(rng), Recorded(PROMPT, rng, length_s=LENGTH_S)
    victim = person(company.victim, company.find(company.victim.person), moves, rng)
    cast = Cast(victim, None, skin_of(company.other), company.other.picture, optics)
    made = draw_screen(rng, kind=str(rng.choice(["tablet", "laptop", "monitor"])))
    view = held(
        cast,
        rng,
        made,
        widths=4.0,
        steady=0.0,
        edges="",
        clip=lambda at_s: at_s,
        steer=_kept,
    )
    return Act(view, moves.hear, optics)


def _kept(_at_s: float, pose: Pose) -> Pose:
    """Held where it is, but for the hand's drift and tremor."""
    return pose


class Swap:
    """Shows the victim's print until something is asked; then somebody living does it, and the print returns.

    Args:
        shown: The print.
        living: The other one, who hears as well.
        moves: Of the living one.
        rng: Draws how long hands take.
    """

    def __init__(self, shown: View, living: View, moves: Moves, rng: Rng) -> None:
        self._shown, self._living, self._moves, self._rng = shown, living, moves, rng
        self._changes: list[tuple[float, bool]] = [(0.0, False)]

    def hear(self, said: Coaching | None, at_s: float) -> None:
        """Change places with the print at a request, and back when the kiosk wants to see the face again."""
        self._moves.hear(said, at_s)
        asked = said in REQUESTS
        if said is not None and asked is not self._changes[-1][1] and (asked or said is Coaching.LOOK_HERE):
            self._changes.append((at_s + float(self._rng.uniform(0.1, 0.4)), asked))

    def view(self, at_s: float) -> Light:
        """Whichever of the two is there."""
        instead = next(asked for from_s, asked in reversed(self._changes) if from_s <= at_s)
        return self._living(at_s) if instead else self._shown(at_s)


def swap_when_asked(company: Company, rng: Rng) -> Act:
    """The victim's print, and somebody else's living head for as long as something is asked of it."""
    optics, moves = draw_optics(rng), Responder(PROMPT, rng)
    attacker = company.attacker
    living = direct(person(attacker, company.find(attacker.person), moves, rng), rng)
    victim = still(company.victim, company.find(company.victim.person))
    made = draw_print(rng, width_mm=float(rng.uniform(150, 195)), ratio=1.3, glossy=False, curled=False)
    cast = Cast(victim, None, skin_of(company.other), company.other.picture, optics)
    steady = held(
        cast,
        rng,
        made,
        widths=2.4,
        steady=1.0,
        edges="lr",
        clip=lambda _at_s: 0.0,
        steer=_kept,
    )
    swap = Swap(steady, living, moves, rng)
    return Act(swap.view, swap.hear, optics)


LIVING: dict[str, Make] = {
    "answers": answering(PROMPT),
    "answers-late": answering(LATE),
    "answers-wrongly": answering(WRONG),
}
MEANT_TO_FAIL = frozenset({"answers-wrongly"})
"""Of the living: a challenge that let them pass would ask for nothing."""
ATTACKS: dict[str, Make] = {
    "print-turned": print_turned,
    "mask-bent-turned": mask_turned,
    "replay-random": replay_random,
    "swap-when-asked": swap_when_asked,
}


def seed_of(*names: object) -> np.random.Generator:
    """Draws of one act, by its names."""
    return np.random.default_rng([*repr(names).encode()])
