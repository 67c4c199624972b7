"""Presentations through the real pipeline with the shipped picture, and a seam of our own in its place."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.cli.main import main
from edge.config.tree import Config
from edge.errors import EvaluationError, ModelError
from edge.evaluation import liveness_run
from edge.evaluation.liveness_trial import Heard, Overheard, Response
from edge.evaluation.presentations import MARKER, read_attacks, read_bona_fide
from edge.inference.models import SHIPPED_MODELS, ModelStore
from edge.types.faces import Frame, Landmarks, TrackedFace
from edge.types.identity import PersonId, TrackId
from edge.types.verdicts import LivenessState, LivenessVerdict, Outcome, Verdict

FRAMES = 12


class BlueIsFake:
    """A seam that takes bluish frames for a screen, from the third frame of a track on."""

    def __init__(self) -> None:
        self._frames: dict[int, int] = {}
        self._said: dict[int, LivenessVerdict] = {}

    def judge(self, frame: Frame, face: TrackedFace, landmarks: Landmarks) -> LivenessVerdict:
        self._said[face.track_id] = self._look(frame, face)
        return self._said[face.track_id]

    def _look(self, frame: Frame, face: TrackedFace) -> LivenessVerdict:
        self._frames[face.track_id] = self._frames.get(face.track_id, 0) + 1
        blue = float(frame.image[..., 0].mean()) > float(frame.image[..., 2].mean())
        score = 0.1 if blue else 0.9
        if self._frames[face.track_id] < 3:
            return LivenessVerdict(LivenessState.UNDECIDED, "gathering", score)
        return LivenessVerdict(LivenessState.NOT_LIVE if blue else LivenessState.LIVE, "colour", score)

    def concerning(self, track_id: int, person_id: PersonId) -> LivenessVerdict:
        del person_id
        return self._said[track_id]

    def forget(self, track_id: int) -> None:
        self._frames.pop(track_id, None)

    def close(self) -> None:
        self._frames.clear()


def clip(folder: Path, *, blue: bool, empty: bool = False) -> None:
    picture = cv2.imread(str(SHIPPED_MODELS / "sample-face.jpg"))
    scale = 320 / picture.shape[1]
    picture = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    picture = picture[..., ::-1] if blue else picture
    picture = np.full_like(picture, 60) if empty else picture
    folder.mkdir(parents=True)
    for index in range(FRAMES):
        cv2.imwrite(str(folder / f"{index:03}.png"), np.ascontiguousarray(picture))


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("material")
    clip(root / "live" / "anna--1", blue=False)
    clip(root / "attacks" / "screen" / "anna--2", blue=True)
    clip(root / "attacks" / "nothing" / "anna--3", blue=False, empty=True)
    (root / MARKER).write_text('{"bench_version": "test"}')
    return root


def quiet(_what: str, _done: int, _total: int) -> None:
    """Nobody watches."""


def test_each_presentation_is_classified_and_recognised_as_the_daemon_would(material: Path):
    report, results = liveness_run.run(
        Config(),
        bona_fide=read_bona_fide([material / "live"]),
        attacks=read_attacks(material / "attacks"),
        gallery={},
        fps=15.0,
        thumbnails=True,
        progress=quiet,
        seam=lambda _config, _store: BlueIsFake(),
    )
    by_group = {r.presentation.group: r for r in results}
    assert by_group["live"].response is Response.BONA_FIDE
    assert by_group["live"].recorded
    assert by_group["live"].response_s == pytest.approx(2 / 15)
    assert by_group["screen"].response is Response.ATTACK
    assert not by_group["screen"].recorded
    assert (by_group["nothing"].response, by_group["nothing"].reason) == (Response.NONE, "no_face")
    assert by_group["live"].thumbnail is not None
    assert by_group["live"].thumbnail.shape[1] == 160
    assert report["clips"]["apcer"] == 0
    assert report["clips"]["bona_fide_recorded"]["recorded"] == 1
    assert report["clips"]["species"]["nothing"]["non_response_rate"] == 1


def test_without_liveness_the_attack_is_recorded_and_the_command_says_simulated(
    material: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    arguments = ["--live", str(material / "live"), "--attacks", str(material / "attacks")]
    failures = tmp_path / "failures"
    monkeypatch.setattr(
        "sys.argv",
        [
            "clockface",
            "evaluate",
            "liveness",
            *arguments,
            "--policy",
            "off",
            "--failures",
            str(failures),
            "--json",
        ],
    )
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    report = json.loads(capsys.readouterr().out)
    assert report["simulated"]
    assert report["material"] == {"bench_version": "test"}
    assert report["clips"]["species"]["screen"]["error_rate"] == 1
    assert report["clips"]["recorded"]["recorded"] == 1
    assert len(list(failures.glob("*.jpg"))) == report["failures_written"] == 1


def test_clips_without_any_face_are_refused(material: Path):
    nothing = [one for one in read_attacks(material / "attacks") if one.group == "nothing"]
    with pytest.raises(EvaluationError, match="no face was found"):
        liveness_run.run(
            Config(),
            bona_fide=nothing[:1],
            attacks=list(nothing),
            gallery={},
            fps=15.0,
            thumbnails=False,
            progress=quiet,
            seam=lambda _config, _store: BlueIsFake(),
        )


def test_an_unknown_policy_is_refused_with_those_that_there_are():
    with pytest.raises(EvaluationError, match="off"):
        liveness_run.with_policy(Config(), "trusting")


def test_pictures_against_clips_are_refused(material: Path, tmp_path: Path):
    (tmp_path / "live").mkdir()
    cv2.imwrite(str(tmp_path / "live" / "a.png"), np.zeros((8, 8, 3), np.uint8))
    with pytest.raises(EvaluationError, match="judged apart"):
        liveness_run.run(
            Config(),
            bona_fide=read_bona_fide([tmp_path / "live"]),
            attacks=read_attacks(material / "attacks"),
            gallery={},
            fps=15.0,
            thumbnails=False,
            progress=quiet,
        )


def test_a_refusal_of_the_pipeline_itself_is_a_response_and_the_end_of_time_is_none():
    overheard = Overheard(BlueIsFake(), timer=lambda: 0.0)
    undecided = LivenessVerdict(LivenessState.UNDECIDED, "challenge", 0.6)
    for reason, response in (("challenge_face_changed", True), ("liveness_undecided", False)):
        overheard.seen[7] = seen = Heard(undecided, first_seen_s=1.0, last_s=3.0)
        overheard.decided(Verdict(Outcome.NOT_LIVE, decided_s=3.0, track_id=TrackId(7), reason=reason))
        assert (seen.responded_s == 3.0) is response
        assert (seen.verdict.state is LivenessState.NOT_LIVE) is response


def test_an_answer_that_is_taken_back_is_no_response():
    seen = Heard(LivenessVerdict(LivenessState.UNDECIDED, "gathering"), first_seen_s=0.0, last_s=0.5)
    seen.note(LivenessVerdict(LivenessState.LIVE, "moves"))
    assert seen.responded_s == 0.5
    seen.note(LivenessVerdict(LivenessState.UNDECIDED, "challenge"))
    assert seen.responded_s is None


def test_a_track_that_the_pipeline_drops_undecided_opened_nothing():
    overheard = Overheard(BlueIsFake(), timer=lambda: 0.0)
    live = LivenessVerdict(LivenessState.LIVE, "moves", 0.9)
    overheard.seen = {track: Heard(live, first_seen_s=0.0, last_s=1.0) for track in (1, 2, 3)}
    overheard.forget(1)  # two people in it
    overheard.forget(2)
    overheard.decided(Verdict(Outcome.UNSURE, decided_s=1.0, track_id=TrackId(2), reason="left"))
    assert overheard.final() == [overheard.seen[2], overheard.seen[3]]


def test_without_its_models_the_seam_is_not_measured(tmp_path: Path) -> None:
    config = Config.model_validate({"liveness": {"policy": "passive_and_time"}})
    (tmp_path / "manifest.toml").write_bytes((SHIPPED_MODELS / "manifest.toml").read_bytes())
    with pytest.raises(ModelError):
        liveness_run.open_seam(config, ModelStore(tmp_path))
