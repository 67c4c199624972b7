"""People move over from one real chain to the other: once, audited, with consent, in the gallery at once."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from edge.api.protocol.people import PersonProfile
from edge.config.tree import Config
from edge.daemon.moving import Mover
from edge.inference.analyser import FaceAnalyser
from edge.inference.chain import Models, open_models
from edge.inference.models import ModelStore
from edge.types.faces import Frame
from edge.types.identity import ModelHash, PersonId, TemplateId, TrackId
from edge.types.people import Consent, Template
from edge.types.verdicts import Outcome, Verdict
from tests.edge.daemon.kiosk import OPERATOR, TestKiosk, astronaut, new, open_kiosk, portrait, tilted


def configured(chain: str, previous: str) -> Config:
    return Config.model_validate(
        {
            "device": {"name": "kiosk", "site": "site"},
            "inference": {"chain": chain, "previous_chain": previous},
        }
    )


@pytest.fixture(
    scope="module",
    params=[("fused", "mobilefacenet"), ("mobilefacenet", "fused")],
    ids=lambda chains: f"to-{chains[0]}",
)
def both(request: pytest.FixtureRequest) -> Iterator[tuple[Config, Models]]:
    config = configured(*request.param)
    opened = open_models(ModelStore(), config.inference)
    yield config, opened
    opened.close()


@pytest.fixture
def moving(tmp_path: Path, both: tuple[Config, Models]) -> Iterator["Booth"]:
    config, models = both
    kiosk = open_kiosk(tmp_path, models, config)
    yield Booth(kiosk, models)
    kiosk.store.close()


class Booth:
    """A kiosk that was switched to another chain: Ada has a template of the one before only."""

    def __init__(self, kiosk: TestKiosk, models: Models) -> None:
        self.kiosk, self.store = kiosk, kiosk.store
        self.current, self.previous = kiosk.recogniser.galleries
        enrolled = kiosk.service.enrol_photo(new(), astronaut(), OPERATOR)
        self.ada = PersonId(enrolled.person.person_id)
        (added,) = self.store.templates.of_person(self.ada)
        self.store.templates.remove(added[0])
        kiosk.recogniser.removed(self.ada)
        assert models.previous is not None
        image = portrait()
        face = FaceAnalyser(models, limits=kiosk.config.quality).subject(image)
        assert face is not None
        old = models.previous.template(image, face.landmarks)
        template = Template(TemplateId("0" * 32), self.ada, self.previous, old)
        self.store.templates.add(template)
        kiosk.recogniser.galleries[self.previous].add([template])
        mover = kiosk.service.mover
        assert mover is not None
        self.mover: Mover = mover
        self.frames = 0

    def walk_up(self) -> Verdict:
        """Ada walks up, is recognised, and has left again."""
        found: list[Verdict] = []
        for _ in range(8):
            found += self._frame(tilted(float(self.frames % 3)))
        for _ in range(12):
            self._frame(np.full((600, 500, 3), 120, np.uint8))
        (verdict,) = found
        assert (verdict.outcome, verdict.person_id) == (Outcome.RECOGNISED, self.ada)
        return verdict

    def _frame(self, image: np.ndarray) -> list[Verdict]:
        scene = self.kiosk.recogniser.process(Frame(image, self.frames / 10, self.frames))
        self.frames += 1
        for verdict in scene.verdicts:
            self.mover(verdict)
        return list(scene.verdicts)

    @property
    def templates(self) -> list[ModelHash]:
        return [model_hash for _, model_hash in self.store.templates.of_person(self.ada)]

    @property
    def audited(self) -> list[tuple[str, str, str]]:
        entries = self.store.audit.list(after=0, limit=1000)
        return [(e.actor, e.action, e.subject) for e in entries if e.action.startswith("template.moved")]


def test_a_sure_recognition_moves_a_person_over_once_and_the_next_one_uses_it(moving: Booth) -> None:
    first = moving.walk_up()
    assert first.model_hash == moving.previous
    assert moving.templates == [moving.previous, moving.current]
    assert moving.ada in moving.kiosk.recogniser.galleries[moving.current]
    assert [(action, subject) for _, action, subject in moving.audited] == [("template.moved", moving.ada)]
    second = moving.walk_up()
    assert second.model_hash == moving.current
    assert moving.templates == [moving.previous, moving.current]
    assert len(moving.audited) == 1


def test_what_was_moved_stands_in_the_ledger_as_it_stands_in_the_gallery(moving: Booth) -> None:
    moving.walk_up()
    stored = moving.store.templates.load_all(moving.current)
    gallery = moving.kiosk.recogniser.galleries[moving.current]
    assert stored.person_ids == (moving.ada,)
    assert gallery.score_of(moving.ada, stored.matrix[0]) == pytest.approx(1.0, abs=1e-5)
    assert moving.store.verify().problems == ()


def test_consent_to_another_text_moves_nobody_and_attendance_goes_on(moving: Booth) -> None:
    now = moving.kiosk.clock.now().wall
    moving.store.consents.record(moving.ada, Consent("0", "en", now, "paper", "operator"))
    assert moving.walk_up().model_hash == moving.previous
    assert moving.templates == [moving.previous]
    assert moving.audited == []


@pytest.mark.parametrize("change", ["disabled", "withdrawn", "removed"])
def test_who_was_disabled_or_withdrew_since_the_frame_was_matched_does_not_move(
    moving: Booth, change: str
) -> None:
    mover, moving.mover = moving.mover, lambda verdict: None  # type: ignore[assignment]
    found: list[Verdict] = []
    while not found:
        found = moving._frame(tilted(float(moving.frames % 3)))
        assert moving.frames < 20
    if change == "disabled":
        moving.store.people.set_enabled(moving.ada, False)
    elif change == "withdrawn":
        moving.store.consents.withdraw(moving.ada)
    else:
        moving.store.people.remove(moving.ada)
    mover(found[0])
    assert moving.current not in moving.templates
    assert moving.ada not in moving.kiosk.recogniser.galleries[moving.current]


def test_a_face_that_is_somebody_elses_in_the_current_chain_moves_nobody(moving: Booth) -> None:
    other = PersonProfile(name="Somebody Else", number="7")
    twin = PersonId(moving.kiosk.service.add_person(other, OPERATOR).person_id)
    moving.store.consents.record(twin, Consent("1", "en", moving.kiosk.clock.now().wall, "paper", "operator"))
    verdict = Verdict(Outcome.RECOGNISED, 1.0, TrackId(1), person_id=moving.ada, model_hash=moving.previous)
    face = np.zeros(moving.kiosk.recogniser.galleries[moving.current].dim, np.float32)
    face[0] = 1
    moving.kiosk.recogniser.galleries[moving.current].add(
        [Template(TemplateId("1" * 32), twin, moving.current, face)]
    )
    moving.kiosk.recogniser.take_move = lambda track_id: face  # type: ignore[method-assign]
    moving.mover(verdict)
    assert moving.templates == [moving.previous]


def test_a_ledger_that_fails_keeps_the_previous_chain_and_raises_nothing(moving: Booth) -> None:
    mover, moving.mover = moving.mover, lambda verdict: None  # type: ignore[assignment]
    found: list[Verdict] = []
    while not found:
        found = moving._frame(tilted(float(moving.frames % 3)))
        assert moving.frames < 20
    moving.store.close()
    mover(found[0])
    assert moving.ada not in moving.kiosk.recogniser.galleries[moving.current]


def test_with_one_chain_there_is_nobody_to_move(kiosk: TestKiosk) -> None:
    assert kiosk.service.mover is None
