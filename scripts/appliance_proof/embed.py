"""Prints what the configured models make of pictures: boxes and embeddings, as JSON. Runs on both machines."""

import json
import sys
from pathlib import Path

import cv2
import numpy as np

from edge.config.recognition import InferenceConfig, QualityConfig
from edge.inference.analyser import FaceAnalyser
from edge.inference.chain import open_models
from edge.inference.models import SHIPPED_MODELS, ModelStore

models = open_models(ModelStore(SHIPPED_MODELS), InferenceConfig())
analyser = FaceAnalyser(models, limits=QualityConfig())
found = {}
for name in sys.argv[1:]:
    image = np.asarray(cv2.imread(name), dtype=np.uint8)
    face = analyser.subject(image)
    if face is None:
        raise SystemExit(f"no face in {name}")
    for suffix, vector in (
        ("probe", analyser.embed(image, face)),
        ("template", analyser.template(image, face)),
    ):
        found[f"{Path(name).name} {suffix}"] = [float(value) for value in vector]
models.close()
print(json.dumps(found))
