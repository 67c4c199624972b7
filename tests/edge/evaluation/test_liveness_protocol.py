"""The site's own protocol: through the command, a recording as camera, and what its report may hold."""

import io
import json
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.cli.main import main
from edge.errors import EvaluationError
from edge.evaluation.liveness_protocol import (
    BONA_FIDE,
    Record,
    Row,
    read_record,
    report_of,
    window_of,
    write_record,
)
from edge.evaluation.liveness_trial import Response
from edge.inference.models import SHIPPED_MODELS
from edge.types.identity import ModelHash

CHAIN = ModelHash("a" * 64)
NOW = datetime(2026, 3, 2, 8, tzinfo=UTC)


def row(group: str, *, person: int, response: Response = Response.ATTACK, recorded: bool = False) -> Row:
    return Row(
        group=group,
        person=person,
        response=response,
        reason="flat_motion",
        score=0.2,
        recorded=recorded,
        frames=20,
        response_s=0.8,
        judge_s=0.02,
    )


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A person who stands there for ever, as pictures."""
    folder = tmp_path_factory.mktemp("recording")
    picture = cv2.imread(str(SHIPPED_MODELS / "sample-face.jpg"))
    scale = 320 / picture.shape[1]
    for index in range(4):
        cv2.imwrite(str(folder / f"{index}.png"), cv2.resize(picture, None, fx=scale, fy=scale))
    return folder


class Kiosk:
    """Runs the command with typed answers, the recording in place of the camera."""

    def __init__(self, folder: Path, recording: Path, patch: pytest.MonkeyPatch) -> None:
        self.report, self._patch = folder / "report.json", patch
        self._config = folder / "clockface.toml"
        self.configure(recording, loop=True)

    def configure(self, recording: Path, *, loop: bool) -> None:
        self._config.write_text(
            f'[camera]\nsource = "replay"\nreplay_path = "{recording}"\nreplay_pace = "fast"\nfps = 15\n'
            f"replay_loop = {str(loop).lower()}\n"
            f'[paths]\nrun = "{self.report.parent}"\n[liveness]\npolicy = "off"\n',
            encoding="utf-8",
        )

    def __call__(self, *arguments: str, answers: str) -> int:
        asked = ["evaluate", "protocol", "--report", str(self.report), *arguments]
        self._patch.setattr("sys.argv", ["clockface", "--config", str(self._config), *asked])
        self._patch.setattr("sys.stdin", io.StringIO(answers))
        with pytest.raises(SystemExit) as ended:
            main()
        return int(ended.value.code or 0)


@pytest.fixture
def kiosk(tmp_path: Path, recording: Path, monkeypatch: pytest.MonkeyPatch) -> Kiosk:
    return Kiosk(tmp_path, recording, monkeypatch)


def test_testers_add_up_in_one_report_without_a_picture_or_a_name(
    kiosk: Kiosk, capsys: pytest.CaptureFixture[str]
):
    asked = ("--times", "2", "--only", BONA_FIDE, "--only", "print", "--only", "mask")
    assert kiosk(*asked, answers="\n" + "\n\n" + "\n" + "s\n" + "q\n") == 0
    first = capsys.readouterr().out
    assert "RECORDED" in first
    assert "simulated" in first
    assert kiosk(*asked, answers="\n" * 20) == 0
    held = json.loads(kiosk.report.read_text())
    tried = [(each["person"], each["group"]) for each in held["rows"]]
    assert tried == [
        (1, BONA_FIDE),
        (1, BONA_FIDE),
        (1, "print"),
        *[(2, group) for group in (BONA_FIDE, "print", "mask") for _ in range(2)],
    ]
    assert all(each["recorded"] and each["response"] == "bona_fide" for each in held["rows"])
    assert [path.name for path in kiosk.report.parent.iterdir() if path.suffix in {".jpg", ".png"}] == []
    assert kiosk.report.stat().st_mode & 0o777 == 0o600


def test_a_report_of_another_policy_is_not_added_to(tmp_path: Path):
    path = tmp_path / "report.json"
    write_record(path, Record(policy="passive", chain=CHAIN, begun=NOW, rows=(row("print", person=1),)))
    assert read_record(path, policy="passive", chain=CHAIN, now=NOW).people == 1
    with pytest.raises(EvaluationError, match="cannot be added up"):
        read_record(path, policy="off", chain=CHAIN, now=NOW)


@pytest.mark.parametrize("text", ["", "{}", '{"policy": "off", "chain": "a", "begun": "now", "rows": [{}]}'])
def test_a_file_that_is_no_report_is_left_alone(tmp_path: Path, text: str):
    path = tmp_path / "report.json"
    path.write_text(text)
    with pytest.raises(EvaluationError, match="no report"):
        read_record(path, policy="off", chain=CHAIN, now=NOW)
    assert path.read_text() == text


def test_rates_wait_for_both_kinds_and_count_people():
    record = Record(policy="passive", chain=CHAIN, begun=NOW, rows=(row("print", person=1),))
    assert report_of(record) is None
    living = row(BONA_FIDE, person=1, response=Response.BONA_FIDE, recorded=True)
    report = report_of(record.with_rows([living, row("print", person=1, response=Response.BONA_FIDE)]))
    assert report is not None
    assert report["apcer"] == 0.5
    assert report["species"]["print"]["people"] == 1


def test_a_protocol_without_a_camera_says_so(kiosk: Kiosk, capsys: pytest.CaptureFixture[str], tmp_path: Path):
    empty = tmp_path / "empty"
    empty.mkdir()
    cv2.imwrite(str(empty / "0.png"), np.full((240, 320, 3), 60, np.uint8))
    kiosk.configure(empty, loop=False)
    assert kiosk(answers="\n") == EvaluationError.exit_code
    assert "no pictures" in capsys.readouterr().err
    assert not kiosk.report.exists()


def test_an_unknown_kind_is_refused_with_those_that_there_are(kiosk: Kiosk, capsys: pytest.CaptureFixture[str]):
    assert kiosk("--only", "hologram", answers="") == EvaluationError.exit_code
    assert "phone-video" in capsys.readouterr().err


def test_what_the_kiosk_asks_for_is_passed_on_to_the_tester(
    kiosk: Kiosk, capsys: pytest.CaptureFixture[str], recording: Path, tmp_path: Path
):
    far = tmp_path / "far"
    far.mkdir()
    picture = cv2.imread(str(recording / "0.png"))
    small = cv2.resize(picture, None, fx=0.7, fy=0.7, interpolation=cv2.INTER_AREA)
    canvas = cv2.copyMakeBorder(small, 8, 8, 8, 8, cv2.BORDER_REPLICATE)
    for index in range(12):  # near, to be known by, and then far
        cv2.imwrite(str(far / f"{index:02}.png"), picture if index < 3 else canvas)
    kiosk.configure(far, loop=True)
    kiosk("--times", "1", "--only", "print", answers="\n\n")
    assert "the kiosk asks: come closer" in capsys.readouterr().out


def test_a_policy_that_asks_gives_the_tester_time_to_answer():
    assert window_of("challenge_always") > window_of("passive_and_time") + 10
