"""MediaPipe's turn: its face detector task with the same BlazeFace.

The process gives up its network first, since MediaPipe sends usage statistics.
"""

import importlib.util
import sys
from importlib.metadata import version
from pathlib import Path

import mediapipe
import numpy as np
from mediapipe.tasks.python import BaseOptions, vision
from turns import Milliseconds, serve, timed

NO_NETWORK = Path(__file__).resolve().parents[2] / "edge" / "inference" / "no_network.py"


def give_up_the_network() -> None:
    """Clockface's own way, by its file: the package is not installed here."""
    spec = importlib.util.spec_from_file_location("no_network", NO_NETWORK)
    assert spec is not None  # noqa: S101 - the file is beside us
    assert spec.loader is not None  # noqa: S101
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.deny_network()


def main(exchange: Path) -> None:
    give_up_the_network()
    model = (exchange / "blazeface.tflite").read_bytes()
    options = vision.FaceDetectorOptions(
        base_options=BaseOptions(model_asset_buffer=model), min_detection_confidence=0.5
    )
    frame = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=np.load(exchange / "frame-rgb.npy"))
    with vision.FaceDetector.create_from_options(options) as detector:

        def run() -> Milliseconds:
            stages: Milliseconds = {}
            timed(stages, "detect", lambda: detector.detect(frame))
            return stages

        found = detector.detect(frame).detections
        box = found[0].bounding_box
        serve(
            about={
                "versions": {"mediapipe": version("mediapipe")},
                "faces": len(found),
                "box": [box.origin_x, box.origin_y, box.width, box.height],
            },
            run=run,
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
