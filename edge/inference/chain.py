"""The recognition chains by name, and how their models are opened.

A chain is everything that makes two embeddings comparable: landmark model, alignment, networks with their
weights, views. Its hash names it in every template and operating point. Only verified models are run
(`ModelStore`).
"""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from clockface.errors import ConfigError
from edge.config.recognition import InferenceConfig
from edge.inference.alignment import Aligner
from edge.inference.detector import BlazeFace
from edge.inference.embedder import FusedEmbedder, Network
from edge.inference.landmarks import MeshLandmarker, PointRegressor
from edge.inference.mediapipe_detector import MediaPipeDetector
from edge.inference.models import ModelStore
from edge.inference.runtime import Runner
from edge.ports import Detector, Embedder, Landmarker


@dataclass(frozen=True, slots=True)
class ChainSpec:
    """One way from a detected face to an embedding.

    Args:
        networks: Names in the manifest, each with its share of the score.
    """

    networks: tuple[tuple[str, float], ...]


CHAINS: Mapping[str, ChainSpec] = MappingProxyType(
    {
        "fused": ChainSpec(networks=(("mobilefacenet", 0.6), ("faceplugin-feature", 0.4))),
        "mobilefacenet": ChainSpec(networks=(("mobilefacenet", 1.0),)),
    }
)
MESH, POINTS = "face-mesh", "face-points"
MESH_PASSES = 1


@dataclass(frozen=True, slots=True)
class Models:
    """The open models of one process. They serve one thread at a time: hold `lock` around every use.

    Args:
        detector: Finds faces.
        landmarker: Finds their parts; shared by both chains.
        aligner: Cuts the aligned crop once for quality and both embedders.
        embedder: Of the chain that new templates are made with.
        previous: Of the chain that people still have templates of, or None.
        lock: Held by whoever runs a model.
    """

    detector: Detector
    landmarker: Landmarker
    aligner: Aligner
    embedder: Embedder
    previous: Embedder | None = None
    lock: threading.RLock = field(default_factory=threading.RLock)

    def close(self) -> None:
        """Free all models."""
        with self.lock:
            self.detector.close()
            self.landmarker.close()
            self.embedder.close()
            if self.previous is not None:
                self.previous.close()


def detector_model(config: InferenceConfig) -> str:
    """Name in the manifest of the model that the detector runs, whoever runs it."""
    return "blazeface-short" if config.detector == "mediapipe" else config.detector


def models_of_a_frame(config: InferenceConfig) -> tuple[str, ...]:
    """Names in the manifest of the models that one frame with one good face runs, once each, in order."""
    return (detector_model(config), MESH, POINTS, *(name for name, _ in CHAINS[config.chain].networks))


def configured_models(config: InferenceConfig) -> tuple[str, ...]:
    """Names in the manifest of every model that `open_models` starts, each once."""
    previous = () if config.previous_chain is None else CHAINS[config.previous_chain].networks
    return tuple(dict.fromkeys((*models_of_a_frame(config), *(name for name, _ in previous))))


def open_detector(store: ModelStore, config: InferenceConfig) -> Detector:
    """Load, verify and start the detector alone.

    Raises:
        ModelError: Its model is missing or altered, or what runs it is not installed.
    """
    model = store.load(detector_model(config))
    if config.detector == "mediapipe":
        return MediaPipeDetector(model, min_score=config.detection_score)
    runner = Runner(model, delegate=config.delegate, threads=config.threads)
    return BlazeFace(runner, min_score=config.detection_score)


def open_models(store: ModelStore, config: InferenceConfig) -> Models:
    """Load, verify and start every model that the configuration names.

    Raises:
        ModelError: A model is missing, altered, or cannot run.
        ConfigError: The previous chain is the current one.
    """
    if config.previous_chain == config.chain:
        raise ConfigError(
            "inference.previous_chain is the chain itself",
            where="inference.previous_chain",
            next_step="clockface config check",
        )

    def start(name: str) -> Runner:
        return Runner(store.load(name), delegate=config.delegate, threads=config.threads)

    aligner = Aligner()
    landmarker = MeshLandmarker(start(MESH), points=PointRegressor(start(POINTS)), passes=MESH_PASSES)

    def embedder(chain: str) -> FusedEmbedder:
        spec = CHAINS[chain]
        networks = [Network(start(name), weight) for name, weight in spec.networks]
        return FusedEmbedder(networks, aligner=aligner, landmarks_id=landmarker.recipe)

    return Models(
        detector=open_detector(store, config),
        landmarker=landmarker,
        aligner=aligner,
        embedder=embedder(config.chain),
        previous=None if config.previous_chain is None else embedder(config.previous_chain),
    )
