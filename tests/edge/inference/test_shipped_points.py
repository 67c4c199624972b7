"""The thresholds that ship are those of the chain that ships: otherwise no kiosk would recognise anybody."""

from edge.config import Config
from edge.inference.chain import Models
from edge.inference.models import SHIPPED_MODELS
from edge.inference.operating_point import FILE_NAME, choose, load


def test_the_default_chain_has_a_measured_threshold_at_the_default_fpir(models: Models):
    """After a change of the chain: scripts/operating-points FACES."""
    points = load(SHIPPED_MODELS / FILE_NAME)
    chosen = choose(
        points, model_hash=models.embedder.model_hash, max_fpir=Config().decision.max_fpir, gallery_people=250
    )
    assert chosen.supported
    assert 0.3 < chosen.score < 0.7


def test_no_threshold_of_a_chain_that_is_gone_ships(models: Models):
    points = load(SHIPPED_MODELS / FILE_NAME)
    assert {point.model_hash for point in points} == {models.embedder.model_hash}
