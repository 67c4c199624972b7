"""Of the journal a support bundle carries our own lines, built anew, and counts the rest."""

import json

import pytest

from edge.doctor.journal import COMMAND, last_lines, line_of

GOOD = {
    "timestamp": "2026-11-22T09:11:21.633Z",
    "level": "error",
    "event": "request_failed",
    "logger": "edge.api.problems",
    "path": "/v1/people",
}


def test_a_line_of_ours_is_kept_as_it_is() -> None:
    assert line_of(json.dumps(GOOD)) == GOOD


def test_an_exception_keeps_its_class_and_places_and_loses_its_message() -> None:
    raised = [{"class": "KeyError", "at": ["edge/app.py:3 run", "Ada Lovelace"], "message": "Ada"}, "Ada"]
    kept = line_of(json.dumps(GOOD | {"exception": raised, "withheld": ["str"]}))
    assert kept is not None
    assert kept["exception"] == [{"class": "KeyError", "at": ["edge/app.py:3 run"]}, {}]
    assert "withheld" not in kept


@pytest.mark.parametrize(
    "change",
    [
        {"name": "Ada"},
        {"event": "Ada Lovelace"},
        {"level": "Ada"},
        {"path": ["Ada"]},
        {"path": "x" * 601},
        {"timestamp": 3},
        {"message": "a\x1b[2J"},
    ],
)
def test_a_line_with_anything_else_is_left_out(change: dict[str, object]) -> None:
    assert line_of(json.dumps(GOOD | change)) is None


@pytest.mark.parametrize("text", ["[0:1] INFO Camera camera_manager.cpp:284", "[]", "3", "{", "[" * 5000])
def test_what_others_write_is_left_out(text: str) -> None:
    assert line_of(text) is None


def test_what_is_left_out_is_counted_and_a_missing_journal_is_said() -> None:
    text = json.dumps(GOOD) + "\nlibcamera: Ada\n\n"
    assert last_lines(lambda command: text if command == COMMAND else None) == {"lines": [GOOD], "left_out": 1}
    assert last_lines(lambda _: None)["problem"]
