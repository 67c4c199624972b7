"""What an evaluation is asked to read is outside input: wrong lists and folders end in a message that helps."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.errors import EvaluationError
from edge.evaluation.samples import read_folder, read_pairs, read_picture


@pytest.fixture
def faces(tmp_path: Path) -> Path:
    for person in ("ann", "bob"):
        for number in (1, 2):
            path = tmp_path / "faces" / person / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(path), np.full((8, 8, 3), 40 * number, np.uint8))
    return tmp_path / "faces"


def listed(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "pairs.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_pairs_are_read_with_their_people(faces, tmp_path):
    csv = listed(tmp_path, "file_a,file_b,same\nann/1.png,ann/2.png,1\nann/1.png,bob/1.png,0\n")
    genuine, impostor = read_pairs(csv, images=faces)
    assert (genuine.first.person, genuine.second.person, genuine.same) == ("ann", "ann", True)
    assert (impostor.second.person, impostor.same) == ("bob", False)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("file_a,file_b\nann/1.png,ann/2.png\n", "columns same are missing"),
        ("file_a,file_b,same\nann/1.png,ann/2.png,yes\n", "must be 1 or 0"),
        ("file_a,file_b,same\nann/1.png,../secret.png,1\n", "not below the folder"),
        ("file_a,file_b,same\nann/1.png,/etc/passwd,1\n", "not below the folder"),
        ("file_a,file_b,same\nann/1.png,ann/9.png,1\n", "not below the folder"),
        ("file_a,file_b,same,fold\nann/1.png,ann/2.png,1,x\n", "whole number"),
        ("file_a,file_b,same\nann/1.png,ann/2.png,1\n", "pairs of both kinds"),
        ("", "columns"),
    ],
)
def test_a_wrong_list_is_refused_with_its_reason(faces, tmp_path, text, complaint):
    (tmp_path / "secret.png").write_bytes(b"x")
    with pytest.raises(EvaluationError, match=complaint):
        read_pairs(listed(tmp_path, text), images=faces)


def test_a_message_about_a_line_names_the_line(faces, tmp_path):
    csv = listed(tmp_path, "file_a,file_b,same\nann/1.png,ann/2.png,1\nann/1.png,bob/1.png,2\n")
    with pytest.raises(EvaluationError, match="line 3"):
        read_pairs(csv, images=faces)


def test_a_list_that_is_not_utf_8_is_refused(faces, tmp_path):
    path = tmp_path / "pairs.csv"
    path.write_bytes(b"file_a,file_b,same\n\xff\xfe,b,1\n")
    with pytest.raises(EvaluationError, match="cannot be read"):
        read_pairs(path, images=faces)


def test_a_missing_list_or_folder_names_the_option_to_check(faces, tmp_path):
    with pytest.raises(EvaluationError, match="check --pairs"):
        read_pairs(tmp_path / "nowhere.csv", images=faces)
    with pytest.raises(EvaluationError, match="check --images"):
        read_pairs(tmp_path / "nowhere.csv", images=tmp_path / "nowhere")


def test_people_are_folders_and_only_strangers_may_be_single_pictures(faces):
    assert [sample.person for sample in read_folder(faces)] == ["ann", "ann", "bob", "bob"]
    cv2.imwrite(str(faces / "someone.png"), np.zeros((8, 8, 3), np.uint8))
    with pytest.raises(EvaluationError, match="outside a person's folder"):
        read_folder(faces)
    assert len({sample.person for sample in read_folder(faces, singles=True)}) == 3


def test_an_empty_or_missing_folder_is_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(EvaluationError, match="no picture"):
        read_folder(tmp_path / "empty")
    with pytest.raises(EvaluationError, match="no such folder"):
        read_folder(tmp_path / "nowhere")


def test_what_is_no_picture_is_none_and_not_an_error(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"not a picture")
    assert read_picture(tmp_path / "a.jpg") is None
    (tmp_path / "b.jpg").write_bytes(b"")
    assert read_picture(tmp_path / "b.jpg") is None
