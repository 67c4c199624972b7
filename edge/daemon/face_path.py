"""Everything that recognising a face needs: models, gallery, threshold, pipeline. It opens whole or not at all.

Templates come decrypted out of the ledger into the gallery's matrix and nowhere else.
"""

import itertools
from dataclasses import dataclass

from edge.config.tree import Config
from edge.inference import operating_point
from edge.inference.analyser import FaceAnalyser
from edge.inference.chain import Models, open_models
from edge.inference.gallery import Gallery
from edge.inference.liveness import open_liveness
from edge.inference.models import SHIPPED_MODELS, ModelStore
from edge.inference.pipeline import Recogniser, open_recogniser
from edge.ports import Liveness
from edge.store.store import Store
from edge.store.templates import TemplateSet
from edge.types.people import Template

_BATCH = 512


@dataclass(frozen=True, slots=True)
class FacePath:
    """The face path in service."""

    models: Models
    analyser: FaceAnalyser
    recogniser: Recogniser
    liveness: Liveness

    def close(self) -> None:
        """Free the models."""
        self.liveness.close()
        self.models.close()


def open_face_path(config: Config, store: Store) -> FacePath:
    """Verify and start the models, load the gallery, choose the measured threshold.

    Raises:
        ModelError: A model is missing, altered or cannot run, or no threshold was measured for it.
        StoreError: The templates cannot be read.
        SecretError: The face key does not open them.
    """
    if config.enrolment.outdated_consent == "stop":
        in_force = config.enrolment.consent_text_version
        store.templates.hold_back(lambda person: store.consents.outdated(person, in_force))
    folder = config.paths.models or SHIPPED_MODELS
    models_in = ModelStore(folder)
    models = open_models(models_in, config.inference)
    liveness = open_liveness(
        config.liveness, store=models_in, inference=config.inference, mirrored=config.camera.mirror
    )
    try:
        recogniser = open_recogniser(
            models,
            config,
            points=operating_point.load(folder / operating_point.FILE_NAME),
            liveness=liveness,
        )
        for model_hash, gallery in recogniser.galleries.items():
            _fill(gallery, store.templates.load_all(model_hash))
    except BaseException:
        liveness.close()
        models.close()
        raise
    return FacePath(models, FaceAnalyser(models, limits=config.quality), recogniser, liveness)


def _fill(gallery: Gallery, loaded: TemplateSet) -> None:
    """Add them some at a time: ten thousand at once would leave 3 MB of small holes in memory."""
    gallery.reserve(len(loaded.template_ids))
    rows = zip(loaded.template_ids, loaded.person_ids, loaded.matrix, strict=True)
    templates = (Template(one, person, gallery.model_hash, vector) for one, person, vector in rows)
    while batch := tuple(itertools.islice(templates, _BATCH)):
        gallery.add(batch)
