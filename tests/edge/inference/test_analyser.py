import numpy as np
import pytest

from edge.inference.analyser import FaceAnalyser, portrayed
from edge.types.faces import BgrImage
from tests.edge.inference.given import face_at


def test_a_picture_without_a_face_has_no_subject(analyser: FaceAnalyser) -> None:
    assert analyser.subject(np.full((480, 640, 3), 120, np.uint8)) is None


def test_a_portrait_is_of_the_large_face_near_the_centre() -> None:
    shape = (480, 640, 3)
    subject, bystander = face_at(320, 240, width=100), face_at(80, 240, width=120)
    assert portrayed((bystander, subject), shape) is subject
    nearby = face_at(300, 240, width=40)
    assert portrayed((nearby, subject), shape) is subject


def test_a_template_is_close_to_its_probe_but_made_of_both_views(
    analyser: FaceAnalyser, astronaut: BgrImage
) -> None:
    face = analyser.subject(astronaut)
    assert face is not None
    probe, template = analyser.embed(astronaut, face), analyser.template(astronaut, face)
    assert template.shape == probe.shape
    assert float(np.linalg.norm(template)) == pytest.approx(1, abs=1e-5)
    assert 0.9 < float(probe @ template) < 0.9999
    assert np.array_equal(analyser.embed(astronaut, face), probe)
    mirrored = np.ascontiguousarray(astronaut[:, ::-1])
    other = analyser.subject(mirrored)
    assert other is not None
    assert float(analyser.template(mirrored, other) @ template) > 0.985
