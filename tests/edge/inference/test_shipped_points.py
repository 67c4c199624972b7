"""The thresholds that ship are those of the chains that ship: otherwise a kiosk would recognise nobody.

After a change of models, landmarks, alignment or views: scripts/operating-points FACES.
"""

import pytest

from edge.config.tree import Config
from edge.inference.chain import CHAINS, open_models
from edge.inference.models import SHIPPED_MODELS, ModelStore
from edge.inference.operating_point import FILE_NAME, choose, load
from edge.types.identity import ModelHash


@pytest.fixture(scope="module")
def hashes() -> dict[str, ModelHash]:
    """The hash of each chain that can be configured."""
    found = {}
    for chain in CHAINS:
        models = open_models(ModelStore(), Config.model_validate({"inference": {"chain": chain}}).inference)
        found[chain] = models.embedder.model_hash
        models.close()
    return found


@pytest.mark.parametrize("chain", CHAINS)
def test_every_chain_has_a_measured_threshold_at_the_default_fpir(chain, hashes):
    points = load(SHIPPED_MODELS / FILE_NAME)
    chosen = choose(points, model_hash=hashes[chain], max_fpir=Config().decision.max_fpir, gallery_people=250)
    assert chosen.supported
    assert 0.3 < chosen.score < 0.7


def test_no_threshold_of_a_chain_that_is_gone_ships(hashes):
    points = load(SHIPPED_MODELS / FILE_NAME)
    assert {point.model_hash for point in points} == set(hashes.values())
