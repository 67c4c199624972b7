"""The final camera of the bench: bona fide and attack alike are taken by it, so it is never the cue.

A scene comes in as linear light at the sensor; lens blur, vignetting, exposure drift, white balance, shot and
read noise, tone curve, sharpening and rounding to 8 bits follow. Its parameters are drawn from one
distribution for all.
"""

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

Light = NDArray[np.float32]  # (480, 640, 3) BGR, linear, 1.0 is the scene's white
Picture = NDArray[np.uint8]

WIDTH, HEIGHT = 640, 480
FOCAL_PX = 600.0
FPS = 15.0
_GRAIN_SPARE = 256  # pixels by which the grain is larger than a picture, each way


@dataclass(frozen=True)
class Optics:
    """One camera.

    Args:
        psf_px: Standard deviation of the lens's blur.
        aperture: Share of a pixel's width that collects light; small where a sensor skips pixels: it lets
        moire in. exposure: Gain; 1 keeps the scene's white at white.
        blue, red: White balance against green.
        shot, read: Noise at white and at black, standard deviation in linear units.
        sharpen: Unsharp mask's amount.
        tone: Exponent of the tone curve (1/2.2 is neutral).
        vignette: Loss of light in the corner.
        drift: Amplitude of the automatic exposure's slow drift.
    """

    psf_px: float
    aperture: float
    exposure: float
    blue: float
    red: float
    shot: float
    read: float
    sharpen: float
    tone: float
    vignette: float
    drift: float


def draw_optics(rng: np.random.Generator) -> Optics:
    return Optics(
        psf_px=float(rng.uniform(0.35, 0.8)),
        aperture=float(rng.choice([0.25, 0.5, 0.9])),
        exposure=float(rng.uniform(0.6, 1.2)),
        blue=float(rng.uniform(0.8, 1.25)),
        red=float(rng.uniform(0.8, 1.25)),
        shot=float(rng.uniform(0.008, 0.03)),
        read=float(rng.uniform(0.001, 0.004)),
        sharpen=float(rng.uniform(0.0, 0.6)),
        tone=float(rng.uniform(0.38, 0.55)),
        vignette=float(rng.uniform(0.0, 0.25)),
        drift=float(rng.uniform(0.0, 0.012)),
    )


def linear(picture: Picture) -> Light:
    """From sRGB bytes to linear light."""
    return np.asarray(cv2.LUT(picture, LINEAR), np.float32)


LINEAR = (np.linspace(0, 1, 256) ** 2.2).astype(np.float32)


@cache
def _grain() -> Light:
    """Noise of about unit deviation, larger than a picture: every frame takes another part of it.

    Drawing a million normal numbers a frame took half of the camera's time; a part at a drawn place, mirrored
    and with a drawn sign, is as new to whoever looks at it.
    """
    shape = (HEIGHT + _GRAIN_SPARE, WIDTH + _GRAIN_SPARE, 3)
    noise = np.random.default_rng(1).standard_normal(shape, dtype=np.float32)
    return cv2.GaussianBlur(noise, (0, 0), 0.5) * np.float32(1.35)  # demosaicing smears it over neighbours


@cache
def _radius() -> Light:
    """Squared distance from the middle, 1 in the corners, (480, 640, 1)."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    away = ((x - WIDTH / 2) ** 2 + (y - HEIGHT / 2) ** 2) / ((WIDTH / 2) ** 2 + (HEIGHT / 2) ** 2)
    return away[..., None]


class FinalCamera:
    """Takes frames of a scene.

    Args:
        optics: Which camera.
        rng: Noise and drift; draws happen in the order of the frames.
    """

    def __init__(self, optics: Optics, rng: np.random.Generator) -> None:
        self.optics = optics
        self._rng = rng
        self._phase, self._period_s = rng.uniform(0, 2 * np.pi), rng.uniform(1.5, 5.0)
        gains = np.array([optics.blue, 1.0, optics.red], np.float32) * optics.exposure
        self._gain = ((1 - optics.vignette * _radius()) * gains).astype(np.float32)

    def take(self, light: Light, *, at_s: float) -> Picture:
        """One (480, 640, 3) uint8 BGR frame."""
        optics = self.optics
        drift = 1 + optics.drift * float(np.sin(2 * np.pi * at_s / self._period_s + self._phase))
        seen = cv2.GaussianBlur(light, (0, 0), optics.psf_px)
        cv2.multiply(seen, self._gain, dst=seen, scale=drift)
        np.maximum(seen, 0, out=seen)
        deviation = seen * np.float32(optics.shot**2)
        deviation += np.float32(optics.read**2)
        cv2.sqrt(deviation, dst=deviation)
        deviation *= self._noise()
        seen += deviation
        np.clip(seen, 0, 1, out=seen)
        cv2.pow(seen, optics.tone, dst=seen)
        sharpen = optics.sharpen if optics.sharpen > 0.02 else 0.0
        soft = cv2.GaussianBlur(seen, (0, 0), 1.2) if sharpen else seen
        toned = cv2.addWeighted(seen, 255 * (1 + sharpen), soft, -255 * sharpen, 0, dtype=cv2.CV_8U)
        return np.asarray(toned, np.uint8)

    def _noise(self) -> Light:
        top, left, mirrored, sign = (int(self._rng.integers(n)) for n in (_GRAIN_SPARE, _GRAIN_SPARE, 2, 2))
        part = _grain()[top : top + HEIGHT, left : left + WIDTH]
        part = part[:, ::-1] if mirrored else part
        return part if sign else -part
