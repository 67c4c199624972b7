"""Clockface's turn: the daemon's own pipeline (`Recogniser.process`), default settings, 1,000 people."""

import sys
from pathlib import Path

import cv2
import numpy as np

from edge.config import Config
from edge.evaluation.bench import APART_S, random_templates
from edge.inference.chain import Models, open_models
from edge.inference.liveness import open_liveness
from edge.inference.models import ModelStore
from edge.inference.operating_point import OperatingPoint
from edge.inference.pipeline import Recogniser, open_recogniser
from edge.inference.runtime import Runner, runtime_name
from edge.inference.stages import StageTimes
from edge.inference.threads import use_one_thread
from edge.types import Frame
from scripts.comparison.turns import Milliseconds, clock, serve, timed


def recogniser(models: Models, config: Config, *, gallery: Path, times: StageTimes) -> Recogniser:
    """The daemon's pipeline with people who do not exist and a threshold that nobody reaches."""
    chain = models.embedder.model_hash
    people = int(np.load(gallery))
    point = OperatingPoint(
        model_hash=chain,
        fpir=config.decision.max_fpir,
        threshold=1.0,
        gallery_people=people,
        strangers=10**6,
        fnir=0.0,
        command="scripts/compare",
    )
    opened = open_recogniser(
        models, config, points=(point,), liveness=open_liveness(config.liveness), times=times
    )
    opened.galleries[chain].add(random_templates(people, dim=models.embedder.dim, model_hash=chain))
    return opened


def main(exchange: Path) -> None:
    use_one_thread()
    frame = np.load(exchange / "frame-bgr.npy")
    store, config, times = ModelStore(), Config(), StageTimes(clock)
    models = open_models(store, config.inference)
    pipeline = recogniser(models, config, gallery=exchange / "people.npy", times=times)
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
