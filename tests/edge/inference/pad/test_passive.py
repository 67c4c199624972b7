"""The passive network's crop and its answer, on the shipped model."""

import numpy as np
import pytest

from edge.errors import ModelContractBroken
from edge.inference.models import ModelStore
from edge.inference.pad.passive import MODEL, PassiveNetwork
from edge.inference.runtime import Runner
from edge.types.faces import BgrImage, Box

BOXES = (Box(300, 60, 180, 180), Box(-60, -40, 120, 150), Box(600, 440, 90, 90), Box(0, 0, 640, 480))


@pytest.fixture(scope="module")
def network() -> PassiveNetwork:
    return PassiveNetwork(Runner(ModelStore().load(MODEL)))


@pytest.mark.parametrize("box", [*BOXES, Box(10, 10, 0, 0), Box(-900, 900, 5, 5)])
def test_a_box_anywhere_gives_a_finite_answer(network: PassiveNetwork, box: Box) -> None:
    image = np.random.default_rng(0).integers(0, 256, (480, 640, 3), np.uint8)
    assert np.isfinite(network.log_odds(image, box))


def test_a_picture_as_small_as_one_pixel_is_looked_at(network: PassiveNetwork) -> None:
    assert np.isfinite(network.log_odds(np.zeros((1, 1, 3), np.uint8), Box(0, 0, 1, 1)))


def test_a_photograph_of_a_person_looks_more_alive_than_its_dull_print_on_a_card(
    network: PassiveNetwork, astronaut: BgrImage
) -> None:
    box = Box(170, 80, 110, 110)
    card = np.full_like(astronaut, 235)
    card[20:400, 60:400] = (astronaut[20:400, 60:400] * 0.5 + 60).astype(np.uint8)
    assert network.log_odds(astronaut, box) > network.log_odds(card, box)


def test_a_model_with_other_outputs_is_refused() -> None:
    with pytest.raises(ModelContractBroken, match="no liveness network"):
        PassiveNetwork(Runner(ModelStore().load("face-points")))
