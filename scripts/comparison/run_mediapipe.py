"""MediaPipe's turn: its face detector task with the same BlazeFace, to which metadata was added."""

import sys
from importlib.metadata import version
from pathlib import Path

import mediapipe
import numpy as np
from mediapipe.tasks.python import BaseOptions, vision
from turns import Milliseconds, serve, timed


def main(exchange: Path) -> None:
    model = (exchange / "blazeface-task.tflite").read_bytes()
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
