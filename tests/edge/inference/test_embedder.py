from pathlib import Path

import cv2
import numpy as np
import pytest

from clockface.errors import ConfigError
from edge.config.recognition import InferenceConfig
from edge.errors import ModelError
from edge.inference.alignment import Aligner
from edge.inference.analyser import FaceAnalyser
from edge.inference.chain import CHAINS, Models, open_models
from edge.inference.embedder import FusedEmbedder, Network
from edge.inference.models import ModelStore
from edge.inference.runtime import Runner
from edge.types.faces import BgrImage, Embedding


def embed(analyser: FaceAnalyser, image: BgrImage) -> Embedding:
    face = analyser.subject(image)
    assert face is not None
    return analyser.embed(image, face)


def test_an_embedding_is_normalised_repeatable_and_the_callers_own(
    analyser: FaceAnalyser, astronaut: BgrImage
) -> None:
    first = embed(analyser, astronaut)
    assert first.shape == (analyser.dim,)
    assert first.dtype == np.float32
    assert np.linalg.norm(first) == pytest.approx(1, abs=1e-5)
    kept = first.copy()
    embed(analyser, cv2.GaussianBlur(astronaut, (0, 0), 3))
    assert np.array_equal(first, kept)
    assert np.array_equal(embed(analyser, astronaut), kept)


@pytest.mark.parametrize(
    "change",
    [
        lambda image: np.ascontiguousarray(image[:, ::-1]),
        lambda image: cv2.resize(image, None, fx=3, fy=3),
        lambda image: cv2.convertScaleAbs(image, alpha=0.6),
        lambda image: cv2.GaussianBlur(image, (0, 0), 1.0),
    ],
)
def test_the_same_face_in_other_circumstances_stays_near(
    analyser: FaceAnalyser, astronaut: BgrImage, change: object
) -> None:
    other = embed(analyser, change(astronaut))  # type: ignore[operator]
    assert float(embed(analyser, astronaut) @ other) > 0.85


def test_photographs_of_one_person_are_nearer_than_of_two(
    analyser: FaceAnalyser, lfw: list[list[Path]]
) -> None:
    people = lfw[:20]
    first = np.stack([embed(analyser, cv2.imread(str(photos[0]))) for photos in people])
    second = np.stack([embed(analyser, cv2.imread(str(photos[1]))) for photos in people])
    scores = first @ second.T
    same = np.diag(scores)
    others = scores[~np.eye(len(people), dtype=bool)]
    assert np.median(same) > 0.6
    assert others.max() < 0.55
    assert (scores.argmax(axis=1) == np.arange(len(people))).mean() >= 0.95


def test_one_dot_product_is_the_weighted_mean_of_the_networks_cosines(
    astronaut: BgrImage, models: Models
) -> None:
    store, aligner = ModelStore(), Aligner()

    def chain(*networks: tuple[str, float]) -> FusedEmbedder:
        parts = [Network(Runner(store.load(name)), weight) for name, weight in networks]
        return FusedEmbedder(parts, aligner=aligner, landmarks_id="mesh/1")

    both = chain(*CHAINS["fused"].networks)
    single = [chain((name, 1.0)) for name, _ in CHAINS["fused"].networks]
    blurred = cv2.GaussianBlur(astronaut, (0, 0), 4)
    marks = [
        models.landmarker.locate(image, models.detector.detect(image)[0]) for image in (astronaut, blurred)
    ]

    def cosine(embedder: FusedEmbedder) -> float:
        return float(embedder.embed(astronaut, marks[0]) @ embedder.embed(blurred, marks[1]))

    mean = sum(w * cosine(one) for one, (_, w) in zip(single, CHAINS["fused"].networks, strict=True))
    assert cosine(both) == pytest.approx(mean, abs=1e-5)
    assert both.dim == sum(one.dim for one in single)


def test_everything_that_changes_an_embedding_changes_the_chains_hash() -> None:
    store = ModelStore()

    def chain(weight: float = 1.0, mesh: str = "mesh/1") -> str:
        names = ["mobilefacenet"] if weight == 1.0 else ["mobilefacenet", "faceplugin-feature"]
        shares = [weight] if weight == 1.0 else [weight, 1 - weight]
        parts = [Network(Runner(store.load(n)), w) for n, w in zip(names, shares, strict=True)]
        return FusedEmbedder(parts, aligner=Aligner(), landmarks_id=mesh).model_hash

    hashes = [chain(), chain(mesh="mesh/2"), chain(0.6), chain(0.5)]
    assert len(set(hashes)) == len(hashes)
    assert chain() == hashes[0]
    assert all(len(one) == 64 for one in hashes)


@pytest.mark.parametrize("weights", [(), (0.5,), (0.7, 0.4)])
def test_weights_must_sum_to_one(weights: tuple[float, ...]) -> None:
    runner = Runner(ModelStore().load("mobilefacenet"))
    with pytest.raises(ModelError):
        FusedEmbedder([Network(runner, w) for w in weights], aligner=Aligner(), landmarks_id="mesh/1")


def test_a_network_for_another_size_is_refused() -> None:
    runner = Runner(ModelStore().load("face-mesh"))
    with pytest.raises(ModelError):
        FusedEmbedder([Network(runner, 1.0)], aligner=Aligner(), landmarks_id="mesh/1")


def test_old_and_new_chain_are_open_at_once_and_apart(astronaut: BgrImage) -> None:
    both = open_models(ModelStore(), InferenceConfig(chain="fused", previous_chain="mobilefacenet"))
    assert both.previous is not None
    assert both.previous.model_hash != both.embedder.model_hash
    marks = both.landmarker.locate(astronaut, both.detector.detect(astronaut)[0])
    new, old = both.embedder.embed(astronaut, marks), both.previous.embed(astronaut, marks)
    assert (new.size, old.size) == (both.embedder.dim, both.previous.dim)
    assert np.allclose(new[: old.size] / np.linalg.norm(new[: old.size]), old, atol=1e-5)
    both.close()


def test_a_chain_cannot_be_its_own_predecessor() -> None:
    with pytest.raises(ConfigError):
        open_models(ModelStore(), InferenceConfig(chain="fused", previous_chain="fused"))
