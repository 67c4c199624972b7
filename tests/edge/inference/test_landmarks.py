import cv2
import numpy as np
import pytest

from edge.errors import ModelContractBroken
from edge.inference.chain import Models
from edge.inference.landmarks import MeshLandmarker, PointRegressor, five_points
from edge.inference.models import ModelStore
from edge.inference.runtime import Runner
from edge.types.faces import BgrImage, Landmarks


def locate(models: Models, image: BgrImage) -> Landmarks:
    return models.landmarker.locate(image, models.detector.detect(image)[0])


def test_the_five_points_lie_where_a_person_sees_them(models: Models, astronaut: BgrImage) -> None:
    found = locate(models, astronaut)
    seen = [(204, 103), (246, 104), (224, 126), (201, 140), (246, 142)]
    assert np.abs(found.five - np.array(seen)).max() < 5
    assert found.presence > 0.999
    assert found.mesh is not None
    assert found.mesh.shape == (468, 3)
    assert found.five.dtype == found.mesh.dtype == np.float32


@pytest.mark.parametrize("degrees", [-40, -20, 20, 40])
def test_points_turn_with_the_picture(models: Models, astronaut: BgrImage, degrees: float) -> None:
    upright = locate(models, astronaut)
    matrix = cv2.getRotationMatrix2D((228, 130), degrees, 1.0)
    turned = locate(models, cv2.warpAffine(astronaut, matrix, (512, 512), borderMode=cv2.BORDER_REPLICATE))
    expected = upright.five @ matrix[:, :2].T + matrix[:, 2]
    assert np.abs(turned.five - expected).max() < 4.5


@pytest.mark.parametrize("scale", [0.5, 2.0, 6.0])
def test_points_grow_with_the_picture(models: Models, astronaut: BgrImage, scale: float) -> None:
    upright = locate(models, astronaut)
    grown = locate(models, cv2.resize(astronaut, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA))
    assert np.abs(grown.five / scale - upright.five).max() < 2.5
    assert grown.mesh is not None
    assert upright.mesh is not None
    assert np.abs(grown.mesh[:, 2] / scale - upright.mesh[:, 2]).max() < 5


def test_a_mirrored_face_has_mirrored_points(models: Models, astronaut: BgrImage) -> None:
    upright, mirrored = locate(models, astronaut), locate(models, np.ascontiguousarray(astronaut[:, ::-1]))
    back = mirrored.five[[1, 0, 2, 4, 3]] * (-1, 1) + (512, 0)
    assert np.abs(back - upright.five).max() < 4


def test_a_square_that_shows_no_face_has_no_presence(models: Models, astronaut: BgrImage) -> None:
    face = models.detector.detect(astronaut)[0]
    assert models.landmarker.locate(np.full_like(astronaut, 90), face).presence < 0.5


def test_a_second_pass_gives_nearly_the_same_points(models: Models, astronaut: BgrImage) -> None:
    twice = MeshLandmarker(Runner(ModelStore().load("face-mesh")), passes=2)
    face = models.detector.detect(astronaut)[0]
    assert np.abs(twice.locate(astronaut, face).five - locate(models, astronaut).five).max() < 3
    twice.close()


def test_the_second_opinion_agrees_with_the_mesh(models: Models, astronaut: BgrImage) -> None:
    """O-Net's points lie on the same parts, also of a tilted face: no axis is exchanged, nothing is shifted."""
    points = PointRegressor(Runner(ModelStore().load("face-points")))
    for degrees in (0, 30, -30):
        matrix = cv2.getRotationMatrix2D((228, 130), degrees, 1.0)
        image = cv2.warpAffine(astronaut, matrix, (512, 512), borderMode=cv2.BORDER_REPLICATE)
        found = locate(models, image)
        assert found.mesh is not None
        opinion = points.five(image, found.mesh, mesh_five=five_points(found.mesh))
        assert np.abs(opinion - five_points(found.mesh)).max() < 8
        assert np.allclose(found.five, (opinion + five_points(found.mesh)) / 2, atol=1)
    points.close()


def test_a_model_without_five_points_is_no_second_opinion() -> None:
    with pytest.raises(ModelContractBroken):
        PointRegressor(Runner(ModelStore().load("face-mesh")))


def test_another_model_is_no_mesh() -> None:
    with pytest.raises(ModelContractBroken):
        MeshLandmarker(Runner(ModelStore().load("mobilefacenet")))
