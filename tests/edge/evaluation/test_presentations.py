"""Folders of presentations: what counts as one, whose it is, and what is refused."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.errors import EvaluationError
from edge.evaluation.presentations import MARKER, Kind, check, read_attacks, read_bona_fide, read_marker


def picture(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full((24, 32, 3), 90, np.uint8))
    return path


def clip(folder: Path, frames: int = 8) -> Path:
    for index in range(frames):
        picture(folder / f"frame-{index:03}.png")
    return folder


def test_numbered_pictures_of_one_folder_are_one_clip(tmp_path: Path):
    clip(tmp_path / "live" / "anna--1")
    (one,) = read_bona_fide([tmp_path / "live"])
    assert (one.kind, one.person, one.group) == (Kind.CLIP, "anna", "live")


def test_a_few_pictures_of_one_folder_are_pictures_of_one_person(tmp_path: Path):
    for name in ("a_1.jpg", "a_2.jpg", "a_3.jpg"):
        picture(tmp_path / "live" / "anna" / name)
    presentations = read_bona_fide([tmp_path / "live"])
    assert {one.kind for one in presentations} == {Kind.IMAGE}
    assert {one.person for one in presentations} == {"anna"}
    assert len(presentations) == 3


def test_a_gap_in_the_numbers_makes_pictures_of_them(tmp_path: Path):
    folder = clip(tmp_path / "live" / "anna", frames=9)
    (folder / "frame-004.png").unlink()
    assert len(read_bona_fide([tmp_path / "live"])) == 8


def test_files_without_a_person_are_people_of_their_own(tmp_path: Path):
    picture(tmp_path / "attacks" / "print" / "1.png")
    picture(tmp_path / "attacks" / "phone" / "1.png")
    presentations = read_attacks(tmp_path / "attacks")
    assert [one.group for one in presentations] == ["phone", "print"]
    assert len({one.person for one in presentations}) == 2


def test_a_note_says_from_when_on_a_clip_is_an_attack(tmp_path: Path):
    video = tmp_path / "attacks" / "swap" / "anna--1.avi"
    video.parent.mkdir(parents=True)
    video.write_bytes(b"")
    video.with_suffix(".json").write_text(json.dumps({"attack_from_s": 1.5}))
    (one,) = read_attacks(tmp_path / "attacks")
    assert one.attack_from_s == 1.5
    video.with_suffix(".json").write_text(json.dumps({"attack_from": 1.5}))
    with pytest.raises(EvaluationError, match="attack_from_s"):
        read_attacks(tmp_path / "attacks")


def test_empty_and_missing_folders_are_refused(tmp_path: Path):
    (tmp_path / "live").mkdir()
    with pytest.raises(EvaluationError, match="no presentation found"):
        read_bona_fide([tmp_path / "live"])
    with pytest.raises(EvaluationError, match="no such folder"):
        read_bona_fide([tmp_path / "elsewhere"])
    with pytest.raises(EvaluationError, match="no attack found"):
        read_attacks(tmp_path / "live")


def test_an_attack_without_a_species_is_refused(tmp_path: Path):
    picture(tmp_path / "attacks" / "1.png")
    with pytest.raises(EvaluationError, match="outside a species' folder"):
        read_attacks(tmp_path / "attacks")


@pytest.mark.parametrize("name", ["broken.avi", "broken.png"])
def test_a_file_that_cannot_be_decoded_is_named_before_the_work(name: str, tmp_path: Path):
    (tmp_path / "live").mkdir()
    (tmp_path / "live" / name).write_bytes(b"not a picture")
    with pytest.raises(EvaluationError, match=r"broken|cannot be read|decoded") as refused:
        check(read_bona_fide([tmp_path / "live"]))
    assert name in str(refused.value)


def test_the_marker_of_simulated_material_is_found_above_a_folder(tmp_path: Path):
    folder = clip(tmp_path / "bench" / "live" / "anna")
    assert read_marker([folder.parent]) is None
    (tmp_path / "bench" / MARKER).write_text('{"bench_version": "1"}')
    assert read_marker([folder.parent]) == {"bench_version": "1"}
    (tmp_path / "bench" / MARKER).write_text("made by hand")
    assert read_marker([folder.parent]) == {}
