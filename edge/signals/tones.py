"""Tones, synthesised when the daemon starts: each result has its own rhythm, not only its own pitch."""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from edge.types.announcements import Notice

RATE_HZ = 48_000
Samples = npt.NDArray[np.float32]  # mono, -1 to 1, RATE_HZ
FADE_S = 0.008  # a tone that begins or ends at once clicks

_REST = 0.0
_SHAPES: dict[Notice, tuple[tuple[float, float], ...]] = {  # (Hz, seconds)
    Notice.RECORDED: ((660.0, 0.12), (990.0, 0.28)),
    Notice.ALREADY_RECORDED: ((880.0, 0.07), (_REST, 0.08)) * 3,
    Notice.NOT_RECOGNISED: ((440.0, 0.35), (_REST, 0.12), (294.0, 0.55)),
    Notice.SEVERAL_PEOPLE: ((587.0, 0.09), (_REST, 0.05)) * 5,
    Notice.OUT_OF_SERVICE: ((220.0, 0.6), (_REST, 0.3), (220.0, 0.6)),
    Notice.ENTER_PIN: ((784.0, 0.15), (_REST, 0.2), (784.0, 0.15)),
    Notice.BADGE_REFUSED: ((392.0, 0.2), (_REST, 0.12), (392.0, 0.2), (_REST, 0.12), (294.0, 0.45)),
    Notice.VOIDED: ((660.0, 0.4), (_REST, 0.25), (440.0, 0.4)),
    Notice.IDENTIFY: ((784.0, 0.25), (1047.0, 0.25)) * 4,
}
NOTICES = frozenset(_SHAPES)


def rhythm(notice: Notice) -> tuple[tuple[bool, float], ...]:
    """Sounding or not, and for how long: what is heard without an ear for pitch."""
    return tuple((hz > 0, seconds) for hz, seconds in _SHAPES[notice])


def tone(notice: Notice) -> Samples:
    """The tone of a result."""
    return joined(_note(hz, seconds) for hz, seconds in _SHAPES[notice])


def silence(seconds: float) -> Samples:
    """Nothing, for a while."""
    return np.zeros(round(seconds * RATE_HZ), np.float32)


def joined(parts: Iterable[Samples]) -> Samples:
    """One after the other."""
    whole: Samples = np.concatenate([np.zeros(0, np.float32), *parts])
    return whole


def _note(hz: float, seconds: float) -> Samples:
    """A soft tone with one overtone, so that a small loudspeaker carries the low ones."""
    if hz == _REST:
        return silence(seconds)
    at_s = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    wave = 0.5 * np.sin(2 * np.pi * hz * at_s) + 0.2 * np.sin(4 * np.pi * hz * at_s)
    fade = np.minimum(1.0, np.minimum(at_s, at_s[::-1]) / FADE_S)
    note: Samples = (wave * fade).astype(np.float32)
    return note


def pcm(samples: Samples, *, volume_percent: int) -> bytes:
    """As S16_LE; the volume is squared, which an ear takes for even steps."""
    gain = (volume_percent / 100) ** 2
    levels = (np.clip(samples * gain, -1.0, 1.0) * 32767).astype("<i2")
    return bytes(levels.tobytes())
