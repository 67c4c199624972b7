"""The passive layer: a network that looks at one frame and says how much the face looks like a presentation.

It sees the face and its surroundings (2.7 times the detector's box): paper, bezels and hands lie there.
Weak alone, above all on good prints: docs/liveness.md has its measurement. Trust boundary: its model was
trained by others on pictures that nobody named, so its word is evidence and never the verdict alone.
"""

import math

import cv2
import numpy as np

from edge.errors import ModelContractBroken
from edge.inference.runtime import Runner
from edge.types.faces import BgrImage, Box

MODEL = "faceplugin-liveness"
SCALE = 2.7
"""Side of the crop over the detector's box, as the network was made for."""
CLASSES = 3  # a live face first, then two kinds of presentation


class PassiveNetwork:
    """One frame in, log-odds of a live face out.

    Args:
        runner: A loaded model of role "liveness" with three outputs.
    """

    def __init__(self, runner: Runner) -> None:
        sizes = [math.prod(output.shape) for output in runner.spec.outputs]
        if sizes != [CLASSES]:
            raise ModelContractBroken(
                f"{runner.spec.name} has outputs of {sizes} values, which is no liveness network",
                next_step="clockface models list",
            )
        self._runner = runner
        self._size_px = runner.spec.input.width

    def log_odds(self, image: BgrImage, box: Box) -> float:
        """Logarithm of the odds of a live face, from one face of a (h, w, 3) uint8 BGR picture."""
        left, top, width, height = _surroundings(image.shape, box)
        part = image[top : top + height, left : left + width]
        crop = cv2.resize(part, (self._size_px, self._size_px), interpolation=cv2.INTER_LINEAR)
        self._runner.load_image(np.asarray(crop, np.uint8))
        live, *presented = self._runner.run()[0].reshape(CLASSES).tolist()
        most = max(presented)
        return float(live - most - math.log(sum(math.exp(each - most) for each in presented)))

    def close(self) -> None:
        """Free the model."""
        self._runner.close()


def _surroundings(shape: tuple[int, ...], box: Box) -> tuple[int, int, int, int]:
    """Left, top, width and height of the crop: shrunk to the picture's size and moved inside it."""
    rows, columns = shape[:2]
    width, height = max(box.width, 1.0), max(box.height, 1.0)
    scale = min(SCALE, columns / width, rows / height)
    wide, high = min(round(scale * width), columns), min(round(scale * height), rows)
    x, y = box.centre
    left = min(max(round(x - wide / 2), 0), columns - wide)
    top = min(max(round(y - high / 2), 0), rows - high)
    return left, top, max(wide, 1), max(high, 1)
