"""`clockface evaluate` and `clockface bench` through the real command, real models and real faces."""

import csv
import json
import shutil
from pathlib import Path

import pytest

from edge.cli.main import main
from edge.inference import operating_point
from edge.inference.models import SHIPPED_MODELS

FACES = Path(__file__).resolve().parents[3].parent / "shared" / "faces" / "lfw-dev"


@pytest.fixture
def people() -> list[list[Path]]:
    """A list of photographs a person, for people with two or more."""
    if not FACES.is_dir():
        pytest.skip("../shared/faces/lfw-dev is not here")
    several = (sorted(folder.iterdir()) for folder in sorted(FACES.iterdir()))
    return [photos for photos in several if len(photos) > 1][:8]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """The settings as they ship, but with models of our own to write thresholds beside."""
    models = tmp_path / "models"
    shutil.copytree(SHIPPED_MODELS, models, ignore=shutil.ignore_patterns("operating-points.toml"))
    path = tmp_path / "clockface.toml"
    path.write_text(f'[paths]\nmodels = "{models}"\n', encoding="utf-8")
    return path


class Command:
    """Runs the command in this process, as `main` does."""

    def __init__(self, config: Path, capsys: pytest.CaptureFixture[str], patch: pytest.MonkeyPatch) -> None:
        self.config = config
        self.capsys = capsys
        self.patch = patch

    def __call__(self, *arguments: str) -> tuple[int, str, str]:
        self.patch.setattr("sys.argv", ["clockface", "--config", str(self.config), *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = self.capsys.readouterr()
        return int(ended.value.code or 0), out, err


@pytest.fixture
def clockface(config: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    return Command(config, capsys, monkeypatch)


def folders(root: Path, people: list[list[Path]]) -> list[str]:
    """Gallery, probes and, of the last people, strangers, as links."""
    for index, photos in enumerate(people):
        stranger = index >= len(people) - 3
        kinds = ["strangers"] if stranger else ["gallery", "probes"]
        for kind, photo in zip(kinds, photos, strict=False):
            folder = root / kind / f"person-{index}"
            folder.mkdir(parents=True)
            (folder / photo.name).symlink_to(photo)
    return [part for kind in ("gallery", "probes", "strangers") for part in (f"--{kind}", str(root / kind))]


def test_pairs_of_real_faces_are_verified(clockface: Command, people: list[list[Path]], tmp_path: Path):
    listed = tmp_path / "pairs.csv"
    with listed.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["file_a", "file_b", "same"])
        for mine, other in zip(people, people[1:] + people[:1], strict=True):
            rows.writerow([mine[0].relative_to(FACES), mine[1].relative_to(FACES), 1])
            rows.writerow([mine[0].relative_to(FACES), other[1].relative_to(FACES), 0])
    code, out, _ = clockface("evaluate", "verify", "--images", str(FACES), "--pairs", str(listed), "--json")
    report = json.loads(out)
    assert code == 0
    assert report["acquisition"]["failed_to_acquire"] == 0
    assert report["accuracy"] >= 0.9
    assert report["accuracy_low"] < report["accuracy"]  # so few people say little, and the interval says so


def test_people_are_identified_and_a_small_sample_carries_no_threshold(
    clockface: Command, people: list[list[Path]], tmp_path: Path, config: Path
):
    asked = folders(tmp_path, people)
    code, out, _ = clockface("evaluate", "identify", *asked, "--json")
    report = json.loads(out)
    assert code == 0
    assert (report["enrolled"], report["strangers"], report["rank_1"]) == (5, 3, 1.0)
    assert not any(row["supported"] for row in report["operating_points"])
    code, _, err = clockface("evaluate", "identify", *asked, "--write")
    assert code == 80
    assert "nothing was written" in err
    assert not (tmp_path / "models" / operating_point.FILE_NAME).exists()


def test_a_supported_threshold_is_written_for_the_daemon(
    clockface: Command, people: list[list[Path]], tmp_path: Path
):
    """Thirty strangers carry an FPIR of 10 %, and no rarer one."""
    asked = folders(tmp_path, people)
    strangers = [folder for folder in sorted(FACES.iterdir()) if len(list(folder.iterdir())) == 1][:27]
    for folder in strangers:
        (tmp_path / "strangers" / folder.name).symlink_to(folder)
    code, out, _ = clockface("evaluate", "identify", *asked, "--write", "--json")
    assert code == 0
    assert json.loads(out)["written"] == [0.1]
    (point,) = operating_point.load(tmp_path / "models" / operating_point.FILE_NAME)
    assert (point.fpir, point.gallery_people, point.strangers) == (0.1, 5, 30)
    assert 0.1 < point.threshold < 0.7


def test_the_bench_measures_every_stage_against_the_bare_models(clockface: Command):
    code, out, _ = clockface("bench", "--frames", "20", "--templates", "500", "--no-daemon", "--json")
    report = json.loads(out)
    assert code == 0
    stages = report["pipeline"]["stages"]
    assert {"detect", "landmarks", "quality", "embed", "match", "decide"} <= stages.keys()
    assert 1 < report["pipeline"]["ratio_core_median"] < 3
    assert report["pipeline"]["ratio_median"] > 0
    assert (report["pipeline"]["liveness"], len(report["pipeline"]["models"])) == ("off", 5)
    live = report["pipeline_with_liveness"]
    assert (live["liveness"], live["models"][-1]) == ("passive_and_time", "faceplugin-liveness")
    assert live["stages"]["liveness"]["median_ms"] > stages["liveness"]["median_ms"]
    assert [row["templates"] for row in report["search"]] == [1_000, 10_000, 50_000, 100_000]
    assert report["machine"]["processor"]


def test_a_picture_without_a_face_cannot_be_a_bench(clockface: Command, tmp_path: Path):
    import cv2
    import numpy as np

    cv2.imwrite(str(tmp_path / "grey.png"), np.full((480, 640, 3), 90, np.uint8))
    code, _, err = clockface("bench", "--frames", "20", "--no-daemon", "--image", str(tmp_path / "grey.png"))
    assert code == 80
    assert "--image" in err
