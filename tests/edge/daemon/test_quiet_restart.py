"""The daemon restarts when it was asked to and nobody stands there; never under somebody's eyes."""

from edge.daemon.quiet_restart import QUIET_S, QuietRestart
from edge.types.verdicts import Scene


class Moments:
    """A clock that stands until told."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.stops = 0

    def stop(self) -> None:
        self.stops += 1


def scene(faces: int) -> Scene:
    return Scene(captured_s=0.0, faces=faces, outline=None, coaching=None)


def test_nothing_happens_unless_it_was_asked_for() -> None:
    moments = Moments()
    restart = QuietRestart(lambda: moments.now_s, stop=moments.stop)
    moments.now_s += 3600
    restart()
    assert moments.stops == 0


def test_it_restarts_after_a_while_without_a_face() -> None:
    moments = Moments()
    restart = QuietRestart(lambda: moments.now_s, stop=moments.stop)
    restart.ask()
    moments.now_s += QUIET_S - 0.1
    restart()
    assert moments.stops == 0
    restart.note(scene(faces=0))
    moments.now_s += 0.2
    restart()
    assert moments.stops == 1


def test_whoever_stands_there_is_not_interrupted() -> None:
    moments = Moments()
    restart = QuietRestart(lambda: moments.now_s, stop=moments.stop)
    restart.ask()
    for _ in range(600):
        moments.now_s += 1
        restart.note(scene(faces=1))
        restart()
    assert moments.stops == 0
    moments.now_s += QUIET_S
    restart()
    assert moments.stops == 1
