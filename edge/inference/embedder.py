"""Turns an aligned face into one embedding: by one or two networks, for a template also on its mirror image.

Two networks that err differently are worth more than a better one (docs/accuracy.md). Their vectors are joined
so that one dot product is the weighted mean of their cosines. What comes out is biometric data: never log it.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.errors import ModelError
from edge.inference.alignment import ALIGNMENT, CROP_PX, Aligner
from edge.inference.runtime import Runner
from edge.types.faces import BgrImage, Embedding, Landmarks
from edge.types.identity import ModelHash


@dataclass(frozen=True, slots=True)
class Network:
    """One network of an embedder.

    Args:
        runner: A loaded model of role "embedder" that takes 112x112.
        weight: Its share of the score; the shares of an embedder sum to 1.
    """

    runner: Runner
    weight: float


class FusedEmbedder:
    """The embedder of one recognition chain.

    Args:
        networks: At least one; their weights sum to 1.
        aligner: May be shared with quality and with the other chain's embedder: then a face is warped once.
        landmarks_id: Names the landmark model and how it is used, for the chain's hash.

    Raises:
        ModelError: The weights do not sum to 1, or a network takes another size than the aligned crop's.
    """

    def __init__(
        self,
        networks: Sequence[Network],
        *,
        aligner: Aligner,
        landmarks_id: str,
    ) -> None:
        if not networks or abs(sum(network.weight for network in networks) - 1) > 1e-6:
            raise ModelError("the weights of an embedder's networks must sum to 1")
        for network in networks:
            if network.runner.spec.input.shape[1:3] != (CROP_PX, CROP_PX):
                raise ModelError(f"{network.runner.spec.name} does not take a {CROP_PX}x{CROP_PX} face")
        self._networks = tuple(networks)
        self._shares = [np.float32(network.weight**0.5) for network in networks]
        self._aligner = aligner
        self._mirror = np.zeros((CROP_PX, CROP_PX, 3), np.uint8)
        self._dim = sum(network.runner.spec.outputs[0].shape[-1] for network in networks)
        self._last: tuple[BgrImage, Landmarks, list[Embedding]] | None = None
        self._hash = self._identify(landmarks_id)

    @property
    def model_hash(self) -> ModelHash:
        """SHA-256 of everything that must be equal for two embeddings to be comparable."""
        return self._hash

    @property
    def dim(self) -> int:
        """Length of the embedding."""
        return self._dim

    def embed(self, image: BgrImage, landmarks: Landmarks) -> Embedding:
        """Align the face and embed it, as a probe: (dim,) float32, L2-normalised, owned by the caller.

        Raises:
            ModelError: A network gave values that are not finite, or nothing at all.
        """
        return self._join(self._face_views(image, landmarks))

    def template(self, image: BgrImage, landmarks: Landmarks) -> Embedding:
        """Embed the face and its mirror image, as a template: for each network the mean of the two directions.

        Costs twice a probe, once in a person's life; straight after `embed` of the same face only the mirror
        is run.

        Raises:
            ModelError: As for `embed`.
        """
        views = self._face_views(image, landmarks)
        cv2.flip(self._aligner.crop(image, landmarks), 1, dst=self._mirror)
        both = [_unit(view + self._run(n, self._mirror)) for n, view in zip(self._networks, views, strict=True)]
        return self._join(both)

    def close(self) -> None:
        """Free the models."""
        for network in self._networks:
            network.runner.close()

    def _face_views(self, image: BgrImage, landmarks: Landmarks) -> list[Embedding]:
        """The face in each network, L2-normalised; kept until another face is asked for."""
        if self._last is None or self._last[0] is not image or self._last[1] is not landmarks:
            crop = self._aligner.crop(image, landmarks)
            self._last = (image, landmarks, [self._run(network, crop) for network in self._networks])
        return self._last[2]

    def _run(self, network: Network, crop: BgrImage) -> Embedding:
        network.runner.load_image(crop)
        return _unit(network.runner.run()[0].reshape(-1))

    def _join(self, views: list[Embedding]) -> Embedding:
        """One vector whose dot product with another is the weighted mean of the networks' cosines."""
        return np.concatenate([view * share for share, view in zip(self._shares, views, strict=True)])

    def _identify(self, landmarks_id: str) -> ModelHash:
        recipe: dict[str, Any] = {
            "landmarks": landmarks_id,
            "alignment": ALIGNMENT,
            "networks": [[n.runner.spec.model_hash, round(n.weight, 6)] for n in self._networks],
            "views": {"probe": ["face"], "template": ["face", "mirror"]},
        }
        canonical = json.dumps(recipe, sort_keys=True, separators=(",", ":"))
        return ModelHash(hashlib.sha256(canonical.encode()).hexdigest())


def _unit(vector: NDArray[np.float32]) -> Embedding:
    """A copy of length 1."""
    length = float(np.sqrt(vector @ vector))
    if not 1e-12 < length < 1e12:  # catches NaN too
        raise ModelError("an embedder gave no usable vector", next_step="clockface models verify")
    return vector * np.float32(1 / length)
