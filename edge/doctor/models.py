"""Whether the models are those of the manifest, and run fast; and whether a measured threshold stands."""

import importlib.metadata
import time
from pathlib import Path

import numpy as np

from edge.api.protocol.status import GalleryStatus
from edge.config.recognition import InferenceConfig
from edge.config.tree import Config
from edge.doctor.daemon import Daemon
from edge.doctor.findings import Finding, Health, ok, warn
from edge.errors import ModelError
from edge.inference import operating_point
from edge.inference.analyser import FaceAnalyser
from edge.inference.chain import configured_models, detector_model, open_models
from edge.inference.liveness import liveness_models
from edge.inference.models import REBUILD, SHIPPED_MODELS, ModelStore
from edge.inference.runtime import Runner, runtime_name
from edge.types.identity import ModelHash

RUNS = 5
PACKAGES = {"ai_edge_litert": "ai-edge-litert", "tflite_runtime": "tflite-runtime"}


def folder_of(config: Config) -> Path:
    """Where the models are."""
    return config.paths.models or SHIPPED_MODELS


def wanted(config: InferenceConfig) -> tuple[str, ...]:
    """Names of the models that the configuration runs."""
    return configured_models(config)


def check_models(config: Config) -> Finding:
    """Hash of every model in the manifest; contract and a few runs of those that are configured."""
    store = ModelStore(folder_of(config))
    for name in store.specs:
        store.load(name)
    times = ", ".join(
        f"{name} {_run(store, name, config.inference):.1f} ms" for name in wanted(config.inference)
    )
    return ok(f"{len(store.specs)} have the manifest's SHA-256; contract holds and they run: {times}")


def _run(store: ModelStore, name: str, config: InferenceConfig) -> float:
    """Start a model as the daemon does and run it on noise: median milliseconds."""
    runner = Runner(store.load(name), delegate=config.delegate, threads=config.threads)
    try:
        runner.input[...] = np.random.default_rng(0).uniform(-1, 1, runner.input.shape)
        took_s = []
        for _ in range(RUNS):
            began_s = time.perf_counter()
            outputs = runner.run()
            took_s.append(time.perf_counter() - began_s)
        if not all(np.isfinite(output).all() for output in outputs):
            raise ModelError(f"{name} gives numbers that are not finite", next_step=REBUILD)
    finally:
        runner.close()
    return float(np.median(took_s)) * 1000


def check_runtime(config: Config) -> Finding:
    """Which runtime runs the models, and on what."""
    name = runtime_name()
    version = importlib.metadata.version(PACKAGES.get(name, name))
    store = ModelStore(folder_of(config))
    runner = Runner(store.load(detector_model(config.inference)), delegate=config.inference.delegate)
    execution = runner.execution
    runner.close()
    found = f"{PACKAGES.get(name, name)} {version} with {execution}, numpy {np.__version__}"
    if config.inference.threads > 1:
        return warn(
            f"{found}, {config.inference.threads} threads", "set inference.threads = 1: more is slower here"
        )
    return ok(found)


def check_liveness(config: Config) -> Finding:
    """Whether a photograph clocks in."""
    policy = config.liveness.policy
    if policy == "off":
        return warn(
            "off: a photograph of an enrolled person clocks in",
            "watch the kiosk, or give badge or PIN; or set another liveness.policy (docs/liveness.md)",
        )
    store = ModelStore(folder_of(config))
    times = ", ".join(
        f"{name} {_run(store, name, config.inference):.1f} ms" for name in liveness_models(config.liveness)
    )
    return ok(f"{policy}: {times}")


def check_operating_point(config: Config, daemon: Daemon) -> Finding:
    """Whether the threshold was measured for this chain, this rate and a gallery of this size."""
    if daemon.status is None or not daemon.status.galleries:
        return _measured(config)
    findings = [_in_force(gallery) for gallery in daemon.status.galleries]
    return next((finding for finding in findings if finding.health is Health.WARN), findings[0])


def _in_force(gallery: GalleryStatus) -> Finding:
    found = (
        f"threshold {gallery.threshold:.3f} in force for chain {gallery.model_hash[:12]}, "
        f"{gallery.people} people enrolled with {gallery.templates} templates"
    )
    if not gallery.threshold_supported:
        return warn(f"{found}: more than the measurement can speak for", operating_point.MEASURE)
    return ok(found)


def _measured(config: Config) -> Finding:
    """What would be in force. Raises `OperatingPointMissing`, which becomes a failure with its own advice."""
    points = operating_point.load(folder_of(config) / operating_point.FILE_NAME)
    chain, rate = _chain(config), config.decision.max_fpir
    chosen = operating_point.choose(points, model_hash=chain, max_fpir=rate)
    return ok(
        f"threshold {chosen.score:.3f} for FPIR {rate:g} of chain {chain[:12]}, measured with "
        f"{chosen.point.gallery_people} enrolled and {chosen.point.strangers} strangers; "
        "whether it fits the gallery is known when the daemon runs"
    )


def _chain(config: Config) -> ModelHash:
    models = open_models(ModelStore(folder_of(config)), config.inference)
    try:
        return FaceAnalyser(models, limits=config.quality).model_hash
    finally:
        models.close()
