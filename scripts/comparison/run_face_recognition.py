"""face_recognition's turn: face_locations (HOG, upsample 1), face_encodings (jitter 1), face_distance."""

import sys
from importlib.metadata import version
from pathlib import Path

import face_recognition
import numpy as np
from turns import Milliseconds, serve, timed


def main(exchange: Path) -> None:
    frame = np.load(exchange / "frame-rgb.npy")
    people = int(np.load(exchange / "people.npy"))
    known = np.random.default_rng(0).standard_normal((people, 128))
    known /= np.linalg.norm(known, axis=1, keepdims=True)

    def run() -> Milliseconds:
        stages: Milliseconds = {}

        def whole() -> None:
            places = timed(stages, "detect", lambda: face_recognition.face_locations(frame, 1, model="hog"))
            (face,) = timed(
                stages, "embed", lambda: face_recognition.face_encodings(frame, places, num_jitters=1)
            )
            timed(stages, "match", lambda: int(np.argmin(face_recognition.face_distance(known, face))))

        timed(stages, "total", whole)
        return stages

    places = face_recognition.face_locations(frame, 1, model="hog")
    top, right, bottom, left = places[0]
    packages = ("face_recognition", "dlib", "numpy")
    serve(
        about={
            "versions": {name: version(name) for name in packages},
            "faces": len(places),
            "box": [left, top, right - left, bottom - top],
        },
        run=run,
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
