"""Clockface's turn: the daemon's own pipeline (`Recogniser.process`), default settings, 1,000 people."""

import sys
from pathlib import Path

import cv2
import numpy as np

from edge.config.recognition import LivenessConfig
from edge.config.tree import Config
from edge.evaluation.bench import APART_S, recogniser_of_nobody
from edge.inference.chain import open_models
from edge.inference.models import ModelStore
from edge.inference.runtime import Runner, runtime_name
from edge.inference.stages import StageTimes
from edge.inference.threads import use_one_thread
from edge.types.faces import Frame
from scripts.comparison.turns import Milliseconds, clock, serve, timed


def main(exchange: Path) -> None:
    use_one_thread()
    frame = np.load(exchange / "frame-bgr.npy")
    # the libraries beside it have no liveness
    config = Config(liveness=LivenessConfig(policy="off"))
    store, times = ModelStore(), StageTimes(clock)
    models = open_models(store, config.inference)
    people = int(np.load(exchange / "people.npy"))
    pipeline = recogniser_of_nobody(models, config, store=store, templates=people, times=times)
    network = Runner(store.load("faceplugin-feature"))
    network.input[:] = np.load(exchange / "crop.npy")
    taken = 0

    def run() -> Milliseconds:
        nonlocal taken
        taken += 1
        times.clear()
        pipeline.process(Frame(frame, captured_s=taken * APART_S, index=taken))
        stages = {stage.value: cost.median_ms for stage, cost in times.costs().items()}
        stages["face to embedding"] = sum(stages[name] for name in ("landmarks", "quality", "embed"))
        timed(stages, "network", network.run)
        return stages

    found = models.detector.detect(frame)
    box = found[0].box
    if "match" not in run():
        sys.exit("the pipeline does not match this face: it is not good enough")
    versions = {"chain": config.inference.chain, "runtime": runtime_name(), "opencv": cv2.__version__}
    about = {
        "versions": versions,
        "faces": len(found),
        "box": [box.left, box.top, box.width, box.height],
        "embedding_length": float(np.linalg.norm(network.run()[0])),
    }
    serve(about=about, run=run)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
