"""What the pipeline costs on this machine: stages, bare models, search, and a real daemon's start and memory.

The pipeline and the bare `invoke` calls of its models take turns frame by frame, so that a machine whose speed
drifts changes both: their ratio, without liveness, is what the design promises (at most 1.15), not the
milliseconds. With liveness each frame is the first of its track, which is the dearest: what a whole verdict
costs is `bench_liveness`'s to say.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.config.tree import Config
from edge.errors import EvaluationError
from edge.evaluation.report import JsonObject
from edge.evaluation.samples import Progress, read_picture
from edge.inference.chain import Models, models_of_a_frame, open_models
from edge.inference.gallery import Gallery
from edge.inference.liveness import liveness_models, open_liveness
from edge.inference.models import ModelStore
from edge.inference.operating_point import OperatingPoint
from edge.inference.pipeline import Recogniser, open_recogniser
from edge.inference.runtime import Runner
from edge.inference.stages import StageTimes
from edge.types.faces import BgrImage, Embedding, Frame
from edge.types.identity import ModelHash, PersonId, TemplateId
from edge.types.people import Template

FRAME_SIZE = (640, 480)
WARM_UP = 20
APART_S = 100.0  # between two frames: each begins a new track and is judged in full
SEARCH_SIZES = (1_000, 10_000, 50_000, 100_000)


@dataclass(frozen=True, slots=True)
class Costs:
    """Milliseconds over many runs."""

    runs: int
    median_ms: float
    p95_ms: float

    def as_json(self) -> JsonObject:
        """For the report."""
        return {"runs": self.runs, "median_ms": self.median_ms, "p95_ms": self.p95_ms}


def costs(durations_s: list[float]) -> Costs:
    """Median and 95th percentile."""
    median, p95 = np.quantile(np.array(durations_s) * 1000, [0.5, 0.95])
    return Costs(len(durations_s), float(median), float(p95))


def read_frame(path: Path) -> BgrImage:
    """A 640x480 frame with the picture in it, not distorted.

    Raises:
        EvaluationError: It is no picture.
    """
    picture = read_picture(path) if path.is_file() else None
    if picture is None:
        raise EvaluationError("the picture cannot be read", where=str(path), next_step="check --image")
    width, height = FRAME_SIZE
    scale = min(width / picture.shape[1], height / picture.shape[0])
    fitted = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    frame = np.zeros((height, width, 3), np.uint8)
    frame[: fitted.shape[0], : fitted.shape[1]] = fitted[:height, :width]
    return frame


def measure_pipeline(
    config: Config, *, models_folder: Path, image: BgrImage, frames: int, templates: int, progress: Progress
) -> JsonObject:
    """Stages, total and ratio to the bare models, one face in a 640x480 frame, every frame judged in full.

    Raises:
        EvaluationError: The picture has no face that the pipeline would embed.
        ModelError: A model is missing or cannot run.
    """
    store = ModelStore(models_folder)
    models = open_models(store, config.inference)
    bare = _bare_models(store, config)
    try:
        times = StageTimes()
        recogniser = recogniser_of_nobody(models, config, store=store, templates=templates, times=times)
        turns = _take_turns(recogniser, bare, image=image, frames=frames, times=times, progress=progress)
        stages = {stage.value: cost for stage, cost in times.costs().items()}
        if "match" not in stages:
            raise EvaluationError(
                "no face of the picture was good enough to be matched", next_step="check --image"
            )
        return {
            "liveness": config.liveness.policy,
            "models": [runner.spec.name for runner in bare],
            "frames": frames,
            "templates": templates,
            "stages": {name: {"median_ms": c.median_ms, "p95_ms": c.p95_ms} for name, c in stages.items()},
            "total": costs([turn.total.wall_s for turn in turns]).as_json(),
            "bare_invokes": costs([turn.bare.wall_s for turn in turns]).as_json(),
            "ratio_median": median(turn.total.wall_s / turn.bare.wall_s for turn in turns),
            "ratio_core_median": median(turn.total.core_s / turn.bare.core_s for turn in turns),
            "frames_per_second": 1 / median(turn.total.wall_s for turn in turns),
        }
    finally:
        for runner in bare:
            runner.close()
        models.close()


@dataclass(frozen=True, slots=True)
class _Spent:
    """Seconds: on the wall, and of this thread on a core, which other programs' turns do not lengthen."""

    wall_s: float
    core_s: float


@dataclass(frozen=True, slots=True)
class _Turn:
    """One frame through the pipeline, and its models bare straight after."""

    total: _Spent
    bare: _Spent


def _spent(work: Callable[[], object]) -> _Spent:
    wall_s, core_s = time.perf_counter(), time.thread_time()
    work()
    core_s, wall_s = time.thread_time() - core_s, time.perf_counter() - wall_s
    return _Spent(wall_s, core_s)


def _bare_models(store: ModelStore, config: Config) -> list[Runner]:
    options = config.inference
    return [
        Runner(store.load(name), delegate=options.delegate, threads=options.threads)
        for name in (*models_of_a_frame(options), *liveness_models(config.liveness))
    ]


def recogniser_of_nobody(
    models: Models, config: Config, *, store: ModelStore, templates: int, times: StageTimes
) -> Recogniser:
    """A pipeline whose gallery holds nobody real and whose threshold nobody reaches."""
    chain = models.embedder.model_hash
    out_of_reach = OperatingPoint(
        model_hash=chain,
        fpir=config.decision.max_fpir,
        threshold=1.0,
        gallery_people=templates,
        strangers=10**6,
        fnir=0.0,
        command="clockface bench",
    )
    liveness = open_liveness(config.liveness, store=store, inference=config.inference)
    recogniser = open_recogniser(models, config, points=(out_of_reach,), liveness=liveness, times=times)
    recogniser.galleries[chain].add(random_templates(templates, dim=models.embedder.dim, model_hash=chain))
    return recogniser


def _take_turns(
    recogniser: Recogniser,
    bare: list[Runner],
    *,
    image: BgrImage,
    frames: int,
    times: StageTimes,
    progress: Progress,
) -> list[_Turn]:
    def invoke() -> None:
        for runner in bare:
            runner.run()

    turns: list[_Turn] = []
    for index in range(-WARM_UP, frames):
        if index == 0:
            times.clear()
        frame = Frame(image, captured_s=(index + WARM_UP) * APART_S, index=index + WARM_UP)
        turn = _Turn(_spent(partial(recogniser.process, frame)), _spent(invoke))
        if index >= 0:
            turns.append(turn)
            progress("frames through the pipeline", index + 1, frames)
    return turns


def measure_search(*, dim: int, sizes: tuple[int, ...] = SEARCH_SIZES, progress: Progress) -> list[JsonObject]:
    """Exact search of one probe, and the gallery's memory, at growing sizes."""
    rows = []
    for done, size in enumerate(sizes, start=1):
        gallery = Gallery(model_hash=NOBODY, dim=dim, capacity=size)
        gallery.add(random_templates(size, dim=dim, model_hash=NOBODY))
        probes = random_vectors(50, dim=dim, seed=size)
        timed = costs([_search_s(gallery, probe) for probe in probes][5:])
        matrix_mb = size * dim * 4 / 2**20
        rows.append(
            {
                "templates": size,
                **timed.as_json(),
                "matrix_mb": matrix_mb,
                "gallery_mb": gallery.memory_bytes / 2**20,
            }
        )
        progress("search", done, len(sizes))
    return rows


def _search_s(gallery: Gallery, probe: Embedding) -> float:
    began = time.perf_counter()
    gallery.search(probe)
    return time.perf_counter() - began


NOBODY = ModelHash("0" * 64)


def random_vectors(count: int, *, dim: int, seed: int) -> NDArray[np.float32]:
    """(count, dim) float32 unit vectors that belong to nobody."""
    vectors = np.random.default_rng(seed).standard_normal((count, dim), dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors


def random_templates(count: int, *, dim: int, model_hash: ModelHash) -> list[Template]:
    """Templates of people who do not exist, one each."""
    rows: list[Embedding] = list(random_vectors(count, dim=dim, seed=0))
    return [
        Template(TemplateId(f"{index:032x}"), PersonId(f"{index:032x}"), model_hash, row)
        for index, row in enumerate(rows)
    ]
